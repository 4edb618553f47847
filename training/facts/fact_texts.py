"""Columns of a table as the texts of facts: what is asked about, what answers, and what groups them.

A fact is asked for as text, so a column must be text or plain numbers. What Python would merely print (lists, bytes,
dates, `True`) is refused by its type: nobody means that a model should answer `['Paris']`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.types as types

from factsurv.events.errors import Problems
from factsurv.events.own_file import TEXTS, OwnFile
from factsurv.events.own_missing import remedy as how_to_keep
from factsurv.events.own_missing import told

# What programs write for a missing value; "None" may be an answer, these are not.
NO_VALUE = ("nan", "NaN", "NAN", "-nan", "NaT", "<NA>", "#N/A")
WHOLE_BEYOND = 2.0**53  # from here on floating-point numbers are further apart than 1
REMEDIES = (
    (
        types.is_nested,
        "several right answers go into a column of their own (facts.aliases): keep one, as text or a number",
    ),
    (types.is_boolean, "write the words themselves, such as yes and no"),
    (types.is_temporal, "write it as text, as the model should say it"),
    (lambda kind: True, "save it as text (UTF-8) or numbers"),
)


def texts(file: OwnFile, name: str, problems: Problems, notices: list[str]) -> list[str]:
    """One text a row; what cannot be one is added to ``problems`` with its rows, and is empty.

    Numbers are written in full by their shortest digits: 1900.0 is `1900`, 0.50 is `0.5`, 1e22 has 23 digits.
    """
    column = file.table[name]
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    spelled = spell(column)
    if spelled is None:
        remedy = next(remedy for is_kind, remedy in REMEDIES if is_kind(kind))
        problems.add(f"column {name!r} is of the kind {kind}, which is no text and no number", f"column {name}", remedy)
        return [""] * file.table.num_rows
    found = {problem: [i for i, text in enumerate(spelled) if is_so(text)] for problem, is_so in _PROBLEMS.items()}
    for problem, rows in found.items():
        if rows:
            what, remedy = _WORDS[problem]
            if problem == "empty" and file.words.get(name):
                what += f" (read as missing: {told(file.words[name])})"
                remedy = (
                    f"Fill it in, or delete the row; where such a word is the text, {how_to_keep(file.words[name])}."
                )
            shown = "" if problem == "empty" else f": {_short(spelled[rows[0]] or '')}"
            problems.add(f"column {name!r} {what}{shown}", rows_of(file, rows), remedy)
    present = [text for text in spelled if text]
    if types.is_string(kind) and present and all(re.fullmatch(r"-?\d+\.0", text) for text in present):
        # A column of whole numbers with a gap, as pandas writes it to csv; typed text is what its writer made it.
        written = file.path.suffix.lower() in TEXTS
        spelled = [text and text.removesuffix(".0") for text in spelled] if written else spelled
        what = "they are whole numbers, so that" if written else "this is text, so that"
        notices.append(f"{name}: all values end in .0; {what} {spelled[0]} is asked for")
    if types.is_floating(kind) and any(abs(float(text)) >= WHOLE_BEYOND for text in present if text not in _INFINITE):
        notices.append(f"{name}: numbers from 2^53 on have lost their last digits in a column of kind {kind}")
    return [text or "" for text in spelled]


def rows_of(file: OwnFile, rows: Sequence[int], most: int = 10) -> str:
    """`row 3 (line 4)`, or `rows 3 (line 4), 7 (line 8) and 12 more`."""
    if len(rows) == 1:
        return file.row(rows[0])
    shown = ", ".join(file.row(i).removeprefix("row ") for i in rows[:most])
    return f"rows {shown}" + (f" and {len(rows) - most:,} more" if len(rows) > most else "")


def spell(column: pa.ChunkedArray | pa.Array) -> list[str | None] | None:
    """Texts, None where nothing is there; None if the kind is neither text nor number."""
    kind = column.type
    if types.is_dictionary(kind):
        joined = column.combine_chunks()
        joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
        levels = spell(joined.dictionary)
        return None if levels is None else [None if i is None else levels[i] for i in joined.indices.to_pylist()]
    if types.is_null(kind):
        return [None] * len(column)
    if types.is_string(kind):
        return [None if text is None else text.strip() for text in column.to_pylist()]
    if types.is_integer(kind):
        return [None if n is None else str(n) for n in column.to_pylist()]
    if types.is_decimal(kind):
        return [None if n is None else _of_decimal(n) for n in column.to_pylist()]
    if types.is_floating(kind):  # by the column's own precision: 0.1 of float32 is 0.1, not 0.10000000149
        return [_of_float(n) for n in column.to_numpy()]
    return None


def _of_decimal(number: Decimal) -> str:
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _of_float(number: np.floating) -> str | None:
    if np.isnan(number):
        return None
    if np.isinf(number):
        return str(number)
    text = np.format_float_positional(number, trim="-")
    return "0" if text == "-0" else text


def _is_list(text: str | None) -> bool:
    """Whether a text is what a list of texts looks like when it is printed."""
    if not text or (text[0], text[-1]) not in (("[", "]"), ("{", "}"), ("(", ")")):
        return False
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    if isinstance(value, set):
        value = list(value)
    return isinstance(value, list | tuple | dict) and all(isinstance(v, str) for v in value)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


_INFINITE = ("inf", "-inf")
_PROBLEMS = {
    "empty": lambda text: not text,
    "no value": lambda text: text in NO_VALUE,
    "infinite": lambda text: text in _INFINITE,
    "line break": lambda text: bool(text) and text.splitlines() != [text],
    "list": _is_list,
}
_WORDS = {
    "empty": ("is empty", "Fill it in, or delete the row."),
    "no value": ("says that there is no value", "Fill it in, or delete the row."),
    "infinite": ("is infinite", "Write a number or a text, or delete the row."),
    "line break": ("holds a line break", "Write it in one line: an answer ends where its line ends."),
    "list": ("holds a list", "Several right answers go into a column of their own (facts.aliases): keep one, as text."),
}
