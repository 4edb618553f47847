"""A user's own table: what is read, and what every mistake in it says."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from events.errors import InputError
from training.fact_table import read_fact_table

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
    assert facts.covariates == ("size", "age") and facts.relations == ("fact",)
    assert facts.column("split").count("withheld") == 12
    assert facts.templates == {"fact": TEMPLATES} and facts.source == "facts.csv"
    assert facts.table["size"].type == pa.float64() and set(facts.column("group")) == {"fact"}
    row = facts.column("subject").index(facts.column("subject")[5])
    number = int(facts.column("subject")[row].split()[1])
    assert facts.column("object")[row] == f"river {number % 50}" and facts.column("size")[row] == number * 1.5
    assert facts.notices == ("columns left out, since they are not numeric: kind, remark",)
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
        (changed(5, 2, "seen"), {"split": "kind"}, ["row 1 (line 2)", "says 'river'", "trained or withheld"]),
        (changed(9, 3, "much"), {}, ["row 9 (line 10)", "covariate 'size' is 'much'"]),
        (changed(9, 3, '"3,5"'), {}, ["row 9 (line 10)", "decimal point, not a comma"]),
        (changed(9, 3, "inf"), {}, ["row 9 (line 10)", "not a finite number"]),
        (lines, {"covariates": ["remark"]}, ["row 1 (line 2)", "covariate 'remark' is 'note 1'"]),
        (
            changed(0, 3, "epoch"),
            {},
            ["'epoch' has the name of a column", "'epoch_of_fact'", "key covariates"],
        ),
        (changed(0, 3, "size (m)"), {}, ["'size (m)' cannot stand in a formula", "'size__m'"]),
        (changed(0, 4, "size"), {}, ["line 1", "two columns are named 'size'"]),
        (changed(12, 3, "1,2"), {}, ["row 12 (line 13)", "7 cells where the header has 6"]),
        (changed(12, 0, '"town'), {}, ["line 13", "never closed"]),
        (lambda: lines(41), {}, ["too few facts", "41 rows", "leave 29", "42 rows"]),
        (
            lambda: lines(25),
            {"relation": "kind"},
            ["too few facts: relation 'lake' has 12 trained ones", "12 of each"],
        ),
        (lambda: lines()[:1], {}, ["a header and no rows"]),
        (lambda: [r.replace(",", ";") for r in lines()], {}, ["line 1", "separated by ';'"]),
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
    assert f"{path}, row 1: column 'river' is empty" in error(path)


def test_a_covariate_without_values(tmp_path):
    path = tmp_path / "facts.parquet"
    empty = pa.array([None] * 50, pa.float64())
    pyarrow.parquet.write_table(
        pa.table({"town": [f"town {i}" for i in range(50)], "river": ["r"] * 50, "size": empty}), path
    )
    assert "covariate 'size' has no value at all" in error(path)
