"""What instruments measured, as means over the facts of a run and split at each checkpoint: what a report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401  (pa.compute)

from factsurv.events.keys import run_and_fact
from factsurv.events.schema import MEASURED, build, described

KEYS = ("arm", "run", "split", "checkpoint", "epoch", "step")
# Of a mean over facts that are not few; its facts are taken as drawn independently of each other.
Z = 1.959963984540054
# Quantities that are no column: those of a table where another one holds.
WHERE = {"confidence": {"answer_p_right": ("answer_p", "right", True), "answer_p_wrong": ("answer_p", "right", False)}}


def measured_means(baseline: pa.Table, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Mean of each quantity at each checkpoint of each run and split (and layer), with a 95 % interval.

    Parameters
    ----------
    baseline : pa.Table
        Schema `BASELINE`: whose facts are in which split.
    tables : mapping of name to table
        Schemas `INSTRUMENTS`.

    Returns
    -------
    pa.Table
        Schema `MEASURED`. A quantity is a column of its instrument, or one of `WHERE`; nulls are left out.
    """
    split_of = dict(zip(run_and_fact(baseline), baseline["split"].to_pylist(), strict=True))
    parts = []
    for name, table in tables.items():
        table = table.append_column("split", pa.array([split_of[key] for key in run_and_fact(table)]))
        parts += means_of(name, table, KEYS, WHERE.get(name, {}))
    whole = {n: np.concatenate([part[n] for part in parts]) for n in MEASURED}
    return described(build(MEASURED, whole), "measured")


def means_of(
    name: str, table: pa.Table, keys: Sequence[str], where: Mapping[str, tuple[str, str, bool]]
) -> list[dict[str, np.ndarray]]:
    """Columns of means by ``keys``, of each number and yes/no of an instrument and of each quantity of ``where``."""
    numbers = [f.name for f in table.schema if f.type in (pa.float64(), pa.bool_()) and f.name not in KEYS]
    parts = [_means(name, c, table, c, keys) for c in numbers]
    for quantity, (column, condition, wanted) in where.items():
        chosen = table.filter(pa.compute.equal(table[condition], wanted))
        parts.append(_means(name, quantity, chosen, column, keys))
    return parts


def _means(name: str, quantity: str, table: pa.Table, column: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
    layered = "layer" in table.column_names
    keys = [*keys, *(["layer"] if layered else [])]
    texts = [table[k].cast(pa.utf8()) if pa.types.is_dictionary(table[k].type) else table[k] for k in keys]
    plain = pa.table([*texts, table[column].cast(pa.float64())], names=[*keys, "value"])
    plain = plain.filter(pa.compute.is_valid(plain["value"]))
    spread = pa.compute.VarianceOptions(ddof=1)
    counted = plain.group_by(keys, use_threads=False).aggregate(
        [("value", "count"), ("value", "mean"), ("value", "stddev", spread)]
    )
    n, mean = (counted[f"value_{what}"].to_numpy() for what in ("count", "mean"))
    half = Z * counted["value_stddev"].to_numpy(zero_copy_only=False) / np.sqrt(np.maximum(n, 1))
    data = {k: counted[k].to_numpy(zero_copy_only=False) for k in keys}
    data |= {} if layered else {"layer": np.zeros(len(n))}
    data |= {"instrument": np.full(len(n), name, dtype=object), "quantity": np.full(len(n), quantity, dtype=object)}
    return data | {"facts": n, "mean": mean, "lower": mean - half, "upper": mean + half}
