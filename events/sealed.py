"""JSON that carries its own digest, and files that another file carries the digests of: damage is seen, never used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from factsurv.events.files import digest, write_json

SEAL = "sha256"


class Damaged(Exception):
    """A file is not what was written; the text says which and how, without a remedy."""


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with the digest of the rest under the key ``sha256``."""
    plain = json.loads(json.dumps(value, default=str))
    write_json(path, plain | {SEAL: _seal(plain)})


def read_sealed(path: Path, unsealed: bool = False) -> dict[str, Any]:
    """What `write_sealed` wrote, without its digest.

    Parameters
    ----------
    path : Path
    unsealed : bool
        Take JSON without a digest too: written before there was one.

    Raises
    ------
    Damaged
        If it is missing, no JSON, or differs from its digest.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path.name} is damaged (no JSON)") from error
    if not isinstance(value, dict) or (not unsealed and not isinstance(value.get(SEAL), str)):
        raise Damaged(f"{path.name} is damaged (it has no digest)")
    seal = value.pop(SEAL, None)
    if seal is not None and seal != _seal(value):
        raise Damaged(f"{path.name} is damaged (SHA-256)")
    return value


def digests(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """SHA-256 of the files of a folder (all of them, or these), by name."""
    chosen = sorted(p.name for p in folder.iterdir() if p.is_file()) if names is None else names
    return {name: digest(folder / name) for name in chosen}


def check_digests(folder: Path, wanted: Mapping[str, str]) -> None:
    """Raise `Damaged` unless the files of ``folder`` have these digests."""
    for name, sha256 in wanted.items():
        path = folder / name
        if not path.is_file():
            raise Damaged(f"{name} is missing")
        if digest(path) != sha256:
            raise Damaged(f"{name} is damaged (SHA-256)")


def _seal(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
