"""How each fact of each run ended, beside how it began: one row, where paired comparisons of arms begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.keys import run_and_fact, texts
from factsurv.events.schema import ATTENTION_ENDS, ENDS, build, described, levels_by_name, levels_of, of_facts

# Tables that have an analysis of their own: arms compared, paired by fact; phases of learning; accuracy beside counts;
# what follows from facts.
COMPARED = ("ends", "attention_ends", "sweep", "pools", "accuracy", "ranks", "implied", "implied_states", "scores")


def ends_table(facts: pa.Table, baseline: pa.Table, probes: pa.Table) -> pa.Table:
    """Recall and log p of every fact at the first and the last checkpoint of each run.

    Returns
    -------
    pa.Table
        Schema `ENDS` and the covariates of ``facts``; `split` is what the run did with the fact.
    """
    return _ends(facts, baseline, probes, ENDS, ("recalled", "logp"), (), "ends")


def attention_ends(facts: pa.Table, baseline: pa.Table, attention: pa.Table) -> pa.Table:
    """Attention on the subject at the first and the last checkpoint of each run, a row a fact and layer.

    Returns
    -------
    pa.Table
        Schema `ATTENTION_ENDS` and the covariates of ``facts``.
    """
    measures = ("greatest", "total")
    return _ends(facts, baseline, attention, ATTENTION_ENDS, measures, ("layer",), "attention_ends")


def sweep_table(facts: pa.Table, table: pa.Table) -> pa.Table:
    """The withheld facts of a `SWEEP` with their split, relation, group and covariates."""
    row = pc.index_in(texts(table["fact_id"]), texts(facts["fact_id"]))
    for name in ("split", "relation", "group", *of_facts(facts.column_names)):
        table = table.append_column(name, facts[name].take(row))
    return described(table, "sweep")


def _ends(
    facts: pa.Table, baseline: pa.Table, table: pa.Table, schema: dict[str, pa.DataType], measures: Sequence[str],
    more: Sequence[str], kind: str,
) -> pa.Table:  # fmt: skip
    """The first and the last row of each run, fact and what ``more`` names; facts that no baseline has are left out."""
    runs, ids = levels_of(table["run"]), texts(facts["fact_id"])
    run, fact = pc.index_in(texts(table["run"]), pa.array(runs)), pc.index_in(texts(table["fact_id"]), ids)
    cell = np.stack([run.to_numpy(), fact.to_numpy(), *(table[n].to_numpy() for n in more)])
    checkpoint = table["checkpoint"].to_numpy()
    order = np.lexsort((checkpoint, *cell[::-1]))
    change = np.any(np.diff(cell[:, order], axis=1) != 0, axis=0)
    first, last = order[np.r_[True, change]], order[np.r_[change, True]]
    split_of = dict(zip(run_and_fact(baseline), baseline["split"].to_pylist(), strict=True))
    split = [split_of.get(key) for key in run_and_fact(table.select(["run", "fact_id"]).take(pa.array(last)))]
    kept = np.array([s is not None for s in split], dtype=bool)
    first, last, split = pa.array(first[kept]), last[kept], [s for s in split if s is not None]
    row, last = pa.array(cell[1, last]), pa.array(last)
    data: dict[str, Any] = {n: table[n].take(last) for n in ("run", "arm", "seed", "fact_id", *more, *measures)}
    data |= {f"{n}0": table[n].take(first) for n in measures} | {"split": split}
    data |= {n: facts[n].take(row) for n in ("relation", "group")}
    levels = levels_by_name(facts, ["relation", "group"]) | {n: levels_of(table[n]) for n in ("run", "arm")}
    made = build(schema, data, levels)
    for name in of_facts(facts.column_names):
        made = made.append_column(name, facts[name].take(row))
    return described(made, kind)
