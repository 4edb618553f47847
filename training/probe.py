"""The exact probe: greedy recall and the sampling probability of each fact by teacher forcing.

Greedy decoding yields exactly the target if and only if the target's token is the argmax at every
target position, terminator included; a sample equals the target with the product of the target's
probabilities under the truncated, renormalised distributions. Both need one forward pass. What is
meant is token-exact: another segmentation of the same string does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from events.errors import InputError
from training.prompts import Encoded
from training.score import PositionScores, Sampling, score_positions
from training.shared_prefix import Group, Pack, prefix_groups, shared_prefix_attention

__all__ = [
    "Probed",
    "Sampling",
    "agrees_with_plain_path",
    "head_at",
    "pad",
    "probe",
    "probe_together",
    "score_positions",
]


@dataclass(frozen=True)
class Probed:
    """What one forward pass says of F facts.

    Attributes
    ----------
    recalled : bool (F,)
        Greedy decoding yields exactly the target and then ends.
    logp : float64 (F,)
        Natural log of the untruncated probability of target and terminator (temperature 1).
    margin : float64 (F,)
        Smallest lead, in logits, of the target over its best rival; recalled means margin > 0.
    p : float64 (S, F)
        Probability that one sample is exactly the target, for each of S samplings.
    """

    recalled: np.ndarray
    logp: np.ndarray
    margin: np.ndarray
    p: np.ndarray


@torch.inference_mode()
def probe(
    model: PreTrainedModel,
    encoded: Encoded,
    samplings: Sequence[Sampling] = (Sampling(),),
    batch_tokens: int = 4096,
    share_prefix: bool = True,
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

    Raises
    ------
    InputError
        If a sequence is longer than the model's context or a logit is not a number.
    """
    _fits_the_context(model, encoded)
    device = next(model.parameters()).device
    terminators = torch.from_numpy(encoded.terminators).to(device)
    out = Probed(
        np.zeros(len(encoded), bool),
        np.zeros(len(encoded)),
        np.zeros(len(encoded)),
        np.zeros((len(samplings), len(encoded))),
    )
    was_training = model.training
    model.eval()
    try:
        passes = _shared(model, encoded, batch_tokens) if share_prefix else _plain(model, encoded, batch_tokens)
        for batch, rows, targets, logits in passes:
            score = score_positions(logits, targets.to(device), terminators, samplings)
            _write(out, batch, rows.to(device), score)
    finally:
        model.train(was_training)
    return out


def probe_together(
    model: PreTrainedModel,
    forms: Sequence[Encoded],
    samplings: Sequence[Sampling] = (Sampling(),),
    batch_tokens: int = 4096,
    share_prefix: bool = True,
) -> list[Probed]:
    """Probe several paraphrases (or few-shot prompts) of the same facts in the same passes; one result each."""
    joined = Encoded(
        tuple(t for form in forms for t in form.tokens),
        np.concatenate([form.target_start for form in forms]),
        forms[0].terminators,
        forms[0].terminator,
    )
    whole = probe(model, joined, samplings, batch_tokens, share_prefix)
    ends = np.cumsum([len(form) for form in forms])
    return [
        Probed(whole.recalled[a:b], whole.logp[a:b], whole.margin[a:b], whole.p[:, a:b])
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
    few = _some(encoded, np.unique(np.concatenate([longest, spread])))
    plain = probe(model, few, share_prefix=False)
    try:
        shared = probe(model, few)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError):
        return False  # whatever an architecture stumbles over, the plain path does without it
    tolerance = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.5
    return bool(np.allclose(shared.logp, plain.logp, atol=tolerance, rtol=tolerance))


def _some(encoded: Encoded, chosen: np.ndarray) -> Encoded:
    tokens = tuple(encoded.tokens[i] for i in chosen)
    return Encoded(tokens, encoded.target_start[chosen], encoded.terminators, encoded.terminator)


def _fits_the_context(model: PreTrainedModel, encoded: Encoded) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    longest = max(len(t) for t in encoded.tokens) + 1
    if limit and longest > limit:
        raise InputError(
            f"the longest prompt has {longest} tokens with its answer, the model's context holds {limit}",
            "probe.examples",
            "use fewer few-shot examples or shorter prompts",
        )


# Facts of one pass, fact (row) of each predicting position, the token it must predict (-1: any terminator),
# and the logits there (N, V).
Pass = tuple[np.ndarray, torch.Tensor, torch.Tensor, torch.Tensor]


def _plain(model: PreTrainedModel, encoded: Encoded, batch_tokens: int) -> Iterator[Pass]:
    device = next(model.parameters()).device
    for batch in _buckets(encoded, np.arange(len(encoded)), batch_tokens):
        ids, rows, columns, targets = pad([encoded.tokens[i] for i in batch], encoded.target_start[batch])
        with head_at(model, rows, columns):
            # (B, T), right-padded; causal, so pads are never seen
            logits = model(input_ids=ids.to(device), use_cache=False).logits  # (N, V)
        yield batch, rows, targets, logits


def _buckets(encoded: Encoded, members: np.ndarray, batch_tokens: int) -> Iterator[np.ndarray]:
    """Facts of similar length together, at most ``batch_tokens`` padded tokens."""
    lengths = np.array([len(encoded.tokens[i]) for i in members])
    order = members[np.argsort(lengths, kind="stable")]
    lengths = np.sort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[end] * (end + 1 - start) > batch_tokens:
            yield order[start:end]
            start = end


def _shared(model: PreTrainedModel, encoded: Encoded, batch_tokens: int) -> Iterator[Pass]:
    """Prefixes first, then what follows them, as many groups at a time as their prefixes fill a pass."""
    device = next(model.parameters()).device
    nowhere = torch.zeros(1, dtype=torch.long)
    with shared_prefix_attention(model) as attention:
        for groups in _rounds(prefix_groups(encoded), batch_tokens):
            prefixes = [(group.prefix, -1, 0) for group in groups if len(group.prefix)]
            if prefixes:  # weights change, so they are never kept between probes
                with head_at(model, nowhere, nowhere):
                    attention.forward(Pack.of(prefixes, device), keep=True)
            for batch, segments in _batches(encoded, groups, batch_tokens):
                rows, columns, targets = _positions(encoded, batch, [p for _, _, p in segments])
                with head_at(model, torch.zeros_like(columns), columns):
                    logits = attention.forward(Pack.of(segments, device))  # (N, V)
                yield batch, rows, targets, logits


def _rounds(groups: list[Group], batch_tokens: int) -> Iterator[list[Group]]:
    """Groups whose prefixes are kept at the same time: those without one, and at most a pass of others."""
    held: list[Group] = []
    for group in groups:
        if held and sum(len(g.prefix) for g in held) + len(group.prefix) > batch_tokens:
            yield held
            held = []
        held.append(group)
    yield held


def _batches(encoded: Encoded, groups: list[Group], batch_tokens: int):
    """Facts of similar length together, at most ``batch_tokens`` tokens, in the order of their groups."""
    number = np.cumsum([len(g.prefix) > 0 for g in groups]) - 1
    facts = [
        (len(encoded.tokens[i]) - len(g.prefix), int(k) if len(g.prefix) else -1, int(i), len(g.prefix))
        for g, k in zip(groups, number, strict=True)
        for i in g.members
    ]
    batch: list[tuple[int, int, int, int]] = []
    for fact in sorted(facts):
        if batch and sum(f[0] for f in batch) + fact[0] > batch_tokens:
            yield _segments(encoded, batch)
            batch = []
        batch.append(fact)
    yield _segments(encoded, batch)


def _segments(encoded: Encoded, batch: list[tuple[int, int, int, int]]):
    batch = sorted(batch, key=lambda f: (f[1], f[2]))
    return np.array([i for _, _, i, _ in batch]), [(encoded.tokens[i][p:], g, p) for _, g, i, p in batch]


def _positions(encoded: Encoded, batch: np.ndarray, prefixes: Sequence[int]):
    """Fact (row), place in the pack and wanted token of every predicting position; int64 (N,) each."""
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    begin = 0
    for row, (i, prefix) in enumerate(zip(batch, prefixes, strict=True)):
        start, length = int(encoded.target_start[i]), len(encoded.tokens[i])
        rows += [row] * (length - start + 1)
        columns += range(begin + start - 1 - prefix, begin + length - prefix)
        targets += [*encoded.tokens[i][start:], -1]
        begin += length - prefix
    wanted = torch.tensor(targets)
    order = torch.argsort(wanted < 0, stable=True)  # the answers' ends last: they are scored apart
    return torch.tensor(rows)[order], torch.tensor(columns)[order], wanted[order]


def _write(out: Probed, batch: np.ndarray, rows: torch.Tensor, score: PositionScores) -> None:
    """From positions to facts: sums of logs, the smallest margin."""
    if torch.isnan(score.logp).any():
        raise InputError(
            "the model's logits are not numbers (NaN)",
            "probe",
            "the weights have diverged or do not fit this precision: lower tuning.learning_rate or use fp32",
        )
    zeros = torch.zeros(len(batch), dtype=torch.float64, device=rows.device)
    out.logp[batch] = zeros.index_add(0, rows, score.logp).cpu().numpy()
    margin = torch.full_like(zeros, torch.inf).scatter_reduce(0, rows, score.margin, "amin")
    out.margin[batch] = margin.cpu().numpy()
    out.recalled[batch] = (margin > 0).cpu().numpy()
    for s in range(len(score.log_p)):
        out.p[s, batch] = torch.exp(zeros.index_add(0, rows, score.log_p[s])).cpu().numpy()


def pad(
    tokens: Sequence[np.ndarray], target_start: np.ndarray, skip: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Right-padded ids (B, T) without the first ``skip`` tokens, and the N positions that predict targets.

    Returns ids, row and column of each predicting position, and the token it must predict
    (-1: any terminator). Pads come from lengths, never from an id: the pad token may be EOS.
    """
    lengths = [len(t) - skip for t in tokens]
    ids = torch.zeros(len(tokens), max(lengths), dtype=torch.long)
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for b, sequence in enumerate(tokens):
        ids[b, : lengths[b]] = torch.from_numpy(sequence[skip:])
        first = int(target_start[b]) - skip - 1
        rows += [b] * (lengths[b] - first)
        columns += range(first, lengths[b])
        targets += [*sequence[skip + first + 1 :], -1]
    return ids, torch.tensor(rows), torch.tensor(columns), torch.tensor(targets)


@contextmanager
def head_at(model: PreTrainedModel, rows: torch.Tensor, columns: torch.Tensor):
    """Let the output head see only the chosen positions: hidden states (B, T, D) become (N, D).

    What a model does to its logits afterwards (soft-capping, scaling) still applies.
    """
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda _, inputs: (inputs[0][rows.to(inputs[0].device), columns.to(inputs[0].device)],)
    )
    try:
        yield
    finally:
        hook.remove()
