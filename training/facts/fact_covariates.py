"""What may explain when a fact is learned: columns of numbers, and of text with few values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from factsurv.events import schema
from factsurv.events.errors import Problems
from factsurv.events.own_columns import MOST_LEVELS
from factsurv.events.own_file import OwnFile
from factsurv.training.facts.fact_texts import rows_of

# Columns that other tables of a study have (docs/tables.md): a covariate of that name would hide or be
# hidden.
RESERVED = schema.RESERVED.union(schema.PROBES, schema.BASELINE, schema.TRAINING)
FEW_LEVELS = 5  # of a text that is a covariate without having been asked for: each level but one is a coefficient
NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
# Names of columns that name a row or point elsewhere, in the layouts that are about (PopQA, Wikidata dumps, pandas).
IDENTIFIER = re.compile(r"(?i)(.*[_ ])?(id|ids|uid|uuid|uri|url|qid|pid|index|idx)")

Values = list[float | None] | list[str | None]


def usual_covariates(file: OwnFile, used: Collection[str], left_out: dict[str, str]) -> tuple[str, ...]:
    """Columns without another use that may explain something: numbers first, then text of few values.

    ``left_out`` gets the others, each with its reason in words.
    """
    numbers: list[str] = []
    categories: list[str] = []
    for name in file.table.column_names:
        if name in used:
            continue
        kind, why = _usable(file, name)
        if why:
            left_out[name] = why
        else:
            (numbers if kind == "number" else categories).append(name)
    return (*numbers, *categories)


def _usable(file: OwnFile, name: str) -> tuple[str, str]:
    """`number` or `category`, and why the column is no covariate unless it is asked for."""
    column = file.table[name]
    if is_number(column.type):
        values = pc.drop_null(column)
        if types.is_integer(column.type) and is_row_number(name, values):
            return "number", "numbers of rows or things"
        return "number", _few(values)
    if not is_text(column.type):
        return "", f"of the kind {column.type}"
    if _slips(column):  # must be an error, not a column that is silently left out
        return "number", ""
    levels = len(pc.unique(pc.drop_null(column)))
    return "category", _few(column) or (f"text with {levels:,} different values" if levels > FEW_LEVELS else "")


def _few(values: pa.ChunkedArray) -> str:
    distinct = len(pc.unique(pc.drop_null(values)))
    return "" if distinct > 1 else ("the same in all rows" if distinct else "no value at all")


def is_row_number(name: str, values: pa.ChunkedArray) -> bool:
    """Whether whole numbers name things, by the column's name, or count the rows from 0 or 1."""
    if IDENTIFIER.fullmatch(name):
        return True
    plain = values.to_pylist()
    return plain[:1] in ([0], [1]) and plain == list(range(plain[0], plain[0] + len(plain)))


def is_number(kind: pa.DataType) -> bool:
    """Numbers and yes/no, which is 1 and 0."""
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)


def is_text(kind: pa.DataType) -> bool:
    """Text, also where it is coded."""
    return types.is_string(kind) or (types.is_dictionary(kind) and types.is_string(kind.value_type))


def _slips(column: pa.ChunkedArray) -> list[int]:
    """Rows of a text column that are no numbers where most are; none where it is a column of text."""
    values = pc.drop_null(column).cast(pa.utf8()).to_pylist()
    odd = {v for v in values if not NUMBER.fullmatch(v.strip())}
    if 2 * sum(v in odd for v in values) >= len(values):
        return []
    return [i for i, v in enumerate(column.to_pylist()) if v in odd]


def read_covariates(file: OwnFile, names: Sequence[str], problems: Problems, notices: list[str]) -> dict[str, Values]:
    """Each column as numbers or as texts; missing values stay missing. What is wrong is added to ``problems``."""
    return {name: _values(file, name, problems, notices) for name in names if well_named(name, problems)}


def well_named(name: str, problems: Problems, kind: str = "covariate", key: str = "covariates") -> bool:
    """Whether a column can be named in a formula; if not, ``problems`` are told."""
    if name in RESERVED:
        problems.add(
            f"{kind} {name!r} has the name of a column that every study has",
            f"key {key}",
            f"Rename the column, for example to {name + '_of_fact'!r}, or list others in {key}.",
        )
    elif not can_stand_in_a_formula(name):
        plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_0123456789") or "x"
        problems.add(
            f"{kind} {name!r} cannot stand in a formula",
            f"key {key}",
            f"Use letters, digits and underscores, a letter first, for example {plain!r}.",
        )
    else:
        return True
    return False


def can_stand_in_a_formula(name: str) -> bool:
    """Letters of any alphabet, digits and underscores, as R reads them: a letter and its mark are one sign."""
    return name.isidentifier() and name[0] != "_" and unicodedata.is_normalized("NFKC", name)


def _values(file: OwnFile, name: str, problems: Problems, notices: list[str]) -> Values:
    column = file.table[name]
    values: Values
    if is_number(column.type):
        values = _numbers(file, name, problems)
    elif is_text(column.type):
        values = _categories(file, name, problems, notices)
    else:
        what = f"covariate {name!r} is of the kind {column.type}"
        problems.add(what, "key covariates", "Save it as numbers or text.")
        return list[str | None]([None] * file.table.num_rows)
    missing = [i for i, value in enumerate(values) if value is None]
    if len(missing) == len(values):
        problems.add(f"covariate {name!r} has no value at all", "key covariates", "Leave it out of covariates.")
    elif missing:
        rows = ", ".join(str(i + 1) for i in missing[:5]) + (", …" if len(missing) > 5 else "")
        notices.append(
            f"{name}: {len(missing)} of {len(values)} values are missing (rows {rows}); a model that uses "
            f"{name} leaves those facts out"
        )
    return values


def _numbers(file: OwnFile, name: str, problems: Problems) -> list[float | None]:
    column = file.table[name].cast(pa.float64(), safe=False)
    numbers = column.to_numpy()
    infinite = np.flatnonzero(np.isinf(numbers)).tolist()
    if infinite:
        problems.add(
            f"covariate {name!r} is {numbers[infinite[0]]!s}, not a finite number",
            rows_of(file, infinite),
            "Write a number, or leave it empty if it is not known.",
        )
    if types.is_integer(file.table[name].type) and np.nanmax(np.abs(numbers), initial=0) >= 2.0**53:
        problems.add(
            f"covariate {name!r} has whole numbers from 2^53 on, which run together in calculations",
            "key covariates",
            "Leave it out if it names things; otherwise divide it, or take its logarithm.",
        )
    return [None if np.isnan(n) else float(n) for n in numbers]


def _categories(file: OwnFile, name: str, problems: Problems, notices: list[str]) -> list[str | None]:
    column = file.table[name]
    slips = _slips(column)
    if slips:
        odd = column[slips[0]].as_py()
        comma = " with a decimal point, not a comma" if "," in odd else ""
        problems.add(
            f"covariate {name!r} is {odd!r}, not a finite number as most of its values are",
            rows_of(file, slips),
            f"Write a number{comma}, or leave it empty if it is not known.",
        )
        return [None if v is None else "" for v in column.to_pylist()]
    values = [None if v is None else v.strip() for v in column.to_pylist()]
    levels = sorted({v for v in values if v is not None})
    if len(levels) > MOST_LEVELS:
        problems.add(
            f"covariate {name!r} is text with {len(levels):,} different values, and more than {MOST_LEVELS} are too "
            "many for a model",
            "key covariates",
            "Leave it out, name it as group, or join its values into fewer.",
        )
    elif len(levels) == 1:
        problems.add(
            f"covariate {name!r} is {levels[0]!r} in all rows", "key covariates", "Leave it out of covariates."
        )
    alike: dict[str, list[str]] = {}
    for level in levels:
        alike.setdefault(" ".join(level.casefold().split()), []).append(level)
    for same in alike.values():
        if len(same) > 1:
            notices.append(f"{name}: {' and '.join(map(repr, same))} differ in case or blanks only, and are told apart")
    return values
