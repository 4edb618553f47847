"""Which facts a stage teaches or an instrument measures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.errors import InputError
from factsurv.events.keys import texts
from factsurv.training.facts.fact_set import FactSet, nearest
from factsurv.training.select_spec import Drawn, Ranked, Selection, Some
from factsurv.training.spec import ProbeSpec

YES, NO = {"yes", "true", "1", "1.0"}, {"no", "false", "0", "0.0"}


def select(facts: FactSet, asked: Selection, where: str, seed: int = 1) -> np.ndarray:
    """Rows of the facts that are asked for, as they stand in the table.

    Parameters
    ----------
    facts : FactSet
    asked : Selection
        Its keys narrow one after another.
    where : str
        The selection's place in the study file, for messages.
    seed : int
        Of a random draw that has none of its own.

    Returns
    -------
    int64 (S,)

    Raises
    ------
    InputError
        If a column is unknown or of another kind, or a key leaves nothing: it is named.
    """
    rows = np.arange(len(facts))
    for key, narrow in NARROWING.items():
        value = getattr(asked, key)
        if value is None:
            continue
        left = rows[narrow(facts, rows, value, f"{where}.{key}", seed)]
        if not len(left):
            raise InputError(
                f"selects nothing: of {len(rows):,} facts that are left before it, it leaves none",
                f"{where}.{key}",
                "ask for more, or take it away",
            )
        rows = left
    return rows


def probed_rows(facts: FactSet, spec: ProbeSpec, seed: int = 1) -> np.ndarray:
    """Rows of the facts that are probed, int64: all, or those of any of the selections of ``[probe] select``.

    Raises
    ------
    InputError
        As `select`.
    """
    if not spec.select:
        return np.arange(len(facts))
    chosen = [select(facts, s, f"probe.select[{k + 1}]", seed) for k, s in enumerate(spec.select)]
    return np.unique(np.concatenate(chosen))


def numbers(facts: FactSet, name: str, where: str) -> np.ndarray:
    """A numeric covariate, float64 (F,), NaN where it is missing.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    values = _column(facts, name, where)
    if any(isinstance(v, str) for v in values):
        raise InputError(f"the column {name!r} is text, not numbers", where, "name a numeric covariate")
    return np.array([math.nan if v is None else float(v) for v in values])


def _column(facts: FactSet, name: str, where: str) -> list:
    if name not in facts.table.column_names:
        near = nearest(name, facts.table.column_names)
        known = ", ".join(facts.covariates) or "none"
        raise InputError(f"the facts have no column {name!r}; the nearest is {near!r}", where, f"covariates: {known}")
    return facts.column(name)


def _split(facts: FactSet, rows: np.ndarray, value: str, where: str, seed: int) -> np.ndarray:
    return np.ones(len(rows), dtype=bool) if value == "any" else _is_in(facts, "split", [value])[rows]


def _is_in(facts: FactSet, name: str, values: list) -> np.ndarray:
    """Whether each fact (F,) has one of some values in a column."""
    column = facts.table[name]
    column = texts(column) if pa.types.is_dictionary(column.type) else column
    return pc.is_in(column, pa.array(values, column.type)).to_numpy(zero_copy_only=False)


def _level(name: str) -> Callable:
    """Facts with one of some texts in a column."""

    def narrow(facts: FactSet, rows: np.ndarray, value: str | list[str], where: str, seed: int) -> np.ndarray:
        levels = set(_column(facts, name, where))
        wanted = [value] if isinstance(value, str) else value
        for one in wanted:
            if one not in levels:
                near = nearest(one, {str(v) for v in levels})
                raise InputError(f"no fact has the {name} {one!r}; the nearest is {near!r}", where, "correct it")
        return _is_in(facts, name, wanted)[rows]

    return narrow


def _sets(facts: FactSet, rows: np.ndarray, value: str | list[str], where: str, seed: int) -> np.ndarray:
    inside = np.ones(len(rows), dtype=bool)
    for name in [value] if isinstance(value, str) else value:
        said = {v: "" if v is None else str(v).lower() for v in set(_column(facts, name, where))}
        if odd := sorted({v for v in said.values() if v not in YES | NO}):
            told = "a missing value" if odd[0] == "" else repr(odd[0])
            raise InputError(f"the column {name!r} holds {told}", where, "a set is a column of yes and no")
        inside &= _is_in(facts, name, [v for v, meaning in said.items() if meaning in YES])[rows]
    return inside


def _ranked(sign: int) -> Callable:
    def narrow(facts: FactSet, rows: np.ndarray, value: Ranked, where: str, seed: int) -> np.ndarray:
        values = numbers(facts, value.by, f"{where}.by")[rows]
        if np.isnan(values).any():
            named = ", ".join(facts.column("fact_id")[rows[i]] for i in np.flatnonzero(np.isnan(values))[:3])
            raise InputError(
                f"{np.isnan(values).sum()} of the facts have no {value.by!r} (such as {named})",
                f"{where}.by",
                "give them one, or leave them out by another key",
            )
        return _foremost(facts, rows, sign * values, value)

    return narrow


def _random(facts: FactSet, rows: np.ndarray, value: Drawn, where: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed if value.seed is None else value.seed, 3])
    if value.of == "groups":
        first, group = np.unique(np.array(facts.column("group"))[rows], return_index=True, return_inverse=True)[1:]
        chosen = _foremost(facts, rows[first], rng.permutation(len(first)), value)
        return chosen[group]
    return _foremost(facts, rows, rng.permutation(len(rows)), value)


def _foremost(facts: FactSet, rows: np.ndarray, values: np.ndarray, asked: Some) -> np.ndarray:
    """The share or number of rows with the smallest values, of all or within each relation."""
    relation = np.array(facts.column("relation"))[rows] if asked.within == "relation" else np.zeros(len(rows))
    chosen = np.zeros(len(rows), dtype=bool)
    for one in dict.fromkeys(relation.tolist()):
        mine = np.flatnonzero(relation == one)
        size = asked.count if asked.count is not None else round((asked.share or 0.0) * len(mine))
        chosen[mine[np.argsort(values[mine], kind="stable")[:size]]] = True
    return chosen


def _first(facts: FactSet, rows: np.ndarray, value: int, where: str, seed: int) -> np.ndarray:
    return np.arange(len(rows)) < value


# In the order in which they narrow: those of a fact's own before those that depend on what is left.
NARROWING: dict[str, Callable[[FactSet, np.ndarray, Any, str, int], np.ndarray]] = {
    "split": _split,
    "role": _level("role"),
    "relation": _level("relation"),
    "set": _sets,
    "top": _ranked(-1),
    "bottom": _ranked(1),
    "random": _random,
    "first": _first,
}
