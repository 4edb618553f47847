"""When a run is probed: every so many epochs or steps, log-spaced, or where a list says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.spec import ScheduleSpec


def moments(spec: ScheduleSpec, stages: Sequence[tuple[float, int]], where: str = "probe") -> list[int]:
    """Steps of a whole run after which the model is probed: each stage is probed as a run of its own would be.

    Parameters
    ----------
    spec : ScheduleSpec
        Moments of a list count within each stage; those after the end of one are left out there.
    stages : sequence of (steps of one epoch, steps of the whole stage)
    where : str
        Section of the study file that says when, for messages.

    Raises
    ------
    InputError
        If a list names a moment after the end of every stage.
    """
    found, before = [], 0
    if spec.schedule == "list":
        _check_list(spec, stages, where)
    for per_epoch, steps in stages:
        found += [before + s for s in _steps(spec, per_epoch, steps)]
        before += steps
    return found


def _check_list(spec: ScheduleSpec, stages: Sequence[tuple[float, int]], where: str) -> None:
    last = spec.at[-1]
    if not any(last * (per_epoch if spec.unit == "epochs" else 1) <= steps + 0.5 for per_epoch, steps in stages):
        per_epoch, steps = max(stages, key=lambda stage: stage[1])
        of = "training" if len(stages) == 1 else "every stage"
        raise InputError(
            f"{last:g} lies after the end of {of} ({steps} steps, {steps / per_epoch:g} epochs)",
            f"{where}.at",
            "take it away, or train for longer",
        )


def _steps(spec: ScheduleSpec, per_epoch: float, total: int) -> list[int]:
    """Optimiser steps after which the model is probed, beside the baseline.

    Parameters
    ----------
    spec : ScheduleSpec
    per_epoch : float
        Optimiser steps of one epoch.
    total : int
        Optimiser steps of the whole training.

    Returns
    -------
    list of int
        Strictly increasing. The last one is always ``total``: what training ends with is always measured.
    """
    steps: np.ndarray
    if spec.schedule == "log":
        steps = np.geomspace(1, total, spec.checkpoints)
    elif spec.schedule == "list":
        steps = np.array(spec.at) * (per_epoch if spec.unit == "epochs" else 1)
        steps = steps[steps <= total + 0.5]
    else:
        apart = spec.every * (per_epoch if spec.schedule == "epochs" else 1)
        steps = np.arange(1, int(total / apart + 1e-9) + 1) * apart
    whole = np.clip(np.round(steps).astype(int), 1, total)
    return [int(s) for s in np.unique([*whole, total])]


def among(wanted: Iterable[int], due: Iterable[int]) -> set[int]:
    """Those of the steps ``due`` that are the first at or after one that is wanted."""
    due = sorted(due)
    return {due[i] for i in np.searchsorted(due, list(wanted)) if i < len(due)}
