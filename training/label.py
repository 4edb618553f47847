"""Which run a row of a table belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Label:
    """Which run a row belongs to."""

    run: str
    arm: str
    seed: int

    def columns(self, rows: int) -> dict[str, object]:
        """The columns that say so."""
        return {"run": [self.run] * rows, "arm": [self.arm] * rows, "seed": np.full(rows, self.seed)}
