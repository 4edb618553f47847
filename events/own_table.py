"""A table of events from any trainer: read, checked, and made into the event table that everything else reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.errors import InputError
from factsurv.events.own_columns import MOST_LEVELS, OURS, OwnColumns, assigned, covariate, nearest, text_columns
from factsurv.events.own_file import OwnFile, read_own_file
from factsurv.events.own_missing import told
from factsurv.events.own_rows import plural, rows_of
from factsurv.events.own_spells import check_spells, histories
from factsurv.events.own_times import Times, times_of
from factsurv.events.own_transitions import check_states, first_note, ordinal, own_transitions, several, states_of
from factsurv.events.own_types import as_texts
from factsurv.events.own_values import numbers
from factsurv.events.schema import SPELLS, STEPS, described

DEFAULTS = {"outcome": "event", "run": "all", "arm": "all", "rule": "as given"}
_ODD_OUTCOME = r"[\"'`\\<>{}@#$|*^~\[\]\n]"


@dataclass(frozen=True)
class OwnTable:
    """A checked table.

    Attributes
    ----------
    events : pa.Table
        Schema `SPELLS` and the covariates under their own names; metadata: ``time``, ``covariates``,
        ``names``, ``changing`` (covariates that do within an id), ``notes``, ``kinds`` (see ``kinds``). Where events
        repeat or change a state: the rows up to the first one.
    transitions : pa.Table or None
        Schema `OWN_TRANSITIONS` and the covariates, every row, where events repeat, compete or change a state.
    kinds : tuple of str
        The models that read ``transitions``.
    covariates : tuple of str
        What may explain an outcome and was not left out.
    names : mapping of str to str
        What the plan may call a column → what it is called in ``events``.
    notes : tuple of str
        Sentences: what was guessed, left out, or is unusual without being wrong.
    """

    events: pa.Table
    transitions: pa.Table | None
    kinds: tuple[str, ...]
    covariates: tuple[str, ...]
    names: Mapping[str, str]
    notes: tuple[str, ...]


def read_own_table(path: Path, columns: OwnColumns, asked: Mapping[str, Sequence[str]]) -> OwnTable:
    """Read and check a table of events.

    Parameters
    ----------
    path : Path
        See `factsurv.events.own_file`.
    columns : OwnColumns
        Which column is what.
    asked : mapping of str to sequence of str
        Columns that the plan names, by the key that names them (``analysis.strata``). Those of covariates are
        checked as such. Outcomes and rules stand under ``analysis.outcomes`` and ``analysis.rules``.

    Raises
    ------
    InputError
        With every problem that was found, each with its rows.
    """
    return own_table(read_own_file(path, text_columns(columns), columns.decimal), columns, asked)


def own_table(file: OwnFile, columns: OwnColumns, asked: Mapping[str, Sequence[str]]) -> OwnTable:
    """As `read_own_table`, of a table that was read or made already."""
    table, notes = file.table, list(file.notes)
    problems: list[str] = []
    found = assigned(columns, table.column_names, problems)
    kinds = several(columns.repeated, "origin" in found, "cause" in found)
    if columns.repeated and ("cause" in found or "origin" in found):
        problems.append(
            "events.repeated: events that repeat and have several causes are states; map them as from and to, and "
            "leave repeated and cause out"
        )
    spells = _spells(table, file.words, found, columns, problems, notes)
    texts = {r: _text(r, found, table, problems) if r in found else None for r in ("origin", "cause")}
    happened_at = spells["event"].to_numpy(zero_copy_only=False)
    problems += check_states(found, texts["origin"], texts["cause"], happened_at)
    made, grouping = _covariates(table, found, columns, asked, problems, notes)
    names = {found[r]: OURS[r] for r in found} | {OURS[r]: OURS[r] for r in found} | {n: n for n in made}
    names |= {n: n for n in ("run", "arm", "fact_id")}
    _check_asked(asked, names, table, spells, problems)
    if problems:
        many = f"{len(problems)} problems" if len(problems) > 1 else "one problem"
        listed = "\n  - ".join([f"{many} (rows count from 1, below the header):", *problems])
        raise InputError(listed, str(file.path), "correct the table or the plan; nothing was started")
    transitions, once = None, np.ones(table.num_rows, dtype=bool)
    if kinds:
        start, stop = (spells[n].to_numpy(zero_copy_only=False) for n in ("start", "stop"))
        enum, gap = ordinal(histories(_codes(spells)), start, stop, happened_at)
        steps = states_of(texts["origin"], texts["cause"], happened_at)
        transitions = pa.table(own_transitions(spells, steps, enum, gap) | made)
        notes.append(first_note(happened_at, enum, kinds))
        once = enum == 1
    every = pa.table(spells | made).filter(pa.array(once))
    covariates = tuple(n for n in made if n not in grouping)
    changing = _changing(spells, made)
    if changing:
        notes.append(
            f"change within an id: {', '.join(changing)}; models take the value of each row; curves by such a column "
            "would compare times, not ids, so that there are none unless they are asked for"
        )
    about = {"time": columns.time, "covariates": covariates, "names": names, "changing": changing, "notes": notes}
    about["kinds"] = kinds
    if transitions is not None:
        transitions = described(transitions, "transitions", **about)
    return OwnTable(described(every, "events", **about), transitions, kinds, covariates, names, tuple(notes))


_OURS = ("analysis.strata", "analysis.cluster", "analysis.random")  # of the standard analysis; a model has its own
_GROUPINGS = (".strata", ".cluster", ".random", ".cause", ".formula")  # of a formula: what it groups by


def _value_of(where: str) -> str:
    """The column whose values, not whose name, a key of the plan names; empty for other keys."""
    if where in ("analysis.outcomes", "analysis.covariates", "analysis.curves_by") or where.endswith("].outcome"):
        return "outcome"
    return "rule" if where == "analysis.rules" or where.endswith("].rule") else ""


def _spells(
    table: pa.Table,
    words: Mapping[str, Mapping[str, int]],
    found: Mapping[str, str],
    columns: OwnColumns,
    problems: list[str],
    notes: list[str],
) -> dict[str, pa.Array]:
    """The columns of `SPELLS`, as far as they can be read."""
    rows = table.num_rows
    texts = {r: _text(r, found, table, problems) for r in ("id", "run", "arm", "outcome", "rule") if r in found}
    constant = DEFAULTS | {"id": ""} | ({"outcome": columns.outcome} if columns.outcome else {})
    for role in ("id", "run", "arm", "outcome", "rule"):
        texts.setdefault(role, _constant(constant[role] or "", rows))
    times = times_of(table, found, columns, problems, notes)
    start, stop = times.columns["start"], times.columns["stop"]
    missing = _missing(table, found, words, problems)
    usable = ~missing & ~np.isnan(start) & ~np.isnan(stop)
    group = histories(_codes({OURS[r]: texts[r] for r in texts}))
    again = columns.repeated or "origin" in found
    wrong, said = check_spells(group, start, stop, times.event, usable & ("id" in found), times.told, again)
    problems += wrong
    notes += said + _alike("id", "ids", texts["id"])
    _check_runs(texts, problems)
    if times.coded and usable.any():
        _check_counts(texts, times.event, usable, problems, notes)
    _check_interval(times, problems)
    seed = numbers(found["seed"], table[found["seed"]], problems) if "seed" in found else np.full(rows, np.nan)
    if ((seed % 1 != 0) | (abs(seed) >= 2**31))[~np.isnan(seed)].any():
        problems.append(f"{found['seed']}: seeds are whole numbers below 2^31")
        seed = np.full(rows, np.nan)
    values: dict[str, Any] = {OURS[r]: texts[r] for r in texts} | dict(times.columns)
    values |= {"event": times.event, "seed": seed}
    return {n: _typed(values[n], kind) for n, kind in SPELLS.items()}


def _codes(spells: Mapping[str, pa.Array]) -> dict[str, np.ndarray]:
    """What tells histories apart, as whole numbers."""
    codes = {r: spells[r].indices.to_numpy(zero_copy_only=False) for r in ("fact_id", "run", "outcome", "rule")}
    return {r: np.nan_to_num(c, nan=0).astype(np.int64) for r, c in codes.items()}


def _typed(values: pa.Array | np.ndarray, kind: pa.DataType) -> pa.Array:
    if isinstance(values, np.ndarray):
        array = pa.array(values, from_pandas=True)  # NaN is null
        return array.cast(kind)
    return values


def _text(role: str, found: Mapping[str, str], table: pa.Table, problems: list[str]) -> pa.DictionaryArray:
    """Texts as codes, levels in order of first appearance."""
    column = table[found[role]]
    coded = as_texts(column)
    if coded is None:
        problems.append(f"{found[role]}: holds {column.type}, which is no text or number and cannot be the {role}")
        return pa.array([None] * table.num_rows, pa.utf8()).dictionary_encode()
    return pc.dictionary_encode(coded.cast(pa.utf8())) if pa.types.is_dictionary(column.type) else coded


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([value], pa.utf8()))


def _missing(
    table: pa.Table, found: Mapping[str, str], words: Mapping[str, Mapping[str, int]], problems: list[str]
) -> np.ndarray:
    """Rows without a value where there must be one; each such column is told."""
    lacking = np.zeros(table.num_rows, dtype=bool)
    for role, column in found.items():
        if role in ("left", "right", "seed", "cause"):
            continue
        mine = pc.is_null(table[column], nan_is_null=True).to_numpy()
        if mine.any():
            read = f" (read as missing: {told(words[column])})" if words.get(column) else ""
            problems.append(
                f"{column}: missing in {rows_of(mine)}{read}; every row needs its "
                f"{'from' if role == 'origin' else role}"
            )
        lacking |= mine
    return lacking


def _alike(one: str, many: str, coded: pa.DictionaryArray) -> list[str]:
    """A note on ids, or on levels of a column, that differ in white space or case only: they may be one."""
    levels = coded.dictionary
    plain = pc.utf8_lower(pc.replace_substring_regex(pc.utf8_trim_whitespace(levels), r"\s+", " "))
    counts = pc.value_counts(plain)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(twice):
        return []
    shown = " and ".join(repr(v) for v in levels.filter(pc.equal(plain, twice[0])).to_pylist()[:2])
    has = plural(len(twice), f"{one} has a twin that differs", f"{many} have twins that differ")
    return [f"{has} in white space or case only, such as {shown}: is it the same?"]


def _check_runs(texts: Mapping[str, pa.DictionaryArray], problems: list[str]) -> None:
    pairs = pa.table({n: texts[n] for n in ("run", "arm")}).group_by(["run", "arm"]).aggregate([])
    runs = pairs["run"].to_pylist()
    several = [r for r in dict.fromkeys(runs) if runs.count(r) > 1]
    if several and len(texts["run"].dictionary) > 1:
        problems.append(
            f"run {several[0]!r} is in several arms: a run belongs to one arm (give the runs names of their own)"
        )


def _check_counts(
    texts: Mapping[str, pa.DictionaryArray],
    event: np.ndarray,
    usable: np.ndarray,
    problems: list[str],
    notes: list[str],
) -> None:
    outcome = texts["outcome"]
    code = np.nan_to_num(outcome.indices.to_numpy(zero_copy_only=False), nan=-1).astype(int)
    levels = outcome.dictionary.to_pylist()
    counts = {name: int((event & usable & (code == i)).sum()) for i, name in enumerate(levels)}
    few = [f"{name}: {n or 'no'} event{'s' if n != 1 else ''}" for name, n in counts.items() if n < 2]
    if few and len(few) == len(counts):
        problems.append(f"too few events to learn anything from ({', '.join(few)})")
    elif few:
        notes.append(f"too few events for any estimate: {', '.join(few)}")
    odd = pc.filter(outcome.dictionary, pc.match_substring_regex(outcome.dictionary, _ODD_OUTCOME)).to_pylist()
    problems += [f"the outcome {name!r} has a sign that a heading cannot have: rename it" for name in odd]


def _check_interval(times: Times, problems: list[str]) -> None:
    wrong = times.event & (times.columns["left"] >= times.columns["right"])
    if wrong.any():
        problems.append(f"left is not before right in {rows_of(wrong)}: the event happened in (left, right]")


def _covariates(
    table: pa.Table,
    found: Mapping[str, str],
    columns: OwnColumns,
    asked: Mapping[str, Sequence[str]],
    problems: list[str],
    notes: list[str],
) -> tuple[dict[str, pa.Array], set[str]]:
    """Every column that may explain an outcome or group the rows; one that the plan names must be usable.

    Also returns the columns that only group. What a model of one's own groups by stays a covariate, of the kind that it
    would be without that model: the standard analysis does not change because of it.
    """
    explains = {
        n for where, names in asked.items() if where.startswith(("analysis.cov", "analysis.cur")) for n in names
    }
    by_default = not asked.get("analysis.covariates")  # then every column may explain every outcome
    groups = {n for where, names in asked.items() if where in _OURS for n in names} - explains
    theirs = {n for where, names in asked.items() if where.endswith(_GROUPINGS) for n in names} - explains - groups
    causes = {n: where for where, names in asked.items() if where.endswith(".cause") for n in names if n in theirs}
    curves = {n for where, names in asked.items() if where.endswith(".by") for n in names}
    only = {n for where, names in asked.items() if where in _OURS for n in names}
    made = {}
    for name in [n for n in table.column_names if n not in found.values()]:
        group = name in groups
        most = table.num_rows if group else MOST_LEVELS
        array, said = covariate(name, table[name], group or name in columns.categories, most)
        if array is None and name in theirs and not said.startswith("infinite"):
            array, said = covariate(name, table[name], True, table.num_rows)
            only |= {name}
        if array is not None and name in causes:
            only |= {name}
            notes.append(f'the column "{name}" explains nothing: by {causes[name]} it says which event happened')
        if (columns.repeated or columns.cause) and name in STEPS:
            array, said = None, "its name has a use of our own: rename it"
        if array is not None:
            made[name] = array
            if pa.types.is_dictionary(array.type):
                notes += _alike(f"level of {name}", f"levels of {name}", array)
        elif name in explains | groups | theirs | curves or (by_default and said.startswith("infinite")):
            problems.append(f"{name} cannot be used: {said}")
        else:
            notes.append(f'the column "{name}" is left out: {said}')
    gaps = {n: a.null_count for n, a in made.items() if a.null_count}
    if gaps:
        each = ", ".join(f"{n} {count:,}" for n, count in gaps.items())
        notes.append(
            f"values are missing, and models leave out the rows that lack one of theirs (rows lacking: {each})"
        )
    return made, only


def _changing(spells: Mapping[str, pa.Array], made: Mapping[str, pa.Array]) -> list[str]:
    """Covariates with several values in the rows of one id of one run, outcome and rule."""
    group = histories(_codes(spells))
    order = np.argsort(group, kind="stable")
    a, b = order[:-1], order[1:]
    same = group[a] == group[b]
    a, b = a[same], b[same]

    def changes(column: pa.Array) -> bool:
        plain = column.indices if pa.types.is_dictionary(column.type) else column
        values = pc.fill_null(plain.cast(pa.float64()), np.inf).to_numpy()
        return bool((values[a] != values[b]).any())

    return [name for name, column in made.items() if len(a) and changes(column)]


def _check_asked(
    asked: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
    table: pa.Table,
    spells: Mapping[str, pa.Array],
    problems: list[str],
) -> None:
    for where, values in asked.items():
        role = _value_of(where)
        there = spells[role].dictionary.to_pylist() if role else list(names)
        for value in values:
            if value not in there and (role or value not in table.column_names):
                hint = nearest(value, there if role else table.column_names)
                problems.append(f'{where}: there is no {role or "column"} "{value}"{hint}')
