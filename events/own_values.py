"""What the cells of times and events say: numbers, and whether it happened."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.own_numbers import NO_NUMBER, NUMBER, Undecided, cleaned, decimal_mark, evidence, numbers_in, plain
from factsurv.events.own_rows import rows_of


def numbers(name: str, column: pa.ChunkedArray, problems: list[str], infinite: bool = False) -> np.ndarray:
    """A column as float64, NaN where there is none; what is no number, or infinite where none may be, is told."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind):
        found = _numbers_of_text(name, column, problems)
        return found if infinite else _finite(name, found, problems)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        if not pa.types.is_null(kind):
            problems.append(
                f"{name}: holds {kind}, not numbers; give times as amounts since the origin, such as days since "
                "enrolment"
            )
        return np.full(len(column), np.nan)
    found = as_float(column)
    if pa.types.is_integer(kind):
        _check_size(name, found, problems)
    return found if infinite else _finite(name, found, problems)


def as_float(column: pa.ChunkedArray) -> np.ndarray:
    """float64, NaN where there is none; whole numbers beyond 2^53 are rounded to the nearest."""
    return column.cast(pa.float64(), safe=False).to_numpy()


def _finite(name: str, found: np.ndarray, problems: list[str]) -> np.ndarray:
    infinite = np.isinf(found)
    if infinite.any():
        problems.append(f"{name}: infinite in {rows_of(infinite)}")
    return np.where(infinite, np.nan, found)


def _numbers_of_text(name: str, column: pa.ChunkedArray, problems: list[str]) -> np.ndarray:
    """Texts of a typed file that are numbers, or of a csv file that are not all numbers: the others are told."""
    text = cleaned(column)
    good = pc.fill_null(pc.match_substring_regex(text, NUMBER), False).to_numpy()
    none = pc.fill_null(pc.is_in(pc.utf8_lower(text), pa.array(NO_NUMBER)), False).to_numpy()
    wrong = ~good & ~none & pc.is_valid(text).to_numpy()
    if wrong.any():
        first = text[int(np.flatnonzero(wrong)[0])].as_py()
        problems.append(f"{name}: no number in {rows_of(wrong)}, such as {first!r}")
    found = numbers_in(pc.if_else(good, text, None))
    nothing = np.full(len(column), np.nan)
    if found is None:
        return nothing
    try:
        made = plain(found, decimal_mark({name: evidence(found)}, separator=""))
    except Undecided as undecided:
        problems.append(f"{name}: {undecided}; write it as numbers, without marks between thousands")
        return nothing
    values = as_float(made)
    if not pa.types.is_floating(made.type):
        _check_size(name, values, problems)
    return values


def _check_size(name: str, values: np.ndarray, problems: list[str]) -> None:
    large = np.abs(values) >= 2**53  # 2^53 itself may have been its neighbour
    if large.any():
        problems.append(
            f"{name}: whole numbers beyond 2^53, where neighbours become one, in {rows_of(large)}; count from an "
            "origin of your own, or in larger units"
        )


def happened(name: str, column: pa.ChunkedArray, event_is: object, problems: list[str]) -> np.ndarray:
    """Whether the event happened, bool; a problem if the coding leaves that open."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_primitive(kind)) or pa.types.is_temporal(kind):
        if not pa.types.is_null(kind):
            problems.append(f"{name}: holds {kind}, not 0 and 1 or true and false")
        return np.zeros(len(column), dtype=bool)
    found = [v for v in pc.unique(column.combine_chunks()).to_pylist() if v is not None and v == v]
    if event_is is not None:
        wanted = event_is if isinstance(event_is, list) else [event_is]
        means = {v: any(_same(v, w) for w in wanted) for v in found}
        problems += [
            f"{name}: no row has event_is = {_spelt(w)}; it holds {_some(found)}"
            for w in wanted
            if not any(_same(v, w) for v in found)
        ]
    else:
        means = {v: str(v).strip().lower() in ("1", "1.0", "true", "t", "yes") for v in found}
        known = ("0", "1", "0.0", "1.0", "true", "false", "t", "f", "yes", "no")
        if any(str(v).strip().lower() not in known for v in found):
            problems.append(f"{name}: holds {_some(found)}, not 0 and 1 or true and false; {_coding(found)}")
    yes = [v for v, is_event in means.items() if is_event]
    return pc.fill_null(pc.is_in(column, pa.array(yes, column.type)), False).to_numpy()


def _same(value: object, given: object) -> bool:
    return _plainly(value) == _plainly(given)


def _plainly(value: object) -> float | str:
    """true and 1 mean one thing, by whichever writer; so do 1 and "1.0"."""
    text = str(value).strip()
    try:
        return float({"true": "1", "false": "0"}.get(text.lower(), text))
    except ValueError:
        return text


def _spelt(value: object) -> str:
    """As TOML has it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _some(values: list) -> str:
    shown = ", ".join(str(v) for v in sorted(values, key=str)[:6])
    return shown + (f" and {len(values) - 6} other values" if len(values) > 6 else "")


def _coding(values: list) -> str:
    if {str(v).removesuffix(".0") for v in values} == {"1", "2"}:
        return "as status in many of R's data sets, where 2 is the event: say event_is = 2 under [events]"
    return (
        "say event_is = … under [events]: the value that means that the event happened (the others then count as "
        "censored); where several events compete, event_is = [their values] and cause = this column"
    )
