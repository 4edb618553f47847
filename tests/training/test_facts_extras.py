"""Roles and links, sets, further right answers and options: what is read, and what every mistake in them says."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import digest, write_table
from factsurv.events.own_file import read_own_file
from factsurv.events.schema import of_facts
from factsurv.flows.column_roles import roles
from factsurv.flows.rehearsal import some_of
from factsurv.training.facts.fact_table import read_fact_table
from factsurv.training.facts.gather import gather
from factsurv.training.facts.stored_facts import from_arrow, to_arrow
from factsurv.training.spec import FactsSpec

COUNT = 40


def rows(count=COUNT):
    """So many mayors, and of each town of the first half what follows."""
    facts = [
        {
            "who": f"town {i}", "what": "mayor", "answer": f"Ann {i}", "also": [f"Mrs {i}", f"Ann {i}"], "links": [],
            "choose": [f"Ann {i}", "Bob", "Cyd"], "new": i % 2 == 0,
        }
        for i in range(count)
    ]  # fmt: skip
    return facts + [
        {
            "who": f"land {i}", "what": "ruler of the capital", "answer": f"Ann {i}", "also": [], "choose": [],
            "links": [f"town {i}" if i % 2 else f"mayor:town {i}"], "new": False,
        }
        for i in range(count // 2)
    ]  # fmt: skip


def write(folder, facts, kind="jsonl"):
    path = folder / f"facts.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(f) + "\n" for f in facts))
    elif kind == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(facts), path)
    else:
        lines = [",".join(facts[0])]
        for fact in facts:
            cells = ("|".join(v) if isinstance(v, list) else str(v) for v in map(fact.get, facts[0]))
            lines.append(",".join(cells))
        path.write_text("\n".join(lines) + "\n")
    return path


def read(path, **changes):
    keys = {"subject": "who", "object": "answer", "relation": "what", "aliases": "also", "options": "choose"}
    keys |= {"links": "links", "sets": ["new"], "covariates": [], "templates": ["The {relation} of {subject} is"]}
    return read_fact_table(path, **(keys | {"withheld": 0.25, "reserve": 3} | changes))


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_every_format_brings_the_same_columns(tmp_path, kind):
    facts = read(write(tmp_path, rows(), kind))
    at = facts.column("subject").index("town 7")
    assert facts.several("aliases")[at] == ("Mrs 7",) and facts.several("options")[at] == ("Ann 7", "Bob", "Cyd")
    at = facts.column("subject").index("land 9")
    assert facts.roles[at] == "implication" and facts.column("split")[at] == "withheld"
    assert facts.several("links")[at] == ("mayor:town 9",) and facts.sets == ("new",) and facts.covariates == ()
    of_role = [s for s, r in zip(facts.column("split"), facts.roles, strict=True) if r == "fact"]
    assert of_role.count("withheld") == round(0.25 * len(of_role))
    assert {s for s, _ in facts.examples["mayor"]} <= {f"town {i}" for i in range(COUNT // 2, COUNT)}  # none is needed
    assert all(pa.types.is_dictionary(f.type) or f.name == "new" for f in facts.table.schema)
    assert of_facts(facts.table.column_names) == ["role", "new"]
    write_table(tmp_path / "stored.arrow", to_arrow(facts))
    with pa.OSFile(str(tmp_path / "stored.arrow")) as file:
        again = from_arrow(pa.ipc.open_file(file).read_all())
    assert again.several("links") == facts.several("links") and again.roles == facts.roles and again.sets == ("new",)


def changed(number, **changes):
    facts = rows()
    facts[number] |= changes
    return facts


@pytest.mark.parametrize(
    ("number", "changes", "told"),
    [
        (45, {"links": ["nowhere"]}, "row 46: fact ruler of the capital:land 5: 'nowhere' is neither the id nor"),
        (45, {"links": ["ruler of the capital:land 5"]}, "row 46: fact ruler of the capital:land 5: it follows"),
        (45, {"who": "town 5"}, "row 46: fact ruler of the capital:town 5: 'town 5' is the subject of 2 facts"),
        (3, {"choose": ["Bob", "Cyd"]}, "row 4: fact mayor:town 3: the options ('Bob', 'Cyd') are without the"),
        (3, {"choose": ["Ann 3"]}, "row 4: fact mayor:town 3: 'Ann 3' is its only option"),
        (3, {"choose": ["Ann 3", "Mrs 3"]}, "row 4: fact mayor:town 3: the options hold 'Ann 3' and its al"),
        (3, {"also": ["Mrs 3\nNo 3"]}, "row 4: column 'also' holds a line break"),
        (46, {"who": "town 6", "also": ["Ann 6 of town"], "answer": "Eve", "links": ["mayor:town 6"]}, None),
        (46, {"who": "town 6", "also": ["Ann 6"], "answer": "Eve", "links": ["mayor:town 6"]},
         "row 47: fact ruler of the capital:town 6: the alias 'Ann 6' of 'Eve' is the answer of another"),
        (3, {"new": None}, "row 4: column 'new' holds a missing value"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_once_by_its_row(tmp_path, number, changes, told):
    path = write(tmp_path, changed(number, **changes))
    if told is None:
        read(path)
        return
    with pytest.raises(InputError) as caught:
        read(path)
    assert told in str(caught.value).replace(f"{path}, ", "") and caught.value.remedy and not caught.value.parts


def test_a_right_answer_that_begins_another_is_told_and_a_role_without_links_is_kept(tmp_path):
    facts = read(write(tmp_path, changed(5, also=["Ann 5 of town", "Mrs 5"])))
    assert any("such as mayor:town 5: 'Ann 5' and 'Ann 5 of town'" in n for n in facts.notices)
    told = [f | {"role": "implication" if f["links"] else "fact"} for f in rows()]
    assert read(write(tmp_path, told), role="role", links=None).roles.count("implication") == 17


def test_a_rehearsal_keeps_what_its_implications_follow_from(tmp_path):
    facts = read(write(tmp_path, rows(80)[::-1]))  # the first facts of a rehearsal are not the first implications' own
    few = some_of(facts)
    assert "implication" in few.roles and len(few) < len(facts)
    assert {name for each in few.several("links") for name in each} <= set(few.column("fact_id"))


def test_init_finds_the_columns(tmp_path):
    named = [
        {"subject": f["who"], "answer": f["answer"], "possible_answers": f["also"], "choices": f["choose"]}
        for f in rows()
    ]
    found = roles(read_own_file(write(tmp_path, named)), {})
    assert found == {"subject": "subject", "object": "answer", "aliases": "possible_answers", "options": "choices"}


@pytest.mark.parametrize(
    ("source", "sha256"),
    [
        ("world", "da1d5610e29056b5662a4da14e0017efe5110b8ace2dce18db2c8918e51ed2f4"),
        ("tiny-world", "b6c0f65beaa242ef763271d15564fa447ef358cce5abb69ce323e7dbaea7b08f"),
    ],
)
def test_facts_without_these_columns_are_the_same_bytes_as_before_there_were_any(tmp_path, source, sha256):
    path = tmp_path / "facts.arrow"
    write_table(path, to_arrow(gather(FactsSpec.model_validate({"source": source})).facts))
    assert digest(path) == sha256
