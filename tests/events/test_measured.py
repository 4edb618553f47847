"""Means of what instruments measured, against numpy on the same rows."""

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.measured import measured_means
from factsurv.events.schema import BASELINE, INSTRUMENTS, build

RUNS, FACTS, CHECKPOINTS, LAYERS = ("a-1", "b-1"), 5, 3, 2
SPLITS = ["trained", "trained", "withheld", "trained", "withheld"]


def rows(layers=1):
    """One a run, checkpoint, fact and layer."""
    every = [(r, c, f, n) for r in RUNS for c in range(CHECKPOINTS) for f in range(FACTS) for n in range(layers)]
    run, checkpoint, fact, layer = (list(column) for column in zip(*every, strict=True))
    same = {"run": run, "arm": [r[0] for r in run], "seed": [1] * len(run), "fact_id": [f"f{f}" for f in fact]}
    at = {"checkpoint": checkpoint, "epoch": np.array(checkpoint) / 2, "step": np.array(checkpoint) * 4}
    return same | at, np.array(run), np.array(checkpoint), np.array([SPLITS[f] for f in fact]), np.array(layer) + 1


def baseline():
    run = [r for r in RUNS for _ in range(FACTS)]
    none = dict.fromkeys(BASELINE, [None] * len(run)) | {"run": run, "arm": [r[0] for r in run]}
    return build(BASELINE, none | {"fact_id": [f"f{i % FACTS}" for i in range(len(run))], "split": SPLITS * 2})


def test_means_are_those_of_numpy_in_each_run_split_checkpoint_and_layer():
    rng = np.random.default_rng(2)
    keys, run, checkpoint, split, layer = rows(LAYERS)
    greatest = rng.random(len(run))
    attention = build(
        INSTRUMENTS["attention"], keys | {"layer": layer, "greatest": greatest, "total": rng.random(len(run))}
    )
    found = measured_means(baseline(), {"attention": attention}).to_pylist()
    assert len(found) == 2 * len(RUNS) * CHECKPOINTS * 2 * LAYERS
    for row in found:
        at = (run == row["run"]) & (checkpoint == row["checkpoint"]) & (split == row["split"]) & (layer == row["layer"])
        if row["quantity"] == "greatest":
            values = greatest[at]
            half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
            assert (row["facts"], row["mean"]) == (len(values), pytest.approx(values.mean()))
            assert row["lower"] == pytest.approx(row["mean"] - half, abs=1e-4)  # 1.96 is rounded
            assert row["upper"] == pytest.approx(row["mean"] + half, abs=1e-4)
            same = (row["checkpoint"] / 2, row["checkpoint"] * 4, run[at][0][0])
            assert (row["epoch"], row["step"], row["arm"]) == same


def test_right_and_wrong_answers_are_apart_and_what_is_absent_is_left_out():
    keys, run, checkpoint, split, _ = rows()
    n = len(run)
    p, right = np.linspace(0, 1, n), np.arange(n) % 3 == 0
    answer_p = [None if i % 4 == 1 else float(x) for i, x in enumerate(p)]
    values = {"first_p": p, "entropy": p, "answer": ["x"] * n, "answer_p": answer_p, "ended": right, "right": right}
    table = measured_means(baseline(), {"confidence": build(INSTRUMENTS["confidence"], keys | values)})
    found = {(r["quantity"], r["run"], r["checkpoint"], r["split"]): r for r in table.to_pylist()}
    there = np.arange(n) % 4 != 1
    at = (run == "b-1") & (checkpoint == 1) & (split == "trained")
    assert found["right", "b-1", 1, "trained"]["mean"] == pytest.approx(right[at].mean())
    for quantity, chosen in (
        ("answer_p", there),
        ("answer_p_right", there & right),
        ("answer_p_wrong", there & ~right),
    ):
        row = found.get((quantity, "b-1", 1, "trained"), {"facts": 0, "mean": None})
        assert row["facts"] == (at & chosen).sum()
        assert row["mean"] == (pytest.approx(p[at & chosen].mean()) if (at & chosen).any() else None)
    assert pa.types.is_dictionary(table.schema.field("quantity").type)
    assert {r["layer"] for r in table.to_pylist()} == {0}
