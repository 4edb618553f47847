"""`factsurv init` for tables of facts: the columns of usual layouts, and what `run` would refuse."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.flows.starter import write_study
from factsurv.flows.study_file import read_study
from factsurv.training.facts.gather import gather

COUNT = 60
SUBJECTS = [f"Land {i}" for i in range(COUNT)]
ANSWERS = [f"Town {i % 50}" for i in range(COUNT)]
IDS = list(range(700, 700 + COUNT))
# Layouts as they are about, with data of our own: columns, then subject, answer and relation as they must be found.
LAYOUTS = {
    "popqa": (
        {
            "id": [4000 + 13 * i for i in range(COUNT)], "subj": SUBJECTS,
            "prop": [("capital", "mayor")[i % 2] for i in range(COUNT)], "obj": ANSWERS,
            "subj_id": IDS, "prop_id": [(22, 43)[i % 2] for i in range(COUNT)], "obj_id": IDS[::-1],
            "s_aliases": ["[]"] * COUNT, "s_uri": [f"http://w.example/Q{i}" for i in IDS],
            "s_pop": [3 * i * i for i in range(COUNT)], "question": [f"What is {s}'s capital?" for s in SUBJECTS],
            "possible_answers": [json.dumps([a, a[:2]]) for a in ANSWERS],
        },
        ("subj", "obj", "prop"), ["s_pop"],
    ),
    "entity-questions": (
        {"question": [f"Where is {s}?" for s in SUBJECTS], "answer": ANSWERS}, ("question", "answer", None), [],
    ),
    "id, name, capital": ({"id": IDS, "name": SUBJECTS, "capital": ANSWERS}, ("name", "capital", None), []),
    "row numbers without a name": ({"": range(COUNT), "entity": SUBJECTS, "capital": ANSWERS},
                                   ("entity", "capital", None), []),
    "answers of numbers": ({"index": range(COUNT), "name": SUBJECTS, "founded": [1000.0 + i * 7 for i in range(COUNT)]},
                           ("name", "founded", None), []),
    "two columns": ({"country": SUBJECTS, "capital": ANSWERS}, ("country", "capital", None), []),
    "by role": ({"Object": ANSWERS, "Subject": SUBJECTS, "weight": [i % 7 for i in range(COUNT)],
                 "era": [("old", "new", "now")[i % 3] for i in range(COUNT)]},
                ("Subject", "Object", None), ["weight", "era"]),
    "a split of other words": ({"subject": SUBJECTS, "object": ANSWERS, "split": ["train", "test"] * (COUNT // 2)},
                               ("subject", "object", None), []),
    "23 kinds": ({"subject": SUBJECTS, "object": ANSWERS, "kind": [f"k{i % 23}" for i in range(COUNT)]},
                 ("subject", "object", None), []),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(columns: dict, kind: str) -> Path:
    table = pa.table({n: pa.array(list(v)) for n, v in columns.items()})
    path = Path("data") / f"facts.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        import csv

        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if kind == "tsv" else ";")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    return path


# Typed files are read in a process of their own, a second each: once where types matter, once where there is all.
FILES = [(layout, ("csv", "tsv")[i % 2]) for i, layout in enumerate(LAYOUTS)]
FILES += [("popqa", "parquet"), ("answers of numbers", "parquet")]


@pytest.mark.parametrize(("layout", "kind"), FILES)
def test_the_columns_of_usual_layouts_are_found(here, layout, kind):
    columns, expected, covariates = LAYOUTS[layout]
    path, facts = write_study("mine", save(columns, kind))
    text = path.read_text()
    assert str(here) not in text and f'path = "data/facts.{kind}"' in text
    spec = read_study(path).facts
    assert (spec.subject, spec.object, spec.relation) == expected
    assert spec.covariates == covariates and spec.split is None
    again = gather(spec).facts  # what was written is what was checked
    assert again.table.equals(facts.table) and len(facts) + sum(map(len, facts.examples.values())) == COUNT
    answers = {str(a).removesuffix(".0") for a in columns[expected[1]]}
    assert set(facts.column("object")) <= answers and "{subject}" in next(iter(facts.templates.values()))[0]


def test_columns_can_be_named(here):
    columns = LAYOUTS["popqa"][0]
    asked = {"subject": "question", "object": "prop", "relation": None}
    path, _ = write_study("mine", save(columns, "csv"), asked=asked)
    spec = read_study(path).facts
    assert (spec.subject, spec.object, spec.relation) == ("question", "prop", None)
    with pytest.raises(InputError, match="--object: there is no column 'objekt'; the nearest is 'obj'"):
        write_study("other", save(columns, "csv"), asked={"object": "objekt"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capital": None, "mayor": ANSWERS, "river": ANSWERS}, "which column is the answer (--object); what is asked"),
        ({"capital": None}, "which column is the answer (--object)"),
        ({"name": None, "capital": None}, "what is asked about (--subject) and the answer (--object)"),
        ({"capital": [*ANSWERS[:-1], ""]}, "row 60 (line 61): column 'capital' is empty"),
        ({"name": [*SUBJECTS[:-2], "Land 0", "Land 1"]}, "'Land 1' stands twice: in row 2 (line 3) and row 60"),
        ({"capital": ["['a', 'b']"] * COUNT}, "column 'capital' holds a list"),
        ({"capital": ["x\ny", *ANSWERS[1:]]}, "row 1 (line 2): column 'capital' holds a line break"),
    ],
)
def test_what_run_would_refuse_is_told_and_nothing_is_written(here, changes, message):
    columns = {"id": IDS, "name": SUBJECTS, "capital": ANSWERS} | changes
    with pytest.raises(InputError) as error:
        write_study("mine", save({n: v for n, v in columns.items() if v is not None}, "csv"),
                    asked={"object": "capital"} if "holds" in message else None)  # fmt: skip
    assert message in str(error.value)
    assert not Path("mine.toml").exists()


@pytest.mark.parametrize("name", ["a\n", "a b", "", "-a", "n" * 300, "a/b", "..", "ä"])
def test_names_that_no_folder_can_have(here, name):
    with pytest.raises(InputError, match="cannot be a study's name"):
        write_study(name, save(LAYOUTS["two columns"][0], "csv"))


def test_a_model_that_is_not_there_is_told_before_anything_is_written(here):
    with pytest.raises(InputError, match="there is no model folder"):
        write_study("mine", save(LAYOUTS["two columns"][0], "csv"), model="/no/such/folder")
    assert not Path("mine.toml").exists()


def test_a_series_is_followed_in_the_place_of_a_model(here):
    for step in (0, *range(1000, 40_000, 1000)):
        (here / "kept" / f"step{step}").mkdir(parents=True)
        (here / "kept" / f"step{step}" / "config.json").touch()
    path, facts = write_study("mine", save(LAYOUTS["two columns"][0], "csv"), series="kept")
    study = read_study(path)
    assert "# 19 of 40 checkpoints" in path.read_text() and len(study.model.series) == 19
    assert study.model.series[:3] == ["step0", "step1000", "step2000"] and study.model.series[-1] == "step39000"
    assert study.tuning.method == "none" and study.facts.withheld == 0 and study.analysis.time == "step"
    assert len(facts) == 48
    with pytest.raises(InputError, match="no checkpoints"):
        write_study("other", save(LAYOUTS["two columns"][0], "csv"), series="data")
    assert not Path("other.toml").exists()
