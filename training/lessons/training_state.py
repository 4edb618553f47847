"""A state of training on the disk without pickle: its tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

TENSORS, REST = "state.safetensors", "state.json"


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` (mappings, lists, tuples, tensors, numbers, text) as two files in ``folder``."""
    tensors: dict[str, torch.Tensor] = {}
    rest = _plain(state, tensors)
    save_file(tensors, folder / TENSORS)
    (folder / REST).write_text(json.dumps(rest), "utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """What `write_state` wrote, tensors on the processor."""
    tensors = load_file(folder / TENSORS)
    return _whole(json.loads((folder / REST).read_text("utf-8")), tensors)


def _plain(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON that says where each tensor belongs, and keeps what JSON itself loses: tuples and keys that are numbers."""
    if isinstance(value, torch.Tensor):
        name = f"{len(tensors):06d}"
        held = value.detach().contiguous()
        alone = held.untyped_storage().nbytes() == held.nbytes  # safetensors refuses what shares its memory
        tensors[name] = held if alone else held.clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"items": [[_plain(k, tensors), _plain(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(v, tensors) for v in value]}
    if isinstance(value, list):
        return [_plain(v, tensors) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be kept in a checkpoint")


def _whole(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_whole(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "tuple" in value:
        return tuple(_whole(v, tensors) for v in value["tuple"])
    return {_whole(k, tensors): _whole(v, tensors) for k, v in value["items"]}
