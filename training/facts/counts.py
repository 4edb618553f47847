"""Counts of facts in a corpus: documents with the subject, the object, both and neither. Counts of shards add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from factsurv.events import schema
from factsurv.events.errors import InputError, Problems
from factsurv.events.own_file import read_own_file
from factsurv.training.facts.corpus.documents import documents, of_texts
from factsurv.training.facts.corpus.files import corpus_files, units_of
from factsurv.training.facts.corpus.names import Names
from factsurv.training.facts.fact_set import FactSet, nearest
from factsurv.training.spec import CorpusSpec

COLUMNS = ("n_subject", "n_object", "n_both", "n_neither")
SMALL = 256 << 20  # bytes of a corpus that is counted on the way, in one process
BOTH = "both cannot be more than subject or object: were columns mixed up?"
COMMON = 0.05  # share of documents from which on a name of one word is one that stands for other things too


@dataclass(frozen=True)
class Counts:
    """Documents of a corpus that name each of F facts.

    Attributes
    ----------
    facts : tuple of (fact_id, subject, relation, object)
    numbers : float64 array (3, F)
        Documents with the subject, with the object, with both: whole numbers, exact to 2^53.
    documents : float
        All that are not empty.
    """

    facts: tuple[tuple[str, str, str, str], ...]
    numbers: np.ndarray
    documents: float

    @property
    def neither(self) -> np.ndarray:
        """float64 (F,)"""
        return self.documents - self.numbers[0] - self.numbers[1] + self.numbers[2]

    def plus(self, other: Counts) -> Counts:
        """Counts of both corpora together.

        Raises
        ------
        InputError
            If they are of different facts.
        """
        if self.facts != other.facts:
            odd = next(iter(set(self.facts).symmetric_difference(other.facts)), self.facts[0])
            raise InputError(
                f"the counts are of different facts: {odd[0]!r} is not the same in both, or at another place",
                "counts",
                "count all shards for the same study",
            )
        return Counts(self.facts, self.numbers + other.numbers, self.documents + other.documents)

    def table(self, **notes: object) -> pa.Table:
        """The table `counts`: `fact_id, subject, relation, object` and `COLUMNS`."""
        texts = zip(*self.facts, strict=True)
        columns = dict(zip(schema.COUNTS, (*map(list, texts), *self.numbers, self.neither), strict=True))
        return schema.described(schema.build(schema.COUNTS, columns), "counts", **notes)


def facts_of(facts: FactSet) -> tuple[tuple[str, str, str, str], ...]:
    """What counts are kept by."""
    return tuple(zip(*(facts.column(n) for n in ("fact_id", "subject", "relation", "object")), strict=True))


def names_of(facts: FactSet, spec: CorpusSpec) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """All names of each fact's subject and object that are looked for."""
    aliases = facts.several("aliases") if spec.aliases else [()] * len(facts)
    objects = [(o, *further) for o, further in zip(facts.column("object"), aliases, strict=True)]
    return [(s,) for s in facts.column("subject")], objects


def nothing(facts: Sequence[tuple[str, str, str, str]]) -> Counts:
    """Before anything was counted."""
    return Counts(tuple(facts), np.zeros((3, len(facts))), 0.0)


def count_small(facts: FactSet, spec: CorpusSpec) -> Counts:
    """Count a corpus here and now.

    Raises
    ------
    InputError
        If it is so large that `factsurv count` should be asked first, or cannot be read.
    """
    units = units_of(corpus_files(spec.paths), spec.documents == "file")
    if (size := sum(unit.share for unit in units)) > SMALL:
        raise InputError(
            f"the corpus has {size / 1e9:.1f} GB, and is not counted on the way",
            "facts.corpus",
            "`factsurv count STUDY --corpus …` counts it in parallel and can be interrupted; give its table as "
            "facts.counts",
        )
    names, total = Names(*names_of(facts, spec), spec.rule), nothing(facts_of(facts))
    for unit in units:
        for part in documents(unit, spec):
            found = names.count(part)
            total = total.plus(Counts(total.facts, found.numbers, found.documents))
    check_counts(total, "facts.corpus")
    return total


def count_texts(facts: FactSet, texts: Sequence[str]) -> Counts:
    """Count facts in texts that are at hand, each a document, by the rule `word`."""
    names = Names(*names_of(facts, CorpusSpec(path="texts")), "word")
    found = names.count(of_texts(texts))
    return Counts(facts_of(facts), found.numbers, found.documents)


def check_counts(counts: Counts, where: str) -> None:
    """Raise InputError unless these can be counts of one corpus."""
    problems = Problems(where)
    if not counts.documents > 0:
        problems.add("the corpus has no document", "", "name files with text in them, or the field that holds it")
    problems.tell()  # of none, all else follows
    least, both = counts.numbers[:2].min(0), counts.numbers[2]
    for i in np.flatnonzero(both > least)[:10].tolist():
        problems.add(
            f"fact {_told(counts.facts[i])}: {both[i]:,.0f} documents have both names, and only {least[i]:,.0f} one",
            f"row {i + 1}",
            BOTH,
        )
    for i in np.flatnonzero(counts.neither < 0)[:10].tolist():
        problems.add(f"fact {_told(counts.facts[i])}: more documents have its names than there are", f"row {i + 1}")
    problems.tell()


def _told(fact: tuple[str, str, str, str]) -> str:
    return repr(fact[0] or f"{fact[1]} – {fact[3]}")


def notices(counts: Counts) -> list[str]:
    """What a reader should know before trusting these counts."""
    told: list[str] = []
    subjects = {s: n for (_, s, _, _), n in zip(counts.facts, counts.numbers[0].tolist(), strict=True)}
    common = {s: n for s, n in subjects.items() if " " not in s.strip() and n > COMMON * max(counts.documents, 1000)}
    if common:
        most = max(common, key=common.__getitem__)
        told.append(
            f"subjects of one word that stands in more than {COMMON:.0%} of all documents: {len(common):,}, such as "
            f"{most!r} ({common[most]:,.0f} of {counts.documents:,.0f}); they may stand for other things too"
        )
    if same := [f for f in counts.facts if f[1] == f[3]]:
        told.append(
            f"facts whose subject is their object: {len(same):,}, such as {same[0][1]!r}; how often they meet says "
            "nothing, and their `log_both`, `mi` and `smi` are missing"
        )
    inside = [f for f in counts.facts if f[1] != f[3] and (f[1] in f[3] or f[3] in f[1])]
    if inside:
        _, subject, _, answer = inside[0]
        told.append(
            f"facts with one name inside the other: {len(inside):,}, such as {subject!r} and {answer!r}; where the "
            "longer one stands both are counted"
        )
    never, unseen = int((counts.numbers[2] == 0).sum()), int((counts.numbers[0] == 0).sum())
    told.append(
        f"{len(counts.facts):,} facts in {counts.documents:,.0f} documents: {never:,} never meet their object, "
        f"{unseen:,} have a subject that is in none"
    )
    return told


def read_counts(path: Path) -> Counts:
    """Counts from a table: of `factsurv count`, or one's own with these columns.

    `fact_id`, or `subject`, `object` and (where there are several) `relation`; `n_subject`, `n_object`, `n_both`, and
    `n_neither` or `documents` (the same number in every row).

    Raises
    ------
    InputError
        Naming file, row and column of everything that is wrong.
    """
    file = read_own_file(path, [n for n in schema.COUNTS if n not in COLUMNS])
    columns, problems = file.table.column_names, Problems(path)
    for name in COLUMNS[:3]:
        if name not in columns:
            problems.add(f"there is no column {name!r}", "", f"the nearest is {nearest(name, columns)!r}")
    if not {"n_neither", "documents"} & set(columns):
        problems.add("neither column 'n_neither' nor 'documents' is there", "", "the corpus needs its size")
    if "fact_id" not in columns and not {"subject", "object"} <= set(columns):
        problems.add("which facts are these? There is no column 'fact_id'", "", "or give 'subject' and 'object'")
    problems.tell()
    numbers = {}
    for name in (n for n in (*COLUMNS, "documents") if n in columns):
        values = np.array([np.nan if v is None else v for v in file.table[name].to_pylist()], object)
        try:
            numbers[name] = values.astype(float)
        except (TypeError, ValueError):
            problems.add(f"column {name!r} is no column of numbers", "", "write whole numbers")
            continue
        odd = np.flatnonzero(~(numbers[name] >= 0) | (numbers[name] != np.floor(numbers[name])))
        for i in odd[:10].tolist():
            problems.add(f"{name} is {values[i]}", file.row(i), "write how many documents there are, 0 or more")
    problems.tell()
    texts = {n: file.table[n].to_pylist() if n in columns else [""] * file.table.num_rows for n in schema.COUNTS}
    three = np.array([numbers[n] for n in COLUMNS[:3]])
    for i in np.flatnonzero(three[2] > three[:2].min(0))[:10].tolist():
        what = f"{three[2, i]:,.0f} documents have both names, and only {three[:2, i].min():,.0f} one"
        problems.add(what, file.row(i), BOTH)
    problems.tell()
    whole = numbers["documents"] if "documents" in numbers else three[0] + three[1] - three[2] + numbers["n_neither"]
    if len(whole) and np.ptp(whole):
        i, j = int(whole.argmin()), int(whole.argmax())
        problems.add(f"{whole[i]:,.0f} documents in {file.row(i)} and {whole[j]:,.0f} in {file.row(j)}", "",
                     "one corpus has one number of documents")  # fmt: skip
    problems.tell()
    facts = tuple(zip(*(texts[n] for n in ("fact_id", "subject", "relation", "object")), strict=True))
    counts = Counts(facts, three, float(whole[0]) if len(whole) else 0.0)
    check_counts(counts, str(path))
    return counts


def of_facts(counts: Counts, facts: FactSet, where: str) -> Counts:
    """The counts of these facts, in their order, by `fact_id` or by subject, relation and object.

    Raises
    ------
    InputError
        If a fact was not counted, or stands twice with different counts.
    """
    known: dict[tuple[str, ...], int] = {}
    for i, (fact_id, subject, relation, answer) in enumerate(counts.facts):
        known[(fact_id,) if fact_id else (subject, relation or "", answer)] = i
    rows, missing = [], []
    for fact in facts_of(facts):
        keys = ((fact[0],), fact[1:], (fact[1], "", fact[3]))
        row = next((known[k] for k in keys if k in known), None)
        rows.append(row)
        missing += [fact[0]] if row is None else []
    if missing:
        raise InputError(
            f"{len(missing):,} of {len(facts):,} facts were not counted, such as {missing[0]!r}",
            where,
            "count them again: `factsurv count STUDY --corpus …`",
        )
    at = np.array(rows, int)
    return Counts(facts_of(facts), counts.numbers[:, at], counts.documents)


def merged(tables: Iterable[Counts]) -> Counts:
    """Counts of several shards together."""
    first, *others = tables
    for other in others:
        first = first.plus(other)
    return first
