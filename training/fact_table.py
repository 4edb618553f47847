"""A user's own table of facts: csv, parquet or arrow. Everything is checked before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from events import schema
from events.errors import InputError
from training.columns import MISSING, Columns, read_columns
from training.facts import RESERVED_EXAMPLES, Fact, FactSet, check_templates, fact_rows, nearest
from training.split import assign_split, relation_rng

FEWEST_FACTS = 30  # fewer cannot give the ten events that one covariate of a Cox model asks for

# Columns that other tables of a study have (docs/tables.md): a covariate of that name would hide or be
# hidden.
RESERVED = schema.RESERVED.union(schema.PROBES, schema.BASELINE, schema.TRAINING)


def read_fact_table(
    path: Path | str,
    subject: str,
    object: str,
    relation: str | None = None,
    split: str | None = None,
    covariates: Sequence[str] | None = None,
    group: str | None = None,
    templates: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
    *,
    withheld: float = 0.0,
    seed: int = 1,
    reserve: int = RESERVED_EXAMPLES,
) -> FactSet:
    """Read and check a table with one fact a row.

    Parameters
    ----------
    path : path
        `.csv` or `.tsv` (UTF-8, one header line), `.parquet`, `.arrow` or `.feather`.
    subject, object : str
        The columns with the text that is asked about and the text that answers.
    relation : str, optional
        Column; without it there is one relation, `fact`.
    split : str, optional
        Column with `trained` or `withheld`; without it a share is withheld, balanced over the first
        covariate.
    covariates : sequence of str, optional
        Numeric columns; default: every numeric column that has no other use. Missing values stay missing.
    group : str, optional
        Column of the fact-group random effect; default: the relation.
    templates : mapping of relation to texts, or texts for all relations, optional
        `{subject}` is the place of the subject, `{relation}` that of the relation; the first is the probe
        form.
    withheld, seed
        Of the split, where the table has none; the seed also draws the few-shot examples.
    reserve : int
        Rows of each relation set aside as few-shot examples: trained ones, at random.

    Returns
    -------
    FactSet
        `notices` names missing values, columns that were left out, and templates nobody gave.

    Raises
    ------
    InputError
        With file, row, key and remedy.
    """
    table = read_columns(Path(path))
    keys = {"subject": subject, "object": object, "relation": relation, "split": split, "group": group}
    for key, name in keys.items():
        if name is not None:
            _require(table, key, name)
    texts = {key: _texts(table, name) for key, name in keys.items() if name is not None}
    texts.setdefault("relation", ["fact"] * table.rows)
    texts.setdefault("group", texts["relation"])
    _check_duplicates(table, texts["subject"], texts["relation"], keys)
    if split is not None:
        _check_split(table, split, texts["split"])
    notices: list[str] = []
    used = {name for name in keys.values() if name is not None}
    chosen = _choose_covariates(table, used, notices) if covariates is None else tuple(covariates)
    numbers = {name: _numbers(table, name, notices) for name in _checked_names(table, chosen)}
    facts = [
        Fact(f"{r}:{s}", s, r, o, g, {name: values[i] for name, values in numbers.items()})
        for i, (s, r, o, g) in enumerate(
            zip(texts["subject"], texts["relation"], texts["object"], texts["group"], strict=True)
        )
    ]
    relations = tuple(dict.fromkeys(texts["relation"]))
    forms = _templates(templates, relations, relation is not None, str(path), notices)
    splits = texts.get("split", ["trained"] * table.rows)
    examples = _reserve(table, facts, splits, reserve, seed)
    kept = [i for i in range(table.rows) if i not in examples]
    if len(kept) < FEWEST_FACTS:
        raise InputError(
            f"too few facts: {table.rows} rows, less {len(examples)} few-shot examples, leave {len(kept)}",
            str(path),
            f"A study needs {FEWEST_FACTS} ({FEWEST_FACTS + len(examples)} rows), better hundreds.",
        )
    rows = fact_rows([facts[i] for i in kept], chosen, [splits[i] for i in kept])
    if split is None:
        rows = assign_split(rows, withheld, seed, by=chosen[0] if chosen else None)
    shown = {
        r: tuple((facts[i].subject, facts[i].object) for i in examples if facts[i].relation == r) for r in relations
    }
    return FactSet(rows, forms, shown, Path(path).name, chosen, tuple(notices))


def _require(table: Columns, key: str, name: str) -> None:
    if name not in table.values:
        raise InputError(
            f"there is no column {name!r}",
            f"{table.path}, key {key}",
            f"The nearest is {nearest(name, table.values)!r}; the columns are {', '.join(table.values)}.",
        )


def _texts(table: Columns, name: str) -> list[str]:
    """A column as texts; empty ones and line breaks are errors."""
    texts = []
    for i, value in enumerate(table.values[name]):
        text = "" if value is None else str(value).strip()
        if not text:
            raise InputError(f"column {name!r} is empty", table.place(i), "Fill it in, or delete the row.")
        if text.splitlines() != [text]:
            raise InputError(
                f"column {name!r} holds a line break: {text!r}",
                table.place(i),
                "Write it in one line: an answer ends where its line ends.",
            )
        texts.append(text)
    return texts


def _check_duplicates(table: Columns, subjects: list[str], relations: list[str], keys: Mapping) -> None:
    first: dict[tuple[str, str], int] = {}
    for i, fact in enumerate(zip(relations, subjects, strict=True)):
        if fact in first:
            of = f" of relation {fact[0]!r}" if keys["relation"] else ""
            raise InputError(
                f"subject {fact[1]!r}{of} stands twice: in {table.row(first[fact])} and {table.row(i)}",
                f"{table.path}, key subject",
                "A subject has one answer. Delete one row, or tell the two apart.",
            )
        first[fact] = i


def _check_split(table: Columns, name: str, values: list[str]) -> None:
    for i, value in enumerate(values):
        if value not in schema.SPLITS:
            raise InputError(
                f"column {name!r} says {value!r}",
                table.place(i),
                "Write trained or withheld, as here, in every row.",
            )


def _checked_names(table: Columns, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        _require(table, "covariates", name)
        where = f"{table.path}, key covariates"
        if name in RESERVED:
            raise InputError(
                f"covariate {name!r} has the name of a column that every study has",
                where,
                f"Rename the column, for example to {name + '_of_fact'!r}, or list others in covariates.",
            )
        if not (name.isidentifier() and name.isascii() and name[0] != "_"):
            plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_0123456789") or "x"
            raise InputError(
                f"covariate {name!r} cannot stand in a formula",
                where,
                f"Use letters, digits and underscores, a letter first, for example {plain!r}.",
            )
    return names


def _choose_covariates(table: Columns, used: set[str], notices: list[str]) -> tuple[str, ...]:
    """Every numeric column without another use; the notices name those that are not numeric."""
    rest = [name for name in table.values if name not in used]
    chosen = [name for name in rest if table.is_numeric(name)]
    left_out = [name for name in rest if name not in chosen]
    if left_out:
        notices.append(f"columns left out, since they are not numeric: {', '.join(left_out)}")
    return tuple(chosen)


def _numbers(table: Columns, name: str, notices: list[str]) -> list[float | None]:
    """A column as numbers; missing values stay missing, anything else that is no number is an error."""
    numbers = [_number(table, name, i, value) for i, value in enumerate(table.values[name])]
    missing = [i for i, number in enumerate(numbers) if number is None]
    if len(missing) == table.rows:
        raise InputError(
            f"covariate {name!r} has no value at all",
            f"{table.path}, key covariates",
            "Leave it out of covariates.",
        )
    if missing:
        rows = ", ".join(str(i + 1) for i in missing[:5]) + (", …" if len(missing) > 5 else "")
        notices.append(
            f"{name}: {len(missing)} of {table.rows} values are missing (rows {rows}); a model that uses "
            f"{name} leaves those facts out"
        )
    return numbers


def _number(table: Columns, name: str, row: int, value: object) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = np.inf
    if np.isnan(number):
        return None
    if np.isinf(number):
        comma = " with a decimal point, not a comma" if "," in str(value) else ""
        raise InputError(
            f"covariate {name!r} is {value!r}, not a finite number",
            table.place(row),
            f"Write a number{comma}, or leave it empty if it is not known.",
        )
    return number


def _templates(
    given: Mapping[str, Sequence[str]] | Sequence[str] | None,
    relations: tuple[str, ...],
    named: bool,
    path: str,
    notices: list[str],
) -> dict[str, tuple[str, ...]]:
    if given is None:
        given = (
            ("The {relation} of {subject} is", "Question: What is the {relation} of {subject}? Answer:")
            if named
            else ("Question: {subject} Answer:", "{subject} ->")
        )
        notices.append(f"no prompt templates were given; {given[0]!r} is used, and may not suit these facts")
    if isinstance(given, str):
        given = (given,)
    by_relation = given if isinstance(given, Mapping) else dict.fromkeys(relations, tuple(given))
    for relation in by_relation:
        if relation not in relations:
            raise InputError(
                f"there are templates for a relation {relation!r}, and no such facts",
                f"{path}, key templates",
                f"The nearest relation is {nearest(relation, relations)!r}.",
            )
    check_templates(by_relation, relations, f"{path}, key templates")
    return {r: tuple(text.replace("{relation}", r) for text in by_relation[r]) for r in relations}


def _reserve(table: Columns, facts: list[Fact], splits: list[str], reserve: int, seed: int) -> dict[int, None]:
    """Rows that become examples, in random order: `reserve` trained ones of each relation."""
    drawn: dict[int, None] = {}
    for relation in dict.fromkeys(f.relation for f in facts):
        rows = [i for i, f in enumerate(facts) if f.relation == relation and splits[i] == "trained"]
        if len(rows) <= reserve:
            raise InputError(
                f"too few facts: relation {relation!r} has {len(rows)} trained ones, and {reserve} of each "
                "are set aside as few-shot examples",
                str(table.path),
                "Add rows, join small relations into one, or reserve fewer.",
            )
        picks = relation_rng(seed, relation).permutation(rows)[:reserve]
        drawn.update(dict.fromkeys(picks.tolist()))
    return drawn
