"""Scores of target tokens from logits: log probability, margin, and probability under truncated sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

# Tokens looked at for top-p before all of them are sorted: nearly always enough.
NUCLEUS = 256
# Neighbouring tokens whose largest logit stands for all when the largest of the vocabulary are sought.
BLOCK = 64
# Logits scored at a time on a CPU: 2 MiB of fp32, so that all passes over them but the first stay in the cache.
CHUNK = 1 << 19


@dataclass(frozen=True)
class Sampling:
    """Decoding by sampling: temperature, then top-k, then top-p on what top-k left (as transformers does).

    ``top_k = 0`` and ``top_p = 1`` are off. Nothing is inherited from the model's generation_config.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


@dataclass(frozen=True)
class PositionScores:
    """Per target position: ``logp`` (N,), ``margin`` (N,), ``log_p`` (S, N), float64."""

    logp: torch.Tensor
    margin: torch.Tensor
    log_p: torch.Tensor


def score_positions(
    logits: torch.Tensor, targets: torch.Tensor, terminators: torch.Tensor, samplings: Sequence[Sampling]
) -> PositionScores:
    """Score ``logits`` (N, V) against the token wanted at each position (-1: any of the terminators).

    Terminator positions want a set of tokens, the others one: scored apart, fastest where they stand together.
    """
    logp, margin, log_p = _empty(len(targets), 2 + len(samplings), logits.device)
    for part, ends in _runs(targets < 0, rows_at_once(logits)):
        z = logits[part].float()  # (n, V)
        wanted = terminators.expand(len(z), -1) if ends else targets[part, None]  # (n, K)
        own = z.gather(1, wanted)  # (n, K)
        for s, sampling in enumerate(samplings):
            if sampling != Sampling():
                log_p[s, part] = log_probability(z, own, sampling)
        z.scatter_(1, wanted, -torch.inf)  # what is left are the rivals
        rival = z.amax(1)  # (n,)
        best = torch.maximum(own.amax(1), rival)  # (n,)
        rest = (z - best[:, None]).exp_().sum(1).double()  # (n,)
        z.scatter_(1, wanted, own)  # fp32 logits are looked at where they are: leave them as they were
        hit = (own - best[:, None]).logsumexp(1).double()  # (n,)
        logp[part] = hit - (hit.exp() + rest).log()
        margin[part] = (own.amax(1) - rival).double()
    for s, sampling in enumerate(samplings):
        if sampling == Sampling():
            log_p[s] = logp
    return PositionScores(logp, margin, log_p)


def rows_at_once(logits: torch.Tensor) -> int:
    """Rows of ``logits`` (N, V) that are worked on at a time."""
    return max(1, (1 if logits.device.type == "cpu" else 64) * CHUNK // logits.shape[1])


def _runs(ends: torch.Tensor, rows: int) -> Iterator[tuple[slice, bool]]:
    """Neighbouring positions of one kind (an answer's end, or not), at most ``rows`` at a time."""
    kinds, begin = ends.tolist(), 0
    for i in range(1, len(kinds) + 1):
        if i == len(kinds) or kinds[i] != kinds[begin] or i - begin == rows:
            yield slice(begin, i), kinds[begin]
            begin = i


def _empty(n: int, rows: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = torch.empty(rows, n, dtype=torch.float64, device=device)
    return made[0], made[1], made[2:]


def log_probability(logits: torch.Tensor, own: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Log probability of the wanted tokens after temperature, top-k and top-p, renormalised; float64 (n,).

    Parameters
    ----------
    logits : (n, V)
    own : (n, K)
        Logits of the wanted tokens.
    sampling : Sampling

    Notes
    -----
    Only the largest logits are looked at. A position where they do not decide (a tie at the edge of
    top-k, a nucleus wider than `NUCLEUS`) is computed from all of them, by `truncated`.
    """
    z, own = logits / sampling.temperature, own / sampling.temperature
    vocabulary = z.shape[1]
    top_k = sampling.top_k if 0 < sampling.top_k < vocabulary else 0
    if not top_k and sampling.top_p >= 1:
        return (own.logsumexp(1) - z.logsumexp(1)).double()
    seen = min(vocabulary, top_k + 1 if top_k else NUCLEUS)
    top = largest(z, seen)  # (n, seen), descending
    tied = top[:, -1] == top[:, -2] if top_k else torch.zeros(len(z), dtype=torch.bool, device=z.device)
    kept = top[:, :top_k] if top_k else top
    total = kept.logsumexp(1, keepdim=True) if top_k else z.logsumexp(1, keepdim=True)
    least, undecided = kept[:, -1:], tied
    if sampling.top_p < 1:
        probabilities = (kept.double() - total).exp()
        before = probabilities.cumsum(1) - probabilities  # mass of the tokens that are likelier
        inside = before < sampling.top_p
        if not top_k and seen < vocabulary:
            undecided = undecided | inside[:, -1]  # the nucleus may go on
        kept = kept.masked_fill(~inside, -torch.inf)
        least = kept.masked_fill(~inside, torch.inf).amin(1, keepdim=True)
        # Tokens as likely as the least likely one are kept too, as when all of them are sorted.
        undecided = undecided | ((top == least).sum(1) > (kept == least).sum(1))
    log_p = (own.masked_fill(own < least, -torch.inf).logsumexp(1) - kept.logsumexp(1)).double()
    if undecided.any():
        log_p[undecided] = truncated(z[undecided], own[undecided], top_k, sampling.top_p)
    return log_p


def truncated(z: torch.Tensor, own: torch.Tensor, top_k: int, top_p: float) -> torch.Tensor:
    """The same from all V logits (n, V), already divided by the temperature; slow and exact."""
    if top_k:
        z = z.masked_fill(z < z.topk(top_k, dim=1).values[:, -1:], -torch.inf)
    if top_p < 1:
        ordered = z.sort(dim=1, descending=True).values
        probabilities = ordered.double().softmax(1)
        before = probabilities.cumsum(1) - probabilities
        least = ordered.masked_fill(before >= top_p, torch.inf).amin(1, keepdim=True)
        z = z.masked_fill(z < least, -torch.inf)
    least = z.masked_fill(z == -torch.inf, torch.inf).amin(1, keepdim=True)
    return (own.masked_fill(own < least, -torch.inf).logsumexp(1) - z.logsumexp(1)).double()


def largest(z: torch.Tensor, k: int) -> torch.Tensor:
    """The k largest of each row (n, V), descending (n, k): the same as ``topk``, which sorts far more on a CPU.

    They all lie in the k blocks with the largest maxima.
    """
    n, vocabulary = z.shape
    blocks = -(-vocabulary // BLOCK)
    if k * 2 > blocks:
        return z.topk(k, dim=1).values
    if vocabulary % BLOCK:
        z = torch.nn.functional.pad(z, (0, blocks * BLOCK - vocabulary), value=-torch.inf)
    padded = z.view(n, blocks, BLOCK)
    chosen = padded.amax(2).topk(k, dim=1, sorted=False).indices  # (n, k)
    candidates = padded.gather(1, chosen[:, :, None].expand(-1, -1, BLOCK)).view(n, k * BLOCK)
    return candidates.topk(k, dim=1).values
