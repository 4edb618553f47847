"""Grafts among the runs of a study: their names, what they are made of, and their tables beside those of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from factsurv.events.origin import Run
from factsurv.events.schema import SPLITS
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


def as_their_runs(study: StudyFile, runs: Mapping[str, Run], tables: Sequence[tuple[pa.Table, pa.Table]]) -> list[Run]:
    """Baseline and probes of every graft, each fact trained or withheld as in the run that it takes after.

    No fact is left out: what other arms are taught is what a graft is to know of them.
    """
    found = []
    for (_, graft, seed), (baseline, probes) in zip(graft_names(study), tables, strict=True):
        own = runs[taken_after(study, graft, seed)].baseline
        split = dict(zip(own["fact_id"].to_pylist(), own["split"].to_pylist(), strict=True))
        codes = np.array([SPLITS.index(split.get(f, SPLITS[1])) for f in baseline["fact_id"].to_pylist()], np.int32)
        column = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(SPLITS, pa.utf8()))
        place = baseline.column_names.index("split")
        found.append(Run(baseline.set_column(place, "split", column), probes))
    return found
