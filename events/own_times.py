"""When each row of a user's own table is at risk, and whether its event happened: as told, or by its interval alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from factsurv.events.own_columns import OwnColumns
from factsurv.events.own_numbers import label
from factsurv.events.own_rows import rows_of
from factsurv.events.own_values import happened, numbers
from factsurv.events.times import same_times


@dataclass(frozen=True)
class Times:
    """Times of the rows, those that are one but for rounding made equal.

    Attributes
    ----------
    columns : mapping of str to float64 (R,)
        ``start``, ``stop``, ``left`` and ``right``; NaN where there is no time.
    event : bool (R,)
    coded : bool
        The table says plainly whether the event happened.
    told : bool (R,)
        Rows without any time at risk that were told already.
    """

    columns: Mapping[str, np.ndarray]
    event: np.ndarray
    coded: bool
    told: np.ndarray


def times_of(
    table: pa.Table, found: Mapping[str, str], columns: OwnColumns, problems: list[str], notes: list[str]
) -> Times:
    """Read the columns of time and event.

    Parameters
    ----------
    found : mapping of str to str
        Role to column. A table of ``left`` and ``right`` alone has its event at ``right``, where that is finite, and
        is followed until ``left`` where it is not; a ``left`` that is missing or -inf is the start.
    """
    none = np.full(table.num_rows, np.nan)

    def read(role: str) -> np.ndarray:
        if role not in found:
            return none.copy()
        return numbers(found[role], table[found[role]], problems, infinite=role in ("left", "right"))

    before = len(problems)
    start = read("start") if "start" in found else np.zeros(table.num_rows)
    stop, left, right = read("stop"), read("left"), read("right")
    if "start" not in found and columns.start is None:
        notes.append("there is no column for start: every row is at risk from 0 on")
    for name, wrong in (("left", left == np.inf), ("right", right == -np.inf)):
        if wrong.any():
            problems.append(f"{found[name]}: {'' if name == 'left' else '-'}infinite in {rows_of(wrong)}")
    never = right == np.inf
    left = np.where(left == -np.inf, start, left)
    told = np.zeros(table.num_rows, dtype=bool)
    coded, event = True, np.isfinite(right)
    if "event" in found:
        at = len(problems)
        event = happened(found["event"], table[found["event"]], columns.event_is, problems)
        coded = len(problems) == at
        if (event & never).any():
            problems.append(f"{found['right']}: infinite, which is never, in {rows_of(event & never)}, with an event")
    elif {"left", "right"} <= set(found) and len(problems) == before:
        told = np.isnan(left) & ~event
        if told.any():
            problems.append(f"neither {found['left']} nor {found['right']} says anything in {rows_of(told)}")
        left = np.where(np.isnan(left) & event, start, left)
        notes.append(
            f"there is no column for event: it happened between {found['left']} and {found['right']} where the latter "
            "is finite"
        )
    else:
        coded = False
    if "stop" not in found and {"left", "right"} <= set(found) and coded:
        stop = np.where(event, right, left)
        empty = ~event & (stop <= start)
        if empty.any():
            problems.append(f"followed for no time at all in {rows_of(empty)}: leave such rows out")
        told |= empty
    as_given = {"start": start, "stop": stop, "left": left, "right": np.where(never, np.nan, right)}
    same = same_times(as_given)
    problems += [same.problem] if same.problem else []
    notes += [same.note] if same.note else []
    short = (stop > start) & (same.columns["stop"] <= same.columns["start"])
    if short.any():
        at = int(np.flatnonzero(short)[0])
        problems.append(
            f"too short to be told from no time at all in {rows_of(short)} (row {at + 1}: {label(start[at])} to "
            f"{label(stop[at])}): leave such rows out, or correct their times"
        )
    return Times(same.columns, event, coded, told | short)
