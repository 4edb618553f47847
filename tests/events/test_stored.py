"""What a fact's other prompt forms said at the start: covariates, and who is at risk of coming to be said."""

import pyarrow as pa
import pytest

from factsurv.events.forms import stored, stored_columns
from factsurv.events.rules import event_table
from factsurv.events.schema import BASELINE, FACTS, FORMS, PROBES, build

# Log p of form 2 at the start and whether it is recalled there; c has no second form, d is not recalled in it.
AT_START = {"a": (-1.0, True), "b": (-2.0, True), "d": (-9.0, False)}
ASKED = {"a": [0, 1, 1], "b": [1, 1, 0], "c": [0, 1, 1], "d": [0, 1, 1]}


RUN = {"run": "m-1", "arm": "m", "seed": 1}


def at(fact, checkpoint, **measured):
    """One row of a table of checkpoints."""
    moment = {"fact_id": fact, "checkpoint": checkpoint, "epoch": float(checkpoint), "step": checkpoint}
    return RUN | moment | measured


@pytest.fixture
def run():
    clock = {"examples": 1, "tokens": 1.0, "exposures": 0, "logp": -3.0, "margin": 0.5, "p": 0.3, "rechecked": False}
    probes = [at(f, c, recalled=bool(r[c]), **clock) for c in range(3) for f, r in ASKED.items()]
    known = {"latent": False, "hits": 0, "p": 0.1, "p_any": 0.1, "logp": -3.0, "margin": 0.1, "target_tokens": 1}
    known |= {"knowledge": "unknown", "slick": "Unknown", "split": "withheld"}
    baseline = [RUN | known | {"fact_id": f, "recalled": bool(r[0])} for f, r in ASKED.items()]
    plain = {"held_out": False, "margin": 0.0, "p": 0.0}
    forms = [at(f, c, form=1, recalled=False, logp=-3.0, **plain) for c in range(2) for f in ASKED]
    forms += [
        at(f, c, form=2, recalled=recalled != bool(c), logp=logp - c, **plain)  # another answer at the next checkpoint
        for c in range(2)
        for f, (logp, recalled) in AT_START.items()
    ]
    facts = {n: list(ASKED) for n in FACTS} | {"relation": ["r"] * 4, "group": ["g"] * 4, "split": ["withheld"] * 4}

    def table(schema, rows):
        return build(schema, {n: [row[n] for row in rows] for n in schema})

    return build(FACTS, facts), table(BASELINE, baseline), table(PROBES, probes), table(FORMS, forms)


def test_other_forms_at_the_start_are_covariates(run):
    facts, baseline, probes, forms = run
    known = stored(baseline, forms)
    assert known.column_names[-2:] == stored_columns([2]) == ["logp0_form2", "recalled0_form2"]
    assert known["logp0_form2"].to_pylist() == [-1.0, -2.0, None, -9.0]
    assert known["recalled0_form2"].to_pylist() == [True, True, None, False]
    events = event_table(facts, known, probes, ["first"])
    assert events["logp0_form2"].type == pa.float64()


def test_only_what_is_known_in_another_form_is_at_risk_of_being_said(run):
    facts, baseline, probes, forms = run
    known = stored(baseline, forms)
    told = {
        at: sorted(
            (e["outcome"], e["fact_id"]) for e in event_table(facts, known, probes, ["first"], known_in=at).to_pylist()
        )
        for at in ((), (2,))
    }
    lost = [("degradation", "b")]
    assert told[()] == lost + [("generalisation", f) for f in "acd"]
    assert told[2,] == lost + [("generalisation", "a")]
