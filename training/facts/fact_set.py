"""A fact set: facts with covariates, the prompts that ask for them, and examples left out of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property

import numpy as np
import pyarrow as pa

from factsurv.events import schema
from factsurv.events.errors import InputError, Problems
from factsurv.events.keys import texts
from factsurv.training.facts.answers import answer_problems
from factsurv.training.facts.links import link_problems

TEXT_COLUMNS = tuple(schema.FACTS)

MOST_TOLD = 100  # problems of one kind

# Two disjoint few-shot prefixes of six examples each; more when they are drawn with overlap.
RESERVED_EXAMPLES = 12


@dataclass(frozen=True)
class Fact:
    """One fact before it becomes a row.

    `covariates` maps a name to a number or a category (None: missing), `sets` the name of a yes/no column to whether
    the fact is in it. An implication's `links` are ids of the facts from which it follows; `aliases` are further right
    answers, and `options` the answers to choose from; `held_out_forms` are numbers (from 1) of its relation's templates
    in which it is probed and never trained.
    """

    fact_id: str
    subject: str
    relation: str
    object: str
    group: str
    covariates: Mapping[str, float | str | None] = field(default_factory=dict)
    sets: Mapping[str, bool] = field(default_factory=dict)
    role: str = "fact"
    links: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    held_out_forms: tuple[int, ...] = ()


@dataclass(frozen=True)
class FactSet:
    """Facts with covariates, their prompt templates and few-shot examples.

    Parameters
    ----------
    table : pyarrow.Table
        `fact_id, subject, relation, object, split, group` (dictionaries); then, where the facts have them, `role`,
        the lists of `factsurv.events.schema.FACT_EXTRAS` and yes/no columns (bool), the sets;
        then one column a covariate: float64, or a dictionary with its levels in alphabetical order. `object` is the
        bare text (`Paris`); whoever writes a prompt puts the space before it.
    templates : mapping of relation to texts
        Each holds `{subject}` and ends where the target begins. The first is the probe form, the others are
        paraphrases for training.
    examples : mapping of relation to (subject, object) pairs
        For few-shot prefixes. None of them is among the facts. In random order: any slice is a fair prefix.
    source : str
        What the facts were read from, with its version.
    covariates : tuple of str
        The covariate columns of `table`, in its order.
    notices : tuple of str
        What a reader of the study should know about these facts.
    held_out : int
        The last so many templates of each relation are probed and never trained; of a fact with `held_out_forms` of its
        own, these.

    Raises
    ------
    InputError
        If the parts do not fit together.
    """

    table: pa.Table
    templates: Mapping[str, tuple[str, ...]]
    examples: Mapping[str, tuple[tuple[str, str], ...]]
    source: str
    covariates: tuple[str, ...]
    notices: tuple[str, ...] = ()
    held_out: int = 0

    def __post_init__(self) -> None:
        extras = [n for n in schema.FACT_EXTRAS if n in self.table.column_names]
        expected = [*TEXT_COLUMNS, *extras, *self.sets, *self.covariates]
        if self.table.column_names != expected:
            raise InputError(f"the columns are {self.table.column_names}, not {expected}", self.source)
        ids = self.table["fact_id"].to_pylist()
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise InputError(f"fact_id {twice!r} stands for two facts", self.source)
        check_templates(self.templates, self.relations, self.source)
        few = [r for r in self.relations if not self.taught(r)]
        if few:
            raise InputError(
                f"relation {few[0]!r} has {len(self.templates[few[0]])} prompt form(s), and the last {self.held_out} "
                "are held out: none is left to train on",
                "facts.held_out",
                "hold fewer out, or give the relation more templates",
            )
        used = set(zip(self.column("relation"), self.column("subject"), strict=True))
        for relation, pairs in self.examples.items():
            for subject, _ in pairs:
                if (relation, subject) in used:
                    raise InputError(
                        f"{subject!r} ({relation}) is both a fact and a few-shot example",
                        self.source,
                        "Leave it out of one of them: a prefix that shows the answer makes its fact known.",
                    )
        self._check_extras(ids)

    def _check_extras(self, ids: list[str]) -> None:
        found: list[tuple[int, str, str]] = []
        if {"role", "links"}.intersection(self.table.column_names):
            found += link_problems(ids, self.roles, self.several("links"))
        if {"aliases", "options"}.intersection(self.table.column_names):
            answers = self.several("aliases"), self.several("options")
            found += answer_problems(self.column("subject"), self.column("object"), *answers)
        problems = Problems(self.source)
        for row, what, remedy in found[:MOST_TOLD]:
            problems.add(what, f"fact {ids[row]}", remedy)
        problems.tell()

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def relations(self) -> tuple[str, ...]:
        """The relations, in the order in which the facts name them."""
        return tuple(dict.fromkeys(self.column("relation")))

    def taught(self, relation: str) -> tuple[str, ...]:
        """The templates of a relation that may be trained on."""
        return self.templates[relation][: len(self.templates[relation]) - self.held_out]

    @cached_property
    def forms(self) -> list[tuple[str, ...]]:
        """The templates of each fact, the probe form first: its relation's, those that it holds out first."""
        return [form for form, _ in self._forms]

    @cached_property
    def taught_forms(self) -> list[tuple[str, ...]]:
        """Those of them that may be trained on, of each fact and in this order."""
        return [taught for _, taught in self._forms]

    @cached_property
    def _forms(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        known: dict[tuple, tuple[tuple[str, ...], tuple[str, ...]]] = {}  # facts are many, ways to be asked few
        found = []
        own_forms = "held_out_forms" in self.table.column_names
        numbers = self.column("held_out_forms") if own_forms else [None] * len(self)
        for key in zip(self.column("relation"), numbers, strict=True):
            if key not in known:
                relation, own = key[0], json.loads(key[1] or "[]")
                first = {self.templates[relation][k - 1]: None for k in own}
                rest = tuple(t for t in self.templates[relation] if t not in first)
                known[key] = ((*first, *rest), rest) if own else (self.templates[relation], self.taught(relation))
            found.append(known[key])
        return found

    def some(self, rows: np.ndarray) -> FactSet:
        """Some of the facts, as they are; links to others are taken away."""
        if len(rows) == len(self):
            return self
        table = self.table.take(pa.array(rows))
        if "links" in table.column_names:
            table = table.drop_columns(["links"])
        return replace(self, table=table)

    @property
    def sets(self) -> tuple[str, ...]:
        """The yes/no columns."""
        return tuple(f.name for f in self.table.schema if pa.types.is_boolean(f.type))

    @property
    def roles(self) -> list[str]:
        """`fact` or `implication` of each."""
        return self.column("role") if "role" in self.table.column_names else ["fact"] * len(self)

    def several(self, name: str) -> list[tuple[str, ...]]:
        """The `links`, `aliases` or `options` of each fact; nothing where it has none."""
        if name not in self.table.column_names:
            return [()] * len(self)
        return [() if text is None else tuple(json.loads(text)) for text in self.column(name)]

    def column(self, name: str) -> list:
        """One column as a list of Python values."""
        column = self.table[name]
        # By way of plain texts, since `to_pylist` looks each value of a dictionary up by itself.
        return (texts(column) if pa.types.is_dictionary(column.type) else column).to_pylist()


def check_templates(templates: Mapping[str, Sequence[str]], relations: Iterable[str], where: str) -> None:
    """Raise InputError unless each relation has a template, each with `{subject}` and no space at its end."""
    problems = Problems(where)
    for what, remedy in template_problems(templates, relations):
        problems.add(what, "", remedy)
    problems.tell()


def template_problems(templates: Mapping[str, Sequence[str]], relations: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with prompt templates, and what to do about it."""
    for relation in relations:
        if not templates.get(relation):
            told = f'Give one such as "The {relation} of {{subject}} is".'
            yield f"relation {relation!r} has no prompt template", told
        for text in templates.get(relation, ()):
            of = f"the prompt template {text!r} of relation {relation!r}"
            if "{subject}" not in text:
                yield f"{of} has no {{subject}}", 'Write {subject} where it belongs: "The capital of {subject} is".'
            if text != text.rstrip():
                yield f"{of} ends with a space", "Take it away: the target brings its own, as tokenizers expect."


def fact_rows(facts: Sequence[Fact], covariates: Sequence[str], split: Sequence[str] | None = None) -> pa.Table:
    """The facts as a table like `FactSet.table`; all are `trained` unless `split` says otherwise."""
    columns: dict[str, pa.Array] = {}
    for name in ("fact_id", "subject", "relation", "object"):
        columns[name] = pa.array([getattr(f, name) for f in facts], pa.string()).dictionary_encode()
    columns["split"] = split_column(split if split is not None else ["trained"] * len(facts))
    columns["group"] = pa.array([f.group for f in facts], pa.string()).dictionary_encode()
    columns |= _extras(facts)
    for name in covariates:
        columns[name] = _covariate([f.covariates[name] for f in facts])
    return pa.table(columns)


def _extras(facts: Sequence[Fact]) -> dict[str, pa.Array]:
    """The columns that only some fact sets have."""
    columns: dict[str, pa.Array] = {}
    if any(f.role != "fact" for f in facts):
        levels = list(dict.fromkeys((*schema.ROLES, *(f.role for f in facts))))
        codes = pa.array([levels.index(f.role) for f in facts], pa.int32())
        columns["role"] = pa.DictionaryArray.from_arrays(codes, pa.array(levels, pa.utf8()))
    for name in schema.FACT_LISTS:
        lists = [getattr(f, name) for f in facts]
        if any(lists):
            texts = [json.dumps(each, ensure_ascii=False) if each else None for each in lists]
            columns[name] = pa.array(texts, pa.utf8()).dictionary_encode()
    for name in dict.fromkeys(name for f in facts for name in f.sets):
        columns[name] = pa.array([f.sets[name] for f in facts], pa.bool_())
    return columns


def _covariate(values: Sequence[float | str | None]) -> pa.Array:
    levels = sorted({v for v in values if isinstance(v, str)})
    if not levels:
        return pa.array(values, pa.float64())
    codes = pa.array([None if v is None else levels.index(str(v)) for v in values], pa.int32())
    return pa.DictionaryArray.from_arrays(codes, pa.array(levels, pa.utf8()))


def split_column(values: Iterable[str]) -> pa.DictionaryArray:
    """`trained` and `withheld` as a dictionary with both levels, in this order, also when one is not used."""
    codes = pa.array([schema.SPLITS.index(v) for v in values], pa.int32())
    return pa.DictionaryArray.from_arrays(codes, pa.array(schema.SPLITS, pa.string()))


def standardised(values: np.ndarray) -> np.ndarray:
    """(n,) to mean 0 and standard deviation 1 (of the n, not an estimate); constants become 0."""
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like `name`, upper and lower case aside."""
    spelled = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), spelled, 1, cutoff=0.0)
    return spelled[close[0]] if close else next(iter(spelled.values()))
