"""Columns of a table that hold several texts a fact (aliases, options, links), or yes and no (sets)."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from factsurv.events.errors import Problems
from factsurv.events.own_file import OwnFile
from factsurv.events.own_types import plain_type
from factsurv.training.facts.fact_texts import rows_of, spell

YES, NO = ("yes", "true", "1"), ("no", "false", "0")


def lists(file: OwnFile, key: str, name: str, separator: str, problems: Problems) -> list[tuple[str, ...]]:
    """Texts of each row, each once and none of them empty: a list column's, or those of a text.

    A text is a list as JSON or Python write it (`["a", "b"]`), or parts between ``separator``.
    """
    column = file.table[name]
    found = _of_lists(column) if is_list(column.type) else _of_texts(column, separator)
    if found is None:
        what = f"column {name!r} is of the kind {column.type}, which is no list of texts"
        problems.add(what, f"key {key}", f"Save it as lists of texts, or as text with {separator!r} between them.")
        return [()] * file.table.num_rows
    broken = [i for i, texts in enumerate(found) if any(t.splitlines() != [t] for t in texts)]
    if broken:
        remedy = "Write each in one line: an answer ends where its line ends."
        problems.add(f"column {name!r} holds a line break", rows_of(file, broken), remedy)
    return found


def is_list(kind: pa.DataType) -> bool:
    """Whether a value of the kind is a list."""
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _of_lists(column: pa.ChunkedArray) -> list[tuple[str, ...]] | None:
    texts = spell(plain_type(pc.list_flatten(column)))
    if texts is None:
        return None
    ends, begin = [], 0
    for length in pc.list_value_length(column).to_pylist():
        ends.append((begin, begin + (length or 0)))
        begin += length or 0
    return [_each_once(texts[a:b]) for a, b in ends]


def _of_texts(column: pa.ChunkedArray, separator: str) -> list[tuple[str, ...]] | None:
    texts = spell(column)
    return None if texts is None else [_each_once(_parts(text or "", separator)) for text in texts]


def _parts(text: str, separator: str) -> Sequence[str]:
    if text.startswith("[") and text.endswith("]"):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(value, list) and all(isinstance(v, str | int) for v in value):
                return [str(v) for v in value]
    return text.split(separator)


def _each_once(texts: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.strip() for t in texts if t and t.strip()))


def yes_or_no(file: OwnFile, name: str, problems: Problems) -> list[bool]:
    """A column of yes and no, also written true and false or 1 and 0."""
    said = [None if v is None else str(v).strip().lower().removesuffix(".0") for v in file.table[name].to_pylist()]
    odd = [i for i, v in enumerate(said) if v not in (*YES, *NO)]
    if odd:
        held = "a missing value" if said[odd[0]] is None else repr(said[odd[0]])
        problems.add(f"column {name!r} holds {held}", rows_of(file, odd), "A set is a column of yes and no.")
    return [v in YES for v in said]
