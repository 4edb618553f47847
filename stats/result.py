"""What comes back from one call of R, as data."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RError:
    """Why a call of R gave no value.

    Attributes
    ----------
    message : str
        R's message, or ours where R could not say anything any more.
    class_ : str
        First class of R's condition (``simpleError``, …), or one of ours: ``time_limit`` (the worker was
        stopped), ``crashed`` (R died), ``conversion`` (the value has no Arrow or Python form), ``source``
        (a file of the R folder could not be read).
    call : str
        The R call that raised it, shortened; empty where there is none.
    """

    message: str
    class_: str
    call: str = ""


@dataclass(frozen=True)
class RResult:
    """The value of one call of R, with everything that R said on the way.

    Attributes
    ----------
    value : object
        ``None`` where the call failed. Else as ``factsurv.stats.value_to_r.value_from_r`` says: a data.frame is a
        ``pyarrow.Table``, a named list a dict, a vector of length 1 a scalar.
    error : RError or None
    warnings, messages : tuple of str
        In order, each without its trailing newline.
    printed : str
        What R wrote to its console.
    seconds : float
        Time that the R function took, without conversions and start-up.
    """

    value: Any = None
    error: RError | None = None
    warnings: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    printed: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a value (which may be None: R's NULL)."""
        return self.error is None
