"""What the person who waits sees: one bar a run, with the time left, and lines above them."""

from __future__ import annotations

import sys
import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Board:
    """Progress bars on a terminal; plain lines (one a checkpoint, at most one in ten seconds a run) in a log."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False)
        self._bars = Progress(
            TextColumn("{task.fields[run]}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._noted: dict[str, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Board:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        """One line, above the bars."""
        self.console.print(line)

    def progress(self, run: str, done: float, total: float, note: str) -> None:
        """Where one run stands."""
        with self._lock:
            if run not in self._tasks:
                self._tasks[run] = self._bars.add_task(run, total=total, run=run, note="")
            self._bars.update(self._tasks[run], completed=done, total=total, note=note)
            if not self.console.is_terminal and "recalled" in note and note != self._noted.get(run):
                self._noted[run] = note
                self.console.print(f"run {run}: {100 * done / total:3.0f} % · {note}")
