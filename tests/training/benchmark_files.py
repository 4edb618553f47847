"""Files with the columns of public question sets, made here: none of their contents."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from factsurv.events.files import write_table

COLUMNS = ["id", "subj", "prop", "obj", "subj_id", "s_pop", "o_pop", "question", "possible_answers"]
FORMS = {"capital": "What is the capital of {}?", "author": "Who is the author of {}?"}
HISTORY = ("high_school_european_history", "high_school_us_history", "high_school_world_history", "prehistory")


def write_popqa(path: Path) -> None:
    """40 subjects of each relation, of popularity 1 to 10,000; every capital stands twice, both answers are right."""
    rows = [
        [n, f"Thing {r}{i}", r, f"Answer {i}", i, str(10 ** (i % 5)), "7", form.format(f"Thing {r}{i}")]
        + [json.dumps([f"Answer {i}", f"The Answer {i}"])]
        for n, (r, form) in enumerate(FORMS.items())
        for i in range(40)
    ]
    rows += [[99, *row[1:3], "Second", *row[4:8], "[]"] for row in rows if row[2] == "capital"]
    rows.append([98, "Odd", "capital", "X", 3, "1000", "7", "Odd has which capital?", "[]"])
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([COLUMNS, *rows])


def write_entity_questions(folder: Path) -> None:
    """60 questions to train on, 30 to test, 9 of dev."""
    for part, numbers in (("train", range(60)), ("test", range(60, 90)), ("dev", range(90, 99))):
        (folder / part).mkdir(parents=True)
        rows = [{"question": f"Where was Person {i} Smith born?", "answers": [f"Town {i}", f"T{i}"]} for i in numbers]
        (folder / part / f"P19.{part}.json").write_text(json.dumps(rows))


def write_mmlu(folder: Path) -> None:
    """40 questions of each history subject and of anatomy, the choices in no order."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"question": f"Question {i}\nof two lines?", "subject": s, "choices": [f"a{i}", f"b{i}", "c", "d"]}
        | {"answer": i % 4}
        for s in (*HISTORY, "anatomy")
        for i in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "test.parquet")


def write_all(folder: Path) -> None:
    """The files that the bundled studies name, as they name them."""
    write_popqa(folder / "test.tsv")
    write_entity_questions(folder / "dataset")
    write_mmlu(folder / "mmlu")
    write_counted(folder)


def write_counted(folder: Path, count: int = 80) -> None:
    """Facts and their counts in a corpus, made up, as `pythia-smi` names them."""
    facts = [(f"S{i}", ("plays", "born")[i % 2], f"O{i % 9}") for i in range(count)]
    rows = [(*f, i + 9, i + 20, i + 1, 9999 - i) for i, f in enumerate(facts)]
    (folder / "facts.csv").write_text("subject,relation,object\n" + "".join(f"{','.join(f)}\n" for f in facts))
    names = ["subject", "relation", "object", "n_subject", "n_object", "n_both", "n_neither"]
    write_table(folder / "counts.arrow", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
