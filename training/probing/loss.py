"""Loss of the answer beside what it is without knowledge of the subject, and in a form in which the fact was told.

Zucchet et al. (2025, section 2): the loss of an attribute is the cross-entropy summed over the tokens of its value, in
forms in which the person was never told of; without knowledge it is the entropy of the attribute's values. The loss in
a form in which the person was told of says how much is memory of the text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch

from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.prompts import Encoded, some
from factsurv.training.passes.context_length import check_context
from factsurv.training.probing.measure import Asked, Passes, Told, Values, Watch
from factsurv.training.probing.probe import Probed
from factsurv.training.probing.score import rows_at_once
from factsurv.training.spec import InstrumentSpec


@dataclass(frozen=True)
class Loss:
    """``baseline`` float64 (F,): loss of each fact's answer without knowledge, nats."""

    baseline: np.ndarray

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Loss:
        told = asked.told or Told(asked.facts, np.arange(len(asked.facts)))
        known = entropies(np.array(told.facts.column("relation"), dtype=object)[told.rows],
                          np.array(told.facts.column("object"), dtype=object)[told.rows])  # fmt: skip
        return cls(np.array([known.get(r, np.nan) for r in asked.facts.column("relation")]))

    def some(self, chosen: np.ndarray) -> Loss:
        return Loss(self.baseline[chosen])

    def watch(self, passes: Passes, encoded: Encoded) -> LossWatch:
        return LossWatch(self, encoded)


class LossWatch(Watch):
    """Everything is read from recall's passes."""

    note = "read from recall's passes"

    def __init__(self, measure: Loss, encoded: Encoded):
        self.measure, self.loss = measure, np.zeros(len(encoded))

    def see(self, batch: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        self.loss[batch] = answer_loss(len(batch), rows, targets, logits)

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        return {"loss": self.loss, "baseline": self.measure.baseline}


@dataclass(frozen=True)
class Memorisation:
    """The facts in the first of the forms in which they are taught: where none is held out, the probe form."""

    told: Encoded

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Memorisation:
        facts = asked.facts
        number = [forms.index(taught[0]) for forms, taught in zip(facts.forms, facts.taught_forms, strict=True)]
        each: list[np.ndarray | None] = [None] * len(facts)
        starts, like = np.zeros(len(facts), dtype=np.int64), asked.encoded
        for k in sorted(set(number)):
            mine = np.flatnonzero(np.array(number) == k)
            encoded = encode_probes(asked.tokenizer, facts.some(mine), asked.probe, form=k)
            for i, tokens in zip(mine, encoded.tokens, strict=True):
                each[i] = tokens
            starts[mine] = encoded.target_start
        whole = tuple(t for t in each if t is not None)
        check_context(asked.model, max(map(len, whole)), "probe.examples", "use shorter prompts")
        return cls(Encoded(whole, starts, like.terminators, like.terminator))

    def some(self, chosen: np.ndarray) -> Memorisation:
        return replace(self, told=some(self.told, chosen))

    def watch(self, passes: Passes, encoded: Encoded) -> MemorisationWatch:
        return MemorisationWatch(self, passes)


class MemorisationWatch(Watch):
    """Passes of its own, behind those of recall."""

    def __init__(self, measure: Memorisation, passes: Passes):
        self.measure, self.passes = measure, passes

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        loss = np.zeros(len(self.measure.told))
        for batch, rows, targets, logits in self.passes(self.measure.told):
            loss[batch] = answer_loss(len(batch), rows, targets, logits)
        return {"loss": loss}


def answer_loss(facts: int, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
    """Cross-entropy summed over the tokens of each answer, without what ends it; nats, float64 (facts,).

    ``rows``, ``targets`` (N,) and ``logits`` (N, V) are of a pass: the fact of each position and the token wanted
    there, -1 at an answer's end.
    """
    wanted = torch.as_tensor(targets).to(logits.device)
    found = []
    for z, token in zip(logits.split(step := rows_at_once(logits)), wanted.split(step), strict=True):
        z = z.float()
        own = z.gather(1, token.clamp(min=0)[:, None])[:, 0]
        found.append((z.logsumexp(1) - own).double().masked_fill(token < 0, 0.0))
    return torch.zeros(facts, dtype=torch.float64).index_add(0, rows.cpu(), torch.cat(found).cpu()).numpy()


def entropies(relations: np.ndarray, objects: np.ndarray) -> dict[str, float]:
    """Entropy (nats) of the objects of each relation, from those of F facts."""
    counts: dict[str, Counter] = {}
    for relation, value in zip(relations.tolist(), objects.tolist(), strict=True):
        counts.setdefault(relation, Counter())[value] += 1
    found = {}
    for relation, each in counts.items():
        p = np.array(list(each.values())) / each.total()
        found[relation] = float(-(p * np.log(p)).sum())
    return found
