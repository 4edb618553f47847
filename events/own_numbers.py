"""Numbers as people write them. Which mark is the decimal one is decided for a whole file, never by column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BLANKS = " \u00a0\u2007\u2009\u202f"  # an ordinary one, and the no-break, figure and thin ones of typesetters
_GROUPS = ("['\u2019]", f"[{BLANKS}]")  # 1'000 and 1 000, whatever the decimal mark
_WHOLE = r"^[+-]?\d+$"
_MARKED = "[.,]"
INFINITE = "(?i:inf|infinity|\u221e)"
# Whatever stands for no number in a column of numbers, in lower case; the empty cell is missing anyway.
NO_NUMBER = frozenset(
    ("na", "n/a", "nan", "-nan", "+nan", "null", "none", "nat", "<na>", "#n/a", "#na", ".", "-", "--", "\u2013",
     "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan")
)  # fmt: skip


def _grammar(decimal: str) -> str:
    group, mark = re.escape("," if decimal == "." else "."), re.escape(decimal)
    grouped = "|".join(rf"[1-9]\d{{0,2}}(?:{g}\d{{3}})+" for g in (group, *_GROUPS))
    plain = rf"(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    return rf"[+-]?(?:(?:{grouped})(?:{mark}\d*)?|{plain}|{INFINITE}) ?%?"


GRAMMAR = {mark: f"^{_grammar(mark)}$" for mark in ".,"}
NUMBER = rf"^\s*(?:{_grammar('.')}|{_grammar(',')})\s*$"  # by either mark


@dataclass(frozen=True)
class Evidence:
    """Where in a column a number has its one reading only, or two of them; a text of each kind, "" without one."""

    point: str  # a number with a decimal point, by no reading with a decimal comma: 0.5, 1,234,567
    comma: str
    both: str  # 1.050, which is 1050 where commas are decimal marks; 1,050
    whole: bool  # some numbers have no mark at all


class Undecided(Exception):
    """Both readings are possible, or each is needed somewhere; the message is for people."""


def cleaned(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without blanks around them, typesetters' minus signs as `-`, empty ones as null."""
    text = pc.utf8_trim_whitespace(column)
    if not pc.all(pc.string_is_ascii(text)).as_py():
        text = pc.replace_substring_regex(text, "^[\u2212\u2013\ufe63\uff0d]", "-")
    return pc.if_else(pc.equal(text, ""), None, text)


def numbers_in(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cleaned texts with null for whatever stands for no number; None if others than numbers are among them."""
    first = pc.index(pc.is_valid(text), True).as_py()
    if first < 0:
        return None
    value = text[first].as_py()
    if not re.match(NUMBER, value) and value.lower() not in NO_NUMBER:
        return None
    good = pc.match_substring_regex(text, NUMBER)
    if not pc.all(good).as_py():
        odd = pc.unique(pc.utf8_lower(text.filter(pc.invert(good)))).to_pylist()
        if not set(odd) <= NO_NUMBER:
            return None
        text = pc.if_else(good, text, None)
        if text.null_count == len(text):
            return None
    percent = pc.ends_with(text, "%")
    return None if pc.any(percent).as_py() and not pc.all(percent).as_py() else text


def evidence(text: pa.ChunkedArray) -> Evidence:
    """What a column of `numbers_in` says of the decimal mark."""
    marked = pc.match_substring_regex(text, _MARKED)
    if not pc.any(marked).as_py():
        return Evidence("", "", "", True)
    point, comma = (pc.match_substring_regex(text, GRAMMAR[mark]) for mark in ".,")
    both = pc.and_(pc.and_(point, comma), marked)
    only_point, only_comma, two = (
        _first(text, mask) for mask in (pc.and_not(point, comma), pc.and_not(comma, point), both)
    )
    return Evidence(only_point, only_comma, two, not pc.all(marked).as_py())


def _first(text: pa.ChunkedArray, mask: pa.ChunkedArray) -> str:
    at = pc.index(mask, True).as_py()
    return "" if at < 0 else text[at].as_py()


def decimal_mark(found: Mapping[str, Evidence], separator: str) -> str:
    """`.` or `,` for a whole file, from what each of its columns of numbers says.

    Parameters
    ----------
    found : mapping of column to Evidence
    separator : str
        What separates the columns: between commas, numbers in three decimals throughout are such.

    Raises
    ------
    Undecided
        With both readings.
    """
    points = [(n, e.point) for n, e in found.items() if e.point]
    commas = [(n, e.comma) for n, e in found.items() if e.comma]
    if points and commas:
        raise Undecided(
            f"{points[0][1]!r} in {points[0][0]} needs a decimal point, {commas[0][1]!r} in {commas[0][0]} a decimal "
            "comma, and a file has one of them"
        )
    doubtful = [(n, e) for n, e in found.items() if e.both]
    fixed = separator == "," and all("." in e.both and not e.whole for _, e in doubtful)
    if doubtful and not points and not commas and not fixed:
        name, said = doubtful[0][0], doubtful[0][1].both
        readings = " or ".join(f"{value(said, mark):.15g}" for mark in ".,")
        raise Undecided(f"{said!r} in {name} can be {readings}, and no number of the file tells which")
    return "," if commas else "."


def value(text: str, decimal: str) -> float:
    """One number of the grammar of ``decimal``."""
    return plain(pa.chunked_array([[text]]), decimal)[0].as_py()


def plain(text: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """A column of `numbers_in` as int64 or float64; as it is (text) if a value does not follow ``decimal``, or if whole
    numbers are beyond 64 bits, where they would run together."""
    if pc.all(pc.match_substring_regex(text, _WHOLE)).as_py():
        try:
            return pc.replace_substring_regex(text, r"^\+", "").cast(pa.int64())
        except pa.ArrowInvalid:
            return text
    if not pc.all(pc.match_substring_regex(text, GRAMMAR[decimal])).as_py():
        return text
    group = "." if decimal == "," else ","
    bare = pc.replace_substring_regex(text, f"[{group}'\u2019%{BLANKS}]", "")
    bare = pc.replace_substring(pc.replace_substring(bare, decimal, "."), "\u221e", "inf")
    return bare.cast(pa.float64())


def grouped(text: pa.ChunkedArray, decimal: str) -> str:
    """The first number whose thousands are grouped, "" without one."""
    group = "." if decimal == "," else ","
    return _first(text, pc.match_substring_regex(text, f"[0-9][{group}'\u2019{BLANKS}][0-9]"))


def label(number: float) -> str:
    """A number in the fewest digits that no other one has: 20230101, 0.1, never 2.02301e+07."""
    size = abs(number)
    return np.format_float_positional(number + 0.0, trim="-") if 1e-5 <= size < 1e16 or not size else repr(number)
