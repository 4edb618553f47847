"""The documents of a unit, some megabytes at a time: one buffer of UTF-8 and where in it each of them begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from factsurv.events.errors import InputError
from factsurv.training.facts.corpus.files import Source, Unit
from factsurv.training.spec import CorpusSpec

EVERY = "*"  # in place of a field's name
BLOCK = 4 << 20  # bytes at a time: what memory is asked for, whatever the corpus is
ROWS = 1024  # of parquet at a time


@dataclass(frozen=True)
class Documents:
    """Some documents.

    Attributes
    ----------
    data : uint8 array (bytes,)
        UTF-8.
    offsets : int64 array (n + 1,)
        Document i is data[offsets[i]:offsets[i + 1]].
    count : int
        How many of the n are not empty.
    """

    data: np.ndarray
    offsets: np.ndarray
    count: int


Told = Callable[[float], None]  # share of the unit that was read


def documents(unit: Unit, spec: CorpusSpec, told: Told = lambda _: None) -> Iterator[Documents]:
    """The documents of a unit, in parts.

    Raises
    ------
    InputError
        With the file and where in it, if it is damaged, no text, or has no such field.
    """
    try:
        yield from READERS[unit.kind](unit, spec, told)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"cannot be read ({_first_line(error)})", unit.path, "mend or replace the file") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _blocks(unit: Unit, told: Told) -> Iterator[tuple[bytes, int]]:
    """Whole lines that begin inside the unit, some megabytes at a time, each with its place in the unpacked file."""
    with closing(Source(unit.path, unit.codec)) as source:
        at, rest = 0, b""
        if unit.start:
            source.seek(unit.start - 1)
            at = unit.start - 1
        ahead = bool(unit.start)  # the line before this unit's first one is still to be passed
        while True:
            block = _read(source, unit)
            told(min(1.0, (source.at - unit.start) / unit.share) if unit.share else 1.0)
            if not block:
                break
            if ahead:
                cut = block.find(b"\n") + 1
                if not cut:
                    at += len(block)
                    continue
                block, at, ahead = block[cut:], at + cut, False
            if not rest and unit.stop >= 0 and at >= unit.stop:
                return
            text = rest + block
            if 0 <= unit.stop <= at + len(text):
                end = text.find(b"\n", max(unit.stop - 1 - at, 0)) + 1
                if end:
                    yield text[:end], at
                    return
            end = text.rfind(b"\n") + 1
            if end:
                yield text[:end], at
            rest, at = text[end:], at + end
        if rest and not ahead and not 0 <= unit.stop <= at:
            yield rest, at


def _read(source: Source, unit: Unit, size: int = BLOCK) -> bytes:
    try:
        return source.read(size)
    except OSError as error:
        raise InputError(
            f"is damaged near byte {source.at:,} ({_first_line(error)})",
            unit.path,
            "replace the file; the others are counted already and are not counted again",
        ) from error


def _lines(unit: Unit, spec: CorpusSpec, told: Told) -> Iterator[Documents]:
    if spec.documents == "file":
        with closing(Source(unit.path, unit.codec)) as source:
            block = _read(source, unit, -1)
        _check_text(block, 0, unit)
        told(1.0)
        yield Documents(np.frombuffer(block, np.uint8), np.array([0, len(block)]), int(bool(block.strip())))
        return
    for block, at in _blocks(unit, told):
        _check_text(block, at, unit)
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == 10) + 1
        offsets = np.concatenate([[0], ends, [len(block)] if not len(ends) or ends[-1] < len(block) else []])
        offsets = offsets.astype(np.int64)
        lengths = np.diff(offsets)
        empty = (lengths == 1) & (data[offsets[:-1]] == 10)
        empty |= (lengths == 2) & (data[offsets[:-1]] == 13)
        yield Documents(data, offsets, int(len(lengths) - empty.sum()))


def _check_text(block: bytes, at: int, unit: Unit) -> None:
    place = block.find(b"\0")
    if place < 0:
        try:
            if not block.isascii():
                block.decode("utf-8")
            return
        except UnicodeDecodeError as error:
            place = error.start
    raise InputError(f"is not text: byte {at + place:,} is no UTF-8", unit.path, "save it as UTF-8, or leave it out")


def _json_lines(unit: Unit, spec: CorpusSpec, told: Told) -> Iterator[Documents]:
    schema = pa.schema({spec.field: pa.large_utf8()})
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    for block, at in _blocks(unit, told):
        if not block.strip():
            continue
        reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        try:
            column = pyarrow.json.read_json(pa.BufferReader(block), reading, parsing)[spec.field]
        except pa.ArrowInvalid as error:
            raise _bad_line(block, at, unit, spec, error) from error
        if column.null_count == len(column):
            first = block.lstrip().split(b"\n", 1)[0]
            raise InputError(
                f"has no field {spec.field!r}; the fields are {', '.join(map(repr, json.loads(first)))}",
                unit.path,
                "name the field with the text: --field, or field of facts.corpus",
            )
        for chunk in column.chunks:
            yield _of_arrow(chunk)


def _bad_line(block: bytes, at: int, unit: Unit, spec: CorpusSpec, error: Exception) -> InputError:
    """Which line it was that Arrow could not read."""
    where = 0
    for line in block.split(b"\n"):
        try:
            found = json.loads(line) if line.strip() else {}
            why = "the line is no JSON object" if not isinstance(found, dict) else ""
            if not why and not isinstance(found.get(spec.field), str | None):
                why = f"its {spec.field!r} is no text"
        except ValueError as told:
            why = f"the line is no JSON ({told})"
        if why:
            return InputError(f"cannot be read at byte {at + where:,}: {why}", unit.path, "mend or replace the file")
        where += len(line) + 1
    return InputError(f"cannot be read from byte {at:,} on ({_first_line(error)})", unit.path, "mend the file")


def _json(unit: Unit, spec: CorpusSpec, told: Told) -> Iterator[Documents]:
    """Every text of that name (`*`: of any) in the file, however deep, is a document, or all of them are one."""
    with closing(Source(unit.path, unit.codec)) as source:
        block = _read(source, unit, -1)
    try:
        texts = list(_texts(json.loads(block), spec.field))
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})", unit.path, "one object a line ends in .jsonl") from error
    told(1.0)
    if texts and spec.documents == "file":
        texts = ["\n".join(texts)]
    if texts:
        yield _of_arrow(pa.array(texts, pa.large_utf8()))


def _texts(value: Any, field: str) -> Iterator[str]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from _texts(inner, field)
        elif isinstance(inner, str) and field in (key, EVERY):
            yield inner


def _parquet(unit: Unit, spec: CorpusSpec, told: Told) -> Iterator[Documents]:
    file = pq.ParquetFile(unit.path)
    kind = {f.name: f.type for f in file.schema_arrow}
    if spec.field not in kind:
        raise InputError(
            f"has no column {spec.field!r}; the columns are {', '.join(kind)}",
            unit.path,
            "name the column with the text: --field, or field of facts.corpus",
        )
    if not any(check(kind[spec.field]) for check in (pa.types.is_string, pa.types.is_large_string)):
        raise InputError(f"column {spec.field!r} is no text but {kind[spec.field]}", unit.path, "name another one")
    rows, done = file.metadata.row_group(unit.start).num_rows if file.num_row_groups else 0, 0
    groups = [unit.start] if file.num_row_groups else []
    for batch in file.iter_batches(ROWS, groups, [spec.field], use_threads=False):
        yield _of_arrow(batch.column(0).cast(pa.large_utf8()))
        done += batch.num_rows
        told(done / rows)


def of_texts(texts: Sequence[str]) -> Documents:
    """Texts that are at hand."""
    return _of_arrow(pa.array(texts, pa.large_utf8()))


def _of_arrow(texts: pa.LargeStringArray) -> Documents:
    texts = texts.fill_null("") if texts.null_count else texts
    _, places, data = texts.buffers()
    offsets = np.frombuffer(places, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    bytes_ = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    begin, end = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    return Documents(bytes_[begin:end], offsets - begin, int((np.diff(offsets) > 0).sum()))


READERS: dict[str, Callable[[Unit, CorpusSpec, Told], Iterator[Documents]]] = {
    "text": _lines, "lines": _json_lines, "json": _json, "parquet": _parquet,
}  # fmt: skip
