"""Public question sets: files of the same columns, made here."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factsurv.events.errors import InputError
from factsurv.flows.study_file import read_study
from factsurv.training.facts.sources.benchmarks import Wanted, entity_questions_facts, mmlu_facts, popqa_facts
from tests.training.benchmark_files import FORMS, write_entity_questions, write_mmlu, write_popqa


@pytest.fixture(scope="module")
def popqa(tmp_path_factory):
    path = tmp_path_factory.mktemp("popqa") / "test.tsv"
    write_popqa(path)
    return path


def test_popqa(popqa):
    facts = popqa_facts(popqa)
    assert len(facts) == 80 - 24 and set(facts.relations) == set(FORMS)
    assert facts.templates["capital"] == ("Question: What is the capital of {subject}? Answer:",)
    for subject, right, others in zip(*map(facts.column, ("subject", "object")), facts.several("aliases"), strict=True):
        number = subject.removeprefix("Thing capital").removeprefix("Thing author")
        second = ("Second",) if "capital" in subject else ()
        assert (right, others) == (f"Answer {number}", (f"The Answer {number}", *second))
    subjects = facts.column("subject")
    popularity = dict(zip(subjects, facts.column("popularity"), strict=True))
    assert all(popularity[s] == int(s.removeprefix("Thing capital").removeprefix("Thing author")) % 5 for s in subjects)
    assert {facts.column("split").count(s) for s in ("trained", "withheld")} == {28}
    assert "41 of 121 questions are left out" in facts.notices[0]
    assert len(popqa_facts(popqa, Wanted(only=["author"]))) == 28
    with pytest.raises(InputError, match="no relation 'autor'; the nearest is 'author'"):
        popqa_facts(popqa, Wanted(only=["autor"]))


def test_entity_questions(tmp_path):
    write_entity_questions(tmp_path)
    facts = entity_questions_facts(tmp_path)
    assert facts.templates == {"P19": ("Question: Where was Person {subject} Smith born? Answer:",)}
    assert (facts.column("split").count("trained"), facts.column("split").count("withheld")) == (48, 30)
    assert facts.several("aliases")[0] == (f"T{facts.column('subject')[0]}",)
    (tmp_path / "train" / "P20.train.json").write_text('[{"question": "?"}]')
    with pytest.raises(InputError, match="no list of questions with answers"):
        entity_questions_facts(tmp_path)


def test_mmlu(tmp_path):
    write_mmlu(tmp_path)
    facts = mmlu_facts(tmp_path, Wanted(only=["prehistory"], withheld=0.25))
    assert len(facts) == 28 and facts.covariates == ()
    row = dict(zip(facts.table.column_names, (facts.column(n)[0] for n in facts.table.column_names), strict=True))
    assert row["object"] in facts.several("options")[0] and len(facts.several("options")[0]) == 4
    assert "\n" not in row["subject"]


def test_a_measure_of_popularity_is_where_somebody_put_it(tmp_path):
    write_entity_questions(tmp_path / "dataset")
    write_mmlu(tmp_path / "mmlu")
    files = sorted((tmp_path / "dataset").glob("t*/*.json"))
    for file in files:
        rows = json.loads(file.read_text())
        file.write_text(json.dumps([row | {"popularity": len(row["answers"][0])} for row in rows]))
    table = pq.read_table(tmp_path / "mmlu" / "test.parquet")
    pq.write_table(table.append_column("popularity", pa.array(range(len(table)))), tmp_path / "mmlu" / "test.parquet")
    found = [entity_questions_facts(tmp_path / "dataset"), mmlu_facts(tmp_path / "mmlu")]
    assert all(facts.covariates == ("popularity",) for facts in found)
    assert found[0].column("popularity") == [len(f"Town {s}") for s in found[0].column("subject")]
    assert len(set(found[1].column("popularity"))) == len(found[1])
    for own, told in (
        (None, "questions have no popularity, and the others have"),
        ("many", "holds 'many', which is no"),
    ):
        files[0].write_text(json.dumps([row | {"popularity": own} for row in json.loads(files[0].read_text())]))
        with pytest.raises(InputError, match=told):
            entity_questions_facts(tmp_path / "dataset")


def test_a_study_names_them(popqa, tmp_path):
    study = '[study]\nname = "x"\n[facts]\nsource = "popqa"\n'
    path = tmp_path / "x.toml"
    path.write_text(study + f'path = "{popqa}"\nonly = ["author"]\n')
    assert read_study(path).facts.path == str(popqa)
    for wrong, told in (
        ("", "needs path = "),
        ('path = "nowhere.tsv"', "there is no file"),
        ('path = "hub:nobody"', "names no file of the hub"),
    ):
        path.write_text(study + wrong)
        with pytest.raises(InputError, match=told):
            read_study(path)
