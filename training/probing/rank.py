"""Rank: how many of the other answers that could be meant does the model hold likelier than the right one?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from factsurv.training.facts.options import Options, encode_options
from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.context_length import check_context
from factsurv.training.probing.measure import Asked, Passes, Values, Watch
from factsurv.training.probing.probe import Probed
from factsurv.training.probing.score import rows_at_once, score_positions
from factsurv.training.spec import InstrumentSpec

# Log probabilities that differ by no more are a tie: in fp32 they differ by up to 4e-5 between batch shapes.
TIE = 1e-4
# Answers that are scored before the next ones are laid out.
AT_ONCE = 8192


@dataclass(frozen=True)
class Rank:
    """Rank of the right answer among its options, by first tokens and (``whole``) by whole answers."""

    options: Options
    whole: bool

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Rank:
        options = encode_options(asked.tokenizer, asked.facts, asked.encoded, asked.probe)
        longest = np.array([max(map(len, tokens)) for tokens in options.lists])
        most = int((asked.encoded.target_start + longest[options.of]).max())
        check_context(asked.model, most, "probe.examples", "use fewer few-shot examples or shorter prompts")
        return cls(options, spec.answers == "whole")

    def some(self, chosen: np.ndarray) -> Rank:
        return replace(self, options=self.options.some(chosen))

    def watch(self, passes: Passes, encoded: Encoded) -> RankWatch:
        return RankWatch(self, passes, encoded)


class RankWatch(Watch):
    """Log p of every option's first token (one array a fact), and of those answers that can beat the right one."""

    def __init__(self, measure: Rank, passes: Passes, encoded: Encoded):
        self.options, self.whole, self.passes, self.encoded = measure.options, measure.whole, passes, encoded
        device = passes.terminators.device
        self.first_tokens = [torch.tensor([t[0] for t in tokens], device=device) for tokens in self.options.lists]
        self.first: list[np.ndarray] = [np.empty(0)] * len(encoded)

    def see(self, batch: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        first = np.unique(rows.numpy(), return_index=True)[1]
        for part in np.split(np.arange(len(batch)), range(rows_at_once(logits), len(batch), rows_at_once(logits))):
            z = logits[torch.from_numpy(first[part]).to(logits.device)].float()  # (n, V)
            z -= z.logsumexp(1, keepdim=True)
            for i, row in zip(batch[part], z, strict=True):
                self.first[i] = row[self.first_tokens[self.options.of[i]]].double().cpu().numpy()

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        right = self.options.right
        rank = np.array([_rank(f, r) for f, r in zip(self.first, right, strict=True)])
        values = {"options": self.options.counts, "rank_first": rank}
        if not self.whole:
            return values | {"rank": np.full(len(right), None)}
        found = self._whole(probed)
        return values | {"rank": np.array([_rank(w, r) for w, r in zip(found, right, strict=True)])}

    def _whole(self, probed: Probed) -> list[np.ndarray]:
        """Log p of each whole answer; of one that cannot be likelier than the right one, that of its first token."""
        found, right = [f.copy() for f in self.first], probed.logp.copy()
        again = np.flatnonzero(probed.rechecked)  # in fp32: take that of the precision of the others
        right[again] = self._score([(int(i), int(self.options.right[i])) for i in again])
        scored = 0
        for pairs in self._rivals(right):
            scored += len(pairs)
            for (i, option), logp in zip(pairs, self._score(pairs), strict=True):
                found[i][option] = logp
        for i, option in enumerate(self.options.right):
            found[i][option] = right[i]
        others = int((self.options.counts - 1).sum())
        self.note = f"{scored} of {others} other answers begin likely enough to be likelier, and are scored whole"
        return found

    def _rivals(self, right: np.ndarray) -> Iterator[list[tuple[int, int]]]:
        """(fact, option) of what has to be scored: an answer is never likelier than its first token."""
        pairs: list[tuple[int, int]] = []
        for i, (first, option) in enumerate(zip(self.first, self.options.right, strict=True)):
            rivals = np.flatnonzero(first > right[i] - 2 * TIE)
            pairs += [(i, int(o)) for o in rivals if o != option]
            if len(pairs) >= AT_ONCE or i == len(right) - 1:
                yield pairs
                pairs = []

    def _score(self, pairs: list[tuple[int, int]]) -> np.ndarray:
        """Log p of these answers and their ends, float64 (len(pairs),)."""
        if not pairs:
            return np.empty(0)
        starts, lists = self.encoded.target_start[[i for i, _ in pairs]], self.options
        prompts = [self.encoded.tokens[i][:start] for (i, _), start in zip(pairs, starts, strict=True)]
        answers = [lists.lists[lists.of[i]][option] for i, option in pairs]
        tokens = tuple(np.concatenate(both) for both in zip(prompts, answers, strict=True))
        asked = Encoded(tokens, starts, self.encoded.terminators, self.encoded.terminator)
        total = np.zeros(len(pairs))
        for batch, rows, targets, logits in self.passes(asked):
            logp = score_positions(logits, targets.to(logits.device), self.passes.terminators, ()).logp.cpu()
            total[batch] = torch.zeros(len(batch), dtype=torch.float64).index_add(0, rows, logp).numpy()
        return total


def _rank(logp: np.ndarray, right: int) -> float:
    """0: none is likelier than the right one; ties count half."""
    ahead = np.delete(logp, right) - logp[right]
    return float((ahead > TIE).sum() + 0.5 * (abs(ahead) <= TIE).sum())
