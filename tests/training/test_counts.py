"""Counts of facts in a corpus: every reader and rule against a plain loop, kills, broken files, and covariates."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events import schema
from factsurv.events.accuracy import accuracy_table
from factsurv.events.errors import InputError
from factsurv.flows import counting
from factsurv.training.facts import counts
from factsurv.training.facts.corpus import documents as reading
from factsurv.training.facts.corpus import files
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.measures import information, norm, with_counts
from factsurv.training.facts.sources.told_world import told_world
from factsurv.training.spec import CorpusSpec

PAIRS = [("Niger", "Niamey"), ("Nigeria", "Abuja"), ("New York", "York"), ("Île", "Ô"), ("Oman", "Oman"), ("Mars", "x")]
ALIASES = {"Abuja": ("the capital of Nigeria",)}


@pytest.fixture(scope="module")
def facts():
    made = [Fact(f"r:{s}", s, "r", o, "r", {}, aliases=ALIASES.get(o, ())) for s, o in PAIRS]
    return FactSet(fact_rows(made, ()), {"r": ("of {subject} is",)}, {}, "test", ())


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(1)
    names = [n for pair in PAIRS for n in pair] + ["the capital of Nigeria", "Nigerien", "ÎleÔ", "é", "_", "a\u0301"]
    joints = [" ", "", ", ", "-", "é", "–", "\t", "_"]
    return [
        "".join(rng.choice(names) + rng.choice(joints, p=[0.5] + [0.5 / 7] * 7) for _ in range(rng.integers(0, 5)))
        for _ in range(400)
    ]


def plainly(texts, rule, aliases):
    """The same by the definition."""
    import re

    def there(name, text):
        if rule == "word":
            return re.search(rf"(?<![\w\u0300-\u036f]){re.escape(name)}(?![\w\u0300-\u036f])", text) is not None
        return f" {name}" in f" {text}" if rule == "paper" else name in text

    told = [[], [], []]
    for s, o in PAIRS:
        every = (o, *(ALIASES.get(o, ()) if aliases else ()))
        has = np.array([[there(s, t), any(there(n, t) for n in every)] for t in texts])
        for column, values in zip(told, (has[:, 0], has[:, 1], has.all(1)), strict=True):
            column.append(values.sum())
    return np.array(told, float)


def write(folder, texts):
    """The texts once in every kind of file."""
    folder.mkdir()
    plain = "\r\n".join(texts[:50]) + "\n" + "\n".join(texts[50:])
    (folder / "a.txt").write_bytes(plain.encode())
    (folder / "b.txt.gz").write_bytes(gzip.compress(plain.encode()))
    rows = [{"n": i, "text": t} if t else {"n": "?"} for i, t in enumerate(texts)]
    lines = "".join(json.dumps(r, ensure_ascii=i % 2 == 0) + "\n" for i, r in enumerate(rows)).encode()
    with pa.CompressedOutputStream(str(folder / "c.jsonl.zst"), "zstd") as file:
        file.write(lines)
    (folder / "d.jsonl").write_bytes(lines)
    pa.parquet.write_table(pa.table({"text": [t or None for t in texts]}), folder / "e.parquet", row_group_size=90)
    (folder / "f.json").write_text(json.dumps({"a": [{"text": t} for t in texts], "text": {"b": 1}, "title": "Niger"}))
    return folder


@pytest.mark.parametrize("rule, aliases", [("word", True), ("paper", False), ("anywhere", False)])
def test_every_kind_of_file_counts_as_the_definition_says(facts, texts, rule, aliases, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 700)  # so that lines lie across blocks, and units begin inside lines
    monkeypatch.setattr(files, "UNIT", 1000)
    folder = write(tmp_path / "corpus", texts)
    spec = CorpusSpec(path=str(folder), rule=rule, aliases=aliases)
    each = plainly(texts, rule, aliases)
    full = sum(t != "" for t in texts)
    for file in folder.iterdir():
        own = counts.count_small(facts, spec.model_copy(update={"path": str(file)}))
        assert (own.numbers == each).all() and own.documents == full, file
    assert (each[2] <= each[:2].min(0)).all() and each[2, :5].all() and each[2, 5] != each[0, 5]


def test_a_broken_file_leaves_the_others_counted_and_they_are_kept(facts, texts, tmp_path, monkeypatch):
    folder, out, said = write(tmp_path / "corpus", texts), tmp_path / "counts.arrow", []
    spec = CorpusSpec(path=str(folder))
    whole = (folder / "b.txt.gz").read_bytes()
    (folder / "b.txt.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "a.txt").write_bytes(b"text\n\xffbinary")

    def count(**more):
        return counting.count_corpus(facts, spec, out, 2, said.append, lambda *_: None, **more)

    with pytest.raises(InputError) as told:
        count()
    assert "b.txt.gz: is damaged near byte" in str(told.value) and "a.txt: is not text: byte 5" in str(told.value)
    assert not out.exists()
    (folder / "b.txt.gz").write_bytes(whole)
    found = count(leave_out=True)
    assert any("8 of 10 parts of the corpus were counted before" in line for line in said)
    assert any(line.startswith("left out: ") and "a.txt" in line for line in said)
    assert (found.numbers == 5 * plainly(texts, "word", False)).all()
    again = counts.read_counts(out)
    assert (again.numbers == found.numbers).all() and again.documents == found.documents
    twice = counts.merged([again, again])
    assert (twice.numbers == 2 * found.numbers).all() and twice.documents == 2 * found.documents
    assert not out.with_name("counts.arrow.parts").exists()


def test_what_cannot_be_counts_is_told(facts, tmp_path):
    def told(**columns):
        base = {"fact_id": ["a", "b"], "n_subject": [3, 2], "n_object": [4, 4], "n_both": [1, 1], "documents": [9, 9]}
        path = tmp_path / "own.csv"
        table = {k: v for k, v in (base | columns).items() if v is not None}
        path.write_text("\n".join(",".join(map(str, row)) for row in [list(table), *zip(*table.values(), strict=True)]))
        with pytest.raises(InputError) as error:
            counts.of_facts(counts.read_counts(path), facts, str(path))
        return str(error.value)

    assert "row 2 (line 3): 3 documents have both names, and only 2 one" in told(n_both=[1, 3])
    assert "3 documents have both" in told(n_both=[1, 3], documents=None, n_neither=[3, 4])  # not: two sizes
    assert "no document" in told(documents=[0, 0], n_subject=[0, 0], n_object=[0, 0], n_both=[0, 0])
    assert "neither column 'n_neither' nor 'documents'" in told(documents=None)
    assert "9 documents in row 1" in told(documents=[9, 12])
    assert "n_subject is -1" in told(n_subject=[-1, 2])
    assert "6 of 6 facts were not counted, such as 'r:Niger'" in told()
    empty = tmp_path / "empty.txt"
    empty.touch()
    with pytest.raises(InputError, match="the corpus is empty"):
        counts.count_small(facts, CorpusSpec(path=str(empty)))
    (tmp_path / "odd.jsonl").write_text('{"text": "Niger"}\n{"text": 3}\n')
    with pytest.raises(InputError, match="at byte 18: its 'text' is no text"):
        counts.count_small(facts, CorpusSpec(path=str(tmp_path / "odd.jsonl")))
    (tmp_path / "odd.jsonl").write_text('{"content": "Niger"}\n')
    with pytest.raises(InputError, match="no field 'text'; the fields are 'content'"):
        counts.count_small(facts, CorpusSpec(path=str(tmp_path / "odd.jsonl")))


def test_counts_become_covariates_and_facts_that_never_meet_stay(facts):
    numbers = np.array([[8, 8, 8, 8, 8, 8], [8, 4, 8, 8, 8, 8], [8, 4, 2, 0, 8, 1.0]])
    found = counts.Counts(counts.facts_of(facts), numbers, 64.0)
    bits = information(found)
    assert bits[:2].tolist() == [8 / 64 * 3, 4 / 64 * 3]  # log2 of (1/8) / (1/8 1/8), and of (1/16) / (1/8 1/16)
    assert bits[3] == 0 and bits[5] == 0  # never; and as often as chance has it
    assert norm(np.array([2.0**0.5, 2.0**2.5, 2.0**1.39, 0.0, -1.0])).tolist() == [0, 1, (1.2 - 0.4) / 2, 0, 0]
    assert norm(2.0 ** np.array([-0.19, 0.19, 1.0])).tolist() == [0, 0, 1]  # cut towards zero: a bin of double width
    joined = with_counts(facts, found, parameters=2.0**20)
    mi, smi = (np.array(joined.column(n), float) for n in ("mi", "smi"))
    known = np.array([s != o for s, o in PAIRS])
    assert np.isnan(mi).tolist() == np.isnan(smi).tolist() == (~known).tolist()
    assert np.allclose(smi[known], mi[known] ** 1.05, rtol=1e-12)
    assert joined.column("never_met") == [0, 0, 0, 1, 0, 0] and len(joined) == len(facts)
    assert any("whose subject is their object: 1, such as 'Oman'" in n for n in joined.notices)


def test_an_invented_text_is_read_in_order_and_counted_exactly():
    facts, world, found = told_world(subjects=30, relations=2, answers=5, sentences=900, seed=3)
    rng = np.random.default_rng(1)
    assert world.batch(rng, 500, 0) + world.batch(rng, 500, 1) == [*world.text, *world.text[:100]]
    said = [set(sentence.split()) for sentence in world.text]
    known = set(world.vocabulary)
    assert all(words <= known for words in said) and len(facts) == 2 * (30 - 12)
    for i, (_, subject, _, answer) in enumerate(found.facts):
        has = np.array([[subject in words, answer in words] for words in said])
        assert found.numbers[:, i].tolist() == [*has.sum(0), has.all(1).sum()]
    alone = sum(not words & set(world.vocabulary[-10:]) for words in said) / len(said)
    assert abs(alone - 0.2) < 0.05  # the share with the subject alone; nearly four standard errors


def test_accuracy_is_the_mean_over_forms_at_the_first_checkpoint_or_of_a_series_the_last(facts):
    ids = facts.column("fact_id")
    run = {"run": ["a-1"] * 24, "arm": ["a"] * 24, "seed": [1] * 24, "fact_id": ids * 4}
    at = np.repeat([0, 0, 3, 3], 6)
    p = np.arange(24) / 24
    own = {"checkpoint": at, "epoch": at, "step": at, "form": np.repeat([1, 2, 1, 2], 6), "held_out": [False] * 24}
    measured = {"recalled": [True] * 24, "logp": np.log(p + 1), "margin": p, "p": p}
    forms = schema.build(schema.FORMS, run | own | measured)
    numbers = np.array([[8, 8, 8, 8, 8, 8], [8, 4, 8, 8, 8, 8], [8, 4, 2, 0, 8, 1.0]])
    counted = counts.Counts(counts.facts_of(facts), numbers, 64.0)
    made = accuracy_table(facts.table, counted.table(), forms, forms, {"a-1": 5e6})
    assert made["accuracy"].to_pylist() == pytest.approx([(i / 24 + (i + 6) / 24) / 2 for i in range(6)])
    assert made["forms"].to_pylist() == [2] * 6 and made["documents"].to_pylist() == [64.0] * 6
    assert made["n_both"].to_pylist() == numbers[2].tolist() and set(made["parameters"].to_pylist()) == {5e6}
    assert made["subject_is_object"].to_pylist() == [s == o for s, o in PAIRS]
    last = accuracy_table(facts.table, counted.table(), forms, forms, {}, last=True)
    assert last["accuracy"].to_pylist() == pytest.approx([(i + 12) / 24 + 3 / 24 for i in range(6)])
