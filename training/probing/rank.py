"""Rank: how many of the other answers that could be meant does the model hold likelier than the right one?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from factsurv.training.facts.options import Node, Options, Tokens, encode_options
from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.context_length import check_context
from factsurv.training.probing.measure import Asked, Passes, Values, Watch
from factsurv.training.probing.probe import Probed
from factsurv.training.probing.score import rows_at_once
from factsurv.training.spec import InstrumentSpec

# Log probabilities that differ by no more are a tie: in fp32 they differ by up to 4e-5 between batch shapes.
TIE = 1e-4


@dataclass(frozen=True)
class Rank:
    """Rank of the right answer among its options, by first tokens and (``whole``, bool (F,)) by whole answers.

    Where options begin with the same token, first tokens do not tell them apart: then whole answers are ranked, too,
    unless first tokens are to be all.
    """

    options: Options
    whole: np.ndarray
    asked: bool  # for whole answers

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Rank:
        options = encode_options(asked.tokenizer, asked.facts, asked.encoded, asked.probe)
        most = int((asked.encoded.target_start + options.longest[options.of]).max())
        check_context(asked.model, most, "probe.examples", "use fewer few-shot examples or shorter prompts")
        alike = np.array([any(len(answers) > 1 for answers in tree[()].behind) for tree in options.lists])[options.of]
        whole = {"whole": np.ones_like(alike), "first": alike, "first-only": np.zeros_like(alike)}[spec.answers]
        return cls(options, whole, spec.answers == "whole")

    def some(self, chosen: np.ndarray) -> Rank:
        return replace(self, options=self.options.some(chosen), whole=self.whole[chosen])

    def watch(self, passes: Passes, encoded: Encoded) -> RankWatch:
        return RankWatch(self, passes, encoded)


# Log p of what may follow a beginning, and of its end.
Found = tuple[np.ndarray, float]


@dataclass(frozen=True)
class Begun:
    """The beginning of an answer to a fact, which is not less likely than the whole right one."""

    fact: int
    tokens: Tokens
    logp: float


class RankWatch(Watch):
    """Log p of the options' first tokens (by fact, in the order of the tree), then of beginnings ever longer.

    An answer is never likelier than its beginning: only beginnings that are likelier than the whole right answer are
    followed.
    """

    def __init__(self, measure: Rank, passes: Passes, encoded: Encoded):
        self.options, self.passes, self.encoded = measure.options, passes, encoded
        self.whole, self.asked = measure.whole, measure.asked
        self.first: list[np.ndarray] = [np.empty(0)] * len(encoded)
        self.most = 1  # predictions in one pass of recall: no pass of its own takes more memory
        self.close: np.ndarray = np.zeros(len(encoded), dtype=bool)

    def see(self, batch: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        self.most = max(self.most, len(logits))
        first = torch.from_numpy(np.unique(rows.numpy(), return_index=True)[1]).to(logits.device)
        asked = [self._node(i, ()).tokens for i in batch]
        for i, (logp, _) in zip(batch, self._following(logits, first, asked), strict=True):
            self.first[i] = logp

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        first = self._by_first_tokens()
        values = {"options": self.options.counts, "rank_first": first}
        rank = np.full(len(first), None)
        if self.whole.any():
            rank[self.whole] = self._whole(probed)[self.whole]
        return values | {"rank": rank}

    def _node(self, i: int, begun: Tokens) -> Node:
        return self.options.lists[self.options.of[i]][begun]

    def _by_first_tokens(self) -> np.ndarray:
        """Rank by first tokens: whoever begins with that of the right answer cannot be told from it."""
        rank = np.zeros(len(self.first))
        for number in np.unique(self.options.of):
            mine = np.flatnonzero(self.options.of == number)
            behind = self.options.lists[number][()].behind
            token = {answer: k for k, answers in enumerate(behind) for answer in answers}
            own = np.arange(len(mine)), np.array([token[right] for right in self.options.right[mine]])
            logp = np.stack([self.first[i] for i in mine])  # (n, first tokens)
            leads = logp - logp[own][:, None]
            others = np.tile([len(answers) for answers in behind], (len(mine), 1))
            others[own] -= 1
            rank[mine] = (others * _ahead(leads)).sum(1)
            near = abs(leads) < self.passes.recheck
            near[own] = False
            self.close[mine] |= near.any(1)
        return rank

    def _whole(self, probed: Probed) -> np.ndarray:
        right = probed.logp
        self.close |= probed.rechecked  # in fp32, and the others are not
        rank, looked = np.zeros(len(right)), 0
        chosen = np.flatnonzero(self.whole).tolist()
        waiting = [begun for i in chosen for begun in self._on(i, (), 0.0, self.first[i], right)]
        while waiting:
            looked += len(waiting)
            seen, waiting = self._look(waiting), []
            for begun, found in seen:
                waiting += self._along(begun, found, right, rank)
        others = int((self.options.counts - 1)[self.whole].sum())
        alike = f"options of {len(chosen)} facts begin alike, so that whole answers are ranked: " * (not self.asked)
        self.note = (
            f"{alike}{looked} beginnings of {others} other answers are likelier than the right one, and were followed"
        )
        return rank

    def _on(self, i: int, begun: Tokens, logp: float, following: np.ndarray, right: np.ndarray) -> Iterator[Begun]:
        """Longer beginnings that may still be likelier than the right answer, and lead to another one."""
        node = self._node(i, begun)
        for token, more, behind in zip(node.tokens, following, node.behind, strict=True):
            if behind == {self.options.right[i]}:
                continue
            if logp + more > right[i] - 2 * TIE:
                yield Begun(i, (*begun, int(token)), logp + float(more))
            else:
                self.close[i] |= right[i] - logp - more < self.passes.recheck

    def _along(self, begun: Begun, found: list[Found], right: np.ndarray, rank: np.ndarray) -> list[Begun]:
        """Count the answers that end on the way from a beginning; what is still to be followed where it was left."""
        ahead = [begun]
        for following, ended in found:
            if not ahead:
                break
            begun, i = ahead[0], ahead[0].fact
            answer = self._node(i, begun.tokens).answer
            if answer is not None and answer != self.options.right[i]:
                lead = begun.logp + ended - right[i]
                rank[i] += _ahead(lead)
                self.close[i] |= abs(lead) < self.passes.recheck
            ahead = [*self._on(i, begun.tokens, begun.logp, following, right)]
        return ahead

    def _look(self, begun: list[Begun]) -> Iterator[tuple[Begun, list[Found]]]:
        """Each beginning, and log p of what may follow it and of its end, and so on where there is only one way."""
        ways = [self._way(b) for b in begun]
        counts = np.array([len(way) for way in ways])
        for part in np.split(np.arange(len(begun)), _cuts(counts, self.most)):
            facts = [begun[k].fact for k in part]
            prompts = [self.encoded.tokens[i][: self.encoded.target_start[i]] for i in facts]
            starts = np.array([len(p) + len(begun[k].tokens) for k, p in zip(part, prompts, strict=True)])
            whole = tuple(np.array([*p, *ways[k][-1]], dtype=np.int64) for k, p in zip(part, prompts, strict=True))
            found: list[list[Found]] = [[] for _ in part]
            for batch, rows, _, logits in self.passes.onward(Encoded(whole, starts, self.encoded.terminators, 0)):
                order = torch.argsort(rows, stable=True).to(logits.device)
                asked = [self._node(facts[k], tokens).tokens for k in batch for tokens in ways[part[k]]]
                values = self._following(logits, order, asked)
                for k in batch:
                    found[k] = [next(values) for _ in ways[part[k]]]
            yield from zip((begun[k] for k in part), found, strict=True)

    def _way(self, begun: Begun) -> list[Tokens]:
        """Beginnings from this one on, as long as only one is longer and none of them is an answer before the last."""
        way = [begun.tokens]
        while (node := self._node(begun.fact, way[-1])).answer is None and len(node.tokens) == 1:
            way.append((*way[-1], int(node.tokens[0])))
        return way

    def _following(self, logits: torch.Tensor, rows: torch.Tensor, asked: list[np.ndarray]) -> Iterator[Found]:
        """At each of the ``rows`` of ``logits`` (N, V): log p of the tokens ``asked`` about there, and of an end."""
        at = 0
        for part in rows.split(rows_at_once(logits)):
            z = logits[part].float()  # (n, V)
            total = z.logsumexp(1, keepdim=True)
            ends = (z[:, self.passes.terminators] - total).logsumexp(1).double().tolist()
            wanted = asked[at : at + len(part)]
            at += len(part)
            row = torch.from_numpy(np.repeat(np.arange(len(part)), [len(w) for w in wanted])).to(z.device)
            chosen = z[row, torch.from_numpy(np.concatenate(wanted)).to(z.device)] - total[row, 0]
            cuts = np.cumsum([len(w) for w in wanted])[:-1]
            yield from zip(np.split(chosen.double().cpu().numpy(), cuts), ends, strict=True)


def _cuts(counts: np.ndarray, most: int) -> list[int]:
    """Where to cut a list so that no part but one of a single element has more than ``most`` in all."""
    cuts, held = [], 0
    for k, count in enumerate(counts):
        if k and held + count > most:
            cuts.append(k)
            held = 0
        held += count
    return cuts


def _ahead(lead: Any) -> Any:
    """1 for what is likelier than the right answer, a half for a tie; of a float, or of an array each."""
    return 0.5 * (lead > TIE) + 0.5 * (lead >= -TIE)
