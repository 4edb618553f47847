"""A user's own file, csv, parquet, arrow or JSON lines, as one Arrow table: the one reader for events and facts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.errors import InputError
from factsurv.events.own_csv import lines_of, read_cells
from factsurv.events.own_missing import BARE, kept, remedy, told, without_empty, without_words
from factsurv.events.own_numbers import (
    Evidence,
    Undecided,
    cleaned,
    decimal_mark,
    evidence,
    grouped,
    numbers_in,
    plain,
    value,
)
from factsurv.events.own_types import foreign_types, plain_type, recoded
from factsurv.events.typed_file import JSONS, PARQUETS, read_typed

TEXTS = (".csv", ".tsv", ".txt")
ARROWS = (".arrow", ".feather", ".ipc")
SUFFIXES = (*TEXTS, *PARQUETS, *JSONS, *ARROWS)
_ROW_NAMES = re.compile(r"__index_level_\d+__")  # pandas' row numbers, in parquet
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$")
_DATES = (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC"))


@dataclass(frozen=True)
class OwnFile:
    """A table as it lies in its file.

    Attributes
    ----------
    path : Path
    table : pa.Table
        Columns of a csv are bool, int64, float64, dates or utf8; of parquet and arrow their own types, with
        every kind of text as utf8 and no null or NaN among a dictionary's values. Missing is null, or NaN of a typed
        column; an infinite number stays one, for the caller to refuse.
    notes : tuple of str
        Sentences: what was guessed or left out while reading, and which words were read as missing.
    words : mapping of str to mapping of str to int
        By column: words that were read as missing, and how often. Say them with an error on a missing value.
    """

    path: Path
    table: pa.Table
    notes: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def _lines(self) -> list[int]:
        return lines_of(self.path) if self.path.suffix.lower() in TEXTS else []

    def row(self, i: int) -> str:
        """`row 17 (line 18)` of the table's row ``i``: data rows count from 1, lines of a csv from the header."""
        return f"row {i + 1}" + (f" (line {self._lines[i]})" if self._lines else "")

    def place(self, i: int) -> str:
        """File and row."""
        return f"{self.path}, {self.row(i)}"


def read_own_file(path: Path, as_text: Collection[str] = (), decimal: str | None = None) -> OwnFile:
    """Read a table by the ending of its name.

    For any room: a table of facts gives the columns of subject, object and whatever else is text as ``as_text``, takes
    ``table[name].to_pylist()`` of them (None is missing; a typed file may hold numbers, lists or bytes there, which
    the caller spells or refuses by ``table[name].type``), ``file.place(i)`` for messages, and repeats ``notes``.

    Parameters
    ----------
    path : Path
    as_text : collection of str
        Columns of a csv file that stay text, such as ids ("007" is not 7). In quotation marks, and in typed files,
        their texts are what they are, even if it is "None".
    decimal : {".", ","}, optional
        The decimal mark, for a csv file whose numbers do not tell it.

    Raises
    ------
    InputError
        If it is absent, empty, damaged, not UTF-8 (csv), or of another kind; has columns of one name; or if its
        numbers can be read in two ways.
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
    notes: list[str] = []
    cells = read_cells(path) if kind in TEXTS else None
    table = _named(path, cells.table if cells else read_typed(path), notes)
    words: dict[str, dict[str, int]] = {}
    if cells:
        if cells.separator != "," and kind == ".csv":
            notes.append(f"the columns are separated by {cells.separator!r}")
        words = {_one_line(n): w for n, w in cells.words.items() if _one_line(n) in table.column_names}
        table = _typed(path, table, cells.separator, as_text, decimal, words, notes)
    else:
        foreign = foreign_types(table.schema)
        notes += [f'the column "{n}" is left out: its type {kind} is another program\'s' for n, kind in foreign.items()]
        table = table.drop_columns(list(foreign))
        for at, name in enumerate(table.column_names):
            table = table.set_column(
                at, name, _texts(name, plain_type(table[name]), name in as_text, True, words, notes)
            )
    return OwnFile(path, table, tuple(notes), words)


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _named(path: Path, table: pa.Table, notes: list[str]) -> pa.Table:
    """Names in one line; columns without one, and pandas' row numbers, are left out."""
    if not table.num_rows:
        raise InputError("the table has a header and no rows", str(path), "export the table again")
    names = [_one_line(n) for n in table.column_names]
    broken = [n for n, was in zip(names, table.column_names, strict=True) if n != was.strip()]
    if broken:
        notes.append(f"names of columns in one line, with single blanks: {', '.join(broken[:5])}")
    nameless = [i for i, n in enumerate(names) if not n or _ROW_NAMES.fullmatch(n)]
    if nameless:
        which = "the first column has" if nameless == [0] else f"{len(nameless)} column(s) have"
        rest = " (row names?) and is left out" if nameless == [0] else " and are left out"
        notes.append(f"{which} no name{rest}")
    kept_ones = [i for i in range(len(names)) if i not in nameless]
    twice = sorted({names[i] for i in kept_ones if [names[j] for j in kept_ones].count(names[i]) > 1})
    if twice:
        several = ", ".join(map(repr, twice))
        raise InputError(f"several columns are named {several}", str(path), "rename or delete all but one")
    if not kept_ones:
        raise InputError("no column has a name", str(path), "give the table a header")
    return table.select(kept_ones).rename_columns([names[i] for i in kept_ones])


def _typed(
    path: Path,
    table: pa.Table,
    separator: str,
    as_text: Collection[str],
    decimal: str | None,
    words: dict[str, dict[str, int]],
    notes: list[str],
) -> pa.Table:
    """Columns of text cells as what they hold."""
    found = {}
    for name in table.column_names:
        if name not in as_text:
            text = numbers_in(cleaned(table[name]))
            if text is not None:
                found[name] = text
    said = {n: evidence(text) for n, text in found.items()}
    try:
        mark = decimal or decimal_mark(said, separator)
    except Undecided as undecided:
        raise InputError(
            str(undecided),
            str(path),
            'say which mark is the decimal one, decimal = "." or decimal = ",", or write all numbers without marks '
            "between thousands; a column of names goes under categories",
        ) from undecided
    made = {n: plain(text, mark) for n, text in found.items()}
    _tell_numbers(found, made, said, mark, notes)
    numbers = [n for n, column in made.items() if not pa.types.is_string(column.type)]
    quotes_tell = not any(pc.any(pc.is_in(table[n], pa.array(BARE))).as_py() for n in numbers)
    for at, name in enumerate(table.column_names):
        column = made.get(name)
        if column is None:
            column = _dated(
                _texts(name, table[name], name in as_text, False if quotes_tell else None, words, notes),
                name in as_text,
            )
        elif name in words:  # among numbers, NA and the like need no mention
            unusual = {w: n for w, n in words[name].items() if w.lower() not in ("na", "nan", "null")}
            notes += [f"{name}: read as missing: {told(unusual)}"] if unusual else []
        table = table.set_column(at, name, column)
    return table


def _tell_numbers(
    found: Mapping[str, pa.ChunkedArray],
    made: Mapping[str, pa.ChunkedArray],
    said: Mapping[str, Evidence],
    mark: str,
    notes: list[str],
) -> None:
    """What of the spelling of numbers had to be understood."""
    read = [n for n in found if not pa.types.is_string(made[n].type)]
    commas = [n for n in read if mark == "," and (said[n].comma or said[n].both)]
    if commas:
        notes.append(f"numbers have decimal commas ({', '.join(commas)})")
    for name in read:
        example = grouped(found[name], mark)
        if example:
            notes.append(f"{name}: marks between thousands, {example!r} is {value(example, mark):.15g}")
        elif mark == "." and separator_slip(said[name]):
            notes.append(f"{name}: {said[name].both!r} is {value(said[name].both, mark):.15g}, by decimal points")
        if pc.any(pc.ends_with(found[name], "%")).as_py():
            notes.append(f"{name}: in per cent, 50% is 50")
        if pc.any(pc.match_substring_regex(found[name], r"^[+-]?0\d")).as_py():
            notes.append(f"{name}: numbers with leading zeros, 007 is 7; where they are names, put it under categories")


def separator_slip(said: Evidence) -> bool:
    """Some numbers in three decimals, the last of them 0, among whole ones: no program writes them so."""
    return said.whole and said.both.endswith("0") and "." in said.both


def _texts(
    name: str,
    column: pa.ChunkedArray,
    names_something: bool,
    quoted: bool | None,
    words: dict[str, dict[str, int]],
    notes: list[str],
) -> pa.ChunkedArray:
    """A column of text, or of a dictionary of it, without what is missing; others as they are."""
    coded = pa.types.is_dictionary(column.type)
    if not pa.types.is_string(column.type.value_type if coded else column.type):
        return column
    text = without_empty(column.chunk(0).dictionary if coded else column)
    if not names_something:
        text, more = without_words(text, quoted)
        words[name] = dict(Counter(words.get(name, {})) + Counter(more))
    if words.get(name):
        notes.append(f"{name}: read as missing: {told(words[name])}; where one is a value, {remedy(words[name])}")
    still = kept(text)
    if still:
        which = ", ".join(f'"{word}"' for word in still)
        notes.append(f"{name}: the text {which} is kept as a value; if it means missing, leave its cells empty")
    if not coded:
        return text
    return pa.chunked_array([recoded(column.chunk(0).indices, text)])


def _dated(column: pa.ChunkedArray, as_it_is: bool) -> pa.ChunkedArray:
    """true and false as bool, ISO dates as dates, other text as it is."""
    at = pc.index(pc.is_valid(column), True).as_py()
    if as_it_is or at < 0:
        return column
    first = column[at].as_py().strip()
    if first.lower() in ("true", "false"):
        plain_text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        if pc.all(pc.is_in(plain_text, pa.array(["true", "false", None]))).as_py():
            return pc.equal(plain_text, "true")
    for kind in _DATES if _ISO.match(first) else ():
        try:
            return pc.utf8_trim_whitespace(column).cast(kind)
        except pa.ArrowInvalid:
            continue
    return column
