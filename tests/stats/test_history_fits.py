"""The history made by Python, fitted by R: splitting a spell changes no fit that does not look at what is known now."""

import json

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.history import history_table
from factsurv.events.rules import event_table
from factsurv.events.schema import TEXT
from factsurv.events.transitions import transition_table
from factsurv.stats.bridge import RWorkers
from tests.events.test_history import probed


@pytest.mark.parametrize("outcome", ["acquisition", "degradation"])
def test_the_same_fit_on_the_events_and_on_their_history(outcome):
    facts, baseline, probes = probed(5)
    events = event_table(facts, baseline, probes, ["first"], "epoch")
    history = history_table(events, probes, "epoch")
    plan = {"outcomes": [outcome], "covariates": {outcome: ["popularity"]}, "standardise": True, "history": True}
    with RWorkers(workers=1) as r:
        tasks = r.call("plan_fits", plan=plan, tables={"events": events}).value
        found = {}
        for model in ("cox", "cloglog", "interval"):
            task = next(t for t in tasks if t["model"] == model)
            for name, table in (("events", events), ("history", history)):
                answer = r.call("run_fit", task=task, tables={"events": table})
                assert answer.ok, answer.error
                fit = answer.value["fits"].to_pylist()[0]
                # So few facts are few clusters: the one thing to doubt.
                assert fit["status"] == "ok" or fit["reason"].startswith("robust standard errors from only"), fit
                assert " | " not in fit["reason"], fit
                row = answer.value["coefficients"]
                found[model, name] = [row[n].to_numpy()[0] for n in ("estimate", "se")]
            # The same sums in another order.
            np.testing.assert_allclose(found[model, "history"], found[model, "events"], rtol=1e-9, err_msg=model)
        now = next(t for t in tasks if t["model"] == "cox-history")
        assert now["table"] == "history"
        terms = r.call("run_fit", task=now, tables={"events": history}).value["coefficients"]["term"].to_pylist()
        assert terms == ["margin_now", "popularity"]


@pytest.mark.parametrize("made", [event_table, history_table, transition_table])
def test_a_category_of_facts_is_the_fit_of_its_columns_of_zeros_and_ones(made):
    """From the facts' table through each of the tables that R reads to the fits of it; one fact has no category."""
    facts, baseline, probes = probed(5)
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 3, facts.num_rows).astype(np.int32)
    era = pa.DictionaryArray.from_arrays(pa.array(codes, mask=np.arange(len(codes)) == 4), ["late", "early", "Middle"])
    ones = [pa.array((codes == k).astype(float), mask=np.arange(len(codes)) == 4) for k in (1, 2)]
    facts = facts.append_column("era", era).append_column("early", ones[0]).append_column("middle", ones[1])
    events = event_table(facts, baseline, probes, ["first"], "epoch")
    table, entry = events, {"name": "m", "kind": "cox", "outcome": "acquisition"}
    if made is history_table:
        table = history_table(events, probes, "epoch")
    if made is transition_table:
        table = transition_table(facts, baseline, probes, ["first"], "epoch", 20)
        entry |= {"kind": "multi-state", "outcome": "states", "table": "transitions"}
    assert table.schema.field("era").type == TEXT and table["era"].null_count
    assert json.loads(table.schema.metadata[b"levels"])["era"] == ["late", "early", "Middle"]  # late: the reference
    shared = {"rules": ["first"], "cluster": "fact_id", "ties": "efron", "standardise": False, "conf": 0.95}
    found = []
    with RWorkers(workers=1) as r:
        for formula in ("era", "early + middle"):
            models = [entry | {"formula": formula}]
            plan = shared | {"outcomes": ["acquisition"], "covariates": {}, "random": [], "models": models}
            planned = r.call("plan_fits", plan=plan, tables={"events": events})
            assert planned.ok, planned.error
            task = next(t for t in planned.value if t["name"] == "m")
            answer = r.call("run_fit", task=task, tables={"events": table})
            assert answer.ok, answer.error
            rows = answer.value["transition_coefficients" if made is transition_table else "coefficients"]
            found.append((rows["estimate"].to_numpy(), rows["label"].to_pylist()))
    assert any("era: early vs late" in label for label in found[0][1])
    # The same columns in the same model.
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
