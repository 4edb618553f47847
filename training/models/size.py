"""How many parameters a model has, read off the heads of its files: no weight is loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

# What is looked up and not multiplied, or multiplied at the answers only: embeddings and the head, by their names.
AT_THE_ENDS = ("embed", "embd", "wte", "wpe", "lm_head", "output.weight")


def parameters(place: str, revision: str | None = None) -> float | None:
    """Numbers in the safetensors files of a folder or of a hub model in the cache; None where there are none.

    Tied weights are stored once, and counted once.
    """
    found = tensors(place, revision)
    return float(sum(found.values())) if found else None


def tensors(place: str, revision: str | None = None, gguf_file: str | None = None) -> dict[str, int]:
    """How many numbers each tensor has; empty where no file is at hand."""
    folder = Path(place)
    if gguf_file is not None:
        from gguf import GGUFReader

        return {tensor.name: int(tensor.n_elements) for tensor in GGUFReader(folder / gguf_file).tensors}
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(place, revision=revision, local_files_only=True))
        except (LocalEntryNotFoundError, ValueError, OSError):
            return {}
    return {name: size for file in folder.glob("*.safetensors") for name, size in _sizes(file)}


def between_the_ends(found: Mapping[str, int]) -> int:
    """Numbers of the matrices that every token is multiplied with."""
    return sum(size for name, size in found.items() if not _at_an_end(name))


def _at_an_end(name: str) -> bool:
    return any(part in name if part != "output.weight" else name == part for part in AT_THE_ENDS)


def _sizes(file: Path) -> Iterator[tuple[str, int]]:
    """Of each tensor: a safetensors file begins with the length of a JSON text, and that text."""
    with file.open("rb") as opened:
        head = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    yield from ((name, math.prod(tensor["shape"])) for name, tensor in head.items() if name != "__metadata__")
