"""One R worker as its parent sees it: started, asked, stopped, and replaced when it dies.

It is a plain subprocess and not multiprocessing's spawn: that would import the parent's main module into every
worker, which for the `factsurv` command is Prefect and torch.
"""

import contextlib
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from factsurv.events import children
from factsurv.stats.r_home import PROJECT, RHome, RUnavailable
from factsurv.stats.result import RError, RResult

# Deep recursion in R (a formula with many terms, a large tree) needs far more than the usual 8 MB.
STACK = 512 * 2**20
START_LIMIT = 120
# The worker must find the same `stats` as this process, and nothing of the parent's main module.
PROGRAM = """import sys
root, requests, r_folder = sys.argv[1:]
if root not in sys.path:
    sys.path.insert(0, root)
from factsurv.stats.worker import serve
serve(int(requests), {"r_folder": r_folder})"""
_stack_lock = threading.Lock()


class _Running(NamedTuple):
    process: subprocess.Popen
    connection: Connection
    folder: Path  # R's temporary files and the log: ours to remove

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"


class WorkerProcess:
    """A process that holds R, and is started anew whenever it is needed and not there.

    Parameters
    ----------
    r : RHome
    r_folder : Path
    scratch : Path, optional
        Where R's temporary files lie while it runs.
    """

    def __init__(self, r: RHome, r_folder: Path, scratch: Path | None = None):
        self._r, self._r_folder, self._scratch = r, r_folder, scratch
        self._running: _Running | None = None
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
            started = self._running or self._start()
            if isinstance(started, RResult):
                return started
            try:
                started.connection.send_bytes(request)
                if not self._answered(started, time_limit):
                    message = f"stopped: R had not finished after {time_limit:g} s"
                    return RResult(error=RError(message, "time_limit"), seconds=float(time_limit or 0))
                result = started.connection.recv()
            except (EOFError, OSError):
                return RResult(error=RError(self._last_words(started), "crashed"))
            healthy = True
            return result
        finally:
            if not healthy:
                self.discard()

    def kill(self) -> None:
        """End the process for good; from any thread. The one that waits in :meth:`ask` gets its answer."""
        with self._lock:
            self._ended = True
            if self._running is not None:
                children.kill(self._running.process)

    def discard(self) -> None:
        """End the process, if any, and free what it held; only from the thread that asks."""
        with self._lock:
            if self._running is None:
                return
            children.end(self._running.process)
            self._running.connection.close()
            children.remove_scratch(self._running.folder)
            self._running = None

    def _start(self) -> "_Running | RResult":
        """Start R and wait until it is ready; an RResult if it never will be because of its R files."""
        with self._lock:
            if self._ended:
                return RResult(error=RError("the pool of R workers was closed", "crashed"))
            self._running = running = self._launched()
        try:
            if not self._answered(running, START_LIMIT):
                what = f"R did not start within {START_LIMIT} s"
                raise RUnavailable(what, "R worker", "try again on a calmer machine")
            state, kind, message = running.connection.recv()
        except (EOFError, OSError):
            state, kind, message = "failed", "start", self._last_words(running)
        if state == "ready":
            return running
        if self._ended:
            return RResult(error=RError("the pool of R workers was closed", "crashed"))
        if kind == "source":
            return RResult(error=RError(message, "source"))
        remedy = "run `factsurv doctor`"
        if "R_getVar" in message:
            remedy = "RPY2_CFFI_MODE=ABI pip install rpy2-rinterface==3.6.4, or install R 4.5 or newer"
        raise RUnavailable(f"R {self._r.version} in {self._r.home} does not start: {message}", "R worker", remedy)

    def _launched(self) -> _Running:
        folder = children.new_scratch(self._scratch)
        ours, theirs = socket.socketpair()
        arguments = [str(PROJECT), str(theirs.fileno()), str(self._r_folder)]
        try:
            with (folder / "worker.log").open("wb") as log, _large_stack():
                process = children.start(
                    [sys.executable, "-P", "-c", PROGRAM, *arguments],
                    env=self._r.environment() | {"TMPDIR": str(folder)},
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                )
        except BaseException:
            ours.close()
            children.remove_scratch(folder)
            raise
        finally:
            theirs.close()
        return _Running(process, Connection(ours.detach()), folder)

    def _answered(self, running: _Running, time_limit: float | None) -> bool:
        """Wait for an answer. Looks at the process too: a process that R forked may keep the socket open."""
        end = None if time_limit is None else time.monotonic() + time_limit
        while True:
            rest = 1.0 if end is None else end - time.monotonic()
            if running.connection.poll(max(0.0, min(rest, 1.0))):
                return True
            with self._lock:
                gone = running.process.poll() is not None
            if gone and not running.connection.poll(0):
                raise EOFError
            if rest <= 0:
                return False

    def _last_words(self, running: _Running) -> str:
        """How the process ended, and the end of what it wrote."""
        if self._ended:
            return "the pool of R workers was closed during this call"
        try:
            code = running.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return "R closed its connection and did not end"
        if code < 0:
            how = f"R was ended by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"R ended itself with exit code {code}, as quit() does"
        try:
            words = running.log.read_text(encoding="utf-8", errors="replace")[-1000:].strip()
        except OSError:
            words = ""
        return f"{how}; last words: {words}" if words else how


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
