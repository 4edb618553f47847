"""Finished artefacts: written to a temporary name, flushed, renamed, recorded, verified before they are trusted."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from events.errors import InputError
from events.schema import VERSION, with_levels


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when it is complete and on the disk.

    Raises
    ------
    InputError
        If the disk or a quota is full; what stood there before is untouched.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise InputError(
                f"the disk is full ({error.strerror})",
                str(path),
                "free some space and run the same command again: finished steps are kept and skipped",
            ) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_table(path: Path, table: pa.Table) -> None:
    """Write one Arrow IPC file (with its footer, so that a cut file cannot be read by mistake)."""
    with atomic(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Read one Arrow IPC file, memory-mapped."""
    with pa.memory_map(str(path)) as source:
        return with_levels(pa.ipc.open_file(source).read_all())


def write_json(path: Path, value: Any) -> None:
    """Write JSON, keys in the order given."""
    with atomic(path) as file:
        file.write((json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode())


def digest(path: Path) -> str:
    """SHA-256 of a file's contents, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Manifest:
    """`manifest.json` of one results folder: what each step made, from what, with which key.

    A step's key is a mapping: what it was asked (``spec``), what it read (``inputs``: file → SHA-256) and what
    ran (``code``: file → SHA-256). The folder is the truth: nothing else remembers what is done.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / "manifest.json"
        self.artefacts: dict[str, dict[str, Any]] = {}
        self.steps: dict[str, dict[str, Any]] = {}
        if self.path.is_file():
            try:
                stored = json.loads(self.path.read_text("utf-8"))
                if stored["schema"] != VERSION:
                    raise InputError(
                        f"was written by schema version {stored['schema']}, this is version {VERSION}",
                        str(self.path),
                        "move the results folder away; nothing in it is changed",
                    )
                self.artefacts, self.steps = stored["artefacts"], stored["steps"]
            except (json.JSONDecodeError, KeyError) as error:
                raise InputError(
                    "is not a manifest", str(self.path), "move the results folder away and run again"
                ) from error

    def stale(self, step: str, key: dict[str, Any]) -> list[str]:
        """Why the step must run, in the user's words; empty if it need not."""
        if step not in self.steps:
            return ["not done yet"]
        reasons = changes(self.steps[step]["key"], key)
        for name in self.steps[step]["makes"]:
            path = self.folder / name
            if not path.is_file():
                reasons.append(f"{name} is missing")
            elif digest(path) != self.artefacts[name]["sha256"]:
                reasons.append(f"{name} was changed after it was made")
        return reasons

    def record(self, step: str, key: dict[str, Any], made: dict[str, int | None], seconds: float, stamp: str) -> None:
        """Note that ``step`` made these files (name → rows, None if not a table), and save."""

        for name, rows in made.items():
            path = self.folder / name
            self.artefacts[name] = {
                "rows": rows,
                "sha256": digest(path),
                "bytes": path.stat().st_size,
                "step": step,
                "inputs": key.get("inputs", {}),
                "seconds": round(seconds, 2),
                "made": stamp,
            }
        self.steps[step] = {"key": key, "makes": sorted(made), "seconds": round(seconds, 2), "made": stamp}
        write_json(self.path, {"schema": VERSION, "artefacts": self.artefacts, "steps": self.steps})

    def verified(self, name: str) -> Path:
        """The path of an artefact whose digest is what the manifest says.

        Raises
        ------
        InputError
            If it is unknown, missing, or differs from what was written.
        """
        path = self.folder / name
        if name not in self.artefacts or not path.is_file():
            raise InputError("has not been made yet", str(path), "run `factsurv run` on the study first")
        if digest(path) != self.artefacts[name]["sha256"]:
            raise InputError("differs from what was written (SHA-256)", str(path), "delete it and run the study again")
        return path


def changes(old: Any, new: Any, at: str = "") -> list[str]:
    """What differs between two keys, in words: ``tuning.epochs: 10 → 12``."""
    if isinstance(old, dict) and isinstance(new, dict):
        out = []
        for name in dict.fromkeys([*old, *new]):
            where = f"{at}.{name}" if at and at not in ("spec", "code", "inputs") else name
            if name not in old:
                out.append(f"{where} is new")
            elif name not in new:
                out.append(f"{where} is gone")
            else:
                out += changes(old[name], new[name], where if at else name)
        return out
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(x, dict) for x in (*old, *new)):
        before, after = ({str(x.get("name", i + 1)): x for i, x in enumerate(part)} for part in (old, new))
        return changes(before, after, at) or [f"{at}: another order"]
    if isinstance(old, str) and len(old) == 64 and isinstance(new, str):
        return [f"{at} changed"]
    return [f"{at}: {old} → {new}"]
