"""How many parameters a model has, read off the heads of its files: no weight is loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path


def parameters(place: str, revision: str | None = None) -> float | None:
    """Numbers in the safetensors files of a folder or of a hub model in the cache; None where there are none.

    Tied weights are stored once, and counted once.
    """
    folder = Path(place)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(place, revision=revision, local_files_only=True))
        except (LocalEntryNotFoundError, ValueError, OSError):
            return None
    sizes = [math.prod(shape) for file in folder.glob("*.safetensors") for shape in _shapes(file)]
    return float(sum(sizes)) if sizes else None


def _shapes(file: Path) -> list[list[int]]:
    """Of each tensor: a safetensors file begins with the length of a JSON text, and that text."""
    with file.open("rb") as opened:
        head = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    return [tensor["shape"] for name, tensor in head.items() if name != "__metadata__"]
