"""Plain Python values to R objects and back. Imported only in a process that holds R.

Arguments: None is NULL; a bool, int, float or str a vector of length 1; a list of scalars of one sort a vector, with
None as NA (ints among floats become double); any other list an R list; **[] is list()**; a dict a named list; an
Arrow table a data.frame. Results: NULL is None; a data.frame an Arrow table; a named list or **named vector a dict**;
an unnamed list a list; a vector of length 1 a scalar, of any other length a list, with NA as None and NaN as NaN; a
factor its labels; Date and POSIXct are date and datetime in UTC.
"""

import os

import numpy as np
import pyarrow as pa
import rpy2.rinterface as ri

from factsurv.events.errors import InputError
from factsurv.stats.arrow_from_r import column_from_r, strings_from_r, table_from_r
from factsurv.stats.arrow_to_r import column_to_r, strings_to_r, table_to_r
from factsurv.stats.r_memory import attribute, classes_of, list_to_r


def value_to_r(value, where: str = "argument"):
    """The R object for a plain Python value.

    Parameters
    ----------
    value : None, bool, int, float, str, path, list, tuple, dict, numpy scalar or array, pyarrow.Table
    where : str
        What the value is, for the error message.

    Raises
    ------
    InputError
        The value, or one nested in it, has no R form; the error says where it is.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None:
        return ri.NULL
    if isinstance(value, pa.Table):
        return table_to_r(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, (bool, int, float, str)):
        return _vector([value], where)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise InputError("a dict for R needs text as keys", where, "use str keys")
        return list_to_r([value_to_r(v, f"{where}.{k}") for k, v in value.items()], strings_to_r(list(value)))
    if isinstance(value, (list, tuple)):
        if value and all(v is None or isinstance(v, (bool, int, float, str, np.generic)) for v in value):
            scalars = [v.item() if isinstance(v, np.generic) else v for v in value]
            sorts = {type(v) for v in scalars if v is not None}
            if len(sorts) <= 1 or sorts == {int, float}:
                return _vector(scalars, where)
        return list_to_r([value_to_r(v, f"{where}[{i}]") for i, v in enumerate(value)])
    raise InputError(
        f"a Python {type(value).__name__} has no form in R",
        where,
        "pass numbers, strings, lists, dicts or Arrow tables",
    )


def value_from_r(obj, where: str = "the result of R"):
    """The plain Python value of an R object.

    Raises
    ------
    InputError
        The object, or one nested in it, has no Python form (a function, a formula, an environment, a matrix, …).
    """
    if isinstance(obj, ri.NULLType):
        return None
    if isinstance(obj, ri.ListSexpVector):
        classes = classes_of(obj)
        if "data.frame" in classes:
            return table_from_r(obj)
        if "POSIXlt" in classes:
            return column_from_r(obj)  # refuses, with the remedy
        keys = _keys(obj, where)
        if keys is None:
            return [value_from_r(item, f"{where}[[{i + 1}]]") for i, item in enumerate(obj)]
        return {key: value_from_r(item, f"{where}${key}") for key, item in zip(keys, obj, strict=True)}
    if not isinstance(obj, (ri.StrSexpVector, ri.IntSexpVector, ri.BoolSexpVector, ri.FloatSexpVector)):
        raise InputError(
            f"R's type {ri.RTYPES(obj.typeof).name} has no Python form", where,
            "return a data.frame, or lists of numbers, logicals and strings (deparse() a call or formula)",
        )  # fmt: skip
    try:
        values = column_from_r(obj).to_pylist()
    except InputError as error:
        raise InputError(error.what, where, error.remedy) from None
    keys = _keys(obj, where)
    if keys is not None:
        return dict(zip(keys, values, strict=True))
    return values[0] if len(values) == 1 else values


def _vector(scalars: list, where: str):
    """An R vector of scalars of one sort; None is NA."""
    sorts = {type(v) for v in scalars if v is not None}
    if str in sorts:
        if any(v is not None and "\0" in v for v in scalars):
            raise InputError("a string holds a NUL character, which R cannot hold", where, "remove it")
        return strings_to_r(scalars)
    try:
        if float in sorts:
            kind = pa.float64()
            if any(isinstance(v, int) and abs(v) > 2**53 for v in scalars):
                raise InputError("an integer is beyond 2^53", where, "pass it as a string")
            scalars = [None if v is None else float(v) for v in scalars]
        else:
            kind = pa.int64() if int in sorts else pa.bool_()
        return column_to_r(pa.array(scalars, kind, from_pandas=False))
    except (OverflowError, pa.ArrowInvalid, InputError) as error:
        what = error.what if isinstance(error, InputError) else "the integer is beyond 2^53"
        raise InputError(what, where, "pass it as a string") from None


def _keys(obj, where: str) -> list[str] | None:
    names = attribute(obj, "names")
    if names is None:
        return None
    keys = strings_from_r(names).to_pylist()
    if len(set(keys)) < len(keys) or any(not key for key in keys):
        raise InputError("its names are not unique or some are empty", where, "name every element once, or none")
    return keys
