"""Means over pools of facts: what they are by hand, and the loss of who knows nothing."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from factsurv.events.frequency import with_frequency
from factsurv.events.pools import pool_means
from factsurv.events.schema import FACTS, INSTRUMENTS, PROBES, build


def tables():
    ids, steps = [f"f{i}" for i in range(8)], (0, 5)
    text = dict.fromkeys(FACTS, ["x"] * 8) | {"fact_id": ids, "relation": ["r"] * 8, "split": ["trained"] * 8}
    facts = build(FACTS, text | {"object": list("aabbacdd")})
    for pool, own in (("seen", ids[:5]), ("unseen", ids[5:7])):  # the last fact is in no pool
        facts = facts.append_column(pool, pa.array([i in own for i in ids]))
    rows = {n: [0] * 16 for n in PROBES} | {"fact_id": ids * 2, "step": np.repeat(steps, 8), "run": ["a-1"] * 16}
    rows |= {"arm": ["a"] * 16, "checkpoint": np.repeat([0, 1], 8), "recalled": [i % 3 == 0 for i in range(16)]}
    return facts, build(PROBES, rows | {"logp": -np.arange(16.0), "rechecked": [False] * 16})


def test_means_are_by_pool_and_the_baseline_is_the_entropy_of_the_seen_values():
    facts, probes = tables()
    found = pool_means(facts, probes, {}, {"a": 256.0}).to_pylist()
    at = {(r["quantity"], r["pool"], r["step"]): r for r in found}
    assert {key[1] for key in at} == {"seen", "unseen"} and {r["number"] for r in found} == {256.0}
    assert at["loss", "seen", 5]["mean"] == pytest.approx(np.mean([8, 9, 10, 11, 12]))
    assert at["loss", "unseen", 0]["mean"] == pytest.approx(5.5) and at["loss", "unseen", 0]["facts"] == 2
    assert at["recalled", "seen", 0]["mean"] == pytest.approx(2 / 5)
    entropy = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4))  # a a b b a
    assert all(at["baseline", pool, 5]["mean"] == pytest.approx(entropy) for pool in ("seen", "unseen"))


def test_confidence_tells_right_first_tokens_from_wrong_ones():
    facts, probes = tables()
    keys = {n: probes[n] for n in ("run", "arm", "seed", "fact_id", "checkpoint", "epoch", "step")}
    own = {"first_p": np.arange(16) / 16, "entropy": np.zeros(16), "right": probes["recalled"]}
    none = {"answer": [None] * 16, "answer_p": [None] * 16, "ended": [None] * 16}
    found = pool_means(facts, probes, {"confidence": build(INSTRUMENTS["confidence"], keys | own | none)}, {})
    at = {(r["quantity"], r["pool"], r["step"]): r["mean"] for r in found.to_pylist()}
    assert at["first_p_right", "seen", 0] == pytest.approx(np.mean([0, 3]) / 16)
    assert at["first_p_wrong", "seen", 0] == pytest.approx(np.mean([1, 2, 4]) / 16)
    assert not any(quantity == "answer_p" for quantity, _, _ in at)


def test_frequency_is_that_of_the_lessons_of_the_whole_run():
    _, probes = tables()
    at = probes.column_names.index("exposures")
    probes = probes.set_column(at, "exposures", pa.array([0] * 8 + [4, 1, 1, 2, 0, 0, 0, 0], pa.int32()))
    baseline = probes.filter(pc.equal(probes["checkpoint"], 0)).select(["run", "fact_id"])
    found = with_frequency(baseline, probes)["log2_frequency"].to_pylist()
    assert found == [1, -1, -1, 0, None, None, None, None]  # the mean of those that were taught is 2
