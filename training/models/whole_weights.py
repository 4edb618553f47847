"""Full fine-tuning with weights, gradients and moments shared out between processes (FSDP2), and whole again.

Between processes every process holds its part of each weight; a layer is whole only while it computes. For
probing and for checkpoints the weights are put together: each process then probes its own facts with the same
code as alone, however many passes that takes, and a checkpoint does not depend on how many processes wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map
from transformers import PreTrainedModel

from factsurv.training.passes.full_precision import layers_of
from factsurv.training.passes.team import Team


def share_out(model: PreTrainedModel, team: Team) -> None:
    """Leave each process its part of every weight, layer by layer; in place."""
    mesh = init_device_mesh(team.device.type, (team.size,))
    for layer in layers_of(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


@contextmanager
def whole_weights(model: PreTrainedModel) -> Iterator[None]:
    """Every process has all weights, in the place of its parts. Nothing happens where they are not shared out."""
    parts = [m for m in model.modules() if isinstance(m, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(part is not model, recurse=False)


def gathered(state: Any, keep: bool) -> Any:
    """Every part in a nest of dicts and lists put together, on the CPU; None in a process that need not ``keep`` it."""

    def whole(value: Any) -> Any:
        if not isinstance(value, DTensor):  # to the CPU, so that it can be read where there is no GPU
            return value.cpu() if isinstance(value, torch.Tensor) else value
        full = value.full_tensor()  # all processes take part
        return full.cpu() if keep else None

    return tree_map(whole, state)


def part_of(whole: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The part of ``whole`` that belongs to this process, laid out as the weight ``like`` is."""
    if not isinstance(like, DTensor) or whole.shape != like.shape:
        return whole
    local = whole.to(like.device)
    return distribute_tensor(local, like.device_mesh, like.placements, src_data_rank=None)


def parts_of(optimizer: Mapping[str, Any], weights: list[torch.Tensor]) -> dict[str, Any]:
    """An optimiser's state, put together by `gathered`, shared out again."""
    moments = {
        i: {n: part_of(v, weights[i]) if isinstance(v, torch.Tensor) else v for n, v in of.items()}
        for i, of in optimizer["state"].items()
    }
    return {**optimizer, "state": moments}
