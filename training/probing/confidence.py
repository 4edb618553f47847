"""Confidence: how sure the model is of the answer that it would give, be it right or wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.context_length import check_context
from factsurv.training.probing.measure import Asked, Passes, Values, Watch
from factsurv.training.probing.probe import Probed
from factsurv.training.probing.score import rows_at_once
from factsurv.training.spec import InstrumentSpec

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Confidence:
    """Confidence in the first token, and in the whole greedy answer.

    Attributes
    ----------
    whole : bool
        Decode the greedy answer; otherwise only what the first token tells, which takes no further pass.
    relation : int64 (F,)
        Number of each fact's relation.
    longest : int64 (R,)
        Tokens of the longest answer of each relation: decoding stops one token later.
    likely : tuple of R mappings
        How an answer that begins with these tokens is likely to go on: as the relation's own answers do.
    read : callable
        Text of many token sequences.
    """

    whole: bool
    relation: np.ndarray
    longest: np.ndarray
    likely: tuple[dict[Tokens, Tokens], ...]
    read: Callable[[Sequence[Tokens]], list[str]]

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Confidence:
        encoded, names = asked.encoded, asked.facts.column("relation")
        relation = np.unique(names, return_inverse=True)[1]
        count = int(relation.max()) + 1
        longest = np.zeros(count, dtype=np.int64)
        np.maximum.at(longest, relation, encoded.target_tokens)
        if encoded.others is not None:
            np.maximum.at(longest, relation[encoded.others.fact], encoded.others.encoded.target_tokens)
        likely = tuple(_continuations(encoded, np.flatnonzero(relation == r)) for r in range(count))
        most = int((encoded.target_start + longest[relation] + 1).max())
        check_context(asked.model, most, "probe.examples", "use fewer few-shot examples or shorter prompts")

        def read(rows: Sequence[Tokens]) -> list[str]:
            texts = asked.tokenizer.batch_decode([list(r) for r in rows], clean_up_tokenization_spaces=False)  # type: ignore[attr-defined]
            return [t.strip() for t in texts]

        return cls(spec.answers == "whole", relation, longest, likely, read)

    def some(self, chosen: np.ndarray) -> Confidence:
        return replace(self, relation=self.relation[chosen])

    def watch(self, passes: Passes, encoded: Encoded) -> ConfidenceWatch:
        return ConfidenceWatch(self, passes, encoded)


def _continuations(encoded: Encoded, facts: np.ndarray) -> dict[Tokens, Tokens]:
    """For each beginning of an answer of these facts how the commonest of those that begin so goes on."""
    answers = Counter(tuple(encoded.tokens[i][encoded.target_start[i] :].tolist()) for i in facts)
    found: dict[Tokens, Tokens] = {}
    for answer, _ in sorted(answers.items(), key=lambda pair: (-pair[1], pair[0])):
        for k in range(1, len(answer)):
            found.setdefault(answer[:k], answer[k:])
    return found


class ConfidenceWatch(Watch):
    """Of F facts: what greedy decoding says as far as the tokens that were shown agree with it."""

    def __init__(self, measure: Confidence, passes: Passes, encoded: Encoded):
        self.measure, self.passes, self.encoded = measure, passes, encoded
        facts = len(encoded)
        self.first_p, self.entropy, self.logp = np.zeros(facts), np.zeros(facts), np.zeros(facts)
        self.ended = np.zeros(facts, dtype=bool)
        self.said: list[Tokens] = [()] * facts
        self.unfinished: list[int] = []
        self.close: np.ndarray = np.zeros(facts, dtype=bool)

    def see(self, batch: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        first = torch.from_numpy(np.unique(rows.numpy(), return_index=True)[1]).to(logits.device)
        self.first_p[batch], self.entropy[batch] = first_token(logits, first)
        if self.measure.whole:
            self._follow(batch, rows, targets, logits)

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        values = {"first_p": self.first_p, "entropy": self.entropy, "right": recalled}
        if not self.measure.whole:
            none = np.full(len(self.encoded), None)
            return values | {"answer": none, "answer_p": none, "ended": none}
        decoded, rounds = len(self.unfinished), 0
        while self.unfinished:
            waiting, self.unfinished, rounds = np.array(self.unfinished), [], rounds + 1
            shown = self._guesses(waiting)
            for batch, rows, targets, logits in self.passes.onward(shown):
                self._follow(waiting[batch], rows, targets, logits)
        self.note = f"{decoded} of {len(self.encoded)} answers decoded further, in {rounds} rounds"
        answers = np.array(self.measure.read(self.said), dtype=object)
        return values | {"answer": answers, "answer_p": np.exp(self.logp), "ended": self.ended}

    def _guesses(self, waiting: np.ndarray) -> Encoded:
        """What was said so far, and how it is likely to go on: a guess that is right saves passes, and no more."""
        tokens = []
        for i in waiting:
            likely = self.measure.likely[self.measure.relation[i]]
            said = self.said[i] + likely.get(self.said[i], ())
            tokens.append(np.array([*self.encoded.tokens[i][: self.encoded.target_start[i]], *said], dtype=np.int64))
        starts = self.encoded.target_start[waiting] + np.array([len(self.said[i]) for i in waiting])
        return Encoded(tuple(tokens), starts, self.encoded.terminators, self.encoded.terminator)

    def _follow(self, facts: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        greedy = greedy_tokens(logits, self.passes.terminators)
        order = np.argsort(rows.numpy(), kind="stable")  # of each fact its positions, the answer's end last
        shown = targets.cpu().numpy()[order]
        token, logp, end = (column[order] for column in greedy)
        close = leads(logits)[order] < self.passes.recheck if self.passes.recheck else np.zeros(len(end), dtype=bool)
        last = np.flatnonzero(shown < 0)
        for i, a, b in zip(facts, [0, *(last[:-1] + 1)], last + 1, strict=True):
            self._one(int(i), shown[a:b], token[a:b], logp[a:b], end[a:b], close[a:b])

    def _one(self, i: int, shown: np.ndarray, token: np.ndarray, logp: np.ndarray, end: np.ndarray, close) -> None:
        said, total = [*self.said[i]], self.logp[i]
        most = self.measure.longest[self.measure.relation[i]] + 1
        for k in range(len(shown)):
            total += logp[k]
            self.close[i] |= close[k]
            if end[k]:
                break
            said.append(int(token[k]))
            if len(said) == most or token[k] != shown[k]:
                break
        self.said[i], self.logp[i], self.ended[i] = tuple(said), total, bool(end[k])
        if not end[k] and len(said) < most:
            self.unfinished.append(i)


def first_token(logits: torch.Tensor, rows: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Greatest probability and entropy (nats) at these rows of ``logits`` (N, V); float64 (n,) each."""
    found = []
    for part in rows.split(rows_at_once(logits)):
        p = logits[part].float().softmax(1)  # (n, V)
        found.append(torch.stack([p.amax(1).double(), torch.special.entr(p).sum(1).double()]))
    return tuple(torch.cat(found, 1).cpu().numpy())  # type: ignore[return-value]


def greedy_tokens(logits: torch.Tensor, terminators: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greedy decoding at each row of ``logits`` (N, V).

    Returns
    -------
    token : int64 (N,)
    logp : float64 (N,)
        Of the token; of any of the ``terminators`` where it is one: an answer may end with each of them.
    end : bool (N,)
    """
    found = []
    for part in logits.split(rows_at_once(logits)):
        z = part.float()
        best, token = z.max(1)
        end = torch.isin(token, terminators)
        hit = torch.where(end, z[:, terminators].logsumexp(1), best)
        found.append((token, (hit - z.logsumexp(1)).double(), end))
    columns = [torch.cat(column).cpu().numpy() for column in zip(*found, strict=True)]
    return columns[0], columns[1], columns[2]


def leads(logits: torch.Tensor) -> np.ndarray:
    """How far the greatest of each row of ``logits`` (N, V) is ahead of the next one; float64 (N,)."""
    two = torch.cat([part.float().topk(2).values for part in logits.split(rows_at_once(logits))])
    return (two[:, 0] - two[:, 1]).double().cpu().numpy()
