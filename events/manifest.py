"""What a results folder holds: recorded when it is made, verified before it is trusted."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.files import changes, digest, read_table
from factsurv.events.schema import VERSION, with_levels
from factsurv.events.sealed import Damaged, read_sealed, write_sealed
from factsurv.events.typed_file import read_typed


class Manifest:
    """`manifest.json` of one results folder: what each step made, from what, with which key.

    A step's key is a mapping: what it was asked (``spec``), what it read (``inputs``: file → SHA-256) and what
    ran (``code``: file → SHA-256). The folder is the truth: nothing else remembers what is done.

    The file carries its own digest, and a copy lies beside it: ``notice`` says if that had to be used.

    Raises
    ------
    InputError
        If manifest and copy are damaged, or another version wrote them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path, self.copy = folder / "manifest.json", folder / ".manifest-copy.json"
        self.artefacts: dict[str, dict[str, Any]] = {}
        self.steps: dict[str, dict[str, Any]] = {}
        self.notice = ""
        if self.path.is_file():
            stored = self._read()
            self.artefacts, self.steps = stored["artefacts"], stored["steps"]

    def _read(self) -> dict[str, Any]:
        try:
            return _checked(read_sealed(self.path, unsealed=True), self.path)
        except Damaged as damage:
            with contextlib.suppress(Damaged):
                stored = _checked(read_sealed(self.copy), self.copy)
                self.notice = f"{damage}: its copy is used, and what the copy does not know is done again"
                return stored
            raise InputError(
                f"is not a manifest: {damage}, and there is no whole copy of it",
                str(self.path),
                "without it nothing in this folder can be trusted: move the results folder away and run again",
            ) from damage

    def save(self) -> None:
        """Write the manifest, and a copy for the day when it is damaged."""
        told = {"schema": VERSION, "artefacts": self.artefacts, "steps": self.steps}
        for path in (self.path, self.copy):
            write_sealed(path, told)

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
        return reasons + self.steps[step].get("unfinished", [])

    def record(
        self,
        step: str,
        key: dict[str, Any],
        made: dict[str, int | None],
        seconds: float,
        stamp: str,
        unfinished: list[str] | None = None,
    ) -> None:
        """Note that ``step`` made these files (name → rows, None if not a table), and save.

        What it made another time and no more is deleted: who reads the folder would take it for a part of this study.
        ``unfinished`` says why the step must run again though its key is the same.
        """
        for name in set(self.steps.get(step, {}).get("makes", ())).difference(made):
            if self.artefacts[name]["step"] == step:
                del self.artefacts[name]
                (self.folder / name).unlink(missing_ok=True)
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
        if unfinished:
            self.steps[step]["unfinished"] = unfinished
        self.save()

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


def _checked(stored: dict[str, Any], path: Path) -> dict[str, Any]:
    """The manifest if it is one, of this version; without a digest (an older one) its parts must be there."""
    if stored.get("schema") != VERSION and "schema" in stored:
        raise InputError(
            f"was written by schema version {stored['schema']}, this is version {VERSION}",
            str(path),
            "move the results folder away; nothing in it is changed",
        )
    if set(stored) != {"schema", "artefacts", "steps"}:
        raise Damaged(f"{path.name} is damaged (it has the keys {', '.join(stored) or 'none'})")
    return stored


def read_finished(path: Path) -> pa.Table:
    """A table that a study left behind, wherever it lies now.

    In its results folder it is compared with its digest; elsewhere it is read as `read_typed` does.

    Raises
    ------
    InputError
        If it differs from what was written, or cannot be read.
    """
    path = path.resolve()
    for folder in list(path.parents)[:3]:  # tables lie at most two folders down
        if (folder / "manifest.json").is_file():
            manifest, name = Manifest(folder), path.relative_to(folder).as_posix()
            if name in manifest.artefacts:
                return read_table(manifest.verified(name))
    if not path.is_file():
        raise InputError("there is no such file", str(path), "check the path")
    table = read_typed(path)
    return with_levels(table) if b"factsurv" in (table.schema.metadata or {}) else table
