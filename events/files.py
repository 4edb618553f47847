"""Finished artefacts: written to a temporary name, flushed, renamed."""

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

from factsurv.events.errors import InputError
from factsurv.events.schema import with_levels


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
    return [f"{at}: {_in_short(old)} → {_in_short(new)}"]


def _in_short(value: Any) -> str:
    """On one line of a log, whatever the text of a note has."""
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"
