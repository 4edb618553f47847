"""The spells of a user's own table, checked: what is wrong is told with its rows, all of it at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from factsurv.events.own_numbers import label
from factsurv.events.own_rows import plural, rows_of


def check_spells(
    group: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    usable: np.ndarray,
    short: np.ndarray,
    again: bool = False,
) -> tuple[list[str], list[str]]:
    """Problems and notes of spells, one by one and within one id of one run, outcome and rule.

    Parameters
    ----------
    group : int (R,)
        One history, see `histories`.
    start, stop : float64 (R,)
    event : bool (R,)
    usable : bool (R,)
        Rows with an id, times and an event; the others are told already.
    short : bool (R,)
        Rows without a length since their times are the same but for rounding; they are told already.
    again : bool
        An id may go on after an event.
    """
    problems = []
    negative = usable & ((start < 0) | (stop < 0))
    if negative.any():
        problems.append(f"times below 0 in {rows_of(negative)}: time counts from 0")
    empty = usable & (stop <= start)
    at_once = empty & ~short
    if at_once.any():
        at = int(np.flatnonzero(at_once)[0])
        problems.append(
            f"stop is not after start in {rows_of(at_once)} (row {at + 1}: {label(start[at])} to {label(stop[at])}): "
            "an event at the very start has no time at risk; date it later, or leave the row out"
        )
    order = np.lexsort((stop, start, group))
    order = order[(usable & ~empty)[order]]
    if not len(order):
        return problems, []
    more, notes = _successive(order, group, start, stop, event, again)
    return problems + more, notes


def histories(keys: Mapping[str, np.ndarray]) -> np.ndarray:
    """One number for each combination of codes: id, run, outcome and rule."""
    group = np.zeros(len(next(iter(keys.values()))), dtype=np.int64)
    for code in keys.values():
        group = group * (int(code.max(initial=0)) + 1) + code
    return group


def _successive(
    order: np.ndarray, group: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray, again: bool
) -> tuple[list[str], list[str]]:
    """Rows sorted by id and time: what is wrong or worth knowing between each and the next of the same id."""
    problems, notes = [], []
    a, b = order[:-1], order[1:]
    same = group[a] == group[b]
    twin = same & (start[a] == start[b]) & (stop[a] == stop[b]) & (event[a] == event[b])
    overlap = same & ~twin & (start[b] < stop[a])
    after = same & ~twin & event[a] & (not again)
    gap = same & (start[b] > stop[a]) & ~event[a]

    def rows(pairs: np.ndarray) -> str:
        second = np.zeros(len(start), dtype=bool)
        second[b[pairs]] = True
        return rows_of(second)

    if twin.any():
        problems.append(f"the same spell of the same id twice: see {rows(twin)}")
    if overlap.any():
        first = int(np.flatnonzero(overlap)[0])
        shown = [f"row {r + 1}: {label(start[r])} to {label(stop[r])}" for r in (a[first], b[first])]
        problems.append(
            f"spells of one id overlap: see {rows(overlap)} ({', '.join(shown)}); if they are repetitions, name "
            "their column as run"
        )
    if after.any():
        problems.append(
            f"an id goes on after its event: see {rows(after)}; keep the rows up to the event; or, if it can "
            "happen again, say repeated = true under [events], or give each repetition an outcome of its own (a column "
            "named as outcome)"
        )
    if gap.any():
        ends = int((event[b] & gap).sum())
        notes.append(
            f"{plural(len(np.unique(group[b[gap]])), 'id is', 'ids are')} not followed for some time in between "
            f"({rows(gap)} after the gap{f', {ends:,} with an event' if ends else ''}): not at risk in the gap, which "
            "is right if being away has nothing to do with the event"
        )
    first_rows = order[np.concatenate([[True], ~same])]
    late = int((start[first_rows] > start[order].min()).sum())
    if late:
        notes.append(
            f"{plural(late, 'id is', 'ids are')} at risk later than the others (delayed entry), so that curves rest on "
            "few ids at first"
        )
    return problems, notes
