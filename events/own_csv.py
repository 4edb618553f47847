"""csv as text cells: separator, quotation marks, rows that are cut, and which words stood for missing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from factsurv.events.errors import InputError
from factsurv.events.own_missing import BARE, counted
from factsurv.events.utf8_text import utf8_text

SEPARATORS = ",;\t"
_SAID = re.compile(r"\Asep=(.)\r?\n")  # Excel's own first line


@dataclass(frozen=True)
class Cells:
    """Every cell as text, null where it is empty or a bare word for *missing* (``words``: which, how often)."""

    table: pa.Table
    separator: str
    words: dict[str, dict[str, int]]


def read_cells(path: Path) -> Cells:
    """Read a csv file, UTF-8 with or without its mark, one line of header.

    Raises
    ------
    InputError
        If it is not UTF-8, has no rows, or rows with other than the header's number of cells.
    """
    raw = path.read_bytes()
    text = utf8_text(path, raw)
    _check_quotes(path, raw, text)
    said = _SAID.match(text)
    separator = said[1] if said else _separator(text)
    body = io.StringIO(text[said.end() if said else 0 :].lstrip("\r\n"), newline="")
    names = next(csv.reader(body, delimiter=separator))
    numbered = [str(i) for i in range(len(names))]  # columns may have one name twice, which is told later

    def read(missing: Collection[str], only: Collection[str] = ()) -> pa.Table:
        skipped: list[pyarrow.csv.InvalidRow] = []

        def ragged(row: pyarrow.csv.InvalidRow) -> str:
            skipped.append(row)
            return "skip"

        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(raw),
                # Threads would lose the numbers of lines.
                pyarrow.csv.ReadOptions(use_threads=False, column_names=numbered, skip_rows=1 if said else 0),
                pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=ragged),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(numbered, pa.utf8()),
                    include_columns=list(only) or None,
                    null_values=["", *missing],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            raise InputError(
                f"the text is not csv ({str(error).splitlines()[0]})",
                str(path),
                "look for a quotation mark that is never closed",
            ) from error
        if skipped:
            rows = [f"line {r.number}: {r.actual_columns} cells ({r.text[:60]})" for r in skipped[:5]]
            raise InputError(
                f"{len(skipped)} row(s) without the header's {len(names)} cells:\n  " + "\n  ".join(rows),
                str(path),
                f"put cells that hold {separator!r} into quotation marks, and look for lines that are cut",
            )
        return table.slice(1)  # the header

    table = read(BARE)
    lacking = [n for n in numbered if table[n].null_count]
    as_written = read((), lacking) if lacking else table.select([])
    words = {}
    for n in lacking:
        bare = counted(as_written[n].filter(table[n].is_null()).drop_null())
        if bare:
            words[names[int(n)]] = bare
    return Cells(table.rename_columns(names), separator, words)


def lines_of(path: Path) -> list[int]:
    """The line of each row of a csv file that was read: rows may have several, and empty ones are none."""
    text = utf8_text(path, path.read_bytes())
    said = _SAID.match(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=said[1] if said else _separator(text))
    lines, begins = [], 1
    for row in reader:
        if row:
            lines.append(begins)
        begins = reader.line_num + 1
    return lines[2 if said else 1 :]


def _separator(text: str) -> str:
    """The mark that the header has most of, outside quotation marks."""
    header = "".join(re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0].split('"')[::2])
    return max(SEPARATORS, key=header.count)


def _check_quotes(path: Path, raw: bytes, text: str) -> None:
    """A quotation mark that is never closed makes one cell of all that follows, which Arrow does not mind."""
    if raw.count(b'"') % 2 == 0:
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    begins = 1
    try:
        for _ in reader:
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"the text is not csv ({error})",
            f"{path}, line {begins}",
            "look for a quotation mark that is never closed",
        ) from error
