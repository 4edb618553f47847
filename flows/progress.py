"""What the person who waits sees: one bar for all that is to be done, what is at work, and lines with their times."""

from __future__ import annotations

import datetime
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# What a step takes that nobody has measured yet, in seconds: enough for a first guess of the whole.
GUESSES = {"facts": 2.0, "models": 2.0, "events": 2.0, "analysis": 60.0, "claims": 3.0, "report": 25.0}
EVERY = 10.0  # seconds between two lines on the same step in a log


@dataclass
class Part:
    """A step that is to come, is at work, or is done: its share so far, and since when."""

    guess: float | None  # seconds, None: nobody knows
    share: float = 0.0
    note: str = ""
    began: float | None = None
    ended: float | None = None
    measured_from: float = 0.0  # share and moment at the first sign of progress: what came before was getting ready
    measured_since: float = 0.0

    def whole(self, now: float) -> float | None:
        """Seconds from its beginning to its end, as far as it has shown."""
        if self.began is None or self.share == 0 or self.began == self.ended:  # nothing seen, or it was done already
            return self.guess
        return (self.ended or now) - self.began + (self.left(now) or 0.0)

    def left(self, now: float) -> float | None:
        """Seconds until it is done."""
        if self.share >= 1:
            return 0.0
        if self.began is not None and self.share > self.measured_from:
            return (now - self.measured_since) / (self.share - self.measured_from) * (1 - self.share)
        if self.began is not None and self.share > 0 and now > self.measured_since:  # one sign of progress so far
            return (now - self.began) / self.share * (1 - self.share)
        if self.guess is None:
            return None
        # What takes longer than the guess is at no time nearly done for that.
        return max(self.guess - (now - self.began), (now - self.began) / 4) if self.began is not None else self.guess


class Board:
    """A bar on a terminal; plain lines in a log. Use it as a context manager; its methods from any thread.

    Parameters
    ----------
    console : rich.console.Console, optional
    clock : callable
        Seconds.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic):
        self.console = console or Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False)
        self._clock, self._began, self._most = clock, clock(), 0.0
        self._parts: dict[str, Part] = {}
        self._workers, self._told = 1, dict[str, float]()
        self._lock = threading.RLock()
        self._live = Live(console=self.console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Board:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """One line with its time, above the bar."""
        self.console.print(f"{datetime.datetime.now():%H:%M:%S} {line}")

    def expect(self, steps: Mapping[str, float | None], workers: int = 1) -> None:
        """What is to be done, in order, with the seconds it took before; ``workers`` runs at a time."""
        with self._lock:
            self._workers = workers
            self._parts |= {n: Part(s or GUESSES.get(n)) for n, s in steps.items() if n not in self._parts}

    def progress(self, step: str, done: float, total: float, note: str) -> None:
        """Where one step stands."""
        with self._lock:
            part = self._parts.setdefault(step, Part(GUESSES.get(step)))
            now, share = self._clock(), done / total if total else 0.0
            if part.began is None:
                part.began = now
            if part.share == 0 and share > 0:
                part.measured_from, part.measured_since = share, now
            if share >= 1 and part.ended is None:
                part.ended = now
            part.share, part.note = share, note
            loud = "recalled" in note or now - self._told.get(step, part.began) >= EVERY
            if not self.console.is_terminal and loud and 0 < share < 1:
                self._told[step] = now
                self.say(f"{step}: {100 * share:3.0f} % · {note}{self._remaining(now)}")

    def left(self, now: float) -> float | None:
        """Seconds until all is done; None while nothing is known of the runs, or of anything."""
        runs = {n: p for n, p in self._parts.items() if n.startswith("run ")}
        known = [left for p in runs.values() if (left := p.left(now)) is not None]
        whole = [s for p in runs.values() if (s := p.whole(now)) is not None]
        if runs and not whole and len(known) < len(runs):
            return None
        each = sum(whole) / len(whole) if whole else 0.0
        lefts = [each if (left := p.left(now)) is None else left for p in runs.values()]
        together = max(sum(lefts) / self._workers, max(lefts, default=0.0))
        others = [p.left(now) for n, p in self._parts.items() if n not in runs]
        if not runs and all(left is None for left in others):
            return None
        return together + sum(left or 0.0 for left in others)

    def render(self) -> Group | Text:
        """The bar and the line below it, no wider than the terminal."""
        with self._lock:
            now = self._clock()
            if not self._parts:
                return Text("")
            so_far, left = now - self._began, self.left(now)
            share = so_far / (so_far + left) if left is not None and so_far + left > 0 else 0.0
            self._most = share = max(self._most, min(share, 1.0))
            bar = Table.grid(expand=True, padding=(0, 1))
            bar.add_column(no_wrap=True)
            bar.add_column(ratio=1)
            bar.add_column(no_wrap=True)
            remaining = self._remaining(now).removeprefix(", ") or "time left: not known yet"
            bar.add_row(f"{100 * share:3.0f} %", ProgressBar(1.0, share), f"{_clock_time(so_far)} so far, {remaining}")
            return Group(bar, Text(self._standing(), no_wrap=True, overflow="ellipsis"))

    def _standing(self) -> str:
        working = {n: p for n, p in self._parts.items() if p.began is not None and p.share < 1}
        waiting = [n for n, p in self._parts.items() if p.began is None]
        runs = [n for n in self._parts if n.startswith("run ")]
        told = [f"{n} {100 * p.share:.0f} %" + (f" ({p.note})" if p.note else "") for n, p in working.items()]
        if runs and (queued := [n for n in waiting if n in runs]):
            told.insert(0, f"{len(queued)} of {len(runs)} runs wait")
        then = [n for n in waiting if n not in runs]
        return "; ".join(told) + (f"; then {', '.join(then)}" if then else "")

    def _remaining(self, now: float) -> str:
        left = self.left(now) if self._parts else None
        return "" if left is None else f", about {_clock_time(left)} left"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
