"""Recall, loss and what instruments measured, as means over each pool of facts at each checkpoint of each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.keys import texts
from factsurv.events.measured import KEYS, WHERE, means_of
from factsurv.events.schema import POOL_SETS, POOLS, build, described

# A first token's probability tells right from wrong answers where no whole answer was decoded.
ALSO = {"confidence": {"first_p_right": ("first_p", "right", True), "first_p_wrong": ("first_p", "right", False)}}
BY_POOL = ["pool" if key == "split" else key for key in KEYS]


def pool_means(
    facts: pa.Table, probes: pa.Table, tables: Mapping[str, pa.Table], numbers: Mapping[str, float]
) -> pa.Table:
    """Means with 95 % intervals, by arm, run, pool, checkpoint and layer.

    Parameters
    ----------
    facts : pa.Table
        With sets of `POOL_SETS`: a fact's pool is the first that it is in; one in none is left out.
    probes : pa.Table
        Schema `PROBES`.
    tables : mapping of name to table
        Schemas `INSTRUMENTS`. Where none measures the loss, it is minus log p, beside the no-knowledge loss.
    numbers : mapping of arm to number
        Of arms that stand for a number, such as how many individuals they teach.

    Returns
    -------
    pa.Table
        Schema `POOLS`.
    """
    pools = _pools(facts)
    tables = {"recall": probes.select(_named(probes, "recalled")), **tables}
    if "loss" not in tables:
        tables["loss"] = _loss(facts, probes)
    parts = []
    for name, table in tables.items():
        table = table.append_column("pool", pa.array([pools.get(fact) for fact in table["fact_id"].to_pylist()]))
        table = table.filter(pc.is_valid(table["pool"]))
        where = WHERE.get(name, {}) | ALSO.get(name, {})
        parts += means_of(name, table, BY_POOL, where)
    whole = {n: np.concatenate([part[n] for part in parts]) for n in POOLS if n != "number"}
    own = {"number": [numbers.get(arm) for arm in whole["arm"]]}
    return described(build(POOLS, whole | own), "pools")


def _pools(facts: pa.Table) -> dict[str, str]:
    pools: dict[str, str] = {}
    for pool in (p for p in POOL_SETS if p in facts.column_names):
        for fact in facts.filter(facts[pool])["fact_id"].to_pylist():
            pools.setdefault(fact, pool)
    return pools


def _named(probes: pa.Table, *names: str) -> list[str]:
    return ["run", "arm", "fact_id", "checkpoint", "epoch", "step", *names]


def _loss(facts: pa.Table, probes: pa.Table) -> pa.Table:
    """Minus log p, and the loss of who knows nothing but how often each value of a relation is right, in nats.

    That is the entropy of the values of the seen facts (Zucchet et al. 2025, arXiv 2503.21676, section 3).
    """
    seen = facts.filter(facts[POOL_SETS[0]])
    counts: dict[str, Counter[str]] = {}
    for relation, value in zip(texts(seen["relation"]).to_pylist(), texts(seen["object"]).to_pylist(), strict=True):
        counts.setdefault(relation, Counter())[value] += 1
    entropy = {relation: _entropy(np.array(list(count.values()))) for relation, count in counts.items()}
    relation_of = dict(zip(facts["fact_id"].to_pylist(), facts["relation"].to_pylist(), strict=True))
    of_fact = pa.array([entropy.get(relation_of[fact]) for fact in probes["fact_id"].to_pylist()], pa.float64())
    table = probes.select(_named(probes)).append_column("loss", pc.negate(probes["logp"]))
    return table.append_column("baseline", of_fact)


def _entropy(counts: np.ndarray) -> float:
    """Of shares in proportion to ``counts`` (n,), in nats."""
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())
