"""The same weights computed in fp32, one layer at a time: for the few facts that bf16 cannot decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel


@contextmanager
def in_fp32(model: PreTrainedModel) -> Iterator[None]:
    """Let the model compute in fp32 whatever its weights' precision, and give them back bit for bit.

    Memory: the embeddings, norms and head are held twice (2 + 4 bytes a weight) for as long as this lasts, and
    so is one layer at a time. For an 8-billion-parameter Llama that is 5 GB beside its 16 GB; a model without a
    list of layers is held twice as a whole.
    """
    layers = layers_of(model)
    inside = {id(p) for p in layers.parameters()}
    outer = _Widened(p for p in model.parameters() if id(p) not in inside)
    hooks = []
    for layer in layers:
        widened = _Widened(layer.parameters())
        hooks.append(layer.register_forward_pre_hook(lambda *_, w=widened: w.widen()))
        hooks.append(layer.register_forward_hook(lambda *_, w=widened: w.restore(), always_call=True))
    outer.widen()
    try:
        yield
    finally:
        outer.restore()
        for hook in hooks:
            hook.remove()


def widened_bytes(model: PreTrainedModel) -> int:
    """Bytes that `in_fp32` adds at its peak: what lies outside the layers, and the largest layer; 0 in fp32."""
    layers = layers_of(model)
    inside = {id(p) for p in layers.parameters()}
    outside = sum(p.numel() for p in model.parameters() if id(p) not in inside and _narrow(p))
    largest = max((sum(p.numel() for p in layer.parameters() if _narrow(p)) for layer in layers), default=0)
    return 4 * (outside + largest)


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """The list of layers: the largest one there is, whatever the family calls it."""
    return max(
        (m for m in model.modules() if isinstance(m, nn.ModuleList)),
        key=lambda found: sum(p.numel() for p in found.parameters()),
        default=nn.ModuleList(),
    )


def _narrow(parameter: nn.Parameter) -> bool:
    return parameter.dtype in (torch.bfloat16, torch.float16)


class _Widened:
    """Some parameters, and what they held before they were widened."""

    def __init__(self, parameters: Iterable[nn.Parameter]):
        self.parameters = [p for p in parameters if _narrow(p)]
        self.before: list[torch.Tensor] = []

    def widen(self) -> None:
        self.before = [p.data for p in self.parameters]
        for p in self.parameters:
            p.data = p.data.float()

    def restore(self) -> None:
        for p, before in zip(self.parameters, self.before, strict=False):
            p.data = before
        self.before = []
