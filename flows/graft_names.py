"""Grafts among the runs of a study: their names, what they are made of, and after which run they take."""

from __future__ import annotations

from factsurv.flows.study_file import StudyFile
from factsurv.training.surgery.spec import GraftSpec
from factsurv.training.surgery.weight_sum import BASE


def graft_names(study: StudyFile) -> list[tuple[str, GraftSpec, int]]:
    """(run, graft, seed) of every graft: each is made for each seed."""
    return [(f"{graft.name}-{seed}", graft, seed) for graft in study.graft for seed in study.study.seeds]


def end_of(run: str) -> str:
    """The artefact that holds a run's trained weights."""
    return f"runs/{run}/end.safetensors"


def weights_at(run: str, checkpoint: int) -> str:
    """The artefact that holds a run's trained weights at a checkpoint."""
    return f"runs/{run}/weights-{checkpoint:06d}.safetensors"


def taken_after(study: StudyFile, graft: GraftSpec, seed: int) -> str:
    """The run whose baseline and clock a graft has: that of its first arm, or of any where it is the base."""
    arms = [graft.sum.first, *graft.sum.arms, *study.recipes()]
    return f"{next(arm for arm in arms if arm != BASE)}-{seed}"
