"""The spells of a user's own table, checked: what is wrong is told with its rows, all of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events.own_numbers import NO_NUMBER, NUMBER, Undecided, cleaned, decimal_mark, evidence, numbers_in, plain

SHOWN = 5


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: values (NaN where there is none) and the rows whose value is no number."""

    values: np.ndarray
    wrong: np.ndarray


def rows_of(mask: np.ndarray) -> str:
    """`rows 3, 7 and 9`, `row 3`, `rows 1, 2, 3, 4, 5 and 120 others`; rows count from 1, below the header."""
    at = (np.flatnonzero(mask) + 1).tolist()
    if len(at) == 1:
        return f"row {at[0]}"
    last = f"{len(at) - SHOWN:,} others" if len(at) > SHOWN else str(at.pop())
    return f"rows {', '.join(map(str, at[:SHOWN]))} and {last}"


def numbers(name: str, column: pa.ChunkedArray, problems: list[str]) -> Numbers:
    """A column as float64, and what in it is no number."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind):
        return _numbers_of_text(name, column, problems)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        if not pa.types.is_null(kind):
            problems.append(
                f"{name}: holds {kind}, not numbers; give times as amounts since the origin, such as days since "
                "enrolment"
            )
        return Numbers(np.full(len(column), np.nan), np.ones(len(column), bool))
    return _finite(name, as_float(column), problems)


def as_float(column: pa.ChunkedArray) -> np.ndarray:
    """float64, NaN where there is none; whole numbers beyond 2^53 are rounded to the nearest."""
    return column.cast(pa.float64(), safe=False).to_numpy()


def _finite(name: str, values: np.ndarray, problems: list[str]) -> Numbers:
    wrong = np.isinf(values)
    if wrong.any():
        problems.append(f"{name}: infinite in {rows_of(wrong)}")
    return Numbers(values, wrong)


def _numbers_of_text(name: str, column: pa.ChunkedArray, problems: list[str]) -> Numbers:
    """Texts of a typed file that are numbers, or of a csv file that are not all numbers: the others are told."""
    text = cleaned(column)
    good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False).to_numpy()
    none = pc.fill_null(pc.is_in(pc.utf8_lower(text), pa.array(NO_NUMBER)), False).to_numpy()
    wrong = ~good & ~none & pc.is_valid(text).to_numpy()
    if wrong.any():
        first = text[int(np.flatnonzero(wrong)[0])].as_py()
        problems.append(f"{name}: no number in {rows_of(wrong)}, such as {first!r}")
    found = numbers_in(pc.if_else(good, text, None))
    nothing = Numbers(np.full(len(column), np.nan), wrong)
    if found is None:
        return nothing
    try:
        made = plain(found, decimal_mark({name: evidence(found)}, separator=""))
    except Undecided as undecided:
        problems.append(f"{name}: {undecided}; write it as numbers, without marks between thousands")
        return nothing
    return Numbers(_finite(name, as_float(made), problems).values, wrong)


def happened(name: str, column: pa.ChunkedArray, event_is: object, problems: list[str]) -> np.ndarray:
    """Whether the event happened, bool; a problem if the coding leaves that open."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = [v for v in pc.unique(column.combine_chunks()).to_pylist() if v is not None and v == v]
    if event_is is not None:
        wanted = event_is if isinstance(event_is, list) else [event_is]
        means = {v: any(_same(v, w) for w in wanted) for v in found}
        problems += [
            f"{name}: no row has event_is = {w!r}; it holds {_some(found)}"
            for w in wanted
            if not any(_same(v, w) for v in found)
        ]
    else:
        means = {v: str(v).strip().lower() in ("1", "1.0", "true", "t", "yes") for v in found}
        known = ("0", "1", "0.0", "1.0", "true", "false", "t", "f", "yes", "no")
        if any(str(v).strip().lower() not in known for v in found):
            problems.append(f"{name}: holds {_some(found)}, not 0 and 1 or true and false; {_coding(found)}")
    yes = [v for v, is_event in means.items() if is_event]
    return pc.fill_null(pc.is_in(column, pa.array(yes, column.type)), False).to_numpy()


def _same(value: object, given: object) -> bool:
    try:
        return float(str(value)) == float(str(given))
    except ValueError:
        return str(value).strip() == str(given).strip()


def _some(values: list) -> str:
    shown = ", ".join(str(v) for v in sorted(values, key=str)[:6])
    return shown + (f" and {len(values) - 6} other values" if len(values) > 6 else "")


def _coding(values: list) -> str:
    if {str(v).removesuffix(".0") for v in values} == {"1", "2"}:
        return "as status in many of R's data sets, where 2 is the event: say event_is = 2 under [events]"
    return (
        "say event_is = … under [events]: the value that means that the event happened (the others then count as "
        "censored); where several events compete, event_is = [their values] and cause = this column"
    )


def check_spells(
    group: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    event: np.ndarray,
    usable: np.ndarray,
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
    again : bool
        An id may go on after an event.
    """
    problems = []
    negative = usable & ((start < 0) | (stop < 0))
    if negative.any():
        problems.append(f"times below 0 in {rows_of(negative)}: time counts from 0")
    empty = usable & (stop <= start)
    if empty.any():
        at = int(np.flatnonzero(empty)[0])
        problems.append(
            f"stop is not after start in {rows_of(empty)} (row {at + 1}: {start[at]:g} to {stop[at]:g}): an event at "
            "the very start has no time at risk; date it later, or leave the row out"
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
        shown = [f"row {r + 1}: {start[r]:g} to {stop[r]:g}" for r in (a[first], b[first])]
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


def plural(count: int, one: str, many: str) -> str:
    """`1 id is`, `1,200 ids are`."""
    return f"{count:,} {one if count == 1 else many}"
