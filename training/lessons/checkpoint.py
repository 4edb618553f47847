"""Checkpoints of a run: what it needs to go on after it was killed, so that nothing tells it was.

A checkpoint is a folder ``checkpoint-<number>`` beside the run's tables. It is written under a
temporary name, its marker `complete.json` last, and then renamed, so a folder of that name is whole. The marker
has the digests of all files, and its own: what differs from them is not used. Nothing in it is a pickle.
The one before it is removed afterwards: two exist at most, and only while the newer one is written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from safetensors import SafetensorError

from factsurv.events.errors import InputError
from factsurv.events.files import changes, read_table, write_table
from factsurv.events.sealed import Damaged, check_digests, digests, read_sealed, write_sealed
from factsurv.training.lessons.training_state import read_state, write_state

MARKER = "complete.json"
UNFINISHED = ".unfinished-checkpoint-"


@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps.

    Attributes
    ----------
    number : int
        Of the last probe (0: the baseline).
    epoch : float
    tables : mapping of name to table
        `baseline`, `probes` and `training` so far.
    state : mapping
        Of the training, see `factsurv.training.lessons.finetune.Finetuning.state`, and the run's own part.
    """

    number: int
    epoch: float
    tables: Mapping[str, pa.Table]
    state: Mapping[str, Any]


def place(folder: Path, number: int) -> Path:
    """Folder of a run's checkpoint of that number."""
    return folder / f"checkpoint-{number:06d}"


def save(folder: Path, checkpoint: Checkpoint, identity: Mapping[str, Any]) -> int:
    """Write a checkpoint, then remove the ones before it.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    InputError
        If the disk is full; the checkpoint before it is then untouched.
    """
    unfinished = Path(tempfile.mkdtemp(dir=folder, prefix=UNFINISHED))
    target = place(folder, checkpoint.number)
    try:
        for name, table in checkpoint.tables.items():
            write_table(unfinished / f"{name}.arrow", table)
        _write_state(unfinished, checkpoint.state)
        size = sum(p.stat().st_size for p in unfinished.iterdir())
        told = {"number": checkpoint.number, "epoch": checkpoint.epoch, "files": digests(unfinished)}
        write_sealed(unfinished / MARKER, told | {"identity": identity})
        _sync(unfinished)
        if target.exists():  # of another identity, or of a rerun of the very same checkpoint
            shutil.rmtree(target)
        unfinished.rename(target)
        _sync(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    discard(folder, keep=target)
    return size


def latest(folder: Path, identity: Mapping[str, Any]) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint of this identity, and why those that are newer, or all, are of no use."""
    why: list[str] = []
    for path in sorted(_checkpoints(folder), reverse=True):
        try:
            told = read_sealed(path / MARKER)
            check_digests(path, told["files"])
        except Damaged as error:
            why.append(f"{path.name}: {error}")
            continue
        differs = changes(told["identity"], json.loads(json.dumps(identity)))
        if differs:
            why += differs
            continue
        tables = {
            name.removesuffix(".arrow"): read_table(path / name) for name in told["files"] if name.endswith(".arrow")
        }
        return Checkpoint(told["number"], told["epoch"], tables, read_state(path)), why
    return None, why


def discard(folder: Path, keep: Path | None = None) -> None:
    """Remove a run's checkpoints, unfinished ones included, but for ``keep``."""
    for path in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in _checkpoints(folder):
        if path != keep:
            # Renamed first: a folder that is half removed must not look like a checkpoint.
            gone = path.rename(path.with_name(f"{UNFINISHED}{path.name}"))
            shutil.rmtree(gone, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return [p for p in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d{6}", p.name)]


def _write_state(folder: Path, state: Mapping[str, Any]) -> None:
    try:
        write_state(folder, state)
        for path in folder.glob("state.*"):
            _sync(path)
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk as an error of its own
        raise InputError(
            f"the checkpoint cannot be written: {str(error).splitlines()[0]}",
            str(folder.parent),
            f"free some space ({shutil.disk_usage(folder).free / 1e9:.1f} GB are free) and run the same command "
            "again: it continues from the checkpoint before",
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
