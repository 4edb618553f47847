"""Calls of R from Python: a pool of worker processes that each hold one R.

R is single-threaded, can crash, and ignores interrupts while it fits. So it never runs in this process: a call
goes to a worker, and what comes back is data (:class:`factsurv.stats.result.RResult`), whatever happened to R.

>>> with RWorkers(workers=2) as r:
...     result = r.call("stats::median", [3, 1, 2])
>>> result.value
2
"""

import collections
import os
import pickle
import queue
import re
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Self

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.stats.r_home import find_r
from factsurv.stats.result import RError, RResult
from factsurv.stats.worker_process import WorkerProcess

__all__ = ["RError", "RResult", "RWorkers"]

R_FOLDER = Path(__file__).resolve().parent / "R"
NAME = re.compile(r"([A-Za-z][\w.]*:::?)?[A-Za-z.][\w.]*")


class RWorkers:
    """A pool of R processes; use it as a context manager, from any thread.

    Workers start when they are first needed (about 1.5 s each) and read the R folder then: files edited later are
    seen by the next pool. One that dies or exceeds its time is replaced, and only its own call fails.

    Parameters
    ----------
    workers : int
        How many calls run at the same time.
    r_folder : path-like
        Folder of R files; all ``*.R`` in it are sourced, sorted by name, into one environment.
    libraries : sequence of path-like, optional
        Folders of R packages; see :func:`factsurv.stats.r_home.find_r`.
    time_limit : float or None
        Seconds that a call may take (start-up of the worker not counted); None: no limit.
    scratch : path-like, optional
        Where R's temporary files lie while it runs; default: the system's temporary folder.

    Raises
    ------
    RUnavailable
        R or rpy2 is missing, or their versions do not fit.
    InputError
        The R folder or a folder of packages does not exist.
    """

    def __init__(self, workers: int = 2, r_folder=R_FOLDER, libraries=None, time_limit: float | None = 600,
                 scratch: Path | None = None):  # fmt: skip
        if workers < 1:
            raise InputError(f"{workers} workers cannot do anything", "workers", "use 1 or more")
        r_folder = Path(r_folder).resolve()
        if not r_folder.is_dir():
            raise InputError(f"no such folder of R files: {r_folder}", "r_folder", "correct the path")
        self.r = find_r(libraries)
        self.r_folder, self.time_limit = r_folder, time_limit
        self._closed = False
        self._lock = threading.Lock()
        self._waiting: collections.deque = collections.deque()
        self._processes = [WorkerProcess(self.r, r_folder, scratch) for _ in range(workers)]
        self._inboxes: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in range(workers)]
        # The last one used is the first one used again: it has started, and holds the tables already.
        self._idle = list(range(workers))
        # Daemons: an interpreter that ends without close() does not wait for R, and R ends with it.
        self._threads = [threading.Thread(target=self._work, args=(w,), daemon=True) for w in range(workers)]
        for thread in self._threads:
            thread.start()

    def call(self, function: str, *args, tables=None, time_limit: float | None = None, **kwargs) -> RResult:
        """Call one R function and wait for its result.

        Parameters
        ----------
        function : str
            Name of a function of the R folder, or of a package as ``package::name``.
        *args, **kwargs
            Plain values; ``factsurv.stats.value_to_r`` says what they become in R.
        tables : dict of str to path-like or pyarrow.Table
            Data frames, passed by name. A path (an Arrow IPC file) is memory-mapped by the worker and converted
            once per worker, for as long as the file does not change.
        time_limit : float, optional
            Seconds; without it, the pool's.

        Returns
        -------
        RResult
            Also for errors in R, crashes and time limits.

        Raises
        ------
        InputError
            The function's name, a table's path or an argument's name is unusable.
        RUnavailable
            R cannot be started.
        """
        return self.submit(function, *args, tables=tables, time_limit=time_limit, **kwargs).result()

    def submit(self, function: str, *args, tables=None, time_limit: float | None = None, **kwargs) -> "Future[RResult]":
        """Like :meth:`call`, without waiting: a ``concurrent.futures.Future`` of the RResult."""
        if not NAME.fullmatch(function):
            raise InputError(f"`{function}` is not the name of an R function", "function", "name or package::name")
        tables = {name: _described(table, name) for name, table in (tables or {}).items()}
        if both := sorted(set(tables) & set(kwargs)):
            raise InputError("is given both as a table and as a value", f"argument `{both[0]}`", "give it once")
        try:
            request = pickle.dumps((function, args, kwargs, tables), protocol=5)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise InputError(f"an argument cannot leave this process: {error}", function, "pass plain values") from None
        future: Future[RResult] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("this pool of R workers is closed")
            item = (future, request, self.time_limit if time_limit is None else time_limit)
            if self._idle:
                self._inboxes[self._idle.pop()].put(item)
            else:
                self._waiting.append(item)
        return future

    def map(self, function: str, calls, tables=None, time_limit: float | None = None) -> list[RResult]:
        """Call one R function many times, in parallel over the workers.

        Parameters
        ----------
        calls : iterable of dict
            Keyword arguments of each call.
        tables, time_limit
            As in :meth:`call`, the same for all.

        Returns
        -------
        list of RResult
            In the order of `calls`.
        """
        futures = [self.submit(function, tables=tables, time_limit=time_limit, **call) for call in calls]
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the workers at once: running calls give an error of class ``crashed``, queued ones are cancelled."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting, self._waiting = self._waiting, collections.deque()
        for future, _, _ in waiting:
            future.cancel()
        for process, inbox in zip(self._processes, self._inboxes, strict=True):
            process.kill()
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _work(self, worker: int) -> None:
        process, inbox = self._processes[worker], self._inboxes[worker]
        while (item := inbox.get()) is not None:
            while item is not None:
                future, request, time_limit = item
                result = problem = None
                if future.set_running_or_notify_cancel():
                    try:
                        result = process.ask(request, time_limit)
                    except BaseException as error:  # noqa: BLE001 - the caller of result() gets it
                        problem = error
                with self._lock:  # free again before the caller knows, so that its next call comes here
                    item = self._waiting.popleft() if self._waiting else None
                    if item is None:
                        self._idle.append(worker)
                if problem is not None:
                    future.set_exception(problem)
                elif result is not None:
                    future.set_result(result)
        process.discard()


def _described(table, name: str) -> tuple:
    """What a worker needs to get at a table: a file's identity, or the table itself as bytes."""
    if isinstance(table, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(unify_dictionaries=True)) as writer:
            if table.num_rows:
                writer.write_table(table)
            else:  # write_table writes no batch then, and the dictionaries would be lost
                empty = [c.chunk(0) if c.num_chunks else pa.array([], c.type) for c in table.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(empty, schema=table.schema))
        return ("ipc", sink.getvalue())
    path = Path(table).resolve()
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", f"table `{name}`", "check the path") from None
    return ("file", os.fspath(path), state.st_mtime_ns, state.st_size, state.st_ino)
