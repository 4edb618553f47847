"""The columns of a user's own table: which is what, and what may explain an outcome."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.own_numbers import NUMBER, label
from factsurv.events.own_rows import rows_of
from factsurv.events.own_types import as_texts
from factsurv.events.schema import SPELLS

NEEDED = ("id", "stop", "event")
MOST_LEVELS = 30  # of a text covariate: each level but one is a coefficient
_ODD = re.compile(r"[\"'`\\<>{}:\n]")  # in a formula or a heading they would mean something


@dataclass(frozen=True)
class OwnColumns:
    """The plan's [events]: which column is what. ``None``: the column of that very name, where there is one.

    Attributes
    ----------
    id, start, stop, event, run, arm, seed, rule, left, right : str or None
        Names of the table's columns.
    outcome : str or None
        A column, or, where there is no such column, the name of what happens in every row.
    time : str
        What the unit of time is called.
    event_is : bool, int, float, str, list of them or None
        The values of ``event`` that mean that it happened; every other one means that it did not.
    cause : str or None
        Which event happened, where several compete; the state that follows, where there is an ``origin``. It may be
        the column of ``event``.
    origin : str or None
        The state in which a row is at risk; the plan's key is ``from``, and ``to`` is then that of ``cause``.
    repeated : bool
        The event may happen again: rows after an event are at risk of the next one.
    categories : tuple of str
        Columns of numbers that are names, not amounts.
    decimal : {".", ","} or None
        The decimal mark of a csv file, where its numbers do not tell it.
    """

    id: str | None = None
    start: str | None = None
    stop: str | None = None
    event: str | None = None
    outcome: str | None = None
    run: str | None = None
    arm: str | None = None
    seed: str | None = None
    rule: str | None = None
    left: str | None = None
    right: str | None = None
    time: str = "time unit"
    event_is: bool | int | float | str | list[bool | int | float | str] | None = None
    categories: tuple[str, ...] = ()
    decimal: str | None = None
    cause: str | None = None
    origin: str | None = None
    repeated: bool = False


ROLES = tuple(
    f.name for f in fields(OwnColumns) if f.name not in ("time", "event_is", "categories", "decimal", "repeated")
)
NAMED_ONLY = ("cause", "origin")  # roles that a column gets by the plan, never by its own name
OURS = {role: {"id": "fact_id", "origin": "from", "cause": "to"}.get(role, role) for role in ROLES}


def text_columns(columns: OwnColumns) -> set[str]:
    """Columns that a csv reader must leave as text."""
    return {getattr(columns, r) or r for r in ("id", "run", "arm", "outcome", "rule", *NAMED_ONLY)} | set(
        columns.categories
    )


def assigned(columns: OwnColumns, names: Sequence[str], problems: list[str]) -> dict[str, str]:
    """Role to column of the table, for the roles that it has."""
    found: dict[str, str] = {}
    by_interval = all((getattr(columns, side) or side) in names for side in ("left", "right"))  # these say the rest
    for role in ROLES:
        said = getattr(columns, role)
        if role == "outcome" and said and said in found.values():
            continue  # no column is two things: it is what happens in every row, as in outcome = "event"
        column = said or role
        key = OURS[role] if columns.origin and role in NAMED_ONLY else role
        if not said and role in NAMED_ONLY:
            continue
        if column in names:
            found[role] = column
        elif said and role == "outcome":
            near = difflib.get_close_matches(said, names, 1, 0.8)
            if near:
                problems.append(
                    f'events.outcome: there is no column "{said}", and it looks like a slip of "{near[0]}"; '
                    "to name the outcome of all rows, choose a name that is less like a column's"
                )
        elif said or (role in NEEDED and not (by_interval and role in ("stop", "event"))):
            what = "the plan names" if said else "the plan says nothing else than"
            lacking = f'the column "{column}", which the table lacks{nearest(column, names)}'
            problems.append(f"events.{key}: {what} {lacking}")
    once = [c for r, c in found.items() if r != "cause" or c != found.get("event")]  # one column may say both
    for column in {c for c in once if once.count(c) > 1}:
        problems.append(f'the column "{column}" is to be {" and ".join(r for r, c in found.items() if c == column)}')
    problems += [
        f'events.categories: there is no column "{c}"{nearest(c, names)}' for c in columns.categories if c not in names
    ]
    return found


def nearest(name: str, names: Collection[str]) -> str:
    """`; the nearest is "age"`, and what there is."""
    near = difflib.get_close_matches(name.lower(), {n.lower(): n for n in names}, 1, 0.5)
    hint = next((f'; the nearest is "{n}"' for n in names if near and n.lower() == near[0]), "")
    return f"{hint} (it has {', '.join(list(names)[:20])}{', …' if len(names) > 20 else ''})"


def covariate(
    name: str, column: pa.ChunkedArray, as_category: bool = False, most: int = MOST_LEVELS
) -> tuple[pa.Array | None, str]:
    """A column as a covariate, and in words why it cannot be one (then it is None).

    0/1 becomes yes/no, two other numbers groups, more of them float64, text a dictionary with its levels in
    alphabetical order; a dictionary keeps its own order. ``most``: levels that a text may have.
    """
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if name in SPELLS or name.startswith(".") or _ODD.search(name):
        return None, "its name has a use or a sign of our own: rename it"
    if array.null_count == len(array):
        return None, "every value is missing"
    kind = array.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if number and not as_category:
        return _amount(array)
    if pa.types.is_boolean(kind) and not as_category:
        return _varied(array, pc.unique(array.drop_null()).to_pylist())
    coded = as_texts(column)
    if coded is None or pa.types.is_temporal(kind):
        return None, f"it is of the kind {kind}, which no model takes: make it a number or text"
    array, distinct = _category(coded, keep=pa.types.is_dictionary(kind))
    wrong = _too_many(array, distinct, most)
    return (None, wrong) if wrong else _varied(array, distinct)


def _varied(array: pa.Array, distinct: list) -> tuple[pa.Array | None, str]:
    if not distinct:
        return None, "every value is missing"
    if len(distinct) < 2:
        value = distinct[0]
        return None, f"it is constant ({label(value) if isinstance(value, float) else value})"
    return array, ""


def _amount(array: pa.Array) -> tuple[pa.Array | None, str]:
    """Numbers as float64, or as yes and no or two groups where there are two of them."""
    values = array.cast(pa.float64(), safe=False)
    if pa.types.is_integer(array.type) and pc.max(pc.abs(values)).as_py() >= 2**53:
        return None, "its whole numbers are beyond 2^53, where neighbours become one (an id? put it under categories)"
    values = pc.if_else(pc.is_nan(values), None, values)
    infinite = pc.fill_null(pc.is_inf(values), False).to_numpy(zero_copy_only=False)
    if infinite.any():
        return None, f"infinite in {rows_of(infinite)}"
    distinct = pc.unique(values.drop_null()).to_pylist()
    if sorted(distinct) == [0, 1]:
        values = values.cast(pa.bool_())
    elif len(distinct) == 2:  # a standard deviation of two values says nothing: they are groups
        low, high = sorted(distinct)
        codes = pc.equal(values, high).cast(pa.int32())
        values = pa.DictionaryArray.from_arrays(codes, pa.array([label(low), label(high)], pa.utf8()))
    return _varied(values, distinct)


def _category(coded: pa.DictionaryArray, keep: bool) -> tuple[pa.DictionaryArray, list[str]]:
    """A dictionary of int32 and utf8, with the levels that occur, in their own order or the alphabet's."""
    values = coded.dictionary.to_pylist()
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    used = np.unique(codes[codes >= 0]).tolist()
    if not keep:
        used.sort(key=lambda i: values[i])
    place = np.full(len(values) + 1, -1)
    place[used] = np.arange(len(used))
    new = place[codes]  # -1, missing, is the last place
    indices = pa.array(new.astype(np.int32), mask=new < 0)
    levels = [values[i] for i in used]
    return pa.DictionaryArray.from_arrays(indices, pa.array(levels, pa.utf8())), levels


def _too_many(array: pa.Array, levels: list[str], most: int) -> str:
    numbers = [v for v in levels if re.match(NUMBER, v)]
    if len(levels) > 5 and len(numbers) > len(levels) / 2 and len(numbers) < len(levels):
        odd = [v for v in levels if not re.match(NUMBER, v)]
        row = pc.index(array.indices, levels.index(odd[0])).as_py() + 1
        return f"it is text, although most of its values are numbers: {odd[0]!r} in row {row} is not"
    if len(levels) > most:
        return f"it is text with {len(levels):,} different values, and more than {most} are too many for a model"
    return ""
