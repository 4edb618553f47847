"""Which times are one but for rounding: one tolerance, that of R's survival, for every table and every model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

TOLERANCE = math.sqrt(np.finfo(float).eps)  # survival's timefix, see ?aeqSurv
_NOISE = 8 * np.finfo(float).eps  # what few additions leave behind


@dataclass(frozen=True)
class SameTimes:
    """Times after those that are one were made equal.

    Attributes
    ----------
    columns : mapping of str to float64 (R,)
        As given, each time moved to the earliest one that it cannot be told from.
    note : str
        What was made equal, in a sentence; "" if nothing.
    problem : str
        Why the times cannot be used as they are, and the remedy; "" if they can.
    """

    columns: Mapping[str, np.ndarray]
    note: str
    problem: str


def resolution(times: np.ndarray) -> float:
    """What two times must differ by, more than, to be two. survival takes the mean where this takes the largest time,
    so that what is told apart here is told apart there, in any part of the rows."""
    return TOLERANCE * max(1.0, float(np.nanmax(np.abs(times), initial=0.0)))


def same_times(columns: Mapping[str, np.ndarray]) -> SameTimes:
    """Make times equal that differ by rounding only, and refuse times that survival would merge though they differ.

    Parameters
    ----------
    columns : mapping of str to float64 (R,)
        ``start`` and ``stop``, and ``left`` and ``right`` where there are intervals; NaN where there is no time.
    """
    every = np.unique(np.concatenate([np.unique(c[np.isfinite(c)]) for c in columns.values()]))
    steps = np.diff(every)
    least = resolution(every)
    close = steps <= least
    if not close.any():
        return SameTimes(columns, "", "")
    stops = columns["stop"][np.isfinite(columns["stop"])]
    spread = float(np.ptp(stops)) if len(stops) else 0.0
    rounding = max(TOLERANCE * spread, _NOISE * float(np.abs(every).max()))
    # Far from 0, or in units far too large, the tolerance is no longer small beside the differences that matter.
    whole = (every[1:] % 1 == 0) & (every[:-1] % 1 == 0)  # nothing was rounded
    distinct = close & (whole | ((steps > rounding) & (least > 10 * TOLERANCE * spread)))
    if distinct.any():
        return SameTimes(columns, "", _too_close(every, distinct, least, spread))
    first = every[np.maximum.accumulate(np.where(np.concatenate([[True], ~close]), np.arange(len(every)), 0))]
    moved = {n: np.where(np.isfinite(c), first[np.searchsorted(every, c).clip(max=len(every) - 1)], c)
             for n, c in columns.items()}  # fmt: skip
    at = int(np.flatnonzero(close)[0])
    count = int(close.sum())
    many = f"{count:,} times differ" if count > 1 else "one time differs"
    note = f"{many} from another by rounding only (at most {steps[close].max():.2g}) and count as the same, such as "
    return SameTimes(moved, note + f"{float(every[at])!r} and {float(every[at + 1])!r}", "")


def _too_close(every: np.ndarray, distinct: np.ndarray, least: float, spread: float) -> str:
    at = int(np.flatnonzero(distinct)[0])
    pair = " and ".join(np.format_float_positional(t, trim="-") for t in every[at : at + 2])
    said = f"times up to {every.max():.15g} that differ by less than {least:.2g} count as one in R's survival, such as "
    if every.max() <= 1:
        return f"{said}{pair}: give them in a smaller unit"
    low = float(every[every > 0].min())
    unit = 10.0 ** math.ceil(math.log10(max(spread, every[-1] - low, 1e-300)))
    origin = (math.ceil(low / unit) - 1) * unit  # below the first time, so that no time becomes 0
    if origin <= 0:
        return f"{said}{pair}: look for times of another unit among them"
    return f"{said}{pair}: count from an origin of your own (subtract {origin:.15g} from every time)"
