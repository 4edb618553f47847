"""What a run tells whoever waits for it: notices, and how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[dict], None]

# One forward pass costs about half of a training step on the same tokens (no backward pass).
PROBE_COST = 0.5


def moment(stage: str, epoch: float) -> str:
    """Where training stands, in words; epochs count within a stage."""
    return f"{stage}, epoch {epoch:.4g}" if stage else f"epoch {epoch:.4g}"


class Telling:
    """Notices and progress of one run.

    Progress is in optimiser steps; a probe of all facts is worth ``probe`` of them.
    """

    def __init__(self, report: Report):
        self.report = report
        self.total = self.probe = self.before = 0.0
        self.sized = False

    def say(self, text: str) -> None:
        """One notice."""
        self.report({"say": text})

    def expect(self, steps: int, facts: int, batch_size: int, before: int, probes: int) -> None:
        """How much there is: ``before`` the first step so many probes are done, and ``probes`` after it."""
        self.probe, self.before = PROBE_COST * facts / batch_size, before
        self.total = steps + self.probe * (before + probes)

    def progress(self, step: int, probes: int, note: str) -> None:
        """After so many steps and so many probes since the first."""
        self.report({"done": step + self.probe * (self.before + probes), "total": self.total, "note": note})

    def checkpoint(self, size: int, step: int) -> None:
        """What a checkpoint takes, once: before the first step the optimiser has no moments yet."""
        if step and not self.sized:
            self.sized = True
            self.say(f"a checkpoint takes {size / 1e6:.1f} MB; one is kept, two exist while the newer is written")

    def done(self) -> None:
        """All of it."""
        self.report({"done": self.total, "total": self.total, "note": "done"})
