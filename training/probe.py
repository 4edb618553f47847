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
from transformers import DynamicCache, PreTrainedModel

from events.errors import InputError
from training.prompts import Encoded
from training.undisturbed import undisturbed

# Tokens that one more forward pass is worth: below some 32 the weights' traffic dominates.
GROUP_COST = 32


@dataclass(frozen=True)
class Sampling:
    """Decoding by sampling: temperature, then top-k, then top-p on what top-k left (as transformers does).

    ``top_k = 0`` and ``top_p = 1`` are off. Nothing is inherited from the model's generation_config.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


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
        Padded tokens of one forward pass, at most (at least one fact each).
    share_prefix : bool
        ``False`` is the plain path: every sequence whole, nothing cached.

    Raises
    ------
    InputError
        If a sequence is longer than the model's context or a logit is not a number.
    """
    _fits_the_context(model, encoded)
    device = next(model.parameters()).device
    out = Probed(
        np.zeros(len(encoded), bool),
        np.zeros(len(encoded)),
        np.zeros(len(encoded)),
        np.zeros((len(samplings), len(encoded))),
    )
    with undisturbed(model):
        for prefix, members in prefix_groups(encoded, share_prefix):
            cache = _prefix_cache(model, prefix, device)
            for batch in buckets(encoded, members, len(prefix), batch_tokens):
                _probe_batch(model, encoded, batch, prefix, cache, samplings, out)
    return out


def agrees_with_plain_path(model: PreTrainedModel, encoded: Encoded, facts: int = 4) -> bool:
    """Whether this architecture gives the same numbers with and without a shared prefix.

    Measured on the first facts; 1e-3 is 25 times the largest fp32 difference seen between batch
    shapes (4e-5) and far below any difference that a wrong mask or position makes. bf16 has
    8 bits of mantissa, so logits of about 30 differ by up to .25 between kernels.
    """
    few = _first(encoded, facts)
    shared, plain = probe(model, few), probe(model, few, share_prefix=False)
    tolerance = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.5
    return bool(np.allclose(shared.logp, plain.logp, atol=tolerance, rtol=tolerance))


def _first(encoded: Encoded, n: int) -> Encoded:
    return Encoded(encoded.tokens[:n], encoded.target_start[:n], encoded.terminators, encoded.terminator)


def _fits_the_context(model: PreTrainedModel, encoded: Encoded) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    longest = max(len(t) for t in encoded.tokens) + 1
    if limit and longest > limit:
        raise InputError(
            f"the longest prompt has {longest} tokens with its answer, the model's context holds {limit}",
            "probe.examples",
            "use fewer few-shot examples or shorter prompts",
        )


def prefix_groups(encoded: Encoded, share: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Facts whose tokens begin alike, with their longest common token prefix.

    Sorting puts sequences with long common prefixes side by side. A fact joins the group before it
    unless that would repeat more prefix tokens than a forward pass of its own costs.
    """
    everyone = list(range(len(encoded)))
    if not share:
        yield np.empty(0, np.int64), np.array(everyone)
        return
    order = sorted(everyone, key=lambda i: tuple(encoded.tokens[i]))
    group, common = [order[0]], _before_target(encoded, order[0])
    for i in order[1:]:
        shared = _common_prefix(common, _before_target(encoded, i))
        if (len(common) - shared) * len(group) > GROUP_COST + shared:
            yield common, np.array(group)
            group, common = [i], _before_target(encoded, i)
        else:
            group.append(i)
            common = common[:shared]
    yield common, np.array(group)


def _before_target(encoded: Encoded, i: int) -> np.ndarray:
    # The last prompt token is left out: its hidden state predicts the first target token.
    return encoded.tokens[i][: encoded.target_start[i] - 1]


def _common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    n = min(len(a), len(b))
    differs = np.flatnonzero(a[:n] != b[:n])
    return int(differs[0]) if len(differs) else n


def _prefix_cache(model: PreTrainedModel, prefix: np.ndarray, device: torch.device) -> DynamicCache | None:
    """Keys and values of the prefix, batch size 1. Weights change, so it is never kept between probes."""
    if not len(prefix):
        return None
    ids = torch.from_numpy(prefix).to(device)[None]  # (1, P)
    with head_at(model, torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)):
        return model(input_ids=ids, use_cache=True).past_key_values


def _expanded(cache: DynamicCache | None, rows: int, config) -> DynamicCache | None:
    if cache is None:
        return None
    layers = [
        (layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1))  # type: ignore[union-attr]
        for layer in cache.layers
    ]
    return DynamicCache(layers, config=config) if _sliding(config) else DynamicCache(layers)


def _sliding(config) -> bool:
    return bool(getattr(config.get_text_config(decoder=True), "sliding_window", None))


def buckets(encoded: Encoded, members: np.ndarray, prefix: int, batch_tokens: int) -> Iterator[np.ndarray]:
    """Facts of similar length together, at most ``batch_tokens`` padded tokens."""
    lengths = np.array([len(encoded.tokens[i]) - prefix for i in members])
    order = members[np.argsort(lengths, kind="stable")]
    lengths = np.sort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[end] * (end + 1 - start) > batch_tokens:
            yield order[start:end]
            start = end


def _probe_batch(model, encoded, batch, prefix, cache, samplings, out: Probed) -> None:
    device = next(model.parameters()).device
    ids, rows, columns, targets = pad([encoded.tokens[i] for i in batch], encoded.target_start[batch], len(prefix))
    with head_at(model, rows, columns):
        logits = model(
            input_ids=ids.to(device),  # (B, T): suffixes, right-padded; causal, so pads are never seen
            position_ids=(len(prefix) + torch.arange(ids.shape[1], device=device)).expand(len(batch), -1),
            past_key_values=_expanded(cache, len(batch), model.config),
            use_cache=cache is not None,
        ).logits.float()  # (N, V): target positions only
    score = score_positions(logits, targets.to(device), torch.from_numpy(encoded.terminators).to(device), samplings)
    if torch.isnan(score.logp).any():
        raise InputError(
            "the model's logits are not numbers (NaN)",
            "probe",
            "the weights have diverged or do not fit this precision: lower tuning.learning_rate or use fp32",
        )
    rows = rows.to(device)
    facts = len(batch)
    zeros = torch.zeros(facts, dtype=torch.float64, device=device)
    out.logp[batch] = zeros.index_add(0, rows, score.logp).cpu().numpy()
    margin = torch.full_like(zeros, torch.inf).scatter_reduce(0, rows, score.margin, "amin")
    out.margin[batch] = margin.cpu().numpy()
    out.recalled[batch] = (margin > 0).cpu().numpy()
    for s in range(len(samplings)):
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


@dataclass(frozen=True)
class PositionScores:
    """Per target position: ``logp`` (N,), ``margin`` (N,), ``log_p`` (S, N), float64."""

    logp: torch.Tensor
    margin: torch.Tensor
    log_p: torch.Tensor


def score_positions(
    logits: torch.Tensor, targets: torch.Tensor, terminators: torch.Tensor, samplings: Sequence[Sampling]
) -> PositionScores:
    """Score ``logits`` (N, V) against the token wanted at each position (-1: any of the terminators)."""
    ends = targets < 0
    wanted = torch.zeros_like(logits, dtype=torch.bool)
    wanted[~ends, targets[~ends]] = True
    wanted[ends] = wanted[ends].index_fill(1, terminators, True)
    own = logits.masked_fill(~wanted, -torch.inf)
    logp = (own.logsumexp(1) - logits.logsumexp(1)).double()
    margin = own.amax(1) - logits.masked_fill(wanted, -torch.inf).amax(1)
    log_p = [logp if s == Sampling() else _truncated(logits, wanted, s) for s in samplings]
    return PositionScores(logp, margin.double(), torch.stack(log_p))


def _truncated(logits: torch.Tensor, wanted: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Log probability of the wanted tokens after temperature, top-k and top-p, renormalised."""
    z = logits / sampling.temperature
    if 0 < sampling.top_k < z.shape[1]:
        z = z.masked_fill(z < z.topk(sampling.top_k, dim=1).values[:, -1:], -torch.inf)
    if sampling.top_p < 1:
        ordered = z.sort(dim=1, descending=True).values
        probabilities = ordered.double().softmax(1)
        before = probabilities.cumsum(1) - probabilities  # mass of the tokens that are likelier
        least = ordered.masked_fill(before >= sampling.top_p, torch.inf).amin(1, keepdim=True)
        z = z.masked_fill(z < least, -torch.inf)
    return (z.masked_fill(~wanted, -torch.inf).logsumexp(1) - z.logsumexp(1)).double()


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
