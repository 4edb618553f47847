"""Attention read while a model runs: from one token of each fact to some of the tokens before it, layer by layer.

Only the rows of the attention matrix that are asked for are computed, beside the attention that the model needs; no
matrix is kept. Queries and keys are those that transformers hands to the function that attends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.shared_prefix import Rule, attending

NAME = "factsurv_read_attention"


@dataclass(frozen=True)
class Places:
    """Where S facts of one pass ask, and what of.

    Attributes
    ----------
    facts : int64 (S,)
    query : int64 (S,)
        Place of the token that asks in the pass.
    grid : int64 (S, t)
        Places of the tokens of the same segment up to it, right-padded.
    real : bool (S, t)
    begins : int64 (S,)
        Tokens of each fact that stand before its segment, in a prefix.
    wanted : bool (S, P + t)
        Tokens asked about: of the longest prefix (padded), then of the grid.
    groups : tuple of (begin, end, g)
        Facts behind prefix number g (-1: none).
    """

    facts: np.ndarray
    query: torch.Tensor
    grid: torch.Tensor
    real: torch.Tensor
    begins: torch.Tensor
    wanted: torch.Tensor
    groups: tuple[tuple[int, int, int], ...]


class AttentionReader:
    """Greatest and summed attention from the last prompt token to ``wanted`` ones, mean over heads.

    Parameters
    ----------
    encoded : Encoded
    wanted : sequence of F bool arrays
        Tokens of each prompt.

    Attributes
    ----------
    greatest, total : float64 (L, F)
        By layer and fact: in each head the greatest of the wanted tokens' weights, and their sum, then the mean over
        heads.
    seconds : float
        That reading took, within the passes.
    """

    def __init__(self, encoded: Encoded, wanted: Sequence[np.ndarray]):
        self.encoded, self.asked = encoded, wanted
        self.found: list[tuple[np.ndarray, np.ndarray]] = []
        self.places: Places | None = None
        self.layer = 0
        self.seconds = 0.0

    @property
    def greatest(self) -> np.ndarray:
        return np.stack([greatest for greatest, _ in self.found])

    @property
    def total(self) -> np.ndarray:
        return np.stack([total for _, total in self.found])

    def expect(self, facts: np.ndarray, starts: np.ndarray, segments: Sequence[tuple[int, int]], device) -> None:
        """The next pass: its facts, place of each one's segment, and (group or -1, tokens of the prefix) of each."""
        asks = self.encoded.target_start[facts] - 1
        begins = np.array([length for _, length in segments])
        own = asks - begins + 1  # tokens of the segment up to the one that asks
        columns, most = np.arange(own.max()), int(begins.max())
        real = columns < own[:, None]
        wanted = np.zeros((len(facts), most + len(columns)), dtype=bool)
        for row, (fact, begin) in enumerate(zip(facts, begins, strict=True)):
            mask = self.asked[fact]
            wanted[row, :begin], wanted[row, most : most + len(mask) - begin] = mask[:begin], mask[begin:]
        of = np.array([g for g, _ in segments])
        edges = np.flatnonzero(np.diff(of)) + 1
        bounds = zip([0, *edges], [*edges, len(of)], strict=True)
        tensor = lambda values: torch.from_numpy(values).to(device)  # noqa: E731
        self.places = Places(
            facts=facts,
            query=tensor(starts + asks - begins),
            grid=tensor(starts[:, None] + np.where(real, columns, 0)),
            real=tensor(real),
            begins=tensor(begins),
            wanted=tensor(wanted),
            groups=tuple((int(a), int(b), int(of[a])) for a, b in bounds),
        )
        self.layer = 0

    def read(self, q: torch.Tensor, k: torch.Tensor, rule: Rule, prefixes: Sequence[torch.Tensor]) -> None:
        """One layer's queries (H, T, D) and keys (h, T, D); ``prefixes`` are keys (h, P, D)."""
        assert self.places is not None
        began = time.perf_counter()
        weights = weights_of(q, k, rule, self.places, prefixes)
        if self.layer == len(self.found):
            self.found.append((np.zeros(len(self.encoded)), np.zeros(len(self.encoded))))
        for kept, values in zip(self.found[self.layer], weights, strict=True):
            kept[self.places.facts] = values.cpu().numpy()
        self.layer += 1
        self.seconds += time.perf_counter() - began


def weights_of(
    q: torch.Tensor, k: torch.Tensor, rule: Rule, places: Places, prefixes: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Greatest and summed weight of the wanted tokens, mean over heads; (S,) each."""
    h, repeats, width = k.shape[0], q.shape[0] // k.shape[0], q.shape[-1]
    facts, t = places.grid.shape
    asks = (
        q.index_select(1, places.query).mul(rule.scale).view(h, repeats, facts, width).transpose(1, 2)
    )  # (h, S, r, D)
    keys = k.index_select(1, places.grid.flatten()).view(h, facts, t, width)
    near = rule.capped(asks @ keys.mT)  # (h, S, r, t)
    ages = (places.real.sum(1) - 1)[:, None] - torch.arange(t, device=q.device)  # how far behind the one that asks
    seen = places.real if rule.window is None else places.real & (ages < rule.window)
    near = near.masked_fill(~seen[:, None], -torch.inf)
    most = places.wanted.shape[1] - t
    greatest, total = near.new_empty(facts, dtype=torch.float32), near.new_empty(facts, dtype=torch.float32)
    for begin, end, g in places.groups:
        cut, parts, wanted = slice(begin, end), [near[:, begin:end]], places.wanted[begin:end, most:]
        if g >= 0:
            prefix = prefixes[g].shape[1]
            far = rule.capped(asks[:, cut].reshape(h, -1, width) @ prefixes[g].mT).view(h, end - begin, repeats, prefix)
            if rule.window is not None:
                behind = ages[cut, :1] + prefix - torch.arange(prefix, device=q.device)  # (n, P)
                far = far.masked_fill((behind >= rule.window)[:, None], -torch.inf)
            parts, wanted = [far, *parts], torch.cat([places.wanted[cut, :prefix], wanted], 1)
        weights = torch.cat(parts, -1).softmax(-1, dtype=torch.float32).masked_fill(~wanted[:, None], 0)
        greatest[cut], total[cut] = weights.amax(-1).mean((0, 2)), weights.sum(-1).mean((0, 2))
    return greatest, total


@contextmanager
def read_by(model: PreTrainedModel, reader: AttentionReader | None) -> Iterator[None]:
    """Let ``reader`` see what each layer attends with on padded rows (`AttentionReader.expect` names them first)."""
    if reader is None:
        yield
        return
    masks = AttentionMaskInterface()
    with attending(model, NAME, _beside(model, reader)) as before:
        own = next(iter(before.values()))
        if own in masks:
            AttentionMaskInterface.register(NAME, masks[own])
        yield


def _beside(model: PreTrainedModel, reader: AttentionReader):
    """The model's own attention, with the reader beside it."""
    own = model.config._attn_implementation

    def attend(module, query, key, value, attention_mask, scaling=None, sliding_window=None, softcap=None, **rest: Any):
        rule = Rule(query.shape[-1] ** -0.5 if scaling is None else scaling, sliding_window, softcap)
        q, k = (x.transpose(0, 1).reshape(x.shape[1], -1, x.shape[-1]) for x in (query, key))  # (H, B·T, D)
        reader.read(q, k, rule, ())
        eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward")  # noqa: B009
        function = AttentionInterface().get_interface(own, eager)
        rest |= {"scaling": scaling, "sliding_window": sliding_window}
        rest |= {} if softcap is None else {"softcap": softcap}
        return function(module, query, key, value, attention_mask, **rest)

    return attend
