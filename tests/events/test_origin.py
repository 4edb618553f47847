"""The clock of runs with stages, by hand."""

import pyarrow as pa
import pyarrow.compute  # noqa: F401  (pa.compute)
import pytest

from factsurv.events.errors import InputError
from factsurv.events.origin import from_origin
from factsurv.events.rules import event_table
from factsurv.events.schema import BASELINE, FACTS, PROBES, build

# a: taught in both stages; b: in the first only; c and d: never.
EXPOSURES = {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 2, 2], "c": [0] * 5, "d": [0] * 5}
RECALLED = {"a": [0, 0, 1, 1, 0], "b": [0, 1, 1, 1, 0], "c": [0, 0, 0, 1, 1], "d": [0] * 5}
STAGES = ["one", "one", "one", "two", "two"]
EPOCH = [0.0, 1.0, 2.0, 0.5, 1.0]


@pytest.fixture
def run():
    label = {"run": "m-1", "arm": "m", "seed": 1}
    rows = [
        label
        | {"fact_id": f, "checkpoint": c, "epoch": EPOCH[c], "step": 10 * c, "examples": 40 * c, "tokens": 100.0 * c}
        | {"exposures": EXPOSURES[f][c], "recalled": bool(RECALLED[f][c]), "logp": -1.0, "margin": 0.5, "p": 0.3}
        | {"rechecked": False, "stage": STAGES[c]}
        for c in range(5)
        for f in EXPOSURES
    ]
    split = {"a": "trained", "b": "trained", "c": "withheld", "d": "trained"}
    known = {"one": 0, "two": 2}
    starts = [
        label
        | {"fact_id": f, "split": split[f], "recalled": bool(RECALLED[f][c]), "latent": False, "hits": 0, "p": 0.1 * c}
        | {"p_any": 0.1, "logp": -2.0 - c, "margin": 0.1, "knowledge": "unknown", "slick": "Unknown"}
        | {"target_tokens": 1, "stage": stage}
        for stage, c in known.items()
        for f in EXPOSURES
    ]
    text = pa.dictionary(pa.int32(), pa.utf8())

    def table(schema, rows):
        return build(schema | {"stage": text}, {n: [r[n] for r in rows] for n in (*schema, "stage")})

    facts = {n: list(EXPOSURES) for n in FACTS} | {"relation": ["r"] * 4, "group": ["g"] * 4}
    facts = build(FACTS, facts | {"split": [split[f] for f in EXPOSURES]})
    return facts, table(BASELINE, starts), table(PROBES, rows)


def splits(baseline):
    return dict(zip(baseline["fact_id"].to_pylist(), baseline["split"].to_pylist(), strict=True))


def test_from_the_start_of_a_stage(run):
    _, baseline, probes = run
    (one,) = from_origin([(baseline, probes)], "two")
    assert one.baseline["logp"].to_pylist() == [-4.0] * 4 and one.left_out == 0
    # b is taught before the origin only.
    assert splits(one.baseline) == {"a": "trained", "b": "withheld", "c": "withheld", "d": "withheld"}
    of_a = [r for r in one.probes.to_pylist() if r["fact_id"] == "a"]
    assert [(r["checkpoint"], r["epoch"], r["step"], r["exposures"]) for r in of_a] == [
        (0, 0.0, 0, 0), (1, 0.5, 10, 1), (2, 1.0, 20, 2),
    ]  # fmt: skip


def test_an_instrument_follows_the_same_clock(run):
    _, baseline, probes = run
    (one,) = from_origin([(baseline, probes)], "two")
    names = ["run", "arm", "seed", "fact_id", "checkpoint", "epoch", "step", "stage", "logp"]
    followed = one.follow(probes.select(names))
    assert followed.equals(one.probes.select(names).combine_chunks())


def test_what_only_another_run_teaches_is_left_out(run):
    _, baseline, probes = run
    of_d = pa.compute.equal(probes["fact_id"].cast(pa.utf8()), "d")
    more = pa.compute.if_else(of_d, probes["checkpoint"], probes["exposures"])
    other = probes.set_column(probes.column_names.index("exposures"), "exposures", more)
    one, two = from_origin([(baseline, probes), (baseline, other)], "two")
    assert (one.left_out, two.left_out) == (1, 0)
    assert splits(one.baseline) == {"a": "trained", "b": "withheld", "c": "withheld"}
    assert splits(two.baseline) == {"a": "trained", "b": "withheld", "c": "withheld", "d": "trained"}
    assert "d" not in one.probes["fact_id"].to_pylist()
    kept, _ = from_origin([(baseline, probes), (baseline, other)], "two", everything=True)
    assert kept.left_out == 0 and splits(kept.baseline)["d"] == "withheld"


def test_without_an_origin_epochs_add_up(run):
    _, baseline, probes = run
    (one,) = from_origin([(baseline, probes)])
    assert splits(one.baseline) == {"a": "trained", "b": "trained", "c": "withheld", "d": "withheld"}
    assert [r["epoch"] for r in one.probes.to_pylist() if r["fact_id"] == "a"] == [0.0, 1.0, 2.0, 2.5, 3.0]


def test_the_events_are_those_of_the_stage(run):
    facts, baseline, probes = run
    (one,) = from_origin([(baseline, probes)], "two")
    events = event_table(facts, one.baseline, one.probes, ["first"], "step").to_pylist()
    told = {(e["outcome"], e["fact_id"]): (e["start"], e["stop"], e["event"], e["split"]) for e in events}
    assert told["degradation", "a"] == (0, 20, True, "trained")
    assert told["generalisation", "c"] == (0, 10, True, "withheld")
    assert told["degradation", "b"] == (0, 20, True, "withheld")


def test_an_unknown_origin_names_the_stages(run):
    _, baseline, probes = run
    with pytest.raises(InputError, match="stages: one, two"):
        from_origin([(baseline, probes)], "three")
    with pytest.raises(InputError, match="these runs have none"):
        from_origin([(baseline, probes.drop_columns(["stage"]))], "one")
