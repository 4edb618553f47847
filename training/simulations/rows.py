"""Rows that every simulation writes: what a question about each fact gives, at a checkpoint and before the steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import torch

from factsurv.events.schema import BASELINE, PROBES, TRAINING, build
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.knowledge import drawn_labels
from factsurv.training.label import Label


def measured(logits: torch.Tensor, right: torch.Tensor) -> dict[str, np.ndarray]:
    """`margin`, `logp`, `p` and `recalled` (F,) of the right answers, from logits float (F, A) and their rows (F,)."""
    found, right = logits.double(), right[:, None]
    own = found.gather(1, right)[:, 0]
    margin = own - found.scatter(1, right, -torch.inf).max(1).values
    logp = own - found.logsumexp(1)
    names = {"margin": margin, "logp": logp, "p": logp.exp()}
    return {n: v.numpy() for n, v in names.items()} | {"recalled": (margin > 0).numpy()}


def of_checkpoint(label: Label, facts: FactSet, step: int, epoch: float, checkpoint: int) -> dict[str, object]:
    """Columns of all facts at a checkpoint: whose, and when."""
    count = len(facts)
    of_row = label.columns(count) | {"fact_id": facts.column("fact_id"), "checkpoint": np.full(count, checkpoint)}
    return of_row | {"epoch": np.full(count, float(epoch)), "step": np.full(count, step)}


def probe_rows(
    of_row: Mapping[str, object], found: Mapping[str, np.ndarray], lessons: int, tokens: int, exposures: np.ndarray
) -> pa.Table:
    """Schema `PROBES`, after so many lessons of ``tokens`` tokens."""
    count = len(exposures)
    data = dict(of_row) | {"examples": np.full(count, lessons), "tokens": np.full(count, tokens * lessons)}
    data |= {"exposures": exposures.copy(), "rechecked": np.zeros(count, dtype=bool)}
    return build(PROBES, data | {n: found[n] for n in ("recalled", "logp", "margin", "p")})


def baseline_rows(
    label: Label, facts: FactSet, found: Mapping[str, np.ndarray], samples: int, own: Mapping[str, np.ndarray]
) -> pa.Table:
    """Schema `BASELINE` and numbers of ``own``; the label `latent` is drawn by the run's seed.

    One prompt is too few for SLiCK classes. ``own`` may hold the split, where it is not that of the facts.
    """
    recalled, p = found["recalled"], found["p"]
    data = label.columns(len(facts)) | {n: facts.column(n) for n in ("fact_id", "split")}
    data |= {"recalled": recalled, "p": p, "logp": found["logp"], "margin": found["margin"]}
    data |= drawn_labels(recalled, p, samples, np.random.default_rng([label.seed, 2]))
    data |= {"target_tokens": np.ones(len(facts), dtype=int), "slick": [None] * len(facts)}
    further = {n: pa.float64() for n in own if n not in BASELINE}
    return build(BASELINE | further, data | dict(own))


def training_rows(label: Label, losses: list[float], lessons: int, tokens: int, rate: float, epochs: float) -> pa.Table:
    """Schema `TRAINING`: ``lessons`` a step of ``tokens`` tokens each, ``epochs`` a step."""
    steps = np.arange(1, len(losses) + 1)
    data = {"step": steps, "epoch": steps * epochs, "loss": np.array(losses), "examples": steps * lessons}
    data |= {"learning_rate": np.full(len(steps), rate), "tokens": tokens * data["examples"]}
    return build(TRAINING, label.columns(len(steps)) | data)
