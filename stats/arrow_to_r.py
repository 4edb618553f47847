"""Arrow tables to R data frames and back, by writing straight into R's memory.

Each column is one allocation in R and one copy. Nothing goes element by element: strings travel as one block
of bytes that R cuts up. Imported only in a process that holds R.

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
from rpy2.rinterface_lib._rinterface_capi import SexpCapsule

from events.errors import InputError

NA_INTEGER = np.int32(-(2**31))
# R's NA_real_ is one NaN among many. R itself looks at the lower word only: arithmetic may set the quiet bit above it.
NA_REAL = np.uint64(0x7FF00000000007A2)
NA_REAL_WORD = np.uint64(1954)
LARGEST_EXACT = 2**53
LONGEST = 2**31 - 1

STRINGS_IN_R = """list(
  to = function(bytes, lengths, missing) {
    x <- readChar(bytes, lengths, useBytes = TRUE)
    Encoding(x) <- "UTF-8"
    x[missing] <- NA_character_
    x
  },
  from = function(x) {
    x <- enc2utf8(as.character(x))
    missing <- is.na(x)
    x[missing] <- ""
    list(missing, nchar(x, "bytes"), charToRaw(paste(x, collapse = "")))
  },
  join = function(parts) unlist(parts, use.names = FALSE))"""
_strings_in_r = []


def table_to_r(table: pa.Table) -> ri.ListSexpVector:
    """Copy an Arrow table into a new R data.frame.

    Raises
    ------
    InputError
        A column has a type or a value that R cannot hold; the error names the column.
    """
    if len(table) > LONGEST:
        raise InputError(f"{len(table)} rows are more than a data.frame can have", "table", "split the table")
    columns = [column_to_r(column, name) for name, column in zip(table.column_names, table.columns)]
    frame = list_to_r(columns, table.column_names)
    metadata = {k.decode(): v for k, v in (table.schema.metadata or {}).items() if k != b"pandas"}
    if metadata:
        _set_attribute(frame, "metadata", list_to_r([strings_to_r([v.decode()]) for v in metadata.values()], metadata))
    # R's own compact form of 1..n
    _set_attribute(frame, "row.names", ri.IntSexpVector([int(NA_INTEGER), -len(table)]))
    return _classed(frame, "data.frame")


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
        _set_attribute(vector, "tzone", strings_to_r(["UTC"]))
        return _classed(vector, "POSIXct", "POSIXt")
    elif types.is_date32(kind):
        days = column.cast(pa.int32()).cast(pa.float64())
        return _classed(_filled(days, openrlib.rlib.REALSXP, np.uint64, NA_REAL), "Date")
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


def table_from_r(frame: ri.ListSexpVector) -> pa.Table:
    """Copy an R data.frame into a new Arrow table.

    Raises
    ------
    InputError
        A column is a list, a matrix or of a class without an Arrow form; the error names the column.
    """
    names = strings_from_r(attribute(frame, "names")).to_pylist()
    table = pa.table([column_from_r(column, name) for name, column in zip(names, frame)], names=names)
    metadata = attribute(frame, "metadata")
    if isinstance(metadata, ri.ListSexpVector) and all(isinstance(v, ri.StrSexpVector) for v in metadata):
        keys = strings_from_r(attribute(metadata, "names")).to_pylist()
        table = table.replace_schema_metadata({k: v[0] for k, v in zip(keys, metadata) if len(v) == 1})
    return table


def column_from_r(vector: ri.SexpVector, name: str = "") -> pa.Array:
    """Copy one R vector into a new Arrow array; see the table at the top of this file."""
    classes, where = classes_of(vector), f"column `{name}`" if name else "the result of R"
    if attribute(vector, "dim") is not None:
        raise InputError("a matrix or array has no Arrow form", where, "return a data.frame: as.data.frame(x)")
    for refused, remedy in (("difftime", 'as.numeric(x, units = "secs")'), ("integer64", "as.double(x)")):
        if refused in classes:
            raise InputError(f"the class {refused} has no Arrow form", where, f"in R: {remedy}")
    if isinstance(vector, ri.StrSexpVector):
        return strings_from_r(vector)
    if not isinstance(vector, (ri.IntSexpVector, ri.BoolSexpVector, ri.FloatSexpVector)):
        raise InputError(
            f"R's type {vector.typeof.name} (class {', '.join(classes) or 'none'}) has no Arrow form", where,
            "return numbers, logicals, strings, factors, Date or POSIXct (as.POSIXct for a POSIXlt)",
        )  # fmt: skip
    values = _memory(vector).copy()
    if isinstance(vector, ri.BoolSexpVector):
        return _array(pa.bool_(), np.packbits(values == 1, bitorder="little"), values == NA_INTEGER)
    if "factor" in classes:
        return _dictionary(values, strings_from_r(attribute(vector, "levels")), "ordered" in classes)
    is_real = isinstance(vector, ri.FloatSexpVector)
    if "POSIXct" in classes or "Date" in classes:
        missing = ~np.isfinite(values) if is_real else values == NA_INTEGER
        values = np.where(missing, 0, values)
        if "Date" in classes:
            return _array(pa.date32(), np.floor(values).astype(np.int32), missing)
        return _array(pa.timestamp("us", "UTC"), np.rint(values * 1e6).astype(np.int64), missing)
    if is_real:
        missing = np.isnan(values)
        if missing.any():
            missing &= (values.view(np.uint64) & np.uint64(0xFFFFFFFF)) == NA_REAL_WORD
        return _array(pa.float64(), values, missing)
    return _array(pa.int32(), values, values == NA_INTEGER)


def strings_to_r(strings) -> ri.StrSexpVector:
    """A new R character vector of a list of str and None, or of an Arrow array of strings."""
    if isinstance(strings, (list, tuple)):
        strings = pa.array(strings, pa.string())
    return _characters(pa.chunked_array([strings]), "")


def strings_from_r(vector) -> pa.StringArray:
    """The Arrow array of an R character vector (None: no strings)."""
    if vector is None or len(vector) == 0:
        return pa.array([], pa.string())
    missing, lengths, data = (_memory(part) for part in _in_r("from")(vector))
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    validity = pa.py_buffer(np.packbits(missing == 0, bitorder="little")) if missing.any() else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data.tobytes())]
    array = pa.Array.from_buffers(pa.string(), len(lengths), buffers)
    array.validate(full=True)
    return array


def attribute(obj, name: str):
    """An attribute of an R object, or None. (rpy2's own get_attrib never finds one: it asks with a CHARSXP.)"""
    rlib = openrlib.rlib
    value = rlib.Rf_getAttrib(obj.__sexp__._cdata, rlib.Rf_install(name.encode()))
    return None if value == rlib.R_NilValue else _wrapped(SexpCapsule(value))


def classes_of(obj) -> tuple[str, ...]:
    """The explicit class attribute of an R object."""
    return tuple(attribute(obj, "class") or ())


def list_to_r(items, names=None) -> ri.ListSexpVector:
    """A new R list of R objects, named if `names` are given."""
    vector = _allocated(openrlib.rlib.VECSXP, len(items))
    for i, item in enumerate(items):
        openrlib.rlib.SET_VECTOR_ELT(vector.__sexp__._cdata, i, item.__sexp__._cdata)
    if names is not None:
        _set_attribute(vector, "names", strings_to_r(list(names)))
    return vector


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
    vector = _allocated(rtype, len(column))
    memory, start = _memory(vector, dtype), 0
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
    levels = dictionary
    if dictionary.null_count or pc.count_distinct(dictionary).as_py() < len(dictionary):
        levels = pc.unique(dictionary.drop_null())  # R allows neither missing nor repeated levels
    vector = _allocated(openrlib.rlib.INTSXP, len(column))
    memory, start = _memory(vector), 0
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
    _set_attribute(vector, "levels", strings_to_r(levels))
    return _classed(vector, *(["ordered"] if ordered else []), "factor")


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
        raw, lengths = _allocated(openrlib.rlib.RAWSXP, size), _allocated(openrlib.rlib.INTSXP, len(chunk))
        _memory(raw)[:] = data
        _memory(lengths)[:] = np.diff(offsets)
        missing = _filled(pa.chunked_array([chunk.is_null()]), openrlib.rlib.LGLSXP, np.int32, NA_INTEGER)
        parts.append(_in_r("to")(raw, lengths, missing))
    if len(parts) == 1:
        return parts[0]
    return _in_r("join")(list_to_r(parts)) if parts else ri.StrSexpVector([])


def _dictionary(codes: np.ndarray, levels: pa.StringArray, ordered: bool) -> pa.DictionaryArray:
    missing = codes == NA_INTEGER
    if levels.null_count:  # addNA(): a level that is itself missing
        position = np.cumsum(~np.asarray(levels.is_null())) - 1
        position[np.asarray(levels.is_null())] = -1
        codes = np.where(missing, NA_INTEGER, position[np.where(missing, 1, codes) - 1] + 1)
        missing, levels = missing | (codes == 0), levels.drop_null()
    indices = _array(pa.int32(), np.where(missing, 0, codes - 1).astype(np.int32), missing)
    return pa.DictionaryArray.from_arrays(indices, levels, ordered=ordered)


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


def _array(kind: pa.DataType, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(kind, len(missing), [validity, pa.py_buffer(values)])


def _allocated(rtype: int, length: int):
    return _wrapped(SexpCapsule(openrlib.rlib.Rf_allocVector(rtype, length)))


def _wrapped(capsule: SexpCapsule):
    return ri.conversion._sexpcapsule_to_rinterface(capsule)


def _memory(vector: ri.SexpVector, dtype=None) -> np.ndarray:
    """R's own memory of a vector; writable, and valid only while `vector` lives."""
    pointer, default = {
        ri.RTYPES.INTSXP: (openrlib.INTEGER, np.int32),
        ri.RTYPES.LGLSXP: (openrlib.LOGICAL, np.int32),
        ri.RTYPES.REALSXP: (openrlib.REAL, np.float64),
        ri.RTYPES.RAWSXP: (openrlib.RAW, np.uint8),
    }[vector.typeof]
    dtype = np.dtype(dtype or default)
    if len(vector) == 0:  # R gives no usable address for it
        return np.zeros(0, dtype)
    buffer = openrlib.ffi.buffer(pointer(vector.__sexp__._cdata), dtype.itemsize * len(vector))
    return np.frombuffer(buffer, dtype)


def _set_attribute(obj, name: str, value) -> None:
    rlib = openrlib.rlib
    rlib.Rf_setAttrib(obj.__sexp__._cdata, rlib.Rf_install(name.encode()), value.__sexp__._cdata)


def _classed(obj, *classes: str):
    # Through rclass: it also sets R's OBJECT bit, without which nothing dispatches.
    obj.rclass = ri.StrSexpVector(classes)
    return obj


def _in_r(name: str):
    if not _strings_in_r:
        functions = ri.evalr(STRINGS_IN_R)
        _strings_in_r.append(dict(zip(functions.names, functions)))
    return _strings_in_r[0][name]
