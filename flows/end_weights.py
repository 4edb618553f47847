"""The weights that runs of one seed ended with, as grafts and scores are made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factsurv.flows.graft_names import end_of
from factsurv.flows.store import Store

if TYPE_CHECKING:
    from factsurv.training.surgery.job import EndWeightsJob


@dataclass(frozen=True)
class EndWeights:
    """Of these arms, all of which begin with one model; of the first arm of the study where only the base is named."""

    results: Store
    seed: int
    arms: list[str]
    models: dict[str, tuple[str, str]]  # where each arm's model lies, and what it is

    @property
    def arm(self) -> str:
        """The arm whose model and precision it is."""
        return next(iter(self.arms), next(iter(self.results.study.recipes())))

    @property
    def files(self) -> list[str]:
        """Artefacts that hold the weights."""
        return [end_of(f"{name}-{self.seed}") for name in self.arms]

    def spec(self) -> dict[str, Any]:
        """What a step's key says of them."""
        recipes = self.results.study.recipes()
        return {
            "model": self.models[self.arm][1],
            "precision": recipes[self.arm][0].precision,
            "tuning": {name: recipes[name][1].model_dump() for name in self.arms},
        }

    def run(self, kind: type[EndWeightsJob], run: str, folder: Path, **own: Any) -> None:
        """Do a job of this kind in a process of its own."""
        from factsurv.flows.child import run_job
        from factsurv.training.surgery.end_state import EndState

        results, study, recipes = self.results, self.results.study, self.results.study.recipes()
        model, tuning = recipes[self.arm]
        job = kind(
            run=run, seed=self.seed, facts=results.folder / "facts.arrow", folder=folder,
            model=model.model_copy(update={"name": self.models[self.arm][0]}),
            tuning=tuning.model_copy(update={"processes": 1, "strategy": "ddp"}), probe=study.probe,
            states={
                name: EndState(path=results.folder / file, tuning=recipes[name][1], seed=self.seed)
                for name, file in zip(self.arms, self.files, strict=True)
            },
            fact_seed=study.facts.seed, fresh=model.name == "scratch", **own,
        )  # fmt: skip
        run_job(job, os.cpu_count() or 1, results.progress, results.say, results.scratch, kind.__module__)
