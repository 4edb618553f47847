"""Kinds of study by what a run of theirs is: a training, a series of checkpoints, a simulation."""

from __future__ import annotations

from typing import Any, Protocol, cast

from factsurv.flows import followed, simulated, trained
from factsurv.flows.store import Store
from factsurv.flows.study_file import StudyFile


class Kind(Protocol):
    """The functions by which the steps of a study differ; a module of its own has them for each kind."""

    UNUSED: tuple[str, ...]  # sections of a study file that say nothing to it

    def make_facts(self, results: Store[StudyFile]) -> None:
        """`facts.arrow`: the facts, their covariates, split, prompts and examples."""

    def make_model(self, results: Store[StudyFile], arm: str, verify: bool = False) -> tuple[str, str]:
        """Local folder (or hub name) and identity of an arm's model."""

    def run_key(self, results: Store[StudyFile], arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
        """All that decides the tables of a run."""

    def make_run(
        self, results: Store[StudyFile], run: str, arm: str, seed: int, model: tuple[str, str], threads: int
    ) -> None:
        """`runs/<run>/…`: one run, which continues where it was killed."""

    def tables(self, study: StudyFile) -> list[str]:
        """Tables of a run beside those of every run."""

    def measured(self, study: StudyFile) -> tuple[str, ...]:
        """Covariates of each fact and run that the run itself measures."""


def kind_of(study: StudyFile) -> Kind:
    """What the runs of a study are."""
    is_kind = {simulated: study.simulation is not None, followed: followed.follows(study), trained: True}
    return cast(Kind, next(kind for kind, true in is_kind.items() if true))
