"""Tables as one workbook for spreadsheet programs: a sheet each, and a first one that says what is in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import xlsxwriter

from factsurv.events.files import read_table

ROWS = 1_048_576  # of a sheet, its header included
LONGEST = 31  # letters of a sheet's name
CONTENTS = "contents"


def write_workbook(tables: dict[str, Path], file: IO[bytes]) -> list[str]:
    """Write the tables; returns one line for each that is too long for a sheet, which only the contents name.

    Numbers stay numbers and yes or no stays so; what is missing is an empty cell (an empty text too), an infinite
    number the text ``inf``, and no text becomes a formula or a link.
    """
    left_out = []
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        bold = book.add_format({"bold": True})
        read = {name: read_table(path) for name, path in tables.items()}
        sheets = sheet_names(list(read))
        contents = book.add_worksheet(CONTENTS)
        for i, title in enumerate(("sheet", "table", "rows", "note")):
            contents.write_string(0, i, title, bold)
        for row, (name, table) in enumerate(read.items(), 1):
            fits = table.num_rows < ROWS
            note = "" if fits else f"left out: a sheet holds {ROWS - 1:,} rows; export as csv"
            line = [sheets[name] if fits else None, name, table.num_rows, note or None]
            contents.write_row(row, 0, line)
            if not fits:
                left_out.append(f"{name} ({table.num_rows:,} rows) is left out: a sheet holds {ROWS - 1:,}")
        for name, table in read.items():
            if table.num_rows < ROWS:
                _fill(book.add_worksheet(sheets[name]), table, bold)
    return left_out


def sheet_names(tables: list[str]) -> dict[str, str]:
    """A legal name for each table's sheet, no two alike whatever the case of their letters."""
    names: dict[str, str] = {}
    taken = {CONTENTS, "history"}  # the second is reserved by the format
    for table in tables:
        stem = table.removesuffix(".arrow").removeprefix("analysis/").removeprefix("runs/").replace("/", " ")
        name, number = stem[:LONGEST], 1
        while name.lower() in taken:
            number += 1
            name = f"{stem[: LONGEST - len(str(number)) - 1]} {number}"
        taken.add(name.lower())
        names[table] = name
    return names


def _fill(sheet: Any, table: pa.Table, bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    for i, title in enumerate(table.column_names):
        sheet.write_string(0, i, title, bold)
    row = 0
    for batch in table.to_batches():
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row += 1
            for i, value in enumerate(values):
                if isinstance(value, float) and not math.isfinite(value):
                    value = None if math.isnan(value) else str(value)
                if value is not None:
                    sheet.write(row, i, value)
