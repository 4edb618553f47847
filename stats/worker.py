"""The child process that holds R. Started by ``factsurv.stats.bridge``, one R per process, on the main thread.

It answers requests that come through a socket, one at a time; it is ended with its parent (factsurv.events.children).
"""

import faulthandler
import os
import pickle
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from factsurv.stats.result import RError, RResult

# Files whose data frames are kept; a study hands R one or two.
KEPT_TABLES = 8


def serve(requests: int, options: dict) -> None:
    """Start R, say "ready", then answer requests until the other end closes.

    Parameters
    ----------
    requests : int
        File descriptor of the socket.
    options : dict
        ``r_folder`` (str).
    """
    # Blocked, not ignored: both rpy2 and R (in Sys.sleep, for one) install handlers of their own. Interrupting is
    # the parent's business, which kills.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    faulthandler.enable()
    connection = Connection(requests)
    try:
        r = EmbeddedR(options["r_folder"])
    except Exception as error:  # noqa: BLE001 - the parent turns it into advice; there is nobody else to tell
        kind = "source" if isinstance(error, SourceError) else "start"
        connection.send(("failed", kind, f"{error}".strip() or type(error).__name__))
        os._exit(1)
    connection.send(("ready", None, None))
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            os._exit(0)  # not through R's or Python's own ends: R has nothing to save, and they can hang
        connection.send(r.answer(*pickle.loads(request)))


class SourceError(Exception):
    """A file of the R folder cannot be read as R code."""


class EmbeddedR:
    """R inside this process, with the functions of an R folder.

    Parameters
    ----------
    r_folder : str
        Every ``.R`` file in it is sourced, sorted by name.
    """

    def __init__(self, r_folder: str):
        import rpy2.rinterface as ri
        from rpy2.rinterface_lib import callbacks, embedded, openrlib

        self._console: list[str] = []
        # R resolves these names whenever it writes, so plain assignment redirects it.
        callbacks.consolewrite_print = callbacks.consolewrite_warnerror = self._console.append  # type: ignore
        callbacks.showmessage = self._console.append  # type: ignore
        callbacks.consoleread = lambda prompt: ""  # the end of input: nobody is at the keyboard
        callbacks.cleanup = self._quit
        embedded.set_initoptions(("rpy2", "--quiet", "--no-save", "--no-restore"))
        ri.initr(interactive=False)
        # rpy2 switches R's check of the stack off, and so does R above 100 MB: a deep recursion then kills the
        # process where it should raise an error. R counts from where the main thread began.
        soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
        if soft != resource.RLIM_INFINITY:
            openrlib.rlib.R_CStackLimit = openrlib.ffi.cast("uintptr_t", int(0.9 * soft))

        from factsurv.stats import arrow_from_r, arrow_to_r, r_memory, value_to_r

        self._ri, self._to_r, self._values = ri, arrow_to_r, value_to_r
        self._texts, self._list = arrow_from_r.strings_from_r, r_memory.list_to_r
        self._kept: dict[tuple, object] = {}
        read_folder, self._call_captured = list(ri.evalr((Path(__file__).parent / "worker.R").read_text("utf-8")))
        try:
            self._functions = read_folder(ri.StrSexpVector([r_folder]))
        except embedded.RRuntimeError as error:
            raise SourceError(str(error).removeprefix("Error: ").strip()) from None

    def answer(self, function: str, args: tuple, kwargs: dict, tables: dict) -> RResult:
        """Call one R function; whatever happens, the answer is an RResult."""
        self._console.clear()
        warnings, messages, seconds, value, error = (), (), 0.0, None, None
        try:
            arguments = [(name, self._table(source)) for name, source in tables.items()]
            arguments = [("", self._values.value_to_r(a, f"argument {i + 1}")) for i, a in enumerate(args)] + arguments
            arguments += [(k, self._values.value_to_r(v, f"argument `{k}`")) for k, v in kwargs.items()]
            packed = self._list([a for _, a in arguments], self._to_r.strings_to_r([name for name, _ in arguments]))
            started = time.perf_counter()
            outcome = self._call_captured(self._ri.StrSexpVector([function]), packed, self._functions)
            seconds = time.perf_counter() - started
            warnings, messages = (tuple(self._texts(part).to_pylist()) for part in list(outcome)[2:])
            if isinstance(outcome[1], self._ri.NULLType):
                value = self._values.value_from_r(outcome[0])
            else:
                error = RError(*self._texts(outcome[1]).to_pylist())
        except Exception as problem:  # noqa: BLE001 - ours, not R's: a value without a counterpart on the other side
            error = RError(str(problem), "conversion")
        return RResult(value, error, warnings, messages, "".join(self._console), seconds)

    def _table(self, source):
        """The data.frame of a table: ("ipc", bytes) or ("file", path, mtime, size, inode)."""
        import pyarrow as pa

        if source[0] == "ipc":
            return self._to_r.table_to_r(pa.ipc.open_file(source[1]).read_all())
        if source not in self._kept:
            with pa.memory_map(source[1]) as file:
                frame = self._to_r.table_to_r(pa.ipc.open_file(file).read_all())
            while len(self._kept) >= KEPT_TABLES:
                del self._kept[next(iter(self._kept))]
        else:
            frame = self._kept.pop(source)
        self._kept[source] = frame  # last in the order: used most recently
        return frame

    def _quit(self, save, status, run_last):
        # quit(), or R giving up. Its own way out would run Python's exit inside R's.
        sys.stderr.write("".join(self._console)[-2000:])
        sys.stderr.flush()
        os._exit(int(status) & 0xFF)
