"""What one run is asked to do, and what its results depend on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from factsurv.events.files import digest
from factsurv.events.reached_code import reached_code
from factsurv.training.label import Label
from factsurv.training.models.load import locate
from factsurv.training.spec import ModelSpec, ProbeSpec, TuningSpec
from factsurv.training.stage_spec import StageSpec
from factsurv.training.surgery.end_state import EndState


class Job(BaseModel):
    """What a run needs to know. ``facts`` and ``folder`` are paths; ``model.name`` is local by now."""

    run: str
    arm: str
    seed: int
    facts: Path
    folder: Path
    model: ModelSpec
    tuning: TuningSpec
    probe: ProbeSpec
    stages: list[StageSpec] = []
    fact_seed: int = 1  # of random selections
    keep_end: bool = False  # leave the trained weights, for grafts
    keep_at: list[int] = []  # checkpoints whose weights are left, for runs that attend as this one did
    patterns: EndState | None = None  # the weights whose attention this run has
    fresh: bool = False  # the model's weights are drawn anew with the run's seed

    @property
    def label(self) -> Label:
        return Label(self.run, self.arm, self.seed)

    def identity(self) -> dict[str, Any]:
        """Everything that the tables of this run depend on: a checkpoint of another identity is of no use."""
        return {
            "spec": self.model_dump(
                mode="json", exclude={"facts", "folder", "model", "keep_end", "keep_at", "patterns"}
            )
            | {"model": locate(self.model).identity, "precision": self.model.precision},
            "inputs": {"facts.arrow": digest(self.facts)}
            | ({"patterns": digest(self.patterns.path)} if self.patterns else {}),
            "code": reached_code("factsurv.training.run"),
            "versions": {n: version(n) for n in ("torch", "transformers", "peft", "accelerate", "numpy")},
        }
