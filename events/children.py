"""Child processes that end with this one, however it ends, and scratch folders that go with them.

A keeper, one small process, reads a pipe whose other end this process holds. When this process ends, by kill -9 too,
the pipe ends: the keeper kills every child that still runs, with all that it started, removes the scratch folders,
and is gone. A child waits for a word on its stdin before it becomes what it is to be, so that none runs that the
keeper does not know of, and reads nothing afterwards.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

KEEPER = """
import os, shutil, signal, sys, time
for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, signal.SIG_IGN)
running, folders = set(), set()
for line in sys.stdin:
    sign, kind, what = line.split()
    kept = running if kind == "process" else folders
    (kept.add if sign == "+" else kept.discard)(what)
for group in running:
    try:
        os.killpg(int(group), signal.SIGKILL)
    except OSError:
        pass
for folder in folders:
    for _ in range(50):  # what was killed may still be writing
        shutil.rmtree(bytes.fromhex(folder), ignore_errors=True)
        if not os.path.lexists(bytes.fromhex(folder)):
            break
        time.sleep(0.05)
"""
_keeper: subprocess.Popen | None = None
_known: set[str] = set()  # what it was told of
_started: dict[int, subprocess.Popen] = {}
_lock = threading.Lock()


def start(command: Sequence[str | os.PathLike], env: Mapping[str, str] | None = None, **options: Any):
    """Start a child in a process group of its own, without stdin; like `subprocess.Popen`, which it returns.

    Raises
    ------
    FileNotFoundError
        If there is no such program.
    """
    program = shutil.which(command[0], path=(env or os.environ).get("PATH"))
    if program is None:
        raise FileNotFoundError(2, "there is no such program", os.fspath(command[0]))
    waiting = ["/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh", program, *command[1:]]
    child = subprocess.Popen(waiting, stdin=subprocess.PIPE, env=env, start_new_session=True, **options)
    try:
        _tell("+", "process", child.pid)
        _started[child.pid] = child
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin as word:  # killed already: who waits for it finds out
            word.write("go\n" if options.get("text") else b"go\n")
        child.stdin = None  # nobody else's to close
    except BaseException:
        end(child)
        raise
    return child


def run(command: Sequence[str | os.PathLike], env: Mapping[str, str] | None = None, timeout: float | None = None,
        within: Path | None = None, **options: Any) -> subprocess.CompletedProcess:  # fmt: skip
    """Run a program and return what it printed, as text; its temporary files lie in ``within`` and go with it.

    Raises
    ------
    FileNotFoundError, subprocess.TimeoutExpired
    """
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    with scratch(within) as folder:
        child = start(command, {**(os.environ if env is None else env), "TMPDIR": str(folder)}, **streams | options)
        try:
            out, err = child.communicate(timeout=timeout)
        finally:
            end(child)
    return subprocess.CompletedProcess(list(command), child.returncode, out, err)


def kill(child: subprocess.Popen) -> None:
    """Kill a child and all that it started; from any thread, without waiting."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: no permission for a group of zombies
            os.killpg(child.pid, signal.SIGKILL)


def end(child: subprocess.Popen) -> None:
    """Kill a child that still runs, with all that it started, wait for it and forget it."""
    kill(child)
    child.wait()
    _started.pop(child.pid, None)
    _tell("-", "process", child.pid)


def kill_all() -> None:
    """Kill every child that still runs; those who wait for one find out."""
    for child in list(_started.values()):
        kill(child)


@contextlib.contextmanager
def scratch(within: Path | None = None) -> Iterator[Path]:
    """A new folder, in the system's temporary folder unless said otherwise; removed at the end, whatever that is."""
    folder = new_scratch(within)
    try:
        yield folder
    finally:
        remove_scratch(folder)


def new_scratch(within: Path | None = None) -> Path:
    """A new folder that the keeper knows of; see `scratch`."""
    folder = Path(within or tempfile.gettempdir()).absolute() / f"factsurv-{secrets.token_hex(8)}"
    _tell("+", "folder", os.fsencode(folder).hex())  # before it is there: it may be the last thing we do
    folder.mkdir(0o700, parents=within is not None)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a folder of `new_scratch`."""
    shutil.rmtree(folder, ignore_errors=True)
    _tell("-", "folder", os.fsencode(folder).hex())


def end_all() -> None:
    """Kill every child and remove every scratch folder, now; only for a process that ends itself next."""
    global _keeper
    keeper, _keeper = _keeper, None
    if keeper is not None:
        assert keeper.stdin is not None
        os.close(keeper.stdin.fileno())
        with contextlib.suppress(subprocess.TimeoutExpired):
            keeper.wait(5)


def _tell(sign: str, kind: str, what: object) -> None:
    """Say one thing to the keeper; a new one (the first, or one that somebody has killed) is told all."""
    global _keeper
    with _lock:
        line = f"{kind} {what}\n"
        (_known.add if sign == "+" else _known.discard)(line)
        if _keeper is None or _keeper.poll() is not None:
            _keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", KEEPER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is not for it
                bufsize=0,
            )
            sign, line = "", "".join(f"+ {each}" for each in _known)
        assert _keeper.stdin is not None
        _keeper.stdin.write(f"{sign} {line}".encode())
