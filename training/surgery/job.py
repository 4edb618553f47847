"""What work on the weights that runs ended with needs to know."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from factsurv.training.spec import ModelSpec, ProbeSpec, TuningSpec
from factsurv.training.surgery.end_state import EndState


class EndWeightsJob(BaseModel):
    """Of one seed: where the facts are, the model that the runs began with, and what each arm ended with."""

    run: str
    seed: int
    facts: Path
    folder: Path
    model: ModelSpec
    tuning: TuningSpec  # of one process: how a child is started
    probe: ProbeSpec
    states: dict[str, EndState]
    fact_seed: int
    fresh: bool
