"""The history made by Python, fitted by R: splitting a spell changes no fit that does not look at what is known now."""

import numpy as np
import pytest

from events.history import history_table
from events.rules import event_table
from stats.bridge import RWorkers
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
