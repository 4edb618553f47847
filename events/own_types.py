"""The types of other writers' columns, as the few that everything after the reader knows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.own_numbers import label

_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)


def plain_type(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as utf8, dictionaries without nulls among their values, half floats as float64.

    Bytes become text where they are UTF-8. A type that no later reader takes (lists, structs, dates, bytes) stays as
    it is: who needs the column refuses it by that type.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        stored = pa.chunked_array([c.storage for c in column.chunks], kind.storage_type)
        return stored if any(is_bytes(kind.storage_type) for is_bytes in _BYTES) else plain_type(stored)
    if pa.types.is_run_end_encoded(kind):
        return plain_type(pa.chunked_array([pc.run_end_decode(c) for c in column.chunks], kind.value_type))
    if pa.types.is_dictionary(kind):
        return _dictionary(column)
    if pa.types.is_float16(kind):
        return column.cast(pa.float32()).cast(pa.float64())
    if any(is_bytes(kind) for is_bytes in _BYTES):
        try:
            return column.cast(pa.binary()).cast(pa.utf8())
        except pa.ArrowInvalid:
            return column
    return column.cast(pa.utf8()) if any(is_text(kind) for is_text in _TEXTS) else column


def foreign_types(schema: pa.Schema) -> dict[str, str]:
    """Columns of a type that another program defined, as pandas does its periods, and that type's name: what the
    numbers in it mean is known to that program only, and without it Arrow reads them as plain numbers."""
    found = {}
    for field in schema:
        known = isinstance(field.type, pa.BaseExtensionType)
        name = field.type.extension_name if known else (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
        if name and not name.startswith("arrow."):
            found[field.name] = name
    return found


def _dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """One dictionary with int32 codes; a code of a null or NaN is null, as is the code of no value."""
    coded = column.unify_dictionaries().combine_chunks() if column.num_chunks else column
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) and coded.num_chunks else coded
    if not isinstance(coded, pa.DictionaryArray):  # no rows
        return column
    values = plain_type(pa.chunked_array([coded.dictionary])).combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    return pa.chunked_array([recoded(coded.indices.cast(pa.int32()), values)])


def recoded(codes: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    """A dictionary of those values that are there (not null, not NaN), in their order; codes of others are null."""
    there = pc.invert(pc.is_null(values, nan_is_null=True))
    place = pc.subtract(pc.cumulative_sum(there.cast(pa.int32())), 1)
    new = pc.if_else(there, place, None).take(codes)
    made = pa.DictionaryArray.from_arrays(new, values.filter(there))
    twice = len(pc.unique(made.dictionary)) < len(made.dictionary)  # Arrow allows one value at two places
    return pc.dictionary_encode(made.cast(values.type)) if twice else made


def as_texts(column: pa.ChunkedArray) -> pa.DictionaryArray | None:
    """Text, numbers, dates and truth values as texts, levels in order of first appearance; None for other types.

    Whole floats have no ".0", and no two numbers have one text.
    """
    one = column.combine_chunks()
    one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
    coded = one if pa.types.is_dictionary(one.type) else None
    values = coded.dictionary if coded is not None else one
    if pa.types.is_floating(values.type):
        coded = pc.dictionary_encode(values) if coded is None else coded
        spelt = [None if v is None or v != v else label(v) for v in coded.dictionary.to_pylist()]
        return recoded(coded.indices, pa.array(spelt, pa.utf8()))
    if pa.types.is_nested(values.type) or any(is_bytes(values.type) for is_bytes in _BYTES):
        return None
    texts = values.cast(pa.utf8())
    return recoded(coded.indices, texts) if coded is not None else pc.dictionary_encode(texts)
