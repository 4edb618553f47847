"""The exact probe: greedy recall and the sampling probability of each fact by teacher forcing.

Greedy decoding yields exactly the target if and only if the target's token is the argmax at every
target position, terminator included; a sample equals the target with the product of the target's
probabilities under the truncated, renormalised distributions. Both need one forward pass. What is
meant is token-exact: another segmentation of the same string does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded, joined, some
from factsurv.training.passes.context_length import check_context
from factsurv.training.passes.forward import Kept, head_at, pad
from factsurv.training.passes.full_precision import in_fp32
from factsurv.training.passes.gated import gates_in_place
from factsurv.training.passes.memory import ran_out
from factsurv.training.passes.undisturbed import undisturbed
from factsurv.training.probing.measure import Measure, Measured, Passes
from factsurv.training.probing.score import PositionScores, Sampling, score_positions

__all__ = [
    "Probed",
    "Sampling",
    "agrees_with_plain_path",
    "head_at",
    "pad",
    "probe",
    "probe_together",
    "score_positions",
    "some",
]


# bf16 logits of about 30 are off by up to .25 between kernels, so a lead may be off by twice that.
RECHECK = 0.5


@dataclass(frozen=True)
class Probed:
    """What one forward pass says of F facts.

    Attributes
    ----------
    recalled : bool (F,)
        Greedy decoding yields exactly the target and then ends; of a fact with several right answers, any of them.
    logp : float64 (F,)
        Natural log of the untruncated probability of target and terminator (temperature 1); the sum over answers.
    margin : float64 (F,)
        Smallest lead, in logits, of the target over its best rival; recalled means margin > 0. The greatest of answers.
    p : float64 (S, F)
        Probability that one sample is exactly the target, for each of S samplings; the sum over answers.
    rechecked : bool (F,)
        Computed in fp32 because the weights' own precision could not decide.
    seconds : float
        That recall took.
    measured : mapping of name to Measured
        What instruments found.
    """

    recalled: np.ndarray
    logp: np.ndarray
    margin: np.ndarray
    p: np.ndarray
    rechecked: np.ndarray
    seconds: float = 0.0
    measured: Mapping[str, Measured] = field(default_factory=dict)


def probe(
    model: PreTrainedModel,
    encoded: Encoded,
    samplings: Sequence[Sampling] = (Sampling(),),
    batch_tokens: int = 4096,
    share_prefix: bool = True,
    recheck: float = RECHECK,
    instruments: Mapping[str, Measure] | None = None,
) -> Probed:
    """Probe every fact, its shared prefix computed once per group of facts that begin alike.

    Parameters
    ----------
    model : PreTrainedModel
        Decoder-only; its weights' dtype is the probe's.
    encoded : Encoded
    samplings : sequence of S Sampling
    batch_tokens : int
        Tokens of one forward pass, at most (at least one fact each).
    share_prefix : bool
        ``False`` is the plain path: every sequence whole, padded, the model's own attention.
    recheck : float
        Facts with a margin below it (logits, either side of 0) are probed again in fp32 if the weights are
        not; see `in_fp32` for the memory that takes. 0: off. Instruments measure again what hangs on less.
    instruments : mapping of name to Measure, optional
        What else is measured of these facts.

    Raises
    ------
    InputError
        If a sequence is longer than the model's context or a logit is not a number.
    """
    check_context(
        model, max(map(len, encoded.tokens)), "probe.examples", "use fewer few-shot examples or shorter prompts"
    )
    device = next(model.parameters()).device
    terminators = torch.from_numpy(encoded.terminators).to(device)
    facts = len(encoded)
    out = Probed(
        np.zeros(facts, bool),
        np.zeros(facts),
        np.zeros(facts),
        np.zeros((len(samplings), facts)),
        np.zeros(facts, bool),
    )
    kept: Kept | None = {} if instruments else None
    recheck = recheck if _narrow(model) else 0.0
    passes, clock = Passes(model, terminators, batch_tokens, share_prefix, kept, recheck), Stopwatch()
    watches = {name: measure.watch(passes, encoded) for name, measure in (instruments or {}).items()}
    with undisturbed(model), gates_in_place(model):
        reader = next((watch.reader for watch in watches.values() if watch.reader), None)
        for batch, rows, targets, logits in passes(encoded, reader):
            score = score_positions(logits, targets.to(device), terminators, samplings)
            _write(out, batch, rows, score)
            clock.lap("recall")
            for name, watch in watches.items():
                watch.see(batch, rows, targets, logits)
                clock.lap(name)
            del logits  # before the next pass makes its own
    if recheck:
        _recheck(model, encoded, samplings, batch_tokens, share_prefix, recheck, out)
    first = out
    if encoded.others is not None:
        others = probe(model, encoded.others.encoded, samplings, batch_tokens, share_prefix, recheck)
        out = any_answer(first, others, encoded.others.fact)
    clock.lap("recall")
    measured = {}
    for name, watch in watches.items():
        with undisturbed(model), gates_in_place(model):
            values = watch.finish(first, out.recalled)
        note, close = watch.note, np.flatnonzero(False if watch.close is None else watch.close)
        if len(close):
            alone = {name: (instruments or {})[name].some(close)}
            with in_fp32(model):
                again = probe(model, some(encoded, close), samplings, batch_tokens, share_prefix, 0, alone)
            values = {n: _replaced(v, close, again.measured[name].values[n]) for n, v in values.items()}
            note = "; ".join(filter(None, [note, f"{len(close)} of {facts} facts measured again in fp32"]))
        within = watch.reader.seconds if watch.reader else 0.0  # of recall's passes
        clock.seconds["recall"] -= within
        measured[name] = Measured(values, clock.lap(name) + within, note)
    return replace(out, seconds=clock.seconds["recall"], measured=measured)


class Stopwatch:
    """Seconds by name: each lap belongs to whoever is named at its end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> float:
        """End a lap; all seconds of that name so far."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now
        return self.seconds[name]


def any_answer(first: Probed, others: Probed, fact: np.ndarray) -> Probed:
    """What is probed of one answer of each fact, and of others of ``fact`` (N,), as that of any of them.

    Each ends with a terminator, so that a sample is one of them at most: their probabilities add up.
    """
    logp, margin, p, rechecked = (np.copy(a) for a in (first.logp, first.margin, first.p, first.rechecked))
    np.logaddexp.at(logp, fact, others.logp)
    np.maximum.at(margin, fact, others.margin)
    np.add.at(p.T, fact, others.p.T)
    np.logical_or.at(rechecked, fact, others.rechecked)
    return Probed(margin > 0, logp, margin, p, rechecked)


def _replaced(values: np.ndarray, rows: np.ndarray, by: np.ndarray) -> np.ndarray:
    values = np.copy(values)
    values[rows] = by
    return values


def _narrow(model: PreTrainedModel) -> bool:
    return any(w.dtype in (torch.bfloat16, torch.float16) for w in model.parameters())


def _recheck(model, encoded, samplings, batch_tokens, share_prefix, below: float, out: Probed) -> None:
    close = np.flatnonzero(abs(out.margin) < below)
    if not len(close):
        return
    with in_fp32(model):
        again = probe(model, some(replace(encoded, others=None), close), samplings, batch_tokens, share_prefix, 0)
    out.recalled[close], out.logp[close], out.margin[close] = again.recalled, again.logp, again.margin
    out.p[:, close], out.rechecked[close] = again.p, True


def probe_together(
    model: PreTrainedModel,
    forms: Sequence[Encoded],
    samplings: Sequence[Sampling] = (Sampling(),),
    batch_tokens: int = 4096,
    share_prefix: bool = True,
    look: Callable[..., Probed] = probe,
) -> list[Probed]:
    """Probe several paraphrases (or few-shot prompts) of the same facts in the same passes; one result each."""
    whole = look(model, joined(forms), samplings, batch_tokens, share_prefix)
    ends = np.cumsum([len(form) for form in forms])
    return [
        Probed(whole.recalled[a:b], whole.logp[a:b], whole.margin[a:b], whole.p[:, a:b], whole.rechecked[a:b])
        for a, b in zip(ends - [len(form) for form in forms], ends, strict=True)
    ]


def agrees_with_plain_path(model: PreTrainedModel, encoded: Encoded, facts: int = 4) -> bool:
    """Whether this architecture gives the same numbers with and without a shared prefix.

    Measured on the longest facts (beyond a sliding window, if any are) and some from all over; 1e-3 is 25
    times the largest fp32 difference seen between batch shapes (4e-5) and far below any difference that a
    wrong mask or position makes. bf16 has 8 bits of mantissa, so logits of about 30 differ by up to .25
    between kernels.
    """
    longest = np.argsort([-len(t) for t in encoded.tokens], kind="stable")[: facts // 2]
    spread = np.linspace(0, len(encoded) - 1, facts - len(longest)).astype(int)
    few = some(encoded, np.unique(np.concatenate([longest, spread])))
    plain = probe(model, few, share_prefix=False, recheck=0)
    try:
        shared = probe(model, few, recheck=0)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
        if isinstance(error, RuntimeError) and ran_out(error):
            raise
        return False  # whatever an architecture stumbles over, the plain path does without it
    tolerance = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.5
    return bool(np.allclose(shared.logp, plain.logp, atol=tolerance, rtol=tolerance))


def _write(out: Probed, batch: np.ndarray, rows: torch.Tensor, score: PositionScores) -> None:
    """From positions to facts: sums of logs, the smallest margin.

    On the CPU, where a sum has an order: a GPU adds up in another one each time, and a run that is continued would
    not end with the same bytes.
    """
    if torch.isnan(score.logp).any():
        raise InputError(
            "the model's logits are not numbers (NaN)",
            "probe",
            "the weights have diverged or do not fit this precision: lower tuning.learning_rate or use fp32",
        )
    logp, margins, log_p = score.logp.cpu(), score.margin.cpu(), score.log_p.cpu()
    zeros = torch.zeros(len(batch), dtype=torch.float64)
    out.logp[batch] = zeros.index_add(0, rows, logp).numpy()
    margin = torch.full_like(zeros, torch.inf).scatter_reduce(0, rows, margins, "amin")
    out.margin[batch] = margin.numpy()
    out.recalled[batch] = (margin > 0).numpy()
    for s in range(len(log_p)):
        out.p[s, batch] = torch.exp(zeros.index_add(0, rows, log_p[s])).numpy()
