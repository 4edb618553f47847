"""What rows of different tables have in common: texts that dictionaries code differently, and a run's fact."""

from __future__ import annotations

import pyarrow as pa


def texts(column: pa.ChunkedArray) -> pa.Array:
    """A dictionary of texts as plain texts, in one piece."""
    plain = column.cast(pa.utf8()).combine_chunks()
    return plain.chunk(0) if isinstance(plain, pa.ChunkedArray) and plain.num_chunks else plain


def run_and_fact(table: pa.Table) -> list[tuple[str, str]]:
    """The run and the fact of each row."""
    return list(zip(table["run"].to_pylist(), table["fact_id"].to_pylist(), strict=True))
