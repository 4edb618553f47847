"""When a run is probed: every so many epochs or steps, log-spaced, or where a list says."""

from __future__ import annotations

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.spec import ProbeSpec


def checkpoint_steps(spec: ProbeSpec, per_epoch: float, total: int) -> list[int]:
    """Optimiser steps after which the model is probed, beside the baseline.

    Parameters
    ----------
    spec : ProbeSpec
    per_epoch : float
        Optimiser steps of one epoch.
    total : int
        Optimiser steps of the whole training.

    Returns
    -------
    list of int
        Strictly increasing. The last one is always ``total``: what training ends with is always measured.

    Raises
    ------
    InputError
        If a list names a moment after the end of training.
    """
    steps: np.ndarray
    if spec.schedule == "log":
        steps = np.geomspace(1, total, spec.checkpoints)
    elif spec.schedule == "list":
        steps = np.array(spec.at) * (per_epoch if spec.unit == "epochs" else 1)
        if steps.max() > total + 0.5:
            raise InputError(
                f"{max(spec.at):g} lies after the end of training ({total} steps, {total / per_epoch:g} epochs)",
                "probe.at",
                "take it away, or train for longer",
            )
    else:
        apart = spec.every * (per_epoch if spec.schedule == "epochs" else 1)
        steps = np.arange(1, int(total / apart + 1e-9) + 1) * apart
    whole = np.clip(np.round(steps).astype(int), 1, total)
    return [int(s) for s in np.unique([*whole, total])]
