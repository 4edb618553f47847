"""Public question sets read from their own files: PopQA, EntityQuestions and MMLU. None of them is part of factsurv.

The prompts are the data sets' own questions. What a paper's authors did beyond that (how they asked, which questions
they took) is not known here; the choices are ours and named in `docs/studies.md`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from factsurv.events.errors import InputError, Problems
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows, nearest
from factsurv.training.facts.fact_table import reserve_examples
from factsurv.training.facts.split import assign_split

POPQA = ("prop", "subj", "obj", "question", "possible_answers", "s_pop")
MMLU = ("question", "subject", "choices", "answer")
OWN = "popularity"  # of EntityQuestions and MMLU: somebody's own measure, where it was put into their files
PLACE = "{subject}"


@dataclass(frozen=True)
class Asked:
    """One question before it is a fact; `split` is empty where the data set has none."""

    relation: str
    subject: str
    answers: tuple[str, ...]
    form: str
    popularity: float | None = None
    options: tuple[str, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Wanted:
    """Which of a data set's questions: of these relations, so many (drawn at random), and a share withheld."""

    only: Sequence[str] | None = None
    count: int | None = None
    withheld: float = 0.5
    seed: int = 1


def popqa_facts(path: Path, wanted: Wanted = Wanted()) -> FactSet:
    """PopQA's `test.tsv` (Mallen et al. 2023): relation `prop`, covariate `popularity`, log10 of the subject's `s_pop`.

    Every possible answer is right. A question is asked as it stands there, with its subject's place left open.
    """
    table = _columns(_read(path, POPQA), POPQA, path)
    asked = []
    for row in table.to_pylist():
        question, subject = str(row["question"]), str(row["subj"])
        if question.count(subject) != 1:  # its place in the question cannot be told
            continue
        answers = [str(row["obj"]), *map(str, _listed(row["possible_answers"], path))]
        popularity = float(np.log10(max(float(row["s_pop"]), 1.0)))
        form = question.replace(subject, PLACE)
        asked.append(Asked(str(row["prop"]), subject, tuple(answers), form, popularity))
    return _fact_set(asked, table.num_rows, "PopQA", path, wanted)


def entity_questions_facts(path: Path, wanted: Wanted = Wanted()) -> FactSet:
    """EntityQuestions' folder (Sciavolino et al. 2021): `train/P17.train.json`, `test/P17.test.json` and so on.

    Train is trained, test is withheld, dev is not used. The subject is what differs between a relation's questions. A
    number under `popularity` beside each question is a covariate.
    """
    found = sorted(p for p in path.glob("*/*.json") if p.name.split(".")[1:2] in (["train"], ["test"]))
    if not found:
        what = "holds no train/P17.train.json or test/P17.test.json"
        raise InputError(what, str(path), "name the folder `dataset` of EntityQuestions")
    rows: dict[str, list[tuple[str, str, list[str], float | None]]] = {}
    for file in found:
        relation, part = file.name.split(".")[:2]
        for row in _json(file):
            split = {"train": "trained", "test": "withheld"}[part]
            answers = [str(a) for a in row["answers"]]
            rows.setdefault(relation, []).append((split, str(row["question"]), answers, _own(row, file)))
    asked, total = [], 0
    for relation, of_relation in rows.items():
        before, after = _around([question for _, question, _, _ in of_relation])
        total += len(of_relation)
        for split, question, answers, own in of_relation:
            subject = question[len(before) : len(question) - len(after)]
            if subject and answers:
                asked.append(Asked(relation, subject, tuple(answers), f"{before}{PLACE}{after}", own, split=split))
    return _fact_set(asked, total, "EntityQuestions", path, wanted)


def mmlu_facts(path: Path, wanted: Wanted = Wanted()) -> FactSet:
    """MMLU's parquet files (Hendrycks et al. 2021): relation `subject` of the file, the four choices as options.

    The subject of a fact is the question's text, the answer the right choice's: answered in words, not by a letter.
    A column of numbers `popularity` is a covariate.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InputError("holds no parquet file", str(path), "name a folder of MMLU's parquet files, or one of them")
    asked, total = [], 0
    for file in files:
        table = pq.read_table(file)
        for row in _columns(table, (*MMLU, *([OWN] if OWN in table.column_names else [])), file).to_pylist():
            relation, choices = str(row["subject"]), tuple(str(c).strip() for c in row["choices"])
            total += 1
            right = choices[int(row["answer"])]
            if len(set(choices)) == len(choices) and all(choices):
                form = f"Question: {PLACE} Answer:"
                question = " ".join(str(row["question"]).split())
                asked.append(Asked(relation, question, (right,), form, _own(row, file), choices))
    return _fact_set(asked, total, "MMLU", path, wanted)


def _fact_set(asked: Sequence[Asked], total: int, name: str, path: Path, wanted: Wanted) -> FactSet:
    """Facts of which each subject of a relation stands once, in the form that its relation asks most often."""
    known = _relations(asked)
    for relation in wanted.only or ():
        if relation not in known:
            near = f"the nearest is {nearest(relation, known)!r}" if known else "there is none"
            told = f"relations: {', '.join(known)}"
            raise InputError(f"{name} has no relation {relation!r}; {near}", "facts.only", told)
    asked = [a for a in asked if wanted.only is None or a.relation in wanted.only]
    form = {r: Counter(a.form for a in asked if a.relation == r).most_common(1)[0][0] for r in _relations(asked)}
    merged: dict[tuple[str, str], Asked] = {}
    for one in asked:
        key = (one.relation, one.subject)
        if one.form != form[one.relation] or (key in merged and merged[key].split != one.split):
            continue
        merged[key] = one if key not in merged else replace(merged[key], answers=merged[key].answers + one.answers)
    notices = [f"{total - len(merged):,} of {total:,} questions are left out: asked twice, or in a form of their own"]
    kept, rare = list(merged.values()), []
    for relation in _relations(kept):
        if sum(a.relation == relation and a.split != "withheld" for a in kept) <= 2 * RESERVED_EXAMPLES:
            rare.append(relation)
    if rare:
        notices.append(f"relations with too few questions for examples are left out: {', '.join(rare)}")
    kept = [a for a in kept if a.relation not in rare]
    if wanted.count is not None and wanted.count < len(kept):
        chosen = np.random.default_rng([wanted.seed, 5]).permutation(len(kept))[: wanted.count]
        kept = [kept[i] for i in np.sort(chosen)]
    without = sum(a.popularity is None for a in kept)
    if 0 < without < len(kept):
        what = f"{without:,} of {len(kept):,} questions have no {OWN}, and the others have"
        raise InputError(what, str(path), "give it to all of them, or to none")
    covariates = () if without else ("popularity",)
    facts = [_fact(a, covariates) for a in kept]
    splits = [a.split or "trained" for a in kept]
    problems = Problems(str(path))
    examples = reserve_examples(facts, splits, RESERVED_EXAMPLES, wanted.seed, problems)
    problems.tell()
    rest = [i for i in range(len(facts)) if i not in examples]
    table = fact_rows([facts[i] for i in rest], covariates, [splits[i] for i in rest])
    if not any(a.split for a in kept):
        table = assign_split(table, wanted.withheld, wanted.seed, "popularity" if covariates else None)
    shown = {
        r: tuple((facts[i].subject, facts[i].object) for i in examples if facts[i].relation == r)
        for r in _relations(kept)
    }
    forms = {r: (f"Question: {form[r]} Answer:" if "Answer:" not in form[r] else form[r],) for r in _relations(kept)}
    return FactSet(table, forms, shown, f"{name}, {path.name}", covariates, tuple(notices))


def _relations(asked: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a.relation for a in asked))


def _fact(asked: Asked, covariates: Sequence[str]) -> Fact:
    answers = tuple(dict.fromkeys(" ".join(a.split()) for a in asked.answers if a.strip()))
    right, others = answers[0], tuple(a for a in answers[1:] if a not in asked.options)
    values: dict[str, Any] = {"popularity": asked.popularity} if covariates else {}
    name = f"{asked.relation}:{asked.subject}"
    return Fact(
        name, asked.subject, asked.relation, right, asked.subject, values, aliases=others, options=asked.options
    )


def _around(questions: Sequence[str]) -> tuple[str, str]:
    """What all questions of a relation begin and end with, in whole words."""
    before = os.path.commonprefix(list(questions))
    before = before[: before.rfind(" ") + 1]
    after = os.path.commonprefix([q[len(before) :][::-1] for q in questions])[::-1]
    cut = after.find(" ")
    return before, after[cut:] if cut >= 0 else ("?" if after.endswith("?") else "")


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    options = pc.ParseOptions(delimiter="\t", newlines_in_values=True)
    texts = pc.ConvertOptions(column_types=dict.fromkeys(columns, pa.utf8()), strings_can_be_null=False)
    try:
        return pc.read_csv(path, parse_options=options, convert_options=texts)
    except pa.ArrowInvalid as error:
        raise InputError(f"is no table of tabs ({error})", str(path), "name PopQA's test.tsv") from error


def _columns(table: pa.Table, wanted: Sequence[str], path: Path) -> pa.Table:
    if missing := [n for n in wanted if n not in table.column_names]:
        raise InputError(
            f"has no column {', '.join(missing)}", str(path), f"the data set's own file has {', '.join(wanted)}"
        )
    return table.select(list(wanted))


def _listed(value: Any, path: Path) -> list:
    """PopQA writes lists as JSON texts."""
    try:
        found = json.loads(value) if isinstance(value, str) else list(value)
    except ValueError as error:
        what = f"possible_answers holds {str(value)[:60]!r}, which is no JSON list"
        raise InputError(what, str(path), "name PopQA's own file") from error
    return found if isinstance(found, list) else [found]


def _own(row: dict[str, Any], path: Path) -> float | None:
    value = row.get(OWN)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value)):
        raise InputError(f"{OWN} holds {str(value)[:60]!r}, which is no number", str(path), "correct it")
    return value


def _json(path: Path) -> Iterator[dict]:
    try:
        rows = json.loads(path.read_text("utf-8"))
        assert isinstance(rows, list) and all({"question", "answers"} <= set(row) for row in rows)
    except (ValueError, AssertionError, TypeError) as error:
        raise InputError(
            "is no list of questions with answers", str(path), "name EntityQuestions' own files"
        ) from error
    yield from rows


READERS: dict[str, Callable[[Path, Wanted], FactSet]] = {
    "popqa": popqa_facts,
    "entity-questions": entity_questions_facts,
    "mmlu": mmlu_facts,
}
