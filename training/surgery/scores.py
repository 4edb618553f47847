"""Extractive scores of Feng, Russell & Steinhardt (arXiv 2412.04614): what the change of a component's weights does.

L is the mean-logit loss behind the last token of a prompt, o a component's output, g = ∂L/∂o, and a score is positive
where it lowers the loss. By component and token, for weights W and W + Δ:

- informative  −⟨∂L/∂W_c, Δ_c⟩, the part of the sum over tokens at which the weights meet that token
- downstream   (o − n) · g, n the output of the component's old weights for what it is given in the pass of the new ones
- upstream     (g − g_new) · (o − o_cf), averaged over prompts that differ in their subject only
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from factsurv.training.surgery.components import Components, Pass, tangents


@dataclass(frozen=True)
class Item:
    """A prompt with its answer among options.

    Attributes
    ----------
    tokens : int64 (T,)
        Of the prompt.
    options : int64 (K,)
        First tokens of the answers to choose from, all different.
    right : int
        Which of them is right.
    counterfactuals : int64 (C, T)
        Prompts of as many tokens with another subject; C may be 0.
    """

    tokens: np.ndarray
    options: np.ndarray
    right: int
    counterfactuals: np.ndarray


@dataclass(frozen=True)
class Scores:
    """Of each MLP (L, T) and each head (L, H, T; a list of L where layers differ), float64; upstream NaN without C."""

    mlp: dict[str, np.ndarray]
    heads: dict[str, list[np.ndarray]]


NAMES = ("informative", "downstream", "upstream")


def mean_logit_loss(logits: torch.Tensor, item: Item) -> torch.Tensor:
    """−(z_right − mean of z over the options), of logits (B, V), summed over B."""
    z = logits[:, torch.from_numpy(item.options).to(logits.device)]
    return (z.mean(1) - z[:, item.right]).sum()


def extractive_scores(old: Components, new: Components, item: Item) -> Scores:
    """All three scores of one prompt; ``old`` and ``new`` are two models of one architecture."""
    ids = torch.from_numpy(item.tokens)[None].to(old.model.device)
    o, n = old.run(ids), new.run(ids)
    g, g_new = _gradients(o, item), _gradients(n, item)
    with torch.no_grad():
        others = _apart(old, torch.from_numpy(item.counterfactuals).to(old.model.device))
    layers = range(len(old.mlps))
    mlps = [_of_mlp(old, new, layer, o, n, g, g_new, others) for layer in layers]
    heads = [_of_heads(old, new, layer, o, n, g, g_new, others) for layer in layers]
    return Scores(
        {name: np.stack([mlp[k] for mlp in mlps]) for k, name in enumerate(NAMES)},
        {name: [head[k] for head in heads] for k, name in enumerate(NAMES)},
    )


def _apart(old: Components, ids: torch.Tensor) -> Pass | None:
    return old.run(ids) if len(ids) else None


def _gradients(seen: Pass, item: Item) -> dict[str, list[torch.Tensor]]:
    """Of the loss by outputs of MLPs and attention, heads, and their queries, keys and values."""
    kinds = ("mlp", "attention", "z", "q", "k", "v")
    wanted = [tensor for kind in kinds for tensor in getattr(seen, kind)]
    found = torch.autograd.grad(mean_logit_loss(seen.logits, item), wanted, allow_unused=True)
    whole = [torch.zeros_like(w) if f is None else f for w, f in zip(wanted, found, strict=True)]
    layers = len(seen.mlp)
    return {kind: whole[i * layers : (i + 1) * layers] for i, kind in enumerate(kinds)}


def _of_mlp(old: Components, new: Components, layer: int, o: Pass, n: Pass, g, g_new, others: Pass | None):
    module, grad, out = old.mlps[layer], g["mlp"][layer], o.mlp[layer].detach()
    call = lambda weights: old.mlp_of(layer, o.mlp_in[layer], weights)  # noqa: E731
    (change,) = tangents(module, _changes(module, new.mlps[layer]), call, lambda found: [found])
    with torch.no_grad():
        moved = old.mlp_of(layer, n.mlp_in[layer])
        up = None if others is None else (grad - g_new["mlp"][layer]) * (out - others.mlp[layer])
    return [_numbers(-grad * change), _numbers(grad * (out - moved)), _missing(up, grad.shape[1:2])]


def _of_heads(old: Components, new: Components, layer: int, o: Pass, n: Pass, g, g_new, others: Pass | None):
    module, given, z = old.attentions[layer], o.attention_in[layer], o.z[layer].detach()
    changes, grad = _changes(module, new.attentions[layer]), g["attention"][layer]
    call = lambda weights: old.heads_of(layer, given, weights)  # noqa: E731
    dq, dk, dv = tangents(module, changes, call, lambda found: [found.q[0], found.k[0], found.v[0]])
    inside = g["q"][layer] * dq, g["k"][layer] * dk, g["v"][layer] * dv  # (B, H, T, d) each
    informative = -sum(part.sum(-1) for part in inside)  # (B, H, T)
    with torch.enable_grad():
        free = z.clone().requires_grad_()
        project = lambda weights: old.projected(layer, given, free, weights)  # noqa: E731
        (turned,) = tangents(module, changes, project, lambda found: [found])
        asked = (turned * grad).sum()
        by_head = torch.autograd.grad(asked, free)[0] if asked.requires_grad else None
    if by_head is not None:
        mine = (by_head * z).sum(-1)  # (B, T, H)
        rest = (turned.detach() * grad).sum(-1) - mine.sum(-1)  # of the projection's bias: shared out among the heads
        informative = informative - (mine + rest[..., None] / mine.shape[-1]).transpose(1, 2)
    with torch.no_grad():
        moved = old.heads_of(layer, n.attention_in[layer]).z[0]
    down = (g["z"][layer] * (z - moved)).sum(-1).transpose(1, 2)
    up = None
    if others is not None:
        with torch.enable_grad():
            out = old.projected(layer, given, free)
            (by_head,) = torch.autograd.grad(out, free, grad - g_new["attention"][layer])
        up = (by_head * (z - others.z[layer])).sum(-1).transpose(1, 2)
    return [
        _numbers(informative[..., None]),
        _numbers(down[..., None]),
        _missing(None if up is None else up[..., None], down.shape[1:]),
    ]


def _changes(old: torch.nn.Module, new: torch.nn.Module) -> dict[str, torch.Tensor]:
    there = dict(new.named_parameters())
    return {name: (there[name] - w).detach() for name, w in old.named_parameters() if not torch.equal(there[name], w)}


def _numbers(products: torch.Tensor) -> np.ndarray:
    """Sum over the last axis, mean over the first (prompts)."""
    return products.detach().double().sum(-1).mean(0).cpu().numpy()


def _missing(products: torch.Tensor | None, shape) -> np.ndarray:
    return np.full(tuple(shape), np.nan) if products is None else _numbers(products)
