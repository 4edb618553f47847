"""A user's own table of facts: csv, parquet or arrow. Everything is checked before a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events import schema
from factsurv.events.errors import Problems
from factsurv.events.own_file import OwnFile, read_own_file
from factsurv.training.facts.fact_covariates import read_covariates, usual_covariates
from factsurv.training.facts.fact_extras import Extras
from factsurv.training.facts.fact_set import (
    MOST_TOLD,
    RESERVED_EXAMPLES,
    Fact,
    FactSet,
    fact_rows,
    nearest,
    split_column,
    template_problems,
)
from factsurv.training.facts.fact_texts import rows_of
from factsurv.training.facts.fact_texts import texts as fact_texts
from factsurv.training.facts.split import assign_split, relation_rng

FEWEST_FACTS = 30  # fewer cannot give the ten events that one covariate of a Cox model asks for


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
    role: str | None = None,
    links: str | None = None,
    aliases: str | None = None,
    options: str | None = None,
    sets: Sequence[str] = (),
    separator: str = "|",
    withheld: float = 0.0,
    seed: int = 1,
    decimal: str | None = None,
    reserve: int = RESERVED_EXAMPLES,
) -> FactSet:
    """Read and check a table with one fact a row.

    Parameters
    ----------
    path : path
        `.csv` or `.tsv` (UTF-8, one header line), `.parquet`, `.arrow` or `.feather`; see `factsurv.events.own_file`.
    subject, object : str
        The columns with the text that is asked about and the text that answers; numbers are written in full.
    relation : str, optional
        Column; without it there is one relation, `fact`.
    split : str, optional
        Column with `trained` or `withheld`; without it a share is withheld, balanced over the first
        covariate of numbers.
    covariates : sequence of str, optional
        Columns of numbers or of text (up to 30 values); default: see
        `factsurv.training.facts.fact_covariates`. Missing values stay missing.
    group : str, optional
        Column of the fact-group random effect; default: the relation.
    templates : mapping of relation to texts, or texts for all relations, optional
        `{subject}` is the place of the subject, `{relation}` that of the relation; the first is the probe
        form.
    role : str, optional
        Column with `fact` or `implication`. An implication is withheld unless the table's split says otherwise.
    links : str, optional
        Column of lists: ids or subjects of the facts from which an implication follows.
    aliases, options : str, optional
        Columns of lists: further right answers; answers to choose from, the right one among them.
    sets : sequence of str
        Columns of yes and no that divide the facts.
    separator : str
        Between the parts of a list that is written as text.
    withheld, seed
        Of the split, where the table has none; the seed also draws the few-shot examples.
    decimal : str, optional
        The decimal mark of a csv file whose numbers do not tell it.
    reserve : int
        Rows of each relation set aside as few-shot examples: trained ones, at random.

    Returns
    -------
    FactSet
        `notices` names missing values, columns that were left out, and templates nobody gave.

    Raises
    ------
    InputError
        With file, row, key and remedy; everything that is wrong at once.
    """
    keys = {"subject": subject, "object": object, "relation": relation, "split": split, "group": group}
    own = Extras(role, {"links": links, "aliases": aliases, "options": options}, tuple(sets), separator)
    file = read_own_file(Path(path), [n for n in (*keys.values(), *own.keys.values()) if n is not None], decimal)
    problems = Problems(file.path)
    for key, name in (keys | own.keys).items():
        _require(file, key, [] if name is None else [name], problems)
    _require(file, "sets", sets, problems)
    _require(file, "covariates", covariates or [], problems)
    problems.tell()
    notices = list(file.notes)
    rows = file.table.num_rows
    texts = {key: fact_texts(file, name, problems, notices) for key, name in keys.items() if name is not None}
    texts.setdefault("relation", ["fact"] * rows)
    texts.setdefault("group", texts["relation"])
    _check_duplicates(file, texts["subject"], texts["relation"], relation is not None, problems)
    if split is not None:
        _check_split(file, split, texts["split"], problems)
    used = [n for n in (*keys.values(), *own.keys.values(), *sets) if n is not None]
    chosen = _chosen(file, used, notices) if covariates is None else covariates
    values = read_covariates(file, chosen, problems, notices)
    relations = tuple(dict.fromkeys(r for r in texts["relation"] if r))
    forms = _templates(templates, relations, relation is not None, problems, notices)
    extras = own.read(file, texts, problems, notices)
    problems.tell()
    facts = [
        Fact(f"{r}:{s}", s, r, o, g, {name: values[name][i] for name in chosen}, **extras[i])
        for i, (s, r, o, g) in enumerate(
            zip(texts["subject"], texts["relation"], texts["object"], texts["group"], strict=True)
        )
    ]
    splits = texts.get("split", ["trained" if f.role == "fact" else "withheld" for f in facts])
    examples = reserve_examples(facts, splits, reserve, seed, problems)
    kept = [i for i in range(rows) if i not in examples]
    if len(kept) < FEWEST_FACTS:
        problems.add(
            f"too few facts: {rows} rows, less {len(examples)} few-shot examples, leave {len(kept)}",
            "",
            f"A study needs {FEWEST_FACTS} ({FEWEST_FACTS + len(examples)} rows), better hundreds.",
        )
    problems.tell()
    table = fact_rows([facts[i] for i in kept], chosen, [splits[i] for i in kept])
    if split is None:
        numeric = [name for name in chosen if pa.types.is_floating(table[name].type)]
        table = _with_split(table, withheld, seed, numeric[0] if numeric else None)
    shown = {
        r: tuple((facts[i].subject, facts[i].object) for i in examples if facts[i].relation == r) for r in relations
    }
    return FactSet(table, forms, shown, Path(path).name, tuple(chosen), tuple(notices))


def _require(file: OwnFile, key: str, names: Sequence[str], problems: Problems) -> None:
    columns = file.table.column_names
    for name in names:
        if name not in columns:
            problems.add(
                f"there is no column {name!r}",
                f"key {key}",
                f"The nearest is {nearest(name, columns)!r}; the columns are {', '.join(columns)}.",
            )


def _check_duplicates(
    file: OwnFile, subjects: list[str], relations: list[str], named: bool, problems: Problems
) -> None:
    """Every subject that has two answers, each with all of its rows."""
    rows: dict[tuple[str, str], list[int]] = {}
    for i, fact in enumerate(zip(relations, subjects, strict=True)):
        if fact[1]:
            rows.setdefault(fact, []).append(i)
    twice = {fact: places for fact, places in rows.items() if len(places) > 1}
    told = []
    for (relation, subject), places in list(twice.items())[:MOST_TOLD]:
        of = f" of relation {relation!r}" if named else ""
        times = {2: "twice"}.get(len(places), f"{len(places)} times")
        told.append(f"subject {subject!r}{of} stands {times}: in {' and '.join(file.row(i) for i in places[:10])}")
    if len(twice) > MOST_TOLD:
        told.append(f"and {len(twice) - MOST_TOLD:,} more subjects")
    if told:
        remedy = "A subject has one answer. Delete the others, or tell them apart."
        problems.add("\n    ".join(told), "key subject", remedy)


def _check_split(file: OwnFile, name: str, values: list[str], problems: Problems) -> None:
    odd: dict[str, list[int]] = {}
    for i, value in enumerate(values):
        if value and value not in schema.SPLITS:
            odd.setdefault(value, []).append(i)
    for value, rows in list(odd.items())[:MOST_TOLD]:
        remedy = "Write trained or withheld, as here, in every row."
        problems.add(f"column {name!r} says {value!r}", rows_of(file, rows), remedy)


def _chosen(file: OwnFile, used: Sequence[str], notices: list[str]) -> tuple[str, ...]:
    """The usual covariates; the notices name the columns that are none, and why."""
    left_out: dict[str, str] = {}
    chosen = usual_covariates(file, used, left_out)
    if left_out:
        told = "; ".join(f"{name} ({why})" for name, why in left_out.items())
        notices.append(f"columns that are no covariates unless facts.covariates names them: {told}")
    return chosen


def _templates(
    given: Mapping[str, Sequence[str]] | Sequence[str] | None,
    relations: tuple[str, ...],
    named: bool,
    problems: Problems,
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
            problems.add(
                f"there are templates for a relation {relation!r}, and no such facts",
                "key templates",
                f"The nearest relation is {nearest(relation, relations)!r}." if relations else "",
            )
    for what, remedy in template_problems(by_relation, relations):
        problems.add(what, "key templates", remedy)
    return {r: tuple(text.replace("{relation}", r) for text in by_relation.get(r, ())) for r in relations}


def _with_split(table: pa.Table, withheld: float, seed: int, by: str | None) -> pa.Table:
    """The table with a share of its facts withheld, and all implications: they are to follow from what is taught."""
    if "role" not in table.column_names:
        return assign_split(table, withheld, seed, by)
    mine = assign_split(table.filter(pc.equal(table["role"].cast(pa.utf8()), "fact")), withheld, seed, by)
    drawn = dict(zip(mine["fact_id"].to_pylist(), mine["split"].to_pylist(), strict=True))
    split = split_column(drawn.get(fact, "withheld") for fact in table["fact_id"].to_pylist())
    return table.set_column(table.column_names.index("split"), "split", split)


def reserve_examples(
    facts: Sequence[Fact], splits: Sequence[str], reserve: int, seed: int, problems: Problems
) -> dict[int, None]:
    """Rows that become examples, in random order: `reserve` of each relation, trained ones or implications.

    What an implication follows from stays among the facts.
    """
    drawn: dict[int, None] = {}
    needed = {name for f in facts for name in f.links}
    free = [
        (split == "trained" or f.role == "implication") and f.fact_id not in needed
        for f, split in zip(facts, splits, strict=True)
    ]
    for relation in dict.fromkeys(f.relation for f in facts):
        rows = [i for i, f in enumerate(facts) if f.relation == relation and free[i]]
        if len(rows) <= reserve:
            problems.add(
                f"too few facts: relation {relation!r} has {len(rows)} trained ones, and {reserve} of each "
                "are set aside as few-shot examples",
                "",
                "Add rows, or join small relations into one.",
            )
        picks = relation_rng(seed, relation).permutation(rows)[:reserve]
        drawn.update(dict.fromkeys(picks.tolist()))
    return drawn
