"""One R worker as its parent sees it: started, asked, stopped, and replaced when it dies.

It is a plain subprocess and not multiprocessing's spawn: that would import the parent's main module into every
worker, which for the `factsurv` command is Prefect and torch.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from stats.r_home import PROJECT, RHome, RUnavailable
from stats.result import RError, RResult

# Deep recursion in R (a formula with many terms, a large tree) needs far more than the usual 8 MB.
STACK = 512 * 2**20
START_LIMIT = 120
# The worker must find the same `stats` as this process, and nothing of the parent's main module.
PROGRAM = """import sys
root, requests, lifeline, r_folder = sys.argv[1:]
if root not in sys.path:
    sys.path.insert(0, root)
from stats.worker import serve
serve(int(requests), int(lifeline), {"r_folder": r_folder})"""
_stack_lock = threading.Lock()


class WorkerProcess:
    """A process that holds R, and is started anew whenever it is needed and not there.

    Parameters
    ----------
    r : RHome
    r_folder : Path
    """

    def __init__(self, r: RHome, r_folder: Path):
        self._r, self._r_folder = r, r_folder
        self._process: subprocess.Popen | None = None
        self._connection: Connection | None = None
        self._lifeline: int | None = None
        self._folder = ""
        self._lock = threading.Lock()
        self._ended = False

    def ask(self, request: bytes, time_limit: float | None) -> RResult:
        """Send a pickled request and wait for the RResult; a dead or late worker gives one too.

        Raises
        ------
        RUnavailable
            R cannot be started.
        """
        healthy = False
        try:
            if self._process is None and (failure := self._start()):
                return failure
            self._connection.send_bytes(request)
            if self._answered(time_limit):
                result = self._connection.recv()
                healthy = True
                return result
            message = f"stopped: R had not finished after {time_limit:g} s"
            return RResult(error=RError(message, "time_limit"), seconds=float(time_limit))
        except (EOFError, OSError):
            return RResult(error=RError(self._last_words(), "crashed"))
        finally:
            if not healthy:
                self.discard()

    def kill(self) -> None:
        """End the process for good; from any thread. The one that waits in :meth:`ask` gets its answer."""
        with self._lock:
            self._ended = True
            self._kill()

    def discard(self) -> None:
        """End the process, if any, and free what it held; only from the thread that asks."""
        with self._lock:
            if self._process is None:
                return
            self._kill()
            self._process.wait()
            self._connection.close()
            os.close(self._lifeline)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._process = None

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)  # with all that R started
            except ProcessLookupError:
                pass

    def _start(self) -> RResult | None:
        """Start R and wait until it is ready; an RResult if it never will be because of its R files."""
        with self._lock:
            if self._ended:
                return RResult(error=RError("the pool of R workers was closed", "crashed"))
            self._folder = tempfile.mkdtemp(prefix="factsurv-r-")  # R's own temporary files too, so that they go
            ours, theirs = socket.socketpair()
            read_end, self._lifeline = os.pipe()
            arguments = [str(PROJECT), str(theirs.fileno()), str(read_end), str(self._r_folder)]
            try:
                with open(self._log, "wb") as log, _large_stack():
                    self._process = subprocess.Popen(
                        [sys.executable, "-P", "-c", PROGRAM, *arguments],
                        env=self._r.environment() | {"TMPDIR": self._folder},
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        pass_fds=(theirs.fileno(), read_end),
                        start_new_session=True,  # ctrl-C in the terminal is the parent's to handle
                    )
            finally:
                theirs.close()
                os.close(read_end)
            self._connection = Connection(ours.detach())
        try:
            if not self._answered(START_LIMIT):
                raise RUnavailable(
                    f"R did not start within {START_LIMIT} s", "R worker", "try again on a calmer machine"
                )
            state, kind, message = self._connection.recv()
        except (EOFError, OSError):
            state, kind, message = "failed", "start", self._last_words()
        if state == "ready":
            return None
        if self._ended:
            return RResult(error=RError("the pool of R workers was closed", "crashed"))
        if kind == "source":
            return RResult(error=RError(message, "source"))
        remedy = "run `factsurv doctor`"
        if "R_getVar" in message:
            remedy = "RPY2_CFFI_MODE=ABI pip install rpy2-rinterface==3.6.4, or install R 4.5 or newer"
        raise RUnavailable(f"R {self._r.version} in {self._r.home} does not start: {message}", "R worker", remedy)

    def _answered(self, time_limit: float | None) -> bool:
        """Wait for an answer. Looks at the process too: a process that R forked may keep the socket open."""
        end = None if time_limit is None else time.monotonic() + time_limit
        while True:
            rest = 1.0 if end is None else end - time.monotonic()
            if self._connection.poll(max(0.0, min(rest, 1.0))):
                return True
            with self._lock:
                gone = self._process.poll() is not None
            if gone and not self._connection.poll(0):
                raise EOFError
            if rest <= 0:
                return False

    def _last_words(self) -> str:
        """How the process ended, and the end of what it wrote."""
        if self._ended:
            return "the pool of R workers was closed during this call"
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            code = None
        if code is not None and code < 0:
            how = f"R was ended by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"R ended itself with exit code {code}, as quit() does"
        try:
            with open(self._log, encoding="utf-8", errors="replace") as log:
                words = log.read()[-1000:].strip()
        except OSError:
            words = ""
        return f"{how}; last words: {words}" if words else how

    @property
    def _log(self) -> str:
        return os.path.join(self._folder, "worker.log")


@contextlib.contextmanager
def _large_stack():
    """Raise the soft limit of the stack for the process that is started inside; a process cannot raise its own."""
    with _stack_lock:
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
