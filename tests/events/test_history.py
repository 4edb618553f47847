"""The split event table against cases worked by hand, and against the event table that it splits."""

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.events.history import history_table
from factsurv.events.rules import event_table
from factsurv.events.schema import EVENTS, EXAMPLES, FACTS, HISTORY
from tests.events.test_transitions import study

TIMES = ("epoch", "examples", "exposures")


def probed(seed):
    """Random probes of two runs that see different numbers of examples in an epoch; the margin tells recall."""
    (facts, baseline, probes), _, recalled = study(seed)
    rng = np.random.default_rng(seed)
    run = np.array(probes["run"].to_pylist()) == "a-2"
    columns = {
        "examples": pa.array((probes["checkpoint"].to_numpy() * np.where(run, 30, 80)).astype(np.int32)),
        "logp": pa.array(rng.normal(size=probes.num_rows)),
        "margin": pa.array(np.where(recalled.ravel(), 1, -1) * rng.random(probes.num_rows)),
    }
    for name, column in columns.items():
        probes = probes.set_column(probes.column_names.index(name), name, column)
    return facts, baseline, probes.take(pa.array(rng.permutation(probes.num_rows)))  # their order must not matter


def test_attention_at_the_start_of_an_interval_is_the_mean_over_layers():
    facts, baseline, probes = probed(4)
    events = event_table(facts, baseline, probes, ["first"])
    names = ["run", "fact_id", "checkpoint"]
    measured = [r for r in probes.to_pylist() if r["checkpoint"] % 2 == 0]  # at its own, rarer schedule
    rows = [{n: r[n] for n in names} | {"layer": k, "greatest": r["logp"] + k} for r in measured for k in (1, 2)]
    history = history_table(events, probes, attention=pa.Table.from_pylist(rows)).to_pylist()
    checkpoint = {(r["run"], r["fact_id"], r["epoch"]): r["checkpoint"] for r in probes.to_pylist()}
    for r in history:
        even = checkpoint[r["run"], r["fact_id"], r["start"]] % 2 == 0
        assert r["attention_now"] == (pytest.approx(r["logp_now"] + 1.5) if even else None)
    assert {r["attention_now"] is None for r in history} == {True, False}


@pytest.mark.parametrize("time", TIMES)
def test_pieces_join_to_the_spells_and_know_only_what_was_before(time):
    facts, baseline, probes = probed(3)
    rules = ["first", "sustained2"]
    events = event_table(facts, baseline, probes, rules, time)
    history = history_table(events, probes, time)
    assert list(history.schema.names) == [*HISTORY, "popularity"]
    assert {f.name: f.type for f in history.schema} == HISTORY | {"popularity": pa.float64()}
    key = ("run", "outcome", "rule", "fact_id")
    seen = {(r["run"], r["fact_id"], r[time], r["checkpoint"]): r for r in probes.to_pylist()}
    first = {}  # of several probes at one time the first one counts
    for (run, fact, t, _), r in sorted(seen.items(), key=lambda item: item[0][3]):
        first.setdefault((run, fact, t), r)
    pieces: dict = {}
    for r in history.to_pylist():
        pieces.setdefault(tuple(r[k] for k in key), []).append(r)
        before, after = (first[r["run"], r["fact_id"], r[end]] for end in ("start", "stop"))
        assert (r["logp_now"], r["margin_now"], r["exposures_now"]) == tuple(
            before[n] for n in ("logp", "margin", "exposures")
        )
        assert (r["start_examples"], r["stop_examples"]) == (before["examples"], after["examples"])
        assert (r["left"], r["right"]) == ((r["start"], r["stop"]) if r["event"] else (r["stop"], None))
    assert len(pieces) == events.num_rows
    for spell in events.to_pylist():
        own = pieces[tuple(spell[k] for k in key)]
        ends = [spell["start"], *(r["stop"] for r in own)]
        assert [r["start"] for r in own] == ends[:-1] and ends[-1] == spell["stop"]
        assert [r["event"] for r in own] == [False] * (len(own) - 1) + [spell["event"]]
        assert (own[0]["start_examples"], own[-1]["stop_examples"]) == (spell["start_examples"], spell["stop_examples"])
        if spell["rule"] == "first":  # not yet recalled, or still: the margin at the event itself would tell it
            assert {r["margin_now"] > 0 for r in own} == {spell["outcome"] == "degradation"}
    assert all(n in history.schema.names for n in (*EVENTS, *EXAMPLES))


def test_other_probes_are_refused():
    facts, baseline, probes = probed(4)
    events = event_table(facts, baseline, probes, ["first"], "epoch")
    late = probes.set_column(probes.column_names.index("epoch"), "epoch", pa.array(probes["epoch"].to_numpy() + 0.5))
    with pytest.raises(InputError, match=r"fact f\d+ has no probe at start = 0"):
        history_table(events, late)
    others = probes.filter(np.array(probes["run"].to_pylist()) == "a-1")
    with pytest.raises(InputError, match="probes of run a-2"):
        history_table(events, others)
    assert history_table(events.slice(0, 0), probes).num_rows == 0


def test_a_covariate_may_not_take_a_name_of_now():
    from factsurv.events.schema import RESERVED

    assert {"logp_now", "margin_now", "exposures_now", "start_examples"} <= RESERVED
    assert not {"logp_now", "start_examples"} & set(FACTS)
