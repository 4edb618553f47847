"""Rows and counts in words."""

from __future__ import annotations

import numpy as np

SHOWN = 5


def rows_of(mask: np.ndarray) -> str:
    """`rows 3, 7 and 9`, `row 3`, `rows 1, 2, 3, 4, 5 and 120 others`; rows count from 1, below the header."""
    at = (np.flatnonzero(mask) + 1).tolist()
    if len(at) == 1:
        return f"row {at[0]}"
    last = f"{len(at) - SHOWN:,} others" if len(at) > SHOWN else str(at.pop())
    return f"rows {', '.join(map(str, at[:SHOWN]))} and {last}"


def plural(count: int, one: str, many: str) -> str:
    """`1 id is`, `1,200 ids are`."""
    return f"{count:,} {one if count == 1 else many}"
