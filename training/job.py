"""What one run is asked to do, and what its results depend on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from events.files import digest
from training.models import locate
from training.rows import Label
from training.spec import ModelSpec, ProbeSpec, TuningSpec

# The files whose code decides what a run's tables hold.
CODE = (
    "run", "rows", "baseline", "encoding", "finetune", "checkpoint", "schedule", "probe", "prompts", "models",
    "stored_facts", "undisturbed", "memory", "passes", "score", "shared_prefix", "full_precision", "team",
    "probe_shared_out", "whole_weights", "precision", "lesson_tree", "lesson_loss", "lora_product", "same_bits",
    "gated", "tunable", "random_states", "lossless",
)  # fmt: skip


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

    @property
    def label(self) -> Label:
        return Label(self.run, self.arm, self.seed)

    def identity(self) -> dict[str, Any]:
        """Everything that the tables of this run depend on: a checkpoint of another identity is of no use."""
        here = Path(__file__).parent
        return {
            "spec": self.model_dump(mode="json", exclude={"facts", "folder", "model"})
            | {"model": locate(self.model).identity, "precision": self.model.precision},
            "inputs": {"facts.arrow": digest(self.facts)},
            "code": {f"training/{n}.py": digest(here / f"{n}.py") for n in CODE},
            "versions": {n: version(n) for n in ("torch", "transformers", "peft", "accelerate", "numpy")},
        }
