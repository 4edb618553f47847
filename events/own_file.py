"""A user's own file, csv, parquet or arrow, as one Arrow table; what had to be guessed is said."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from events.errors import InputError
from events.utf8_text import utf8_text

TEXTS = (".csv", ".tsv", ".txt")
PARQUETS = (".parquet", ".pq")
ARROWS = (".arrow", ".feather", ".ipc")
SUFFIXES = (*TEXTS, *PARQUETS, *ARROWS)
_COMMA_NUMBER = r"^\s*[+-]?\d+(,\d+)?\s*$"


@dataclass(frozen=True)
class OwnFile:
    """A table as it lies in its file; ``notes`` says in sentences what was guessed while reading."""

    path: Path
    table: pa.Table
    notes: tuple[str, ...] = ()


def read_own_file(path: Path, as_text: Collection[str] = ()) -> OwnFile:
    """Read a table by the ending of its name.

    Parameters
    ----------
    path : Path
    as_text : collection of str
        Columns of a csv file that stay text, such as ids ("007" is not 7).

    Raises
    ------
    InputError
        If it is absent, empty, damaged, not UTF-8 (csv), or of another kind.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(
            f"a table of kind {kind!r} cannot be read", str(path), f"save it as one of {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise InputError("there is no such file", str(path), "check the path")
    if path.stat().st_size == 0:
        raise InputError("the file is empty", str(path), "export the table again")
    file = _read_csv(path, as_text) if kind in TEXTS else _read_arrow(path, kind)
    names = file.table.column_names
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"several columns are named {twice[0]!r}", str(path), "rename or delete all but one")
    if not file.table.num_rows:
        raise InputError("the table has a header and no rows", str(path), "export the table again")
    if names[0].strip() == "":  # what R's write.csv makes of row names
        said = "the first column has no name (row names?) and is left out"
        file = OwnFile(path, file.table.drop_columns([names[0]]), (*file.notes, said))
    return file


def _read_csv(path: Path, as_text: Collection[str]) -> OwnFile:
    raw = path.read_bytes()
    text = utf8_text(path, raw)
    mark = _delimiter(text)
    notes = []
    if mark != "," and path.suffix.lower() == ".csv":
        notes.append(f"the columns are separated by {mark!r}")
    skipped: list[pyarrow.csv.InvalidRow] = []

    def ragged(row: pyarrow.csv.InvalidRow) -> str:
        skipped.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(raw),
            # One block: kinds are guessed from the whole of each column. Threads would lose the numbers of lines.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=min(len(raw) + 1, 2**31 - 1)),
            pyarrow.csv.ParseOptions(delimiter=mark, newlines_in_values=True, invalid_row_handler=ragged),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(as_text, pa.utf8()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        if "Empty CSV" in reason:
            raise InputError("the table has a header and no rows", str(path), "export the table again") from error
        raise InputError(
            f"the text is not csv ({reason})", str(path), "look for a quotation mark that is never closed"
        ) from error
    table = table.rename_columns([n.strip() for n in table.column_names])
    if skipped:
        rows = [f"line {r.number}: {r.actual_columns} cells ({r.text[:60]})" for r in skipped[:5]]
        raise InputError(
            f"{len(skipped)} row(s) without the header's {table.num_columns} cells:\n  " + "\n  ".join(rows),
            str(path),
            f"put cells that hold {mark!r} into quotation marks, and look for lines that are cut",
        )
    if mark == ";":
        table, commas = _decimal_commas(table, as_text)
        if commas:
            notes.append(f"numbers have decimal commas ({', '.join(commas)})")
    return OwnFile(path, table, tuple(notes))


def _delimiter(text: str) -> str:
    """The mark that the header has most of, outside quotation marks."""
    header = "".join(re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0].split('"')[::2])
    return max(",;\t", key=header.count)


def _decimal_commas(table: pa.Table, as_text: Collection[str]) -> tuple[pa.Table, list[str]]:
    """Text columns whose every value is a number with a comma, as numbers (only where ; separates the columns)."""
    found = []
    for at, name in enumerate(table.column_names):
        column = table[name]
        if name in as_text or not pa.types.is_string(column.type) or column.null_count == len(column):
            continue
        if pc.all(pc.match_substring_regex(column, _COMMA_NUMBER)).as_py():
            numbers = pc.replace_substring(pc.utf8_trim_whitespace(column), ",", ".").cast(pa.float64())
            table = table.set_column(at, name, numbers)
            found.append(name)
    return table, found


def _read_arrow(path: Path, kind: str) -> OwnFile:
    try:
        if kind in PARQUETS:
            return OwnFile(path, pyarrow.parquet.read_table(path))
        with pa.memory_map(str(path)) as source:
            return OwnFile(path, pa.ipc.open_file(source).read_all())
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        with path.open("rb") as file:
            stream = kind in ARROWS and file.read(4) == b"\xff\xff\xff\xff"
        why = "it is an Arrow stream, which reads short without an error when it is cut: write the file format "
        why += "(pyarrow.ipc.new_file, or arrow::write_ipc_file in R)"
        other = "it is cut short, or of another kind than its name says: write it again"
        raise InputError(f"the file cannot be read ({reason})", str(path), why if stream else other) from error
