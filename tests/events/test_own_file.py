"""Files of any writer: numbers as people write them, missing as programs write it, types of other libraries."""

import math

import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.own_file import read_own_file


def csv(tmp_path, text, **more):
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    return read_own_file(path, more.pop("as_text", ["id"]), **more)


def column(file, name="x"):
    return file.table[name].to_pylist()


GERMAN = "id;x;y\na;150;0,5\nb;{};1,25\n"


@pytest.mark.parametrize(
    ("text", "x"),
    [
        (GERMAN.format("1.050"), [150, 1050]),  # decimal commas elsewhere: points are between thousands
        (GERMAN.format("1.050,5"), [150, 1050.5]),
        (GERMAN.format("1 050"), [150, 1050]),
        (GERMAN.format("1\u202f050,5"), [150, 1050.5]),
        (GERMAN.format("1\u00a0234\u00a0567"), [150, 1234567]),
        (GERMAN.format("1'050"), [150, 1050]),
        ("id;x;y\na;150;0.5\nb;1.050;1.25\n", [150, 1.05]),  # decimal points elsewhere
        ('id,x,y\na,150,0.5\nb,"1,050",1.25\n', [150, 1050]),
        ('id,x\na,150\nb,"1,234,567"\n', [150, 1234567]),
        ('id,x\na,"1,050"\nb,"1,234,567"\n', [1050, 1234567]),  # in one column
        ('id,x\na,"1,5"\nb,"2,25"\n', [1.5, 2.25]),  # by no reading thousands
        ("id,x\na,1.500\nb,2.250\n", [1.5, 2.25]),  # between commas, three decimals throughout
        ("id;x\na;1.234.567\nb;1.050\n", [1234567, 1050]),
        ("id,x\na,1’000.5\nb,2\n", [1000.5, 2]),
        ("id,x\na,12%\nb,0.5 %\n", [12, 0.5]),
        ("id,x\na,1e5\nb,-2.5E-3\n", [1e5, -2.5e-3]),
        ("id,x\na,+1\nb,2 \n", [1, 2]),
        ("id,x\na,\u22121.5\nb,\u20132\n", [-1.5, -2]),  # minus signs of typesetters
        ("id,x\na,-inf\nb,Infinity\n", [-math.inf, math.inf]),
        ("sep=;\nid;x\na;1,5\nb;2\n", [1.5, 2]),  # Excel's first line
        ("\ufeffid;x\na;1,5\nb;2\n", [1.5, 2]),
        ("id\tx\na\t1,5\nb\t2\n", [1.5, 2]),
        ("id,x\na,1234567890123456789\nb,2\n", [1234567890123456789, 2]),
        ("id,x\na,12345678901234567890\nb,2\n", ["12345678901234567890", "2"]),  # beyond 64 bits: no two become one
        ("id,x\na,01.02.2026\nb,1-May\n", ["01.02.2026", "1-May"]),  # what spreadsheets make of 1.2 and 1.5
        ("id,x\na,1.2.3\nb,1.050\n", ["1.2.3", "1.050"]),
        ("id,x\na,12%\nb,0.5\n", ["12%", "0.5"]),
    ],
)
def test_numbers_as_people_write_them(tmp_path, text, x):
    file = csv(tmp_path, text)
    assert column(file) == x
    if any(f"{v:g}" not in text and 1000 <= v < 1e5 and "e" not in text for v in x if not isinstance(v, str)):
        assert any("marks between thousands" in note for note in file.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id;x\na;150\nb;1.050\n", "'1.050' in x can be 1.05 or 1050"),
        ("id,x\na,150\nb,1.050\n", "'1.050' in x can be 1.05 or 1050"),
        ('id,x\na,150\nb,"1,500"\n', "'1,500' in x can be 1500 or 1.5"),
        ("id;x;y\na;0.5;1\nb;2;0,5\n", "'0.5' in x needs a decimal point, '0,5' in y a decimal comma"),
        ('id,x\na,0.5\nb,"0,5"\n', "'0.5' in x needs a decimal point, '0,5' in x a decimal comma"),
    ],
)
def test_two_readings_are_refused_and_the_plan_can_say_which(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        csv(tmp_path, text)
    assert said in str(caught.value) and 'decimal = "."' in caught.value.remedy
    if "can be" in said:
        read = {column(csv(tmp_path, text, decimal=mark))[1] for mark in ".,"}
        assert read == {1.05, 1050} or read == {1.5, 1500}


def test_missing_is_missing_by_any_writer_and_words_are_said(tmp_path):
    file = csv(tmp_path, 'id,x,k,q\nNA,NA,NA,"NA"\n"NA",2.5,Na,y\nc,-,"", \nd,<NA>, NA ,"nan"\ne,null,,.\n')
    assert column(file) == [None, 2.5, None, None, None]
    assert column(file, "k") == [None, "Na", None, None, None]  # sodium stays
    assert column(file, "q") == ["NA", "y", None, None, None]
    assert column(file, "id") == [None, "NA", "c", "d", "e"]  # in quotation marks an id is what it is
    notes = " | ".join(file.notes)
    assert 'k: read as missing: "NA" (2 times); where one is a value, put it in quotation marks' in notes
    assert 'q: read as missing: "." (once), "nan" (once)' in notes and 'x: read as missing: "-" (once)' in notes
    assert 'q: the text "NA" is kept as a value; if it means missing, leave its cells empty' in notes
    assert file.words["id"] == {"NA": 1}


def test_quotation_marks_around_missing_numbers_tell_nothing(tmp_path):
    """pandas with QUOTE_ALL and na_rep: "NA" in quotation marks is missing among numbers, and so it is everywhere."""
    file = csv(tmp_path, '"id","x","k"\n"a","1","NA"\n"b","NA","f"\n"c","2.5","-"\n')
    assert column(file) == [1, None, 2.5] and column(file, "k") == [None, "f", None]
    assert any('k: read as missing: "NA" (once), "-" (once)' in note for note in file.notes)


def typed(values, kind):
    return pa.array(values, kind)


ENCODED = pa.array(["f", "m", "f"]).dictionary_encode()


TYPED = [
    (typed(["f", None, "m"], pa.string_view()), pa.utf8(), ["f", None, "m"]),
    (typed(["f", "", "nan"], pa.large_utf8()), pa.utf8(), ["f", None, None]),
    (typed([b"f", None, "\u00e4".encode()], pa.binary_view()), pa.utf8(), ["f", None, "\u00e4"]),
    (typed([b"\xff", None, b"m"], pa.binary()), pa.binary(), [b"\xff", None, b"m"]),
    (pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.uint8()), pa.array(["m", None, "f"])), None,
     ["m", None, "f"]),
    (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["m", ""], pa.large_utf8())), None,
     ["m", None, None]),
    (pa.DictionaryArray.from_arrays(pa.array([2, 1, 0]), pa.array([1.0, math.nan, 2.0])), None, [2, None, 1]),
    (pa.array([1.5, None, 2], pa.float16()), pa.float64(), [1.5, None, 2]),
    (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["f", None, "m"])), pa.utf8(), ["f", None, "m"]),
    (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["f", "m"])), pa.utf8(),
     ["f", "f", "m"]),
    (typed([["a"], None, []], pa.list_view(pa.utf8())), pa.list_view(pa.utf8()), [["a"], None, []]),
]  # fmt: skip


def test_types_of_other_writers(tmp_path):
    write_table(tmp_path / "t.arrow", pa.table({f"x{i}": array for i, (array, _, _) in enumerate(TYPED)}))
    file = read_own_file(tmp_path / "t.arrow")
    for name, (_, kind, values) in zip(file.table.column_names, TYPED, strict=True):
        assert column(file, name) == values
        if kind is None:  # a dictionary keeps its order, and has no level without a value
            levels = file.table[name].chunk(0).dictionary
            assert not any(v is None or v == "" or v != v for v in levels.to_pylist())
        else:
            assert file.table[name].type == kind


def test_a_type_of_another_program_is_left_out(tmp_path):
    """As pandas writes its periods: without it Arrow reads the months since 1970 as plain numbers."""
    field = pa.field("x", pa.int64(), metadata={"ARROW:extension:name": "pandas.period"})
    table = pa.table([pa.array(["a", "b"]), pa.array([671, 672])], pa.schema([pa.field("id", pa.utf8()), field]))
    write_table(tmp_path / "t.arrow", table)
    file = read_own_file(tmp_path / "t.arrow")
    assert file.table.column_names == ["id"] and "its type pandas.period is another program's" in file.notes[0]


def test_names_in_one_line_and_columns_without_one(tmp_path):
    file = csv(tmp_path, 'id,"number\nof  tokens",x,\na,1,2,3\n')
    assert file.table.column_names == ["id", "number of tokens", "x"]
    assert any("1 column(s) have no name" in n for n in file.notes)
    with pytest.raises(InputError, match="several columns are named 'x', 'y'"):
        csv(tmp_path, "id,x,y,x,y\na,1,2,3,4\n")
    pyarrow.parquet.write_table(pa.table({"x": [1, 2], "__index_level_0__": [7, 9]}), tmp_path / "t.parquet")
    assert read_own_file(tmp_path / "t.parquet").table.column_names == ["x"]  # row numbers explain nothing


def test_rows_have_their_lines(tmp_path):
    file = csv(tmp_path, '\nid,x\n"a\nb",1\n\nc,2\n')
    assert file.row(0) == "row 1 (line 3)" and file.place(1).endswith("t.csv, row 2 (line 6)")
    with pytest.raises(InputError, match=r"line 2: the text is not csv"):
        csv(tmp_path, 'id,x\na,"1\nb,2\n')
    assert column(csv(tmp_path, 'id,x\na,5" nail\nb,y\n')) == ['5" nail', "y"]
