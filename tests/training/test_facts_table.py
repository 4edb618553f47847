"""A user's own table: what is read, and what every mistake in it says."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_table import read_fact_table

TEMPLATES = ("The river of {subject} is",)
COUNT = 60


def lines(count: int = COUNT) -> list[str]:
    """A csv: header, then rows numbered from 1, so that row n is lines[n]."""
    rows = [
        f"town {i},river {i % 50},{'river' if i % 2 else 'lake'},{i * 1.5},{i % 7},note {i}"
        for i in range(1, count + 1)
    ]
    return ["town,river,kind,size,age,remark", *rows]


def write(folder, rows: list[str], name: str = "facts.csv"):
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def read(path, **arguments):
    return read_fact_table(path, **{"subject": "town", "object": "river", "templates": TEMPLATES, **arguments})


def error(path, **arguments) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **arguments)
    assert caught.value.remedy and caught.value.where.startswith(str(path))
    return str(caught.value)


def test_a_plain_table(tmp_path):
    facts = read(write(tmp_path, lines()), withheld=0.25)
    assert len(facts) == COUNT - 12 and len(facts.examples["fact"]) == 12
    assert facts.covariates == ("size", "age", "kind") and facts.relations == ("fact",)
    assert facts.column("split").count("withheld") == 12
    assert facts.templates == {"fact": TEMPLATES} and facts.source == "facts.csv"
    assert facts.table["size"].type == pa.float64() and set(facts.column("group")) == {"fact"}
    row = facts.column("subject").index(facts.column("subject")[5])
    number = int(facts.column("subject")[row].split()[1])
    assert facts.column("object")[row] == f"river {number % 50}" and facts.column("size")[row] == number * 1.5
    told = "columns that are no covariates unless facts.covariates names them: remark (text with 60 different values)"
    assert facts.notices == (told,)
    assert facts.table["kind"].chunk(0).dictionary.to_pylist() == ["lake", "river"]  # alphabetical: the first is R's
    assert facts.column("kind")[row] == ("river" if number % 2 else "lake")
    examples = {s for s, _ in facts.examples["fact"]}
    assert examples | set(facts.column("subject")) == {f"town {i}" for i in range(1, COUNT + 1)}


@pytest.mark.parametrize("name", ["facts.parquet", "facts.arrow", "facts.feather", "facts.tsv"])
def test_every_format_reads_the_same(tmp_path, name):
    header, *rows = (line.split(",") for line in lines())
    if name.endswith("tsv"):
        path = write(tmp_path, ["\t".join(r) for r in [header, *rows]], name)
    else:
        table = pa.table(
            {
                h: pa.array(map(float if h in ("size", "age") else str, column))
                for h, column in zip(header, zip(*rows, strict=True), strict=True)
            }
        )
        path = tmp_path / name
        if name.endswith("parquet"):
            pyarrow.parquet.write_table(table, path)
        else:
            with pa.ipc.new_file(path, table.schema) as sink:
                sink.write_table(table)
    plain = read(write(tmp_path, lines(), "plain.csv"), withheld=0.3)
    assert read(path, withheld=0.3).table.equals(plain.table)


def test_relations_split_group_and_templates(tmp_path):
    rows = lines()
    rows = [
        rows[0] + ",part",
        *(r + (",withheld" if i % 4 == 0 else ",trained") for i, r in enumerate(rows[1:])),
    ]
    facts = read(
        write(tmp_path, rows),
        relation="kind",
        split="part",
        group="remark",
        covariates=["age"],
        templates=["The {relation} of {subject} is", "{subject}:"],
    )
    assert set(facts.relations) == {"river", "lake"} and facts.covariates == ("age",)
    assert facts.templates["lake"] == ("The lake of {subject} is", "{subject}:")
    assert facts.column("split").count("withheld") == 15  # none of them became an example
    assert facts.column("fact_id")[0] == f"{facts.column('relation')[0]}:{facts.column('subject')[0]}"
    assert facts.column("group")[0].startswith("note")
    assert {r: len(e) for r, e in facts.examples.items()} == {"river": 12, "lake": 12}


def test_templates_are_invented_with_a_notice(tmp_path):
    facts = read(write(tmp_path, lines()), relation="kind", templates=None)
    assert facts.templates["lake"][0] == "The lake of {subject} is"
    assert any("no prompt templates" in n for n in facts.notices)
    assert "{subject}" in read(write(tmp_path, lines()), templates=None).templates["fact"][0]


def test_missing_covariate_values_stay_missing(tmp_path):
    rows = lines()
    for n, gap in ((3, ""), (7, "NA"), (9, "nan")):
        cells = rows[n].split(",")
        rows[n] = ",".join([*cells[:3], gap, *cells[4:]])
    facts = read(write(tmp_path, rows), reserve=0)
    assert facts.column("size")[2] is None and facts.table["size"].null_count == 3
    assert (
        "size: 3 of 60 values are missing (rows 3, 7, 9); a model that uses size leaves those facts out"
        in facts.notices
    )


def test_zero_shot_tables_reserve_nothing(tmp_path):
    facts = read(write(tmp_path, lines()), reserve=0)
    assert len(facts) == COUNT and facts.examples == {"fact": ()}


def test_spreadsheet_marks_quotes_and_spaces(tmp_path):
    rows = lines()
    rows[2] = '"town 2, upper", river 2 ,lake,3,2,"two\nlines"'
    path = tmp_path / "facts.csv"
    path.write_text("\r\n".join(rows), encoding="utf-8-sig")
    facts = read(path, reserve=0)
    assert facts.column("subject")[:2] == ["town 1", "town 2, upper"] and facts.column("object")[1] == "river 2"


def changed(row: int, column: int, text: str):
    """The table with one cell replaced."""

    def rows() -> list[str]:
        table = lines()
        cells = table[row].split(",")
        cells[column] = text
        table[row] = ",".join(cells)
        return table

    return rows


@pytest.mark.parametrize(
    ("rows", "arguments", "expected"),
    [
        (
            lines,
            {"subject": "twon"},
            ["key subject", "no column 'twon'", "nearest is 'town'", "town, river, kind"],
        ),
        (lines, {"relation": "Kinds"}, ["key relation", "nearest is 'kind'"]),
        (lines, {"covariates": ["sise"]}, ["key covariates", "nearest is 'size'"]),
        (
            changed(17, 0, "town 4"),
            {},
            ["'town 4' stands twice: in row 4 (line 5) and row 17 (line 18)", "key subject"],
        ),
        (
            changed(18, 0, "town 4"),
            {"relation": "kind"},
            ["of relation 'lake'", "row 4 (line 5) and row 18 (line 19)"],
        ),
        (changed(17, 0, "  "), {}, ["row 17 (line 18)", "'town' is empty"]),
        (changed(1, 1, ""), {}, ["row 1 (line 2)", "'river' is empty"]),
        (changed(60, 1, '"a\nb"'), {}, ["row 60 (line 61)", "line break"]),
        (
            changed(5, 2, "seen"),
            {"split": "kind"},
            ["rows 1 (line 2), 3", "and 19 more: column 'kind' says 'river'", "row 5 (line 6)", "trained or withheld"],
        ),
        (changed(9, 3, "much"), {}, ["row 9 (line 10)", "covariate 'size' is 'much'"]),
        (changed(9, 3, '"3,5"'), {}, ["'1.5' in size", "'3,5'", 'decimal = "."']),
        (changed(9, 3, "inf"), {}, ["row 9 (line 10)", "not a finite number"]),
        (lines, {"covariates": ["remark"]}, ["covariate 'remark' is text with 60 different values", "more than 30"]),
        (lines, {"covariates": ["size", "sise", "aeg"]}, ["2 problems", "no column 'sise'", "no column 'aeg'"]),
        (changed(9, 1, "nan"), {}, ["row 9 (line 10)", "'river' is empty", 'read as missing: "nan" (once)']),
        (changed(9, 1, "\"['x', 'y']\""), {}, ["row 9 (line 10)", "'river' holds a list", "Several right answers"]),
        (
            changed(0, 3, "epoch"),
            {},
            ["'epoch' has the name of a column", "'epoch_of_fact'", "key covariates"],
        ),
        (changed(0, 3, "size (m)"), {}, ["'size (m)' cannot stand in a formula", "'size__m'"]),
        (changed(0, 4, "size"), {}, ["several columns are named 'size'"]),
        (changed(12, 3, "1,2"), {}, ["line 13: 7 cells"]),
        (changed(12, 0, '"town'), {}, ["line 13", "never closed"]),
        (lambda: lines(41), {}, ["too few facts", "41 rows", "leave 29", "42 rows"]),
        (
            lambda: lines(25),
            {"relation": "kind"},
            ["too few facts: relation 'lake' has 12 trained ones", "12 of each"],
        ),
        (lambda: lines()[:1], {}, ["a header and no rows"]),
        (lines, {"templates": ["The river is"]}, ["key templates", "'The river is'", "no {subject}"]),
        (
            lines,
            {"templates": {"facts": TEMPLATES}},
            ["key templates", "relation 'facts'", "nearest relation is 'fact'"],
        ),
        (
            lines,
            {"templates": {"river": TEMPLATES}, "relation": "kind"},
            ["relation 'lake' has no prompt template"],
        ),
    ],
)
def test_mistakes_are_explained(tmp_path, rows, arguments, expected):
    message = error(write(tmp_path, rows()), **arguments)
    for part in expected:
        assert part in message


def test_a_line_break_inside_quotes_does_not_shift_the_line(tmp_path):
    rows = changed(3, 5, '"two\nlines"')()
    rows[10] = "town 10,,lake,1,1,x"
    assert "row 10 (line 12)" in error(write(tmp_path, rows))


def test_blank_lines_are_no_rows(tmp_path):
    rows = lines()
    rows.insert(4, "")
    rows[11] = "town 10,,lake,1,1,x"
    assert "row 10 (line 12)" in error(write(tmp_path, rows))


def test_files_that_are_no_tables(tmp_path):
    latin = tmp_path / "latin.csv"
    latin.write_bytes("\n".join(changed(2, 0, "Malmö")()).encode("latin-1"))
    start = latin.read_bytes().index(b"\xf6")
    for part in ("not UTF-8: byte 0xf6", f"line 3 (byte {start})", "iconv -f", "CSV UTF-8"):
        assert part in error(latin)
    utf16 = tmp_path / "utf16.csv"
    utf16.write_bytes("\n".join(lines()).encode("utf-16"))
    assert "not UTF-8" in error(utf16)
    (tmp_path / "empty.csv").touch()
    assert "the file is empty" in error(tmp_path / "empty.csv")
    assert "the file is empty" in error(write(tmp_path, ["", " "], "blank.csv"))
    assert "no such file" in error(tmp_path / "absent.csv")
    assert "'.xlsx' cannot be read" in error(write(tmp_path, lines(), "facts.xlsx"))
    for name in ("facts.parquet", "facts.arrow"):
        assert "cannot be read" in error(write(tmp_path, lines(), name))


def test_a_parquet_file_cut_short(tmp_path):
    whole = tmp_path / "whole.parquet"
    pyarrow.parquet.write_table(pa.table({"town": ["a"], "river": ["b"]}), whole)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-40])
    assert "cannot be read" in error(cut)


def test_rows_of_a_file_without_lines(tmp_path):
    path = tmp_path / "facts.parquet"
    subjects = [f"town {i}" for i in range(50)]
    subjects[20] = "town 3"
    pyarrow.parquet.write_table(pa.table({"town": subjects, "river": ["r"] * 50, "size": [1.0] * 49 + [None]}), path)
    assert "stands twice: in row 4 and row 21" in error(path)
    pyarrow.parquet.write_table(pa.table({"town": subjects[:20], "river": [None] * 20}), path)
    assert f"{path}, rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 10 more: column 'river' is empty" in error(path)


def test_a_covariate_without_values(tmp_path):
    path = tmp_path / "facts.parquet"
    empty = pa.array([None] * 50, pa.float64())
    pyarrow.parquet.write_table(
        pa.table({"town": [f"town {i}" for i in range(50)], "river": ["r"] * 50, "size": empty}), path
    )
    assert "size (no value at all)" in read(path).notices[0]
    assert "covariate 'size' has no value at all" in error(path, covariates=["size"])


def test_a_covariate_may_have_letters_of_any_alphabet(tmp_path):
    named = [lines()[0].replace("size", "Größe").replace("age", "возраст"), *lines()[1:]]
    facts = read(write(tmp_path, named), covariates=["Größe", "возраст"])
    assert facts.covariates == ("Größe", "возраст") and facts.notices == ()
    apart = [lines()[0].replace("size", "Gro\u0308ße"), *lines()[1:]]  # the letter and its dots as two signs
    assert "cannot stand in a formula" in error(write(tmp_path, apart), covariates=["Gro\u0308ße"])


def parquet(folder, **columns):
    path = folder / "facts.parquet"
    pyarrow.parquet.write_table(pa.table({"town": [f"town {i}" for i in range(COUNT)]} | columns), path)
    return path


# What a column of that kind should ask for, by hand: numbers in full, by the shortest digits that are the same number.
SPELLED = {
    "whole floats": (pa.array([1900.0, 1.0, -0.0, -7.0, 1e22, 1e23]),
                     ["1900", "1", "0", "-7", "1" + 22 * "0", "1" + 23 * "0"]),
    "floats": (pa.array([0.1, 1 / 3, 2.5e-7]), ["0.1", "0.3333333333333333", "0.00000025"]),
    "float32": (pa.array([0.1, 1900.0, 16777216.0], pa.float32()), ["0.1", "1900", "16777216"]),
    "whole numbers": (pa.array([2**63 + 1, 0], pa.uint64()), ["9223372036854775809", "0"]),
    "decimals": (pa.array([Decimal("1900.00"), Decimal("0.50"), Decimal("-0.00"), Decimal("100")]),
                 ["1900", "0.5", "0", "100"]),
    "dictionary of text": (pa.array(["b ", "a"]).dictionary_encode(), ["b", "a"]),
    "dictionary of floats": (pa.array([1900.0, 2.5]).dictionary_encode(), ["1900", "2.5"]),
    "long text": (pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
    "text views": (pa.array(["x", "y"], pa.string_view()), ["x", "y"]),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "role"), [*((kind, "object") for kind in SPELLED), ("whole floats", "subject")])
def test_numbers_are_asked_for_as_people_write_them(tmp_path, kind, role):
    values, expected = SPELLED[kind]
    repeat = [i % len(values) for i in range(COUNT)]
    column = pa.array([values[i].as_py() for i in repeat], values.type)
    if role == "object":
        found = read(parquet(tmp_path, river=column), reserve=0).column("object")
    else:  # each subject once, so each in a relation of its own
        path = parquet(tmp_path, river=column, many=[str(i // len(values)) for i in range(COUNT)])
        found = read(path, subject="river", object="town", relation="many", reserve=0).column("subject")
    assert found == [expected[i] for i in repeat]


REFUSED = {
    "list<": (pa.array([["a", "b"]] * COUNT), "several right answers"),
    "struct<": (pa.array([{"a": 1}] * COUNT), "keep one"),
    "bool": (pa.array([True, False] * (COUNT // 2)), "such as yes and no"),
    "binary": (pa.array([b"\xff\xfe"] * COUNT), "UTF-8"),
    "date32": (pa.array([datetime.date(2020, 1, 2)] * COUNT), "as the model should say it"),
    "timestamp": (pa.array([datetime.datetime(2020, 1, 2)] * COUNT), "as the model should say it"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_text_and_no_number_is_refused_with_its_kind(tmp_path, kind):
    column, remedy = REFUSED[kind]
    path = parquet(tmp_path, river=column)
    for keys in ({}, {"subject": "river", "object": "town"}) if kind == "bool" else ({},):
        said = error(path, **keys)
        assert f"column 'river' is of the kind {kind}" in said and remedy in said


def test_answers_that_are_not_there_are_told_with_their_rows(tmp_path):
    values: list[float | None] = [float(i) for i in range(COUNT)]
    values[3], values[5], values[7] = float("nan"), None, float("inf")
    said = error(parquet(tmp_path, river=pa.array(values)))
    assert "rows 4, 6: column 'river' is empty" in said and "row 8: column 'river' is infinite" in said
    null_inside = pa.DictionaryArray.from_arrays(pa.array([0, 1] * (COUNT // 2), pa.int32()), pa.array(["a", None]))
    table = pa.table({"town": [f"town {i}" for i in range(COUNT)], "river": null_inside})
    with pa.ipc.new_file(tmp_path / "facts.arrow", table.schema) as sink:
        sink.write_table(table)
    assert "and 20 more: column 'river' is empty" in error(tmp_path / "facts.arrow")
    words = pa.array(["nan", "<NA>", "None"] * (COUNT // 3))  # somebody's str(); "None" may be an answer
    assert "and 30 more: column 'river' says that there is no value: 'nan'" in error(parquet(tmp_path, river=words))


def test_everything_wrong_with_a_table_is_told_at_once(tmp_path):
    rows = lines()
    for n, column, text in ((3, 0, "town 1"), (4, 0, "town 1"), (9, 0, "town 8"), (11, 1, ""), (12, 3, "inf"),
                            (13, 5, "seen")):  # fmt: skip
        cells = rows[n].split(",")
        cells[column] = text
        rows[n] = ",".join(cells)
    rows[0] = rows[0].replace("age", "epoch")
    said = error(write(tmp_path, rows), templates=["no place for it"])
    for part in (
        "5 problems",
        "'town 1' stands 3 times: in row 1 (line 2) and row 3 (line 4) and row 4 (line 5)",
        "'town 8' stands twice: in row 8 (line 9) and row 9 (line 10)",
        "row 11 (line 12): column 'river' is empty",
        "row 12 (line 13): covariate 'size' is inf",
        "covariate 'epoch' has the name of a column that every study has",
        "has no {subject}",
    ):
        assert part in said


def test_decimal_commas_between_semicolons_are_read_as_in_tables_of_events(tmp_path):
    written = [";".join(c.replace(".", ",") for c in r.split(",")) for r in lines()]
    facts = read(write(tmp_path, written), reserve=0)
    assert facts.column("size")[:3] == [1.5, 3.0, 4.5]
    assert any("decimal commas" in n for n in facts.notices)


def test_categories_of_text_are_covariates_and_numbers_of_rows_are_none(tmp_path):
    third = ["b", "A", "a"]
    path = parquet(
        tmp_path,
        river=["r"] * COUNT,
        n=pa.array(range(1, COUNT + 1)),
        wiki_id=pa.array(range(100, 100 + COUNT)),
        era=[None if i == 4 else third[i % 3] for i in range(COUNT)],
        same=["s"] * COUNT,
    )
    facts = read(path, reserve=0, withheld=0.25)
    assert facts.covariates == ("era",) and facts.table["era"].chunk(0).dictionary.to_pylist() == ["A", "a", "b"]
    assert facts.column("era")[4] is None and facts.column("split").count("withheld") == 15
    said = " ".join(facts.notices)
    for part in ("n (numbers of rows or things)", "wiki_id (numbers", "same (the same in all rows)",
                 "era: 'A' and 'a' differ in case or blanks only", "era: 1 of 60 values are missing"):  # fmt: skip
        assert part in said
    assert read(path, covariates=["n", "era"], reserve=0).covariates == ("n", "era")  # asked for, they are
