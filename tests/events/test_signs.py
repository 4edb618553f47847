"""Events by another sign than recall: the same engine on another column."""

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.events.rules import event_table, sign_of, sustained_of
from factsurv.events.schema import BASELINE, FACTS, INSTRUMENTS, PROBES, build
from factsurv.events.signs import with_signs

STEPS = (0, 5, 10, 20, 40)
LOSS = {"a": (4, 2, 2, 2, 2), "b": (4, 4, 2, 4, 4), "c": (4, 2, 4, 2, 2)}  # no-knowledge loss 3.5
SURE = {"a": (0.1, 0.9, 0.9, 0.9, 0.9), "b": (0.1,) * 5, "c": (0.1, 0.1, 0.1, 0.6, 0.9)}


def tables():
    ids = list(LOSS)
    facts = build(
        FACTS, dict.fromkeys(FACTS, ["x"] * 3) | {"fact_id": ids, "split": ["trained", "trained", "withheld"]}
    )
    start = {n: [0] * 3 for n in BASELINE} | {"run": ["a-1"] * 3, "arm": ["a"] * 3, "fact_id": ids}
    start |= {"split": facts["split"], "recalled": [False] * 3, "latent": [False] * 3, "knowledge": ["unknown"] * 3}
    rows = [(c, s, f) for c, s in enumerate(STEPS) for f in ids]
    keys = {n: [0] * len(rows) for n in ("epoch", "seed")} | {"run": ["a-1"] * len(rows), "arm": ["a"] * len(rows)}
    keys |= {n: [row[i] for row in rows] for i, n in enumerate(("checkpoint", "step", "fact_id"))}
    blank = {n: [0] * len(rows) for n in PROBES} | {"recalled": [False] * len(rows), "rechecked": [False] * len(rows)}
    probes = build(PROBES, blank | keys)
    confidence = {"first_p": [SURE[f][c] for c, _, f in rows]} | {
        "entropy": [0.0] * len(rows),
        "right": blank["recalled"],
    }
    confidence |= {"answer": [None] * len(rows), "answer_p": [None] * len(rows), "ended": [None] * len(rows)}
    confidence = build(INSTRUMENTS["confidence"], keys | confidence)
    loss = probes.select(["run", "fact_id", "checkpoint"]).take(np.arange(len(rows))[::-1])  # any order
    loss = loss.append_column("loss", [[float(LOSS[f][c]) for c, _, f in rows[::-1]]])
    loss = loss.append_column("baseline", [[3.5] * len(rows)])
    return facts, build(BASELINE, start | {"slick": [None] * 3}), probes, {"loss": loss, "confidence": confidence}


def test_events_by_loss_and_by_confidence_are_told_beside_those_by_recall():
    facts, baseline, probes, instruments = tables()
    rules = ["first", "loss", "loss2", "confident2"]
    signed = with_signs(probes, instruments, rules, {"loss": 1.0, "confident": 0.5})
    found = {(r["rule"], r["fact_id"]): r for r in event_table(facts, baseline, signed, rules, "step").to_pylist()}
    told = {key: (r["outcome"], r["left"], r["right"]) for key, r in found.items() if r["event"]}
    assert told == {
        ("loss", "a"): ("acquisition", 0, 5), ("loss", "b"): ("acquisition", 5, 10),
        ("loss", "c"): ("generalisation", 0, 5),
        ("loss2", "a"): ("acquisition", 0, 5), ("loss2", "c"): ("generalisation", 10, 20),
        ("confident2", "a"): ("acquisition", 0, 5), ("confident2", "c"): ("generalisation", 10, 20),
    }  # fmt: skip
    assert found["loss2", "b"]["stop"] == 20  # the last probe of which two in a row can be seen
    with_margin = with_signs(probes, instruments, rules, {"loss": 2.0, "confident": 0.95})
    assert not any(event_table(facts, baseline, with_margin, rules, "step")["event"].to_pylist())


def test_names_of_rules():
    assert [(sign_of(r), sustained_of(r)) for r in ("first", "sustained3", "loss", "loss2", "confident10")] == [
        ("", 1), ("", 3), ("loss", 1), ("loss", 2), ("confident", 10),
    ]  # fmt: skip
    for wrong in ("sustained", "loss0", "confidently", "first2", ""):
        with pytest.raises(InputError, match="there is no rule"):
            sign_of(wrong)
