"""Columns of a csv, parquet or arrow file, with the place of every row for messages."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pyarrow.types as types

from events.errors import InputError
from events.utf8_text import utf8_text

MISSING = frozenset(("", "na", "nan", "null", "none"))


@dataclass(frozen=True)
class Columns:
    """Column name to values: texts in a csv, Python values elsewhere. `lines`: each row's line in a csv."""

    path: Path
    values: Mapping[str, list[Any]]
    rows: int
    lines: tuple[int, ...] | None = None
    numeric: frozenset[str] | None = None  # None: judge by the texts

    def row(self, i: int) -> str:
        """`row 17 (line 18)`: data rows count from 1, lines from the header."""
        return f"row {i + 1}" + (f" (line {self.lines[i]})" if self.lines else "")

    def place(self, i: int) -> str:
        """File and row."""
        return f"{self.path}, {self.row(i)}"

    def is_numeric(self, name: str) -> bool:
        """Whether a column is of numbers: by its type, or because most texts that are not missing are."""
        if self.numeric is not None:
            return name in self.numeric
        present = [v for v in self.values[name] if v.strip().lower() not in MISSING]
        # Most, not all: one slip in a numeric column must be an error, not a column silently left out.
        return sum(map(_is_number, present)) > len(present) / 2


def read_columns(path: Path) -> Columns:
    """Read a table by the ending of its name.

    Raises
    ------
    InputError
        If it is absent, empty, damaged, not UTF-8 (csv), or of another kind.
    """
    if not path.is_file():
        raise InputError("there is no such file", str(path), "Check the path; it is relative to the study file.")
    if path.stat().st_size == 0:
        raise InputError("the file is empty", str(path), "Export the table again.")
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        table = _read_csv(path, "\t" if kind == ".tsv" else ",")
    elif kind in (".parquet", ".pq", ".arrow", ".feather", ".ipc"):
        table = _read_arrow(path, kind)
    else:
        raise InputError(
            f"a table of kind {kind!r} cannot be read",
            str(path),
            "Save it as .csv (UTF-8), .tsv, .parquet, .arrow or .feather.",
        )
    if not table.rows:
        raise InputError("the table has a header and no rows", str(path), "Export the table again.")
    return table


def _read_csv(path: Path, delimiter: str) -> Columns:
    reader = csv.reader(io.StringIO(utf8_text(path, path.read_bytes()), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begins = 1
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(path, header, delimiter)
        begins = reader.line_num + 1
        for row in reader:
            if row:  # a blank line is no row
                if len(row) != len(header):
                    raise InputError(
                        f"{len(row)} cells where the header has {len(header)}",
                        f"{path}, row {len(rows) + 1} (line {begins})",
                        "Put a cell that holds a comma or a quotation mark into quotation marks.",
                    )
                rows.append(row)
                lines.append(begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"the text is not csv ({error})",
            f"{path}, line {begins}",
            "Look for a quotation mark that is never closed.",
        ) from error
    values = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    return Columns(path, values, len(rows), tuple(lines))


def _check_header(path: Path, header: list[str], delimiter: str) -> None:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise InputError(f"two columns are named {twice[0]!r}", f"{path}, line 1", "Rename or delete one.")
    other = next((mark for mark in ";\t," if mark != delimiter and mark in "".join(header)), None)
    if len(header) == 1 and other:
        raise InputError(
            f"the columns are separated by {other!r}, not by {delimiter!r}",
            f"{path}, line 1",
            "Save it with commas as .csv, or with tabs as .tsv.",
        )


def _read_arrow(path: Path, kind: str) -> Columns:
    try:
        if kind in (".parquet", ".pq"):
            table = pyarrow.parquet.read_table(path)
        else:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"the file cannot be read ({reason})",
            str(path),
            "It may be cut short, or of another kind than its name says: write it again.",
        ) from error
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        raise InputError(f"two columns are named {twice[0]!r}", str(path), "Rename or delete one.")
    numeric = frozenset(f.name for f in table.schema if _is_numeric_type(f.type))
    return Columns(path, {n: table[n].to_pylist() for n in table.column_names}, table.num_rows, None, numeric)


def _is_numeric_type(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
