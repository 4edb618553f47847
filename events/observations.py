"""A table of observations, right or wrong at successive steps: the event rules make the spells of an own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.errors import InputError
from factsurv.events.own_columns import OwnColumns, nearest
from factsurv.events.own_file import OwnFile
from factsurv.events.own_numbers import label
from factsurv.events.own_rows import plural, rows_of
from factsurv.events.own_spells import histories
from factsurv.events.own_types import as_texts
from factsurv.events.own_values import numbers
from factsurv.events.rules import Spells, spells, sustained_of, wilson
from factsurv.events.schema import RECALL, build, described

NEEDED = ("id", "step", "correct")
RIGHT = {"1": True, "true": True, "t": True, "yes": True, "0": False, "false": False, "f": False, "no": False}
LEARNED, LOST = "acquisition", "degradation"
_MADE = OwnColumns(
    id="id", start="start", stop="stop", event="event", outcome="outcome", rule="rule", left="left", right="right",
    run="run", arm="arm",
)  # fmt: skip


@dataclass(frozen=True)
class ObservationColumns:
    """The plan's [observations]: which column is what. ``None``: the column of that very name, where there is one.

    Attributes
    ----------
    id, step, correct, run, arm, seed : str or None
        Names of the table's columns. Without a run, each arm is one.
    time : str
        What the unit of a step is called.
    rules : tuple of str
        See `factsurv.events.rules`; the first one is the primary rule.
    categories : tuple of str
        Columns of numbers that are names, not amounts.
    decimal : {".", ","} or None
        The decimal mark of a csv file, where its numbers do not tell it.
    """

    id: str | None = None
    step: str | None = None
    correct: str | None = None
    run: str | None = None
    arm: str | None = None
    seed: str | None = None
    time: str = "step"
    rules: tuple[str, ...] = ("first", "sustained2")
    categories: tuple[str, ...] = ()
    decimal: str | None = None

    def spells(self) -> OwnColumns:
        """The columns of the table that `observed` makes."""
        made = vars(_MADE) | {"time": self.time, "categories": self.categories, "seed": self.seed}
        return OwnColumns(**made)

    def texts(self) -> set[str]:
        """Columns that a csv reader must leave as text."""
        return {getattr(self, role) or role for role in ("id", "run", "arm")} | {*self.categories}


def observed(file: OwnFile, columns: ObservationColumns) -> OwnFile:
    """The spells of a table of observations, as a table that `factsurv.events.own_table` checks on.

    What an id has at its first observation tells what it is at risk of: *acquisition*, of coming to be right, or
    *degradation*, of ceasing to be. Its clock is its own: it may be observed at other steps than others are.

    Parameters
    ----------
    file : OwnFile
        One row an observation: ``id`` was ``correct`` (0/1, true/false), or was not, at ``step``.
    columns : ObservationColumns

    Returns
    -------
    OwnFile
        One row for each id of each run and rule, with the columns that `ObservationColumns.spells` names and the other
        columns of the table as they were at the first observation.

    Raises
    ------
    InputError
        With every problem that was found, each with its rows.
    """
    seen = _read(file, columns)
    notes = list(file.notes)
    seed = [seen.found["seed"]] if "seed" in seen.found else []
    made = _spells(file.table, seen.texts, seen.step, seen.correct, columns, [*seen.others, *seed], notes)
    return OwnFile(file.path, made, tuple(notes), file.words)


def recall(file: OwnFile, columns: ObservationColumns) -> pa.Table:
    """Share of what is right at each step of each run, of what was observed there (schema `RECALL`; split "observed").

    Raises
    ------
    InputError
        As `observed`.
    """
    seen = _read(file, columns)
    names = {r: np.array(t.cast(pa.utf8()).to_pylist(), dtype=object) for r, t in seen.texts.items()}
    run = names.get("run", names.get("arm", np.full(len(seen.step), "all", dtype=object)))
    arm = names.get("arm", np.full(len(seen.step), "all", dtype=object))
    rows = pa.table({"arm": arm, "run": run, "epoch": seen.step, "right": seen.correct})
    keys = ["arm", "run", "epoch"]
    counted = rows.group_by(keys, use_threads=False).aggregate([("right", "count"), ("right", "sum")]).sort_by("epoch")
    n, k = counted["right_count"].to_numpy(), counted["right_sum"].to_numpy()
    lower, upper = wilson(k, n)
    data = {name: counted[name] for name in keys} | {"split": ["observed"] * len(n), "facts": n, "recalled": k}
    data |= {"proportion": k / n, "lower": lower, "upper": upper}
    return described(build(RECALL, data, {"split": ["observed"]}), "recall")


@dataclass(frozen=True)
class _Seen:
    """A table whose observations are all right to use."""

    found: Mapping[str, str]
    texts: Mapping[str, pa.DictionaryArray]
    step: np.ndarray
    correct: np.ndarray
    others: Sequence[str]


def _read(file: OwnFile, columns: ObservationColumns) -> _Seen:
    problems: list[str] = []
    table = file.table
    found = _assigned(table, columns, problems)
    texts: dict[str, pa.DictionaryArray] = {
        r: _texts(table, found[r], r, problems) for r in ("id", "run", "arm") if r in found
    }
    step = numbers(found["step"], table[found["step"]], problems) if "step" in found else np.zeros(table.num_rows)
    correct = _right(found["correct"], table[found["correct"]], problems) if "correct" in found else None
    lacking = _missing(table, found, file.words, problems)
    own = [n for n in table.column_names if n not in found.values()]
    problems += [
        f'the column "{n}" has a name that the table of spells needs for itself: rename it'
        for n in own if n in vars(_MADE) and getattr(_MADE, n) == n
    ]  # fmt: skip
    problems += _infinite(table, own)
    if "id" in found and not problems:
        problems += _twice(_histories(texts), step, ~lacking)
    if problems or correct is None:
        many = f"{len(problems)} problems" if len(problems) > 1 else "one problem"
        listed = "\n  - ".join([f"{many} (rows count from 1, below the header):", *problems])
        raise InputError(listed, str(file.path), "correct the table or the plan; nothing was started")
    return _Seen(found, texts, step, correct, own)


def _assigned(table: pa.Table, columns: ObservationColumns, problems: list[str]) -> dict[str, str]:
    found = {}
    for role in (*NEEDED, "run", "arm", "seed"):
        said = getattr(columns, role)
        if (said or role) in table.column_names:
            found[role] = said or role
        elif said or role in NEEDED:
            what = "the plan names" if said else "the plan says nothing else than"
            lacking = f'the column "{said or role}", which the table lacks{nearest(said or role, table.column_names)}'
            problems.append(f"observations.{role}: {what} {lacking}")
    for column in {c for c in found.values() if list(found.values()).count(c) > 1}:
        problems.append(f'the column "{column}" is to be {" and ".join(r for r, c in found.items() if c == column)}')
    problems += [
        f'observations.categories: there is no column "{c}"{nearest(c, table.column_names)}'
        for c in columns.categories if c not in table.column_names
    ]  # fmt: skip
    return found


def _texts(table: pa.Table, column: str, role: str, problems: list[str]) -> pa.DictionaryArray:
    coded = as_texts(table[column])
    if coded is None:
        problems.append(f"{column}: holds {table[column].type}, which is no text or number and cannot be the {role}")
        coded = pa.array([None] * table.num_rows, pa.utf8()).dictionary_encode()
    return coded


def _right(name: str, column: pa.ChunkedArray, problems: list[str]) -> np.ndarray:
    """Whether each observation was right, bool; a problem if a value leaves that open."""
    coded = as_texts(column)
    values = [] if coded is None else coded.dictionary.to_pylist()
    means = [RIGHT.get(str(v).strip().lower().removesuffix(".0")) for v in values]
    odd = [v for v, right in zip(values, means, strict=True) if right is None]
    if coded is None or odd:
        holds = ", ".join(map(str, odd[:5])) if odd else str(column.type)
        problems.append(
            f"{name}: holds {holds}, not 0 and 1 or true and false; make a column that is 1 where the answer is right"
        )
        return np.zeros(len(column), dtype=bool)
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return np.array([*map(bool, means), False])[codes]


def _missing(
    table: pa.Table, found: Mapping[str, str], words: Mapping[str, Mapping[str, int]], problems: list[str]
) -> np.ndarray:
    """Rows without a value where there must be one; each such column is told."""
    lacking = np.zeros(table.num_rows, dtype=bool)
    for role, column in found.items():
        mine = pc.is_null(table[column], nan_is_null=True).to_numpy()
        if role != "seed" and mine.any():
            problems.append(f"{column}: missing in {rows_of(mine)}; every row needs its {role}")
            lacking |= mine
    return lacking


def _infinite(table: pa.Table, names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        if pa.types.is_floating(table[name].type):
            infinite = pc.fill_null(pc.is_inf(table[name]), False).to_numpy()
            found += [f"{name}: infinite in {rows_of(infinite)}"] if infinite.any() else []
    return found


def _histories(texts: Mapping[str, pa.DictionaryArray]) -> np.ndarray:
    """One number for each id of each run; without runs, of each arm."""
    keys = {r: texts[r] for r in ("id", "run" if "run" in texts else "arm") if r in texts}
    return histories(
        {r: pc.fill_null(t.indices, 0).to_numpy(zero_copy_only=False).astype(int) for r, t in keys.items()}
    )


def _twice(group: np.ndarray, step: np.ndarray, usable: np.ndarray) -> list[str]:
    order = np.lexsort((step, group))
    a, b = order[:-1], order[1:]
    same = (group[a] == group[b]) & (step[a] == step[b]) & usable[a] & usable[b]
    if not same.any():
        return []
    second = np.zeros(len(step), dtype=bool)
    second[b[same]] = True
    first = int(np.flatnonzero(same)[0])
    return [
        f"the same id is observed twice at one step: see {rows_of(second)} (rows {a[first] + 1} and {b[first] + 1}, "
        f"step {label(step[a[first]])}); if they are repetitions, name their column as run"
    ]


def _spells(
    table: pa.Table, texts: Mapping[str, pa.DictionaryArray], step: np.ndarray, correct: np.ndarray,
    columns: ObservationColumns, others: Sequence[str], notes: list[str],
) -> pa.Table:  # fmt: skip
    group = _histories(texts)
    order = np.lexsort((step, group))
    begins = np.concatenate([[True], np.diff(group[order]) > 0])
    history = np.cumsum(begins) - 1
    first = order[begins]  # row of the first observation of each history
    seen = np.bincount(history)
    place = np.arange(len(order)) - np.flatnonzero(begins)[history]
    right, times = np.zeros((len(first), seen.max()), dtype=bool), np.full((len(first), seen.max()), np.nan)
    right[history, place], times[history, place] = correct[order], step[order]
    changing = [n for n in others if n not in columns.categories and _changes(table[n], order, begins)]
    if changing:
        notes.append(f"change from step to step, and count as they were at an id's first one: {', '.join(changing)}")
    once = int((seen == 1).sum())
    if once:
        notes.append(f"{plural(once, 'id is', 'ids are')} observed once only, and left out")
    parts: list[tuple[np.ndarray, str, str, Spells]] = []
    for outcome, at_risk, reached in ((LEARNED, ~right[:, 0], right), (LOST, right[:, 0], ~right)):
        for rule in columns.rules:
            mine = at_risk & (seen > sustained_of(rule))
            few = int((at_risk & ~mine & (seen > 1)).sum())
            if few:
                notes.append(
                    f"{outcome}, {rule}: {plural(few, 'id has', 'ids have')} too few steps for the rule, and left out"
                )
            if mine.any():
                parts.append((mine, outcome, rule, spells(reached[mine], times[mine], sustained_of(rule))))
    if not parts:
        raise InputError("no id is observed often enough for an event", "observations", "it takes two steps or more")
    rows = np.concatenate([first[mine] for mine, *_ in parts])
    made: dict[str, pa.Array | pa.ChunkedArray] = {
        name: pa.array(np.concatenate([getattr(s, name) for *_, s in parts]), from_pandas=True)
        for name in ("stop", "event", "left", "right")
    }
    made["start"] = pa.array(np.concatenate([times[mine, 0] for mine, *_ in parts]))
    for name, at in (("outcome", 1), ("rule", 2)):
        made[name] = pa.array(np.concatenate([np.full(int(p[0].sum()), p[at]) for p in parts]))
    made |= {r: t.take(pa.array(rows)) for r, t in texts.items()}
    if "run" not in made:
        made["run"] = made["arm"] if "arm" in made else pa.array(["all"] * len(rows))
    made.setdefault("arm", pa.array(["all"] * len(rows)))
    return pa.table(made | {n: table[n].take(pa.array(rows)) for n in others})


def _changes(column: pa.ChunkedArray, order: np.ndarray, begins: np.ndarray) -> bool:
    """Whether a column has several values within a history."""
    coded = pc.dictionary_encode(column.combine_chunks()) if not pa.types.is_dictionary(column.type) else column
    one = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
    codes = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)[order]
    return bool((np.diff(codes) != 0)[~begins[1:]].any())
