"""One forward pass over many facts without padding, their common beginning computed once.

The facts' tokens lie one behind another in a single row (1, T), so that the matrix products of a model see
no pad and no token twice. Who attends to whom is left to attention alone: a function that transformers calls
in place of its own lets each fact see its group's prefix, whose keys and values are never copied per fact,
and itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AttentionInterface, PreTrainedModel

from factsurv.training.facts.prompts import Encoded

if TYPE_CHECKING:
    from factsurv.training.passes.branches import Tree
    from factsurv.training.passes.read_attention import AttentionReader

NAME = "factsurv_shared_prefix"
# Tokens that a group of its own costs in small matrix products: it saves more, or it is not worth it.
GROUP_COST = 16


@dataclass(frozen=True)
class Group:
    """Facts (``members``, int64) whose tokens begin with ``prefix`` (int64, may be empty)."""

    prefix: np.ndarray
    members: np.ndarray


@dataclass(frozen=True)
class Pack:
    """Segments laid one behind another: those that see only themselves first, then group by group.

    Attributes
    ----------
    ids, positions : int64 (T,)
        Tokens, and where each stands in its fact.
    alone : tuple of (begin, end)
        Segments without a prefix.
    groups : tuple of (begin, end, g)
        Tokens of all segments behind prefix number g.
    grid : int64 (S, t)
        Token of each place of the S segments behind a prefix, right-padded with their first token.
    valid : int64 (T',)
        Place in the flattened grid of each of their tokens.
    seen : bool (S, t, t) or None
        Whom each place of a segment sees in it, where that is not every token before it.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    alone: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, int, int], ...]
    grid: torch.Tensor
    valid: torch.Tensor
    seen: torch.Tensor | None = None

    @classmethod
    def of_trees(cls, trees: Sequence[tuple[int, Tree]], prefixes: Sequence[int], device: torch.device) -> Pack:
        """From trees, each with the number of its prefix, sorted by it; ``prefixes`` are the lengths of these."""
        plain = cls.of([(tree.tokens, g, prefixes[g]) for g, tree in trees], device)
        positions = np.concatenate([prefixes[g] + tree.depth for g, tree in trees])
        longest = plain.grid.shape[1]
        seen = np.zeros((len(trees), longest, longest), dtype=bool)
        for own, (_, tree) in zip(seen, trees, strict=True):
            own[: len(tree.tokens), : len(tree.tokens)] = tree.seen
        return replace(plain, positions=torch.from_numpy(positions).to(device), seen=torch.from_numpy(seen).to(device))

    def reach(self, rule: Rule) -> torch.Tensor:
        """Which keys (columns) each place (rows) of a segment behind a prefix sees in it; bool (S or 1, t, t)."""
        if self.seen is None:
            return rule.reach(self.grid.shape[1], self.grid.device)[None]
        if rule.window is None:
            return self.seen
        at = self.positions[self.grid]  # (S, t)
        return self.seen & (at[:, :, None] - at[:, None] < rule.window)

    @classmethod
    def of(cls, segments: Sequence[tuple[np.ndarray, int, int]], device: torch.device) -> Pack:
        """From (tokens, group or -1, length of the group's prefix) of each segment, sorted by group."""
        lengths = np.array([len(tokens) for tokens, _, _ in segments])
        ends = np.cumsum(lengths)
        starts = ends - lengths
        of = np.array([g for _, g, _ in segments])
        behind = np.flatnonzero(of >= 0)
        longest = int(lengths[behind].max(initial=0))
        places = np.arange(longest)[None, :]
        real = places < lengths[behind][:, None]  # (S, t)
        bounds = [(int(starts[of == g][0]), int(ends[of == g][-1]), int(g)) for g in np.unique(of[behind])]
        return cls(
            ids=torch.from_numpy(np.concatenate([tokens for tokens, _, _ in segments])).to(device),
            positions=torch.from_numpy(np.concatenate([p + np.arange(len(s)) for s, _, p in segments])).to(device),
            alone=tuple((int(starts[i]), int(ends[i])) for i in np.flatnonzero(of < 0)),
            groups=tuple(bounds),
            grid=torch.from_numpy(starts[behind][:, None] + np.where(real, places, 0)).to(device),
            valid=torch.from_numpy(np.flatnonzero(real)).to(device),
        )


class SharedPrefixAttention:
    """Attention over a `Pack`, in the signature of transformers' AttentionInterface.

    Call ``forward`` with the packed prefixes (``keep=True``), then with the facts behind them. Keys and
    values are kept in the order of the calls, so layers may share weights.
    """

    def __init__(self, model: PreTrainedModel, reader: AttentionReader | None = None):
        self.model, self.reader = model, reader
        self.pack: Pack | None = None
        self.kept: list[list[tuple[torch.Tensor, torch.Tensor]]] = []  # call, prefix -> keys, values (h, P, D)
        self.keep = False
        self.calls = 0

    def forward(self, pack: Pack, keep: bool = False) -> torch.Tensor:
        """Logits (1, T, V) of the pack; with ``keep`` its segments become the prefixes of later packs."""
        self.pack, self.keep, self.calls = pack, keep, 0
        if keep:
            self.kept = []
        logits = self.model(input_ids=pack.ids[None], position_ids=pack.positions[None], use_cache=False).logits
        layers = self.model.config.get_text_config(decoder=True).num_hidden_layers
        if self.calls != layers:  # a recurrent layer, say, would carry one fact into the next
            raise NotImplementedError(f"{self.calls} of {layers} layers attend through transformers' interface")
        return logits

    def __call__(
        self, module, query, key, value, attention_mask=None, scaling=None, sliding_window=None, softcap=None, **_
    ) -> tuple[torch.Tensor, None]:
        assert self.pack is not None
        rule = Rule(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window, softcap)
        q, k, v = query[0], key[0], value[0]  # (H, T, D), (h, T, D), (h, T, D): h heads of keys for H of queries
        if self.reader is not None and not self.keep:
            self.reader.read(q, k, rule, [keys for keys, _ in self.kept[self.calls]] if self.pack.groups else ())
        out = torch.empty(q.shape[1], q.shape[0], v.shape[-1], dtype=q.dtype, device=q.device)  # (T, H, D)
        for begin, end in self.pack.alone:
            cut = slice(begin, end)
            out[cut] = _causal(q[:, cut], k[:, cut], v[:, cut], rule).transpose(0, 1)
        if self.keep:
            self.kept.append([(k[:, a:b].contiguous(), v[:, a:b].contiguous()) for a, b in self.pack.alone])
        elif self.pack.groups:
            first = self.pack.groups[0][0]
            behind = _behind_prefixes(q, k, v, rule, self.pack, self.kept[self.calls])
            out[first:].view(-1, *behind.shape[1:]).copy_(behind)
        self.calls += 1
        return out[None], None


@dataclass(frozen=True)
class Rule:
    """How a layer attends: scale, window (tokens, None: all), cap of the scores (None: none)."""

    scale: float
    window: int | None
    cap: float | None

    def capped(self, scores: torch.Tensor) -> torch.Tensor:
        return scores if self.cap is None else self.cap * torch.tanh(scores / self.cap)

    def reach(self, length: int, device: torch.device) -> torch.Tensor:
        """Which keys (columns) a query (rows) of the same segment sees; bool (length, length)."""
        seen = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        return seen if self.window is None else seen.triu(1 - self.window)


def _causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rule: Rule) -> torch.Tensor:
    """Plain causal attention of one segment: (H, n, D), (h, n, D), (h, n, D) -> (H, n, D)."""
    heads, n, _ = q.shape
    repeats = heads // k.shape[0]
    if rule.cap is None:
        mask = None if rule.window is None or n <= rule.window else rule.reach(n, q.device)
        return F.scaled_dot_product_attention(
            q[None],
            k[None],
            v[None],
            attn_mask=mask,
            is_causal=mask is None,
            scale=rule.scale,
            enable_gqa=repeats > 1,
        )[0]
    k, v = k.repeat_interleave(repeats, 0), v.repeat_interleave(repeats, 0)
    scores = rule.capped(q @ k.mT * rule.scale).masked_fill(~rule.reach(n, q.device), -torch.inf)  # (H, n, n)
    return scores.softmax(-1, dtype=torch.float32).to(q.dtype) @ v


def _behind_prefixes(q, k, v, rule: Rule, pack: Pack, kept) -> torch.Tensor:
    """Attention of the T' tokens behind prefixes: (H, T, D), (h, T, D), (h, T, D) -> (T', h, H / h, D).

    Scores against the prefix are one product per group; scores within a segment are one batched product
    over the padded grid. Both go through one softmax.
    """
    heads, tokens, width = q.shape
    h, repeats, (segments, t) = k.shape[0], heads // k.shape[0], pack.grid.shape
    first, grid = pack.groups[0][0], pack.grid.flatten()
    scaled = torch.empty(h, tokens, repeats, width, dtype=q.dtype, device=q.device)
    q = torch.mul(q.reshape(h, repeats, tokens, width).transpose(1, 2), rule.scale, out=scaled)  # (h, T, r, D)
    # index_select: indexing with a tensor copies number by number on a CPU
    own_k = k.index_select(1, grid).view(h * segments, t, width)
    own_v = v.index_select(1, grid).view(h * segments, t, -1)
    near = q.index_select(1, grid).view(h * segments, t * repeats, width) @ own_k.mT  # (h·S, t·r, t)
    near = rule.capped(near).view(h, segments, t, repeats, t)
    near.masked_fill_(~pack.reach(rule)[:, :, None], -torch.inf)
    near = near.view(h, segments * t, repeats, t).index_select(1, pack.valid)  # (h, T', r, t)
    out = torch.empty(h, tokens - first, repeats, v.shape[-1], dtype=q.dtype, device=q.device)
    for begin, end, g in pack.groups:
        keys, values = kept[g]  # (h, P, D)
        n, prefix, cut = end - begin, keys.shape[1], slice(begin - first, end - first)
        far = rule.capped(q[:, begin:end].reshape(h, n * repeats, width) @ keys.mT).view(h, n, repeats, prefix)
        if rule.window is not None:
            behind = pack.positions[begin:end, None] - torch.arange(prefix, device=q.device)  # (n, P)
            far = far.masked_fill((behind >= rule.window)[:, None], -torch.inf)
        weights = torch.cat([far, near[:, cut]], -1).softmax(-1, dtype=torch.float32).to(q.dtype)
        on_prefix = weights[..., :prefix].reshape(h, n * repeats, prefix)
        out[:, cut] = (on_prefix @ values).view(h, n, repeats, -1)
        near[:, cut] = weights[..., prefix:]
    spread = near.new_zeros(h, segments * t, repeats, t)
    spread.index_copy_(1, pack.valid, near)
    own = (spread.view(h * segments, t * repeats, t) @ own_v).view(h, segments * t, repeats, -1)
    return out.add_(own.index_select(1, pack.valid)).transpose(0, 1)


@contextmanager
def shared_prefix_attention(
    model: PreTrainedModel, reader: AttentionReader | None = None
) -> Iterator[SharedPrefixAttention]:
    """Put the model's attention in our hands, and back afterwards; a ``reader`` sees it."""
    attention = SharedPrefixAttention(model, reader)
    with attending(model, NAME, attention):
        yield attention


@contextmanager
def attending(model: PreTrainedModel, name: str, function: Callable | None = None) -> Iterator[dict[int, str]]:
    """Let the model attend as ``name``, which is ``function`` if that is given, and by its own again afterwards.

    Yields the names of its own, by the identity of its configurations.
    """
    found = (getattr(module, "config", None) for module in model.modules())
    configs: dict[int, Any] = {id(config): config for config in found if hasattr(config, "_attn_implementation")}
    before = {key: config._attn_implementation_internal for key, config in configs.items()}
    if function is not None:
        AttentionInterface.register(name, function)
    for config in configs.values():
        config._attn_implementation_internal = name
    try:
        yield before
    finally:
        for key, config in configs.items():
            config._attn_implementation_internal = before[key]


def prefix_groups(encoded: Encoded) -> list[Group]:
    """Facts whose tokens begin alike, with their longest common token prefix.

    Sorting puts sequences with long common prefixes side by side. A fact joins the group before it
    unless that would repeat more prefix tokens than a group of its own costs.
    """
    order = sorted(range(len(encoded)), key=lambda i: tuple(encoded.tokens[i]))
    found, group, common = [], [order[0]], _before_target(encoded, order[0])
    for i in order[1:]:
        shared = _common_prefix(common, _before_target(encoded, i))
        if (len(common) - shared) * len(group) > GROUP_COST + shared:
            found.append((common, group))
            group, common = [i], _before_target(encoded, i)
        else:
            group.append(i)
            common = common[:shared]
    found.append((common, group))
    return [Group(prefix if len(group) > 1 else prefix[:0], np.array(group)) for prefix, group in found]


def _before_target(encoded: Encoded, i: int) -> np.ndarray:
    # The last prompt token is left out: its hidden state predicts the first target token.
    return encoded.tokens[i][: encoded.target_start[i] - 1]


def _common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    n = min(len(a), len(b))
    differs = np.flatnonzero(a[:n] != b[:n])
    return int(differs[0]) if len(differs) else n
