"""One results folder at work: its lock, its manifest, and steps that run only where their key has changed.

A step asks the manifest whether its key is still what it was; if so it is skipped and the log says so, otherwise the
log says what changed.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from factsurv.events.errors import InputError
from factsurv.events.files import atomic, digest, read_table, write_json, write_table
from factsurv.events.manifest import Manifest

ROOT = Path(__file__).resolve().parent.parent
Say = Callable[[str], None]
Progress = Callable[[str, float, float, str], None]  # step, done, total, note
Spec = TypeVar("Spec", bound=BaseModel)


@dataclass
class Store(Generic[Spec]):
    """One results folder, with its manifest and what this command does in it.

    Attributes
    ----------
    folder : Path
    study : StudyFile or OwnPlan
    say : callable
        Takes one line for the person who waits.
    progress : callable (step, done, total, note)
        Told where a step stands.
    before : list of callable
        Checks, called once each before the next step that has something to do; what they raise ends the command.
    """

    folder: Path
    study: Spec
    say: Say = print
    progress: Progress = lambda *_: None
    before: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The lock dies with its process, so a killed run never blocks the next one.
            self._lock = (self.folder / ".lock").open("w")
        except OSError as error:
            why = "a file or a link to nowhere is in its way" if isinstance(error, FileExistsError) else error.strerror
            raise InputError(
                f"cannot be used as a results folder ({why})",
                str(self.folder),
                "name a folder that can be written to with --results",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                "another factsurv command is at work in this results folder",
                str(self.folder),
                "wait for it to end, or name another folder with --results",
            ) from error
        shutil.rmtree(self.scratch, ignore_errors=True)  # of a command that was killed together with its keeper
        self.manifest = Manifest(self.folder)
        if self.manifest.notice:
            self.say(self.manifest.notice)
            self.manifest.save()

    @property
    def scratch(self) -> Path:
        """Folder of what lasts as long as a command: copies for the report, R's temporary files."""
        return self.folder / ".scratch"

    def close(self) -> None:
        """Let another command work in this folder; everything done so far is recorded already."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._lock.close()

    def step(
        self,
        name: str,
        key: dict[str, Any],
        make: Callable[[], dict[str, int | None]],
        unfinished: Callable[[], list[str]] = list,
    ) -> None:
        """Run ``make`` unless its key is what it was; ``make`` returns the files it made and their rows.

        ``unfinished`` is asked after that why the step must run another time all the same.
        """
        key = as_kept(key)
        reasons = self.manifest.stale(name, key)
        if not reasons:
            self.skip(name)
            return
        while self.before:
            self.before.pop(0)()
        shown = "; ".join(reasons[:4]) + (f"; and {len(reasons) - 4} more" if len(reasons) > 4 else "")
        self.say(f"{name}: running ({shown})")
        began = time.monotonic()
        self.progress(name, 0, 1, "")
        try:
            made = make()
        finally:
            self.progress(name, 1, 1, "")
        seconds = time.monotonic() - began
        stamp = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
        self.manifest.record(name, key, made, seconds, stamp, unfinished())
        self.say(f"{name}: done in {seconds:.1f} s")

    def skip(self, name: str) -> None:
        """Note that a step is up to date."""
        self.progress(name, 1, 1, "")
        self.say(f"{name}: up to date, skipped")

    def inputs(self, *names: str) -> dict[str, str]:
        """Digests of artefacts, each verified against the manifest first."""
        return {name: digest(self.manifest.verified(name)) for name in names}

    def table(self, name: str) -> pa.Table:
        """One verified table."""
        return read_table(self.manifest.verified(name))


def expected(store: Store, names: Iterable[str]) -> dict[str, float | None]:
    """Steps that are to come, with the seconds that they took when they were last done."""
    return {name: store.manifest.steps.get(name, {}).get("seconds") for name in names}


def as_kept(key: dict[str, Any]) -> dict[str, Any]:
    """A step's key as it is read back from the manifest."""
    return json.loads(json.dumps(key, default=str))


def code(*patterns: str) -> dict[str, str]:
    """Digests of the project's own files that match, by path."""
    found = sorted({p for pattern in patterns for p in ROOT.glob(pattern) if p.is_file()})
    return {str(p.relative_to(ROOT)): digest(p) for p in found}


def keep_spec(store: Store, path: Path, name: str, understood: dict[str, Any]) -> None:
    """The file that was given, as ``name``, and how it was understood, as `study.json`, in the results folder."""
    given, read = store.folder / name, store.folder / "study.json"
    if not given.is_file() or given.read_bytes() != path.read_bytes():
        with atomic(given) as file:
            file.write(path.read_bytes())
    try:
        same = json.loads(read.read_bytes()) == understood
    except (OSError, ValueError):  # not there, or damaged
        same = False
    if not same:
        write_json(read, understood)


def asked(store: Store, step: str) -> dict[str, Any]:
    """What a step that was done had been asked; empty if it was not done."""
    return store.manifest.steps.get(step, {}).get("key", {}).get("spec", {})


def written(store: Store, tables: dict[str, pa.Table]) -> dict[str, int | None]:
    """Write tables into the results folder; their names and rows, as a step returns them."""
    for name, table in tables.items():
        write_table(store.folder / name, table)
    return {name: table.num_rows for name, table in tables.items()}
