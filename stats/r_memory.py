"""R's memory as numpy sees it: vectors allocated, viewed, given attributes. Imported only in a process that holds R.

Only ``rpy2.rinterface`` and the C functions below it are used: the layers above convert element by element.
"""

import numpy as np
import rpy2.rinterface as ri
from rpy2.rinterface_lib import openrlib
from rpy2.rinterface_lib._rinterface_capi import SexpCapsule

NA_INTEGER = np.int32(-(2**31))
# R's NA_real_ is one NaN among many. R itself looks at the lower word only: arithmetic may set the quiet bit above it.
NA_REAL = np.uint64(0x7FF00000000007A2)
NA_REAL_WORD = np.uint64(1954)

_STRINGS_IN_R = """list(
  to = function(bytes, lengths, missing, ascii) {
    x <- readChar(bytes, lengths, useBytes = TRUE)
    if (!ascii) Encoding(x) <- "UTF-8"
    if (length(missing)) x[missing] <- NA_character_
    x
  },
  from = function(x) {
    x <- enc2utf8(as.character(x))
    missing <- is.na(x)
    x[missing] <- ""
    list(missing, nchar(x, "bytes"), charToRaw(paste(x, collapse = "")))
  },
  join = function(parts) unlist(parts, use.names = FALSE),
  repeated = function(x) anyDuplicated(x) > 0L)"""
_strings_in_r: dict = {}


def allocated(rtype: int, length: int):
    """A new, uninitialised R vector of one of R's type numbers."""
    return _wrapped(SexpCapsule(openrlib.rlib.Rf_allocVector(rtype, length)))


def memory_of(vector: ri.SexpVector, dtype=None) -> np.ndarray:
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


def attribute(obj, name: str):
    """An attribute of an R object, or None. (rpy2's own get_attrib never finds one: it asks with a CHARSXP.)"""
    rlib = openrlib.rlib
    value = rlib.Rf_getAttrib(obj.__sexp__._cdata, rlib.Rf_install(name.encode()))
    return None if value == rlib.R_NilValue else _wrapped(SexpCapsule(value))


def set_attribute(obj, name: str, value) -> None:
    """Set an attribute other than the class."""
    rlib = openrlib.rlib
    rlib.Rf_setAttrib(obj.__sexp__._cdata, rlib.Rf_install(name.encode()), value.__sexp__._cdata)


def classes_of(obj) -> tuple[str, ...]:
    """The explicit class attribute of an R object."""
    return tuple(attribute(obj, "class") or ())


def classed(obj, *classes: str):
    """The same object with its class set."""
    # Through rclass: it also sets R's OBJECT bit, without which nothing dispatches.
    obj.rclass = ri.StrSexpVector(classes)
    return obj


def list_to_r(items, names: ri.StrSexpVector | None = None) -> ri.ListSexpVector:
    """A new R list of R objects, named if `names` are given."""
    vector = allocated(openrlib.rlib.VECSXP, len(items))
    for i, item in enumerate(items):
        openrlib.rlib.SET_VECTOR_ELT(vector.__sexp__._cdata, i, item.__sexp__._cdata)
    if names is not None:
        set_attribute(vector, "names", names)
    return vector


def strings_in_r(name: str):
    """One of the R functions above: ``to``, ``from`` and ``join`` let strings travel as one block of bytes."""
    if not _strings_in_r:
        functions = ri.evalr(_STRINGS_IN_R)
        _strings_in_r.update(zip(attribute(functions, "names"), functions, strict=True))
    return _strings_in_r[name]


def _wrapped(capsule: SexpCapsule):
    return ri.conversion._sexpcapsule_to_rinterface(capsule)
