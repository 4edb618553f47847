"""Attention patterns from elsewhere: a model attends as another one does to the same tokens, and learns all the rest.

The other model (the reference) passes over the tokens first; its attention probabilities take the place of the model's
own in every layer and head, and no gradient goes through them (Zucchet et al. 2025, arXiv 2503.21676).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedModel

from factsurv.training.passes.full_precision import layers_of
from factsurv.training.passes.shared_prefix import Rule
from factsurv.training.surgery.places import part_of_layer

NAME = "factsurv_patterns"


def attend_as(model: PreTrainedModel, reference: PreTrainedModel) -> None:
    """Let ``model`` attend as ``reference`` from now on, in training and in probes alike.

    Rows are causal and padded on the right; passes that lay texts out otherwise must not be used with it.

    Raises
    ------
    InputError
        If their layers have no attention of a known name.
    """
    reference.eval().requires_grad_(False)
    seen: dict[int, torch.Tensor] = {}  # layer -> (B, H, T, T)
    of_model, of_reference = (_numbers(m) for m in (model, reference))

    def read(module, query, key, value, attention_mask=None, scaling=None, sliding_window=None, softcap=None, **_):
        rule = Rule(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window, softcap)
        scores = rule.capped(query @ _repeated(key, query).mT * rule.scale)
        scores = scores.masked_fill(~rule.reach(query.shape[2], query.device), -torch.inf)
        pattern = scores.softmax(-1, dtype=torch.float32)
        seen[of_reference[id(module)]] = pattern
        return _out(pattern, value, query), None

    def given(module, query, key, value, attention_mask=None, **_):
        return _out(seen[of_model[id(module)]], value, query), None

    for attends, function in ((reference, read), (model, given)):
        name = f"{NAME}_{id(seen)}_{function.__name__}"  # of this pair alone
        AttentionInterface.register(name, function)
        for module in attends.modules():
            config: Any = getattr(module, "config", None)
            if hasattr(config, "_attn_implementation"):
                config._attn_implementation_internal = name

    def first(_module: nn.Module, arguments: tuple, named: dict) -> None:
        with torch.no_grad():
            _inner(reference)(*arguments, **named)

    # Of the layers' own model: peft calls the outer one's `forward` past its hooks.
    _inner(model).register_forward_pre_hook(first, with_kwargs=True)


def _inner(model: PreTrainedModel) -> nn.Module:
    return getattr(model, model.base_model_prefix)  # type: ignore[no-any-return]


def _numbers(model: PreTrainedModel) -> dict[int, int]:
    return {id(part_of_layer(layer, "attention")): n for n, layer in enumerate(layers_of(model))}


def _repeated(shared: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    return shared.repeat_interleave(query.shape[1] // shared.shape[1], 1)


def _out(pattern: torch.Tensor, value: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    return (pattern.to(value.dtype) @ _repeated(value, query)).transpose(1, 2).contiguous()  # (B, T, H, d)
