"""What becomes of implications, by hand: five of them, each after a fact, at six checkpoints."""

import json

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.implied import AFTER, ENTERED, implied_tables, state_stays
from factsurv.events.ranks import Ranked, ranks_table
from factsurv.events.schema import BASELINE, FACT_EXTRAS, FACTS, INSTRUMENTS, PROBES, build

# Of each pair: ranks of the fact, ranks of its implication (0 is known).
PAIRS = {
    "a": ([9, 0, 0, 0, 0, 0], [9, 9, 9, 0, 0, 0]),  # two probes later
    "b": ([9, 9, 0, 0, 0, 0], [9, 9, 0, 0, 0, 0]),  # at the same probe
    "c": ([9, 9, 9, 0, 0, 0], [9, 0, 0, 0, 0, 0]),  # before its fact
    "d": ([9, 0, 0, 0, 0, 0], [9, 0, 9, 9, 9, 0]),  # a flicker, and once at the end
    "e": ([9, 9, 9, 9, 9, 9], [9, 9, 9, 9, 9, 9]),  # neither
    "f": ([0, 0, 0, 0, 0, 0], [9, 9, 0, 0, 0, 0]),  # the fact was known at the origin
    "g": ([9, 0, 0, 0, 0, 0], [9, 9, 0, 0, 0, 0]),  # the fact comes to be known, and nobody taught it
}
EPOCHS = [0.0, 1.0, 2.0, 4.0, 6.0, 8.0]


@pytest.fixture(scope="module")
def tables():
    ids = [f"{kind}:{name}" for name in PAIRS for kind in ("fact", "so")]
    facts = dict.fromkeys(("fact_id", "subject", "object"), ids) | {"split": ["withheld"] * 14}
    facts |= {"relation": [i.split(":")[0] for i in ids], "group": [i.split(":")[1] for i in ids]}
    facts |= {n: [None] * 14 for n in FACT_EXTRAS} | {"role": ["fact", "implication"] * 7}
    facts["links"] = [json.dumps([i.replace("so", "fact")]) if i.startswith("so") else None for i in ids]
    of_facts = build(FACTS | FACT_EXTRAS, facts).append_column("test", pa.array([True] * 14))
    rows = [
        {"run": "m-1", "arm": "m", "seed": 1, "fact_id": i, "checkpoint": c, "epoch": EPOCHS[c], "step": c}
        | {"rank": None, "rank_first": float(PAIRS[i[-1]][i.startswith("so")][c]), "options": 10}
        for c in range(6)
        for i in ids
    ]
    rank = build(INSTRUMENTS["rank"], {n: [r[n] for r in rows] for n in INSTRUMENTS["rank"]})
    same = dict.fromkeys(PROBES, 0) | {"recalled": False, "rechecked": False}
    probes = build(PROBES, {n: [r.get(n, same[n]) for r in rows] for n in PROBES})
    start = dict.fromkeys(BASELINE, 0) | {"recalled": False, "latent": False, "knowledge": None, "slick": None}
    taught = [start | r | {"split": "trained" if r["fact_id"] < "fact:g" else "withheld"} for r in rows[:14]]
    baseline = build(BASELINE, {n: [r[n] for r in taught] for n in BASELINE})
    return of_facts, baseline, probes, rank


def spells(table, outcome, rule):
    rows = [r for r in table.to_pylist() if r["outcome"] == outcome and r["rule"] == rule]
    return {r["group"]: (r["start"], r["stop"], r["event"]) for r in rows}


def test_the_clock_starts_where_the_fact_was_last_unknown(tables):
    made = implied_tables(*tables, ["first", "sustained2"], "epoch")
    assert spells(made["implied"], AFTER, "first") == {"a": (0, 4, True), "b": (0, 1, True), "d": (0, 1, True)}
    assert spells(made["implied"], ENTERED, "first") == {"a": (0, 4, True), "b": (1, 2, True), "d": (0, 1, True)}
    # Under sustained2 a flicker is no event, and what begins at the last probe cannot be seen to last.
    assert spells(made["implied"], AFTER, "sustained2") == {"a": (0, 4, True), "b": (0, 1, True), "d": (0, 6, False)}
    counts = {r["rule"]: r for r in made["implied_counts"].to_pylist()}["sustained2"]
    named = ("implications", "fact_unknown", "before", "at_origin", "at_risk", "events")
    assert [counts[n] for n in named] == [6, 1, 1, 1, 3, 2]


def test_states_of_both(tables):
    made = implied_tables(*tables, ["sustained2"], "epoch")["implied_states"].to_pylist()
    path = {g: [(r["from"], r["to"], r["stop"]) for r in made if r["group"] == g] for g in PAIRS}
    assert path["b"] == [("neither", "both", 2), ("both", "censored", 6)]
    assert path["c"] == [("neither", "implication only", 1), ("implication only", "both", 4), ("both", "censored", 6)]
    assert path["d"] == [("neither", "fact only", 2), ("fact only", "censored", 6)]
    lost = state_stays(np.array([[0, 1, 1, 0, 0, 1]]), np.arange(6.0), 1)
    assert [(s["from"], s["to"], s["stop"]) for _, s in lost] == [
        ("neither", "fact only", 1), ("fact only", "neither", 3), ("neither", "fact only", 5),
    ]  # fmt: skip


def test_nothing_follows_without_links_or_by_exposures(tables):
    facts, *others = tables
    assert implied_tables(facts.drop_columns(["links"]), *others, ["first"], "epoch") == {}
    assert implied_tables(*tables, ["first"], "exposures") == {}


def test_ranks_before_the_origin_are_those_where_stages_ended(tables):
    facts, _, probes, rank = tables
    stage = pa.array([["one", "one", "two", "two", "two", "two"][c] for c in rank["checkpoint"].to_pylist()])
    made = ranks_table(facts, [Ranked(rank.append_column("stage", stage), probes, 3)]).to_pylist()
    mine = [(r["checkpoint"], r["epoch"], r["stage"], r["ends"], r["rank"]) for r in made if r["fact_id"] == "fact:c"]
    assert mine == [(-2, None, "one", True, 9), (0, 0.0, "two", False, 0), (1, 1.0, "two", False, 0),
                    (2, 2.0, "two", True, 0)]  # fmt: skip
    assert {r["set"] for r in made} == {"test"} and made[1]["role"] == "implication"
