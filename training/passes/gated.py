"""Gated feed-forward parts, act(gate(x)) · up(x), computed in place where no gradient is asked for.

Their intermediate values are a model's largest: written once instead of three times, they no longer cost a tenth of
a forward pass on a CPU. The numbers are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType

import torch
import torch.nn.functional as F
from torch import nn
from transformers.activations import SiLUActivation


@contextmanager
def gates_in_place(model: nn.Module) -> Iterator[None]:
    """Let the gated parts work in place, and as they are written afterwards.

    Only those of the usual names whose class gives the same result this way, tried on two rows; one whose
    ``forward`` somebody has already replaced is left alone.
    """
    parts = [m for m in model.modules() if _named_as_gated(m) and "forward" not in m.__dict__]
    same = {kind: _same(part) for kind, part in {type(part): part for part in parts}.items()}
    parts = [part for part in parts if same[type(part)]]
    for part in parts:
        part.forward = MethodType(_in_place, part)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for part in parts:
            del part.forward


def _named_as_gated(module: nn.Module) -> bool:
    return all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn"))


def _in_place(part, x: torch.Tensor) -> torch.Tensor:
    gate = part.gate_proj(x)  # (…, inner)
    gate = F.silu(gate, inplace=True) if isinstance(part.act_fn, nn.SiLU | SiLUActivation) else part.act_fn(gate)
    return part.down_proj(gate.mul_(part.up_proj(x)))  # type: ignore[no-any-return]


def _same(part) -> bool:
    try:
        weight = next(part.gate_proj.parameters())
        x = torch.linspace(-2, 2, 2 * part.gate_proj.in_features).to(weight).view(2, -1)
        return torch.equal(part(x), _in_place(part, x))
    except (StopIteration, TypeError, ValueError, RuntimeError, AttributeError):
        return False
