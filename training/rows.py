"""Rows of a run's tables, and the clock that they are stamped with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from factsurv.events.schema import PROBES, TRAINING, build
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.label import Label, with_stage
from factsurv.training.lessons.finetune import Step
from factsurv.training.probing.probe import Probed

STAMP = ("checkpoint", "epoch", "step", "examples", "tokens")
LOSSES = ("step", "epoch", "loss", "learning_rate", "examples", "tokens")


@dataclass
class Clock:
    """Where training stands; ``exposures`` int64 (F,) counts how often each fact was trained on.

    The epoch counts within the stage, everything else over the whole run.
    """

    exposures: np.ndarray
    checkpoint: int = 0
    epoch: float = 0.0
    step: int = 0
    examples: int = 0
    tokens: int = 0
    stage: str = ""

    def advance(self, step: Step) -> None:
        """Move to the end of ``step``."""
        np.add.at(self.exposures, step.facts, 1)
        self.epoch, self.step, self.examples, self.tokens = step.epoch, step.step, step.examples, step.tokens
        self.stage = step.stage


def probe_rows(label: Label, facts: FactSet, clock: Clock, probed: Probed, shown: np.ndarray | None = None) -> pa.Table:
    """One checkpoint's rows of `probes.arrow`; ``shown`` int64 (F,) is where ``facts`` stand among all of a run."""
    rows = len(facts)
    exposures = clock.exposures.copy() if shown is None else clock.exposures[shown]
    data = label.columns(rows) | {n: np.full(rows, getattr(clock, n)) for n in STAMP}
    data |= {"fact_id": facts.column("fact_id"), "exposures": exposures}
    data |= {"recalled": probed.recalled, "logp": probed.logp, "margin": probed.margin, "p": probed.p[0]}
    return with_stage(build(PROBES, data | {"rechecked": probed.rechecked}), clock.stage)


def training_rows(label: Label, losses: Sequence[Mapping[str, Any]]) -> pa.Table:
    """`training.arrow`: one row a step, from mappings with the names in `LOSSES` and, of a run with stages, `stage`."""
    table = build(TRAINING, label.columns(len(losses)) | {n: [s[n] for s in losses] for n in LOSSES})
    return with_stage(table, [s.get("stage", "") for s in losses])
