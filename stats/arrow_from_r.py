"""R data frames to Arrow tables: the way back of ``stats/arrow_to_r.py``, whose table of types holds for both.

Imported only in a process that holds R.
"""

import numpy as np
import pyarrow as pa
import rpy2.rinterface as ri

from factsurv.events.errors import InputError
from factsurv.stats.r_memory import NA_INTEGER, NA_REAL_WORD, attribute, classes_of, memory_of, strings_in_r


def table_from_r(frame: ri.ListSexpVector) -> pa.Table:
    """Copy an R data.frame into a new Arrow table.

    Raises
    ------
    InputError
        A column is a list, a matrix or of a class without an Arrow form; the error names the column.
    """
    names = strings_from_r(attribute(frame, "names")).to_pylist()
    table = pa.table([column_from_r(column, name) for name, column in zip(names, frame, strict=True)], names=names)
    metadata = attribute(frame, "metadata")
    if isinstance(metadata, ri.ListSexpVector) and all(isinstance(v, ri.StrSexpVector) for v in metadata):
        keys = strings_from_r(attribute(metadata, "names")).to_pylist()
        table = table.replace_schema_metadata({k: v[0] for k, v in zip(keys, metadata, strict=True) if len(v) == 1})
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
    values = memory_of(vector).copy()
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


def strings_from_r(vector) -> pa.StringArray:
    """The Arrow array of an R character vector (None: no strings)."""
    if vector is None or len(vector) == 0:
        return pa.array([], pa.string())
    parts = list(strings_in_r("from")(vector))  # held: the views below do not keep R from collecting them
    missing, lengths, data = map(memory_of, parts)
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    validity = pa.py_buffer(np.packbits(missing == 0, bitorder="little")) if missing.any() else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data.tobytes())]
    array = pa.Array.from_buffers(pa.string(), len(lengths), buffers)
    array.validate(full=True)
    return array


def _dictionary(codes: np.ndarray, levels: pa.StringArray, ordered: bool) -> pa.DictionaryArray:
    missing = codes == NA_INTEGER
    if levels.null_count:  # addNA(): a level that is itself missing
        position = np.cumsum(~np.asarray(levels.is_null())) - 1
        position[np.asarray(levels.is_null())] = -1
        codes = np.where(missing, NA_INTEGER, position[np.where(missing, 1, codes) - 1] + 1)
        missing, levels = missing | (codes == 0), levels.drop_null()
    indices = _array(pa.int32(), np.where(missing, 0, codes - 1).astype(np.int32), missing)
    return pa.DictionaryArray.from_arrays(indices, levels, ordered=ordered)


def _array(kind: pa.DataType, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(kind, len(missing), [validity, pa.py_buffer(values)])
