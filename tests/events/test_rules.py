"""Event tables against cases worked by hand."""

import json

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.events.rules import by_exposure, count_events, event_table, recall_curve, spells, sustained_of, wilson
from factsurv.events.schema import BASELINE, FACTS, PROBES, build

TIMES = np.array([0.0, 1.0, 2.0, 3.0, 4.0])


def row(text):
    return np.array([[c == "1" for c in text]])


@pytest.mark.parametrize(
    ("history", "m", "stop", "event", "left", "right"),
    [
        # baseline first; 1 is "in the new state"
        ("01111", 1, 1, True, 0, 1),  # at the first checkpoint
        ("00001", 1, 4, True, 3, 4),  # at the last probe: an event for *first* ...
        ("00001", 2, 3, False, 3, None),  # ... unconfirmed for *sustained 2*: censored where its start was last visible
        ("00011", 2, 3, True, 2, 3),  # the last sustained event that can be seen
        ("01010", 2, 3, False, 3, None),  # flickers, never twice running
        ("01011", 2, 3, True, 2, 3),  # the flicker does not count, the sustained start does
        ("01000", 1, 1, True, 0, 1),  # *first* counts a flicker
        ("00000", 1, 4, False, 4, None),  # censored at the last probe
        ("01110", 3, 1, True, 0, 1),
        ("00111", 3, 2, True, 1, 2),
        ("00110", 3, 2, False, 2, None),
    ],
)
def test_one_history(history, m, stop, event, left, right):
    s = spells(row(history), TIMES, m)
    assert (s.stop[0], s.event[0], s.left[0]) == (stop, event, left)
    assert np.isnan(s.right[0]) if right is None else s.right[0] == right


def test_uneven_grid_keeps_its_interval():
    s = spells(row("00010"), np.array([0.0, 1, 5, 15, 20]))
    assert (s.left[0], s.right[0], s.stop[0]) == (5, 15, 15)


def test_too_few_checkpoints_and_times_that_stand_still():
    with pytest.raises(InputError, match="3 successive checkpoints, and only 2"):
        spells(row("000"), TIMES[:3], 3)
    with pytest.raises(InputError, match="do not increase"):
        spells(row("000"), np.array([0.0, 1, 1]))


def test_rule_names():
    assert [sustained_of(r) for r in ("first", "sustained1", "sustained12")] == [1, 1, 12]
    for bad in ("last", "sustained", "sustained0"):
        with pytest.raises(InputError):
            sustained_of(bad)


@pytest.fixture
def study():
    """Four facts, one run, three checkpoints after the baseline.

    a: trained, unknown, acquired at 2   b: trained, known, lost at 1
    c: withheld, unknown, generalises at 3   d: withheld, known, never lost
    """
    history = {"a": "0011", "b": "1011", "c": "0001", "d": "1111"}
    split = {"a": "trained", "b": "trained", "c": "withheld", "d": "withheld"}
    facts = build(
        FACTS | {"popularity": pa.float64()},
        {n: list("abcd") for n in ("fact_id", "subject", "object")}
        | {"relation": ["r", "r", "s", "s"], "group": ["r", "r", "s", "s"], "split": list(split.values())}
        | {"popularity": [0.5, None, 1.5, -1.0]},
    )
    same = {"run": "main-1", "arm": "main", "seed": 1}
    rows = [
        same
        | {"fact_id": f, "checkpoint": c, "epoch": 2.0 * c, "step": 10 * c, "examples": 80 * c, "tokens": 800.0 * c}
        | {"exposures": c, "recalled": h[c] == "1", "logp": -1.0, "margin": 0.1, "p": 0.2, "rechecked": False}
        for f, h in history.items()
        for c in range(4)
    ]
    rng = np.random.default_rng(0)
    rows = [rows[i] for i in rng.permutation(len(rows))]  # the order of probes must not matter
    probes = build(PROBES, {n: [r[n] for r in rows] for n in PROBES})
    baseline = build(
        BASELINE,
        {n: [v] * 4 for n, v in same.items()}
        | {"fact_id": list("abcd"), "split": list(split.values()), "recalled": [False, True, False, True]}
        | {"latent": [True, False, False, False], "hits": [3, 20, 0, 20], "p": [0.1, 0.9, 0.0, 0.8]}
        | {"p_any": [0.9, 1.0, 0.0, 1.0], "logp": [-2.3, -0.1, -9.0, -0.2], "margin": [-1, 1, -3, 2]}
        | {"knowledge": ["latent", "known", "unknown", "known"], "slick": ["WeaklyKnown"] * 4}
        | {"target_tokens": [1, 1, 2, 1]},
    )
    return facts, baseline, probes


def test_event_table(study):
    events = event_table(*study, rules=["first", "sustained2"], time="epoch")
    columns = ("outcome", "rule", "fact_id", "start", "stop", "event", "left", "right", "latent", "logp0", "popularity")
    rows = {tuple(r[c] for c in columns[:3]): tuple(r[c] for c in columns[3:]) for r in events.to_pylist()}
    assert rows == {
        ("acquisition", "first", "a"): (0, 4, True, 2, 4, True, -2.3, 0.5),
        ("acquisition", "sustained2", "a"): (0, 4, True, 2, 4, True, -2.3, 0.5),
        ("generalisation", "first", "c"): (0, 6, True, 4, 6, False, -9.0, 1.5),
        ("generalisation", "sustained2", "c"): (0, 4, False, 4, None, False, -9.0, 1.5),
        ("degradation", "first", "b"): (0, 2, True, 0, 2, False, -0.1, None),
        ("degradation", "sustained2", "b"): (0, 4, False, 4, None, False, -0.1, None),
        ("degradation", "first", "d"): (0, 6, False, 6, None, False, -0.2, -1.0),
        ("degradation", "sustained2", "d"): (0, 4, False, 4, None, False, -0.2, -1.0),
    }
    assert events["split"].chunk(0).dictionary.to_pylist() == ["trained", "withheld"]
    counts = {
        (r["outcome"], r["rule"]): (r["at_risk"], r["events"], r["censored"]) for r in count_events(events).to_pylist()
    }
    assert counts["degradation", "first"] == (2, 1, 1)
    assert counts["degradation", "sustained2"] == (2, 0, 2)


def test_the_baseline_at_other_temperatures_goes_with_each_fact(study):
    facts, baseline, probes = study
    p = dict(zip("abcd", (0.3, 0.95, 0.01, 0.9), strict=True))
    tempered = baseline.append_column("p_at_0.7", pa.array([p[f] for f in baseline["fact_id"].to_pylist()]))
    events = event_table(facts, tempered, probes, rules=["first"])
    assert {r["fact_id"]: r["p0_at_0.7"] for r in events.to_pylist()} == p
    assert "p0_at_0.7" not in json.loads(events.schema.metadata[b"covariates"])  # nobody asked for it as one


@pytest.mark.parametrize(("time", "stop"), [("step", 20), ("examples", 160), ("tokens", 1600)])
def test_time_axes(study, time, stop):
    events = event_table(*study, rules=["first"], time=time).to_pylist()
    assert next(r["stop"] for r in events if r["fact_id"] == "a") == stop


def test_each_fact_on_its_own_clock():
    """Fact 0 is exposed at every checkpoint, fact 1 not between the second and the third."""
    reached = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], dtype=bool)
    on_clock, times = by_exposure(reached, np.array([[0, 1, 2, 3], [0, 2, 2, 5]], dtype=float))
    s = spells(on_clock, times)
    assert times[1, :3].tolist() == [0, 2, 5] and np.isnan(times[1, 3])
    assert (s.left.tolist(), s.right.tolist()) == ([1, 2], [2, 5])
    s = spells(~on_clock & ~np.isnan(times), times, 2)  # the other state, which a missing checkpoint is not in
    assert s.event.tolist() == [False, False] and s.stop.tolist() == [2, 2]


def test_exposures_leave_withheld_facts_out_and_say_so(study):
    facts, baseline, probes = study
    events = event_table(facts, baseline, probes, ["first", "sustained2"], time="exposures")
    rows = {(r["outcome"], r["rule"], r["fact_id"]): (r["left"], r["stop"], r["event"]) for r in events.to_pylist()}
    assert rows == {
        ("acquisition", "first", "a"): (1, 2, True),
        ("acquisition", "sustained2", "a"): (1, 2, True),
        ("degradation", "first", "b"): (0, 1, True),
        ("degradation", "sustained2", "b"): (2, 2, False),
    }
    said = json.loads(events.schema.metadata[b"left_out"])
    assert [s.split(":")[0] for s in said] == [
        "generalisation (first)",
        "generalisation (sustained2)",
        "degradation (first)",
        "degradation (sustained2)",
    ]
    assert "1 facts and runs" in said[0]
    still = probes.set_column(
        probes.column_names.index("exposures"),
        "exposures",
        pa.array([min(r["checkpoint"], 1) for r in probes.to_pylist()], pa.int32()),
    )
    events = event_table(facts, baseline, still, ["first", "sustained2"], time="exposures")
    assert {r["rule"] for r in events.to_pylist()} == {"first"}  # one checkpoint cannot confirm itself
    assert "acquisition (sustained2): 1" in "".join(json.loads(events.schema.metadata[b"left_out"]))


def test_a_fact_without_its_probe_is_named(study):
    facts, baseline, probes = study
    without = probes.filter([not (r["fact_id"] == "c" and r["checkpoint"] == 2) for r in probes.to_pylist()])
    with pytest.raises(InputError, match="fact c was not probed at checkpoint 2"):
        event_table(facts, baseline, without, ["first"])


def test_recall_curve(study):
    _, baseline, probes = study
    rows = {(r["split"], r["epoch"]): (r["facts"], r["recalled"]) for r in recall_curve(baseline, probes).to_pylist()}
    assert rows["trained", 0.0] == (2, 1)
    assert rows["trained", 2.0] == (2, 0)
    assert rows["withheld", 6.0] == (2, 2)


def test_wilson_against_published_values():
    # Newcombe 1998 (Stat Med 17:857), table I, method 3: 81/263, 15/148, 0/20, 1/29
    k, n = np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29])
    lower, upper = wilson(k, n)
    assert np.round(lower, 4).tolist() == [0.2553, 0.0624, 0.0000, 0.0061]
    assert np.round(upper, 4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]
