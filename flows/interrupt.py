"""Ctrl-C: everything that was started ends at once, one line says how to go on, exit code 130.

Nothing is unwound: what is done is recorded, files are whole or absent, locks die with their process. So an interrupt
is what kill -9 is, and a word; the threads that wait for children are not waited for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from factsurv.events import children

SAID = "interrupted; the same command continues"
PATIENCE = 3.0  # seconds for last words
_words: list[Callable[[], None]] = []


def install() -> None:
    """Handle SIGINT from here on, also where this process was started with the signal ignored (`&` in a script)."""
    signal.signal(signal.SIGINT, _interrupted)


@contextlib.contextmanager
def last_words(words: Callable[[], None]) -> Iterator[None]:
    """Have ``words`` called, with little time, if the process is interrupted inside."""
    _words.append(words)
    try:
        yield
    finally:
        _words.remove(words)


def _interrupted(*_: Any) -> None:
    show = "\x1b[?25h\n" if sys.stdout.isatty() else ""  # a progress bar hides the cursor
    os.write(2, f"{show}factsurv: {SAID}\n".encode())
    children.end_all()
    for words in _words:
        speaking = threading.Thread(target=_spoken, args=(words,), daemon=True)
        speaking.start()
        speaking.join(PATIENCE)
    os._exit(130)


def _spoken(words: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):
        words()
