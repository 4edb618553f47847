"""Ranks of the right answer as a table of their own: each fact of each run, with what kind of fact it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.keys import texts
from factsurv.events.schema import FACT_EXTRAS, FACTS, RANKS, build, described, levels_of


class Ranked(NamedTuple):
    """A run's `rank` as it was measured, its probes from the origin on, and the origin's number among the former's."""

    rank: pa.Table
    probes: pa.Table
    first: int = 0


def ranks_table(facts: pa.Table, runs: Sequence[Ranked]) -> pa.Table:
    """Ranks from the origin on, and where the stages before it ended.

    Parameters
    ----------
    facts : pa.Table
        Its yes/no columns become `set`: the names of those that hold a yes, joined by `+`.
    runs : sequence of Ranked

    Returns
    -------
    pa.Table
        Schema `RANKS`; `rank` is that of whole answers where it was measured, else that of first tokens. Checkpoints
        count from the origin (below 0: before it, and `epoch` is null).
    """
    sets = [f.name for f in facts.schema if pa.types.is_boolean(f.type) and f.name not in (*FACTS, *FACT_EXTRAS)]
    yes = [facts[n].to_pylist() for n in sets]
    in_sets = ["+".join(n for n, inside in zip(sets, row, strict=True) if inside) for row in zip(*yes, strict=True)]
    roles = facts["role"].to_pylist() if "role" in facts.column_names else ["fact"] * facts.num_rows
    of_fact = {"role": roles, "set": in_sets or [""] * facts.num_rows}
    of_fact |= {n: facts[n].to_pylist() for n in ("relation", "group")}
    parts = [_of_run(run) for run in runs]
    whole: dict[str, Any] = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    row = pc.index_in(pa.array(whole["fact_id"], pa.utf8()), texts(facts["fact_id"])).to_pylist()
    whole |= {n: [values[i] for i in row] for n, values in of_fact.items()}
    levels = {n: list(dict.fromkeys(levels_of(facts[n]))) for n in ("relation", "group")}
    levels["arm"] = list(dict.fromkeys(whole["arm"]))
    return described(build(RANKS, whole, levels), "ranks")


def _of_run(run: Ranked) -> dict[str, np.ndarray]:
    table = run.rank
    checkpoint = table["checkpoint"].to_numpy() - run.first
    staged = "stage" in table.column_names
    stage = np.array(table["stage"].to_pylist() if staged else [""] * table.num_rows, dtype=object)
    last = {s: checkpoint[stage == s].max() for s in dict.fromkeys(stage)}
    ends = checkpoint == np.array([last[s] for s in stage])
    at, place = np.unique(run.probes["checkpoint"].to_numpy(), return_index=True)
    known = dict(zip(at.tolist(), run.probes["epoch"].to_numpy()[place].tolist(), strict=True))
    kept = (checkpoint >= 0) | ends
    rank = pc.coalesce(table["rank"], table["rank_first"]).to_numpy()
    data = {n: np.array(table[n].to_pylist(), dtype=object) for n in ("run", "arm", "seed", "fact_id", "options")}
    data |= {"stage": stage, "checkpoint": checkpoint, "ends": ends, "rank": rank}
    data["epoch"] = np.array([known.get(c) if c >= 0 else None for c in checkpoint.tolist()], dtype=object)
    return {n: column[kept] for n, column in data.items()}
