"""The workbook holds what the tables hold, read back from its own XML."""

import io
import re
import zipfile
from xml.etree import ElementTree

import pyarrow as pa

from factsurv.events.files import write_table
from factsurv.flows import workbook
from factsurv.flows.workbook import sheet_names, write_workbook

SPACE = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def sheets(file):
    """Rows of each sheet; what a sheet leaves empty is missing."""
    with zipfile.ZipFile(file) as packed:
        book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
        names = [sheet.get("name") for sheet in book.iterfind(".//x:sheet", SPACE)]
        found = {}
        for number, name in enumerate(names, 1):
            tree = ElementTree.fromstring(packed.read(f"xl/worksheets/sheet{number}.xml"))
            assert tree.find(".//x:f", SPACE) is None  # no text has become a formula
            found[name] = [[_value(c) for c in row] for row in tree.iterfind(".//x:row", SPACE)]
        return found


def _value(cell):
    if cell.get("t") == "inlineStr":
        return cell.findtext(".//x:t", "", SPACE)
    text = cell.findtext("x:v", None, SPACE)
    return bool(int(text)) if cell.get("t") == "b" else float(text)


TABLE = pa.table(
    {
        "text": pa.array(["=1+1", "https://example.org", " ä\n", ""]).dictionary_encode(),
        "number": [0.1, float("inf"), -1e-300, 2.0**53],
        "yes": [True, False, True, True],
    }
)


def test_every_value_is_there_as_what_it_is(tmp_path):
    write_table(tmp_path / "t.arrow", TABLE)
    file = io.BytesIO()
    assert write_workbook({"t.arrow": tmp_path / "t.arrow"}, file) == []
    found = sheets(file)
    assert found["contents"] == [["sheet", "table", "rows", "note"], ["t", "t.arrow", 4]]
    assert found["t"][0] == TABLE.column_names
    for ours, theirs in zip(TABLE.to_pylist(), found["t"][1:], strict=True):
        assert theirs == ["inf" if v == float("inf") else v for v in ours.values() if v != ""]


def test_missing_is_empty(tmp_path):
    write_table(tmp_path / "t.arrow", pa.table({"x": pa.array([None, float("nan"), 1.5]), "y": [1, 2, 3]}))
    file = io.BytesIO()
    write_workbook({"t.arrow": tmp_path / "t.arrow"}, file)
    assert sheets(file)["t"][1:] == [[1], [2], [1.5, 3]]


def test_a_table_that_is_too_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "ROWS", 4)
    write_table(tmp_path / "long.arrow", pa.table({"x": range(4)}))
    write_table(tmp_path / "short.arrow", pa.table({"x": range(3)}))
    file = io.BytesIO()
    tables = {n: tmp_path / n for n in ("long.arrow", "short.arrow")}
    assert write_workbook(tables, file) == ["long.arrow (4 rows) is left out: a sheet holds 3"]
    found = sheets(file)
    assert list(found) == ["contents", "short"] and "left out" in found["contents"][1][-1]


def test_names_are_legal_and_no_two_alike():
    long = "analysis/" + "a" * 40
    tables = [f"{long}1.arrow", f"{long}2.arrow", "History.arrow", "runs/m-1/probes.arrow", "Contents.arrow"]
    names = sheet_names(tables)
    assert len({n.lower() for n in names.values()} | {"contents"}) == 6
    assert all(len(n) <= 31 and not re.search(r"[][:*?/\\]", n) for n in names.values())
    assert names["History.arrow"] != "History" and names["runs/m-1/probes.arrow"] == "m-1 probes"
