"""What goes into and comes out of each component of a model in one pass: every MLP and every attention head.

A head's output is Z = softmax(QKᵀ) V before the output projection. Keys and values are repeated for each head, so that
a gradient is that of one head also where heads share them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call
from transformers import PreTrainedModel

from factsurv.training.passes.full_precision import layers_of
from factsurv.training.passes.shared_prefix import Rule, attending
from factsurv.training.surgery.places import part_of_layer

NAME = "factsurv_components"
Weights = dict[str, torch.Tensor]


@dataclass
class Pass:
    """One pass over B prompts of T tokens; lists have one entry a layer, L in all.

    Attributes
    ----------
    logits : (B, V)
        Behind the last token.
    mlp_in : list of (arguments, keyword arguments)
    mlp : list of (B, T, D)
        Outputs of the MLPs.
    attention_in : list of (arguments, keyword arguments)
    attention : list of (B, T, D)
        Outputs of the attention parts, all heads projected and added.
    q, k, v, z : list of (B, H, T, …)
        Queries, keys and values of each head as they meet, and z (B, T, H, d) what each head brings.
    """

    logits: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    mlp_in: list[tuple[tuple, dict]] = field(default_factory=list)
    mlp: list[torch.Tensor] = field(default_factory=list)
    attention_in: list[tuple[tuple, dict]] = field(default_factory=list)
    attention: list[torch.Tensor] = field(default_factory=list)
    q: list[torch.Tensor] = field(default_factory=list)
    k: list[torch.Tensor] = field(default_factory=list)
    v: list[torch.Tensor] = field(default_factory=list)
    z: list[torch.Tensor] = field(default_factory=list)


class Components:
    """The components of a model, taken apart.

    Raises
    ------
    InputError
        If its layers have no attention or MLP of a known name.
    """

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self.mlps = [part_of_layer(layer, "mlp") for layer in layers_of(model)]
        self.attentions = [part_of_layer(layer, "attention") for layer in layers_of(model)]
        self.seen = Pass()
        self.given: torch.Tensor | None = None  # z that is to be projected instead

    def run(self, ids: torch.Tensor) -> Pass:
        """One pass over ``ids`` int64 (B, T), with gradients from the embeddings on."""
        self.seen = seen = Pass()
        first = self.model.get_input_embeddings().register_forward_hook(lambda _m, _a, out: out.requires_grad_())
        hooks = [first]
        for modules, inputs, outputs in (
            (self.mlps, seen.mlp_in, seen.mlp),
            (self.attentions, seen.attention_in, seen.attention),
        ):
            for module in modules:
                hooks.append(module.register_forward_pre_hook(_keep_in(inputs), with_kwargs=True))
                hooks.append(module.register_forward_hook(_keep_out(outputs)))
        try:
            with torch.enable_grad(), self._attending():
                seen.logits = self.model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1]
        finally:
            for hook in hooks:
                hook.remove()
        if len(seen.z) != len(self.attentions):
            raise NotImplementedError(
                f"{len(seen.z)} of {len(self.attentions)} layers attend through transformers' interface"
            )
        return seen

    def mlp_of(self, n: int, given: tuple[tuple, dict], weights: Weights | None = None) -> torch.Tensor:
        """Output of MLP n for what goes into it."""
        return _first(functional_call(self.mlps[n], weights or {}, *given))

    def heads_of(self, n: int, given: tuple[tuple, dict], weights: Weights | None = None) -> Pass:
        """Queries, keys, values and heads of layer n for what goes into its attention."""
        self.seen = seen = Pass()
        with self._attending():
            seen.attention.append(_first(functional_call(self.attentions[n], weights or {}, *given)))
        return seen

    def projected(
        self, n: int, given: tuple[tuple, dict], z: torch.Tensor, weights: Weights | None = None
    ) -> torch.Tensor:
        """Output of layer n's attention if its heads brought ``z`` (B, T, H, d)."""
        self.given = z
        try:
            return self.heads_of(n, given, weights).attention[0]
        finally:
            self.given = None

    @contextmanager
    def _attending(self) -> Iterator[None]:
        with attending(self.model, NAME, self._attend):
            yield

    def _attend(
        self, module, query, key, value, attention_mask=None, scaling=None, sliding_window=None, softcap=None, **_
    ):
        rule = Rule(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window, softcap)
        repeats = query.shape[1] // key.shape[1]
        k, v = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)  # (B, H, T, d)
        scores = rule.capped(query @ k.mT * rule.scale)
        scores = scores.masked_fill(~rule.reach(query.shape[2], query.device), -torch.inf)
        z = (scores.softmax(-1) @ v).transpose(1, 2)  # (B, T, H, d)
        for kept, tensor in zip((self.seen.q, self.seen.k, self.seen.v, self.seen.z), (query, k, v, z), strict=True):
            kept.append(tensor)
        return (z if self.given is None else self.given), None


def tangents(module: nn.Module, changes: Weights, call: Callable[[Weights], Any], of: Callable[[Any], list]) -> list:
    """Derivatives of what ``of`` takes from ``call(weights)`` along the changes of the module's weights."""
    with forward_ad.dual_level():
        own = dict(module.named_parameters())
        dual = {n: forward_ad.make_dual(own[n].detach(), change) for n, change in changes.items()}
        found = of(call(dual))
        primals = [forward_ad.unpack_dual(value) for value in found]
        return [torch.zeros_like(p.primal) if p.tangent is None else p.tangent for p in primals]


def _first(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


def _keep_in(kept: list) -> Callable:
    def hook(_module, arguments, named):
        kept.append((tuple(map(_loose, arguments)), {k: _loose(v) for k, v in named.items()}))

    return hook


def _keep_out(kept: list) -> Callable:
    def hook(_module, _arguments, output):
        kept.append(_first(output))

    return hook


def _loose(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_loose, value))
    return value.detach() if isinstance(value, torch.Tensor) else value
