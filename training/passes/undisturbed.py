"""A model that is only looked at: whoever trains it finds it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel


@contextmanager
def undisturbed(model: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode in the weights' own precision, without gradients; afterwards all is as before.

    Every module gets its own mode back (some may have been in evaluation mode for a reason).
    ``no_grad`` and not ``inference_mode``: what a module keeps from a forward pass (rotary tables) must
    be usable in training. accelerate wraps ``forward`` in autocast when it trains in mixed precision;
    that wrapper is set aside, or checkpoints would be measured in another precision than the baseline.
    """
    training = [m for m in model.modules() if m.training]
    wrapped = model.__dict__.get("forward") if "_original_forward" in model.__dict__ else None
    device = next(model.parameters()).device.type
    model.eval()
    if wrapped is not None:
        model.forward = model._original_forward  # type: ignore[method-assign, assignment]
    try:
        with torch.no_grad(), torch.autocast(device, enabled=False), _whole_products():
            yield
    finally:
        if wrapped is not None:
            model.forward = wrapped
        for module in training:
            module.training = True


@contextmanager
def _whole_products() -> Iterator[None]:
    """Products of fp32 numbers in fp32: ``TrainingArguments(tf32=True)`` leaves them 10 bits of mantissa on a GPU."""
    kinds = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    before = {kind: kind.fp32_precision for kind in kinds if kind.fp32_precision not in ("none", "ieee")}
    for kind in before:
        kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        for kind, precision in before.items():
            kind.fp32_precision = "none"  # what torch.backends says for all
            if kind.fp32_precision != precision:
                kind.fp32_precision = precision
