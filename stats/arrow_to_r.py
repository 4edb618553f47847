"""Arrow tables to R data frames, by writing straight into R's memory.

Each column is one allocation in R and one copy. Nothing goes element by element: strings travel as one block
of bytes that R cuts up. The way back is
``stats/arrow_from_r.py``. Imported only in a process that holds R.

====================================  ==========================  ============================
Arrow                                 R                           Arrow again
====================================  ==========================  ============================
int32, int8, int16, uint8, uint16     integer                     int32
int64, uint32, uint64                 integer if all fit, else    int32 or float64
                                      double up to 2^53, else
                                      refused
float64, float32, float16             double                      float64
bool                                  logical                     bool
dictionary of strings                 factor, levels in order     dictionary<int32, utf8>
utf8                                  character                   utf8
timestamp (without zone: UTC)         POSIXct in UTC              timestamp[us, UTC]
date32                                Date                        date32
null                                  logical NA                  bool
====================================  ==========================  ============================

Null is NA and NaN is NaN, both ways. Metadata of the schema becomes the attribute ``metadata`` of the data frame
(a named list of strings) and comes back. Row names do not travel: a name that matters belongs in a column.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import rpy2.rinterface as ri
from rpy2.rinterface_lib import openrlib

from factsurv.events.errors import InputError
from factsurv.stats.r_memory import (
    NA_INTEGER,
    NA_REAL,
    allocated,
    classed,
    list_to_r,
    memory_of,
    set_attribute,
    strings_in_r,
)

LARGEST_EXACT = 2**53
LONGEST = 2**31 - 1
# Fewer strings than this are handed to R one by one: a block of bytes costs as much as six of them.
FEW = 7


def table_to_r(table: pa.Table) -> ri.ListSexpVector:
    """Copy an Arrow table into a new R data.frame.

    Raises
    ------
    InputError
        A column has a type or a value that R cannot hold; the error names the column.
    """
    if len(table) > LONGEST:
        raise InputError(f"{len(table)} rows are more than a data.frame can have", "table", "split the table")
    columns = [column_to_r(column, name) for name, column in zip(table.column_names, table.columns, strict=True)]
    frame = list_to_r(columns, strings_to_r(table.column_names))
    metadata = {k.decode(): v for k, v in (table.schema.metadata or {}).items() if k != b"pandas"}
    if metadata:
        set_attribute(
            frame,
            "metadata",
            list_to_r([strings_to_r([v.decode()]) for v in metadata.values()], strings_to_r(list(metadata))),
        )
    # R's own compact form of 1..n
    set_attribute(frame, "row.names", ri.IntSexpVector([int(NA_INTEGER), -len(table)]))
    return classed(frame, "data.frame")


def column_to_r(column: pa.ChunkedArray | pa.Array, name: str = "") -> ri.SexpVector:
    """Copy one Arrow column into a new R vector; see the table at the top of this file."""
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        if types.is_string(kind.value_type) or types.is_large_string(kind.value_type):
            return _factor(column)
        return column_to_r(column.cast(kind.value_type), name)
    if types.is_boolean(kind) or types.is_null(kind):
        return _filled(column.cast(pa.bool_()), openrlib.rlib.LGLSXP, np.int32, NA_INTEGER)
    if types.is_integer(kind):
        column = _fitting(column, name)
    elif types.is_floating(kind):
        column = column.cast(pa.float64())
    elif types.is_timestamp(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        seconds = pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), float(per_second))
        vector = _filled(seconds, openrlib.rlib.REALSXP, np.uint64, NA_REAL)
        set_attribute(vector, "tzone", strings_to_r(["UTC"]))
        return classed(vector, "POSIXct", "POSIXt")
    elif types.is_date32(kind):
        days = column.cast(pa.int32()).cast(pa.float64())
        return classed(_filled(days, openrlib.rlib.REALSXP, np.uint64, NA_REAL), "Date")
    elif types.is_string(kind) or types.is_large_string(kind):
        return _characters(column, name)
    else:
        raise InputError(
            f"its type {kind} has no form in R",
            f"column `{name}`",
            "cast it to int32, float64, bool, a dictionary of strings, or a timestamp",
        )
    if types.is_float64(column.type):
        return _filled(column, openrlib.rlib.REALSXP, np.uint64, NA_REAL)
    return _filled(column, openrlib.rlib.INTSXP, np.int32, NA_INTEGER)


def strings_to_r(strings) -> ri.StrSexpVector:
    """A new R character vector of a list of str and None, or of an Arrow array of strings."""
    if len(strings) < FEW:
        few = strings if isinstance(strings, (list, tuple)) else strings.to_pylist()
        if not any(s is None or "\0" in s for s in few):
            return ri.StrSexpVector(few)
    if isinstance(strings, (list, tuple)):
        strings = pa.array(strings, pa.string())
    return _characters(pa.chunked_array([strings]), "")


def _fitting(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """An integer column as int32 where every value fits, else as float64 where every value is exact."""
    ends = pc.min_max(column).as_py()
    low, high = ends["min"] or 0, ends["max"] or 0
    if low > NA_INTEGER and high <= LONGEST:  # the smallest int32 is R's NA
        return column.cast(pa.int32())
    if max(-low, high) <= LARGEST_EXACT:
        return column.cast(pa.float64())
    raise InputError(
        f"the value {high if high > LARGEST_EXACT else low} is beyond 2^53, and R cannot hold it exactly",
        f"column `{name}`",
        "store it as a string (dictionary), or as float64 if rounding is harmless",
    )


def _filled(column: pa.ChunkedArray, rtype: int, dtype, missing) -> ri.SexpVector:
    """A new R vector with the bits of `column`, nulls replaced by `missing`."""
    vector = allocated(rtype, len(column))
    memory, start = memory_of(vector, dtype), 0
    for chunk in column.chunks:
        part = memory[start : start + len(chunk)]
        part[:] = _bits(chunk, 1) if pa.types.is_boolean(chunk.type) else _numbers(chunk, dtype)
        _mark_nulls(part, chunk, missing)
        start += len(chunk)
    return vector


def _factor(column: pa.ChunkedArray) -> ri.IntSexpVector:
    """A new R factor; dictionaries that differ between chunks are united, the first one's order leading."""
    ordered = column.type.ordered
    column = column.unify_dictionaries()
    dictionary = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
    levels, known = dictionary, strings_to_r(dictionary)
    # R allows neither missing nor repeated levels. It finds the latter by comparing addresses.
    if dictionary.null_count or strings_in_r("repeated")(known)[0]:
        levels = pc.unique(dictionary.drop_null())
        known = strings_to_r(levels)
    vector = allocated(openrlib.rlib.INTSXP, len(column))
    memory, start = memory_of(vector), 0
    for chunk in column.chunks:
        part, indices = memory[start : start + len(chunk)], chunk.indices
        if levels is dictionary:
            codes = _numbers(indices, indices.type.to_pandas_dtype())
            np.add(codes, 1, out=part, dtype=np.int32, casting="unsafe")
        else:
            indices = pc.take(pc.index_in(dictionary, levels, skip_nulls=True), indices)
            part[:] = _numbers(indices, np.int32) + 1
        _mark_nulls(part, indices, NA_INTEGER)
        start += len(chunk)
    set_attribute(vector, "levels", known)
    return classed(vector, *(["ordered"] if ordered else []), "factor")


def _characters(column: pa.ChunkedArray, name: str) -> ri.StrSexpVector:
    parts = []
    for chunk in column.cast(pa.large_string()).chunks:
        if len(chunk) == 0:
            continue
        offsets = np.frombuffer(chunk.buffers()[1], np.int64, len(chunk) + 1, 8 * chunk.offset)
        size = int(offsets[-1] - offsets[0])
        data = np.frombuffer(chunk.buffers()[2] or b"", np.uint8, size, int(offsets[0])) if size else np.zeros(0, "u1")
        if size > LONGEST or (data == 0).any():
            what = "more than 2 GB of strings in one chunk" if size > LONGEST else "a string holds a NUL character"
            raise InputError(f"{what}, which R cannot hold", f"column `{name}`", "remove it, or use a dictionary")
        raw, lengths = allocated(openrlib.rlib.RAWSXP, size), allocated(openrlib.rlib.INTSXP, len(chunk))
        memory_of(raw)[:] = data
        memory_of(lengths)[:] = np.diff(offsets)
        missing = pa.chunked_array([chunk.is_null() if chunk.null_count else pa.array([], pa.bool_())])
        missing = _filled(missing, openrlib.rlib.LGLSXP, np.int32, NA_INTEGER)
        ascii_only = ri.BoolSexpVector([bool((data < 128).all())])
        parts.append(strings_in_r("to")(raw, lengths, missing, ascii_only))
    if len(parts) == 1:
        return parts[0]
    return strings_in_r("join")(list_to_r(parts)) if parts else ri.StrSexpVector([])


def _numbers(chunk: pa.Array, dtype) -> np.ndarray:
    """The values of a chunk as stored, garbage where it is null."""
    buffer, size = chunk.buffers()[1], np.dtype(dtype).itemsize
    return np.frombuffer(buffer, dtype, len(chunk), size * chunk.offset) if len(chunk) else np.zeros(0, dtype)


def _bits(chunk: pa.Array, which: int) -> np.ndarray:
    """One byte, 0 or 1, for each bit of a chunk's bitmap: 0 validity, 1 values."""
    first, lead = divmod(chunk.offset, 8)
    packed = np.frombuffer(chunk.buffers()[which] or b"", np.uint8)[first:]
    return np.unpackbits(packed, count=lead + len(chunk), bitorder="little")[lead:]


def _mark_nulls(part: np.ndarray, chunk: pa.Array, missing) -> None:
    if chunk.null_count:
        np.putmask(part, _bits(chunk, 0) == 0, missing)
