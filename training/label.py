"""Which run, and which stage of it, a row of a table belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Label:
    """Which run a row belongs to."""

    run: str
    arm: str
    seed: int

    def columns(self, rows: int) -> dict[str, object]:
        """The columns that say so."""
        return {"run": [self.run] * rows, "arm": [self.arm] * rows, "seed": np.full(rows, self.seed)}


def with_stage(table: pa.Table, stage: str | Sequence[str]) -> pa.Table:
    """The table with its last column `stage` (one for all rows, or one each); as it is where there are no stages."""
    stages = [stage] * table.num_rows if isinstance(stage, str) else list(stage)
    if not any(stages):
        return table
    return table.append_column("stage", pa.array(stages, pa.utf8()).dictionary_encode())
