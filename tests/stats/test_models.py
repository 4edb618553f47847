"""Models of one's own are checked by real R before any work; nothing in a formula is ever run."""

import pyarrow.compute
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.schema import CENSORED, EVENTS, STATES, TRANSITIONS, build, described
from factsurv.stats.analyse import analyse
from factsurv.stats.claims import Claim, judge, told_claims
from factsurv.stats.models import check_models
from factsurv.stats.plan import AnalysisModel, AnalysisSpec, models, plan, table_columns


def check(*entries, columns=True):
    spec = AnalysisSpec(model=[AnalysisModel(outcome="acquisition", **entry) for entry in entries])
    told = plan(spec, ["popularity"], 2)
    check_models(told["models"], told, table_columns(["popularity"]) if columns else None)


def test_all_problems_at_once_with_entry_key_and_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check({"name": "fine", "formula": "latent * log1p(popularity) + strata(relation)"})
    with pytest.raises(InputError) as error:
        check(
            {"name": "fine", "formula": "latent"},
            {"name": "shell", "formula": 'system("touch harm")'},
            {"name": "typo", "formula": "popularty", "strata": ["relatoin"]},
            {"name": "fine", "kind": "coxx", "formula": "latent"},
        )
    said = str(error.value)
    assert 'analysis.model[2].formula ("shell"): `system("touch harm")` uses system(), which a formula may not' in said
    assert "analysis.model[3].formula (\"typo\"): there is no column 'popularty'" in said
    assert "the nearest is 'popularity'" in said and "analysis.model[3].strata" in said
    assert "analysis.model[4].kind (\"fine\"): there is no kind of model 'coxx'; the nearest is 'cox'" in said
    assert "analysis.model[4].name" in said
    assert list(tmp_path.iterdir()) == []


def test_without_columns_the_syntax_is_checked_all_the_same():
    check({"name": "later", "formula": "latent + a_covariate_of_the_fact_set"}, columns=False)
    with pytest.raises(InputError, match="nested|R can read"):
        check({"name": "deep", "formula": "(" * 900 + "latent" + ")" * 900}, columns=False)


def test_without_models_r_is_not_started():
    assert models(AnalysisSpec()) == []
    check_models([], {})  # would fail on the missing keys


def events_table(facts=60):
    """Facts of which every second one is latent and learned twice as fast, at whole epochs."""
    stop = [1 + (i * 7 % 10) // (1 + i % 2) for i in range(facts)]
    columns = {n: [None] * facts for n in EVENTS}
    columns |= {n: ["x"] * facts for n in ("run", "arm", "relation", "group")}
    columns |= {"seed": [1] * facts, "fact_id": [f"f{i}" for i in range(facts)], "outcome": ["acquisition"] * facts}
    columns |= {"rule": ["first"] * facts, "start": [0.0] * facts, "stop": [float(s) for s in stop]}
    columns |= {"event": [s < 9 for s in stop], "left": [s - 1.0 for s in stop], "split": ["trained"] * facts}
    columns |= {"latent": [i % 2 == 1 for i in range(facts)], "logp0": [-float(i % 5) for i in range(facts)]}
    return described(build(EVENTS, columns), "events")


def test_a_model_without_its_table_or_its_data_has_its_row_and_the_others_are_there(tmp_path):
    write_table(tmp_path / "events.arrow", events_table())
    entries = [
        {"name": "fine", "formula": "latent + sqrt(abs(logp0))"},
        {"name": "no-logarithm", "formula": "log(logp0)"},
        {"name": "of-states", "formula": "latent"},
    ]
    spec = AnalysisSpec(
        outcomes=["acquisition"],
        rules=["first"],
        covariates={"acquisition": []},
        curves_by={"acquisition": []},
        model=[AnalysisModel(outcome="acquisition", **e) for e in entries],
    )
    told = plan(spec, [], 1)
    told["models"][2]["table"] = "nowhere"
    tables = analyse({"events": tmp_path / "events.arrow"}, told, say=lambda line: None).tables
    fits = {row["name"]: row for row in tables["fits"].to_pylist() if row["name"]}
    assert fits["fine"]["status"] == "ok" and fits["fine"]["task"] == "acquisition/first/cox/fine"
    assert fits["no-logarithm"]["status"] == "failed" and "no finite value" in fits["no-logarithm"]["reason"]
    assert fits["of-states"]["status"] == "failed" and "no table 'nowhere'" in fits["of-states"]["reason"]
    task = tables["coefficients"]["task"].cast("string")
    own = tables["coefficients"].filter(pyarrow.compute.equal(task, fits["fine"]["task"]))
    assert own["term"].to_pylist() == ["latent", "sqrt(abs(logp0))"]
    assert own["hr"].to_pylist()[0] > 1


def test_claims_are_read_and_never_run_and_name_what_is_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    claims = [
        {"text": "fine", "quantity": "hazard ratio", "outcome": "acquisition", "term": "latent", "expect": "> 1"},
        {"text": "b", "quantity": "recal", "expect": 'system("touch harm")'},
        {"text": "c", "quantity": "hazard ratio", "outcome": "acquisition", "term": "popularty", "expect": "> 1"},
        {"text": "d", "quantity": "difference of recall", "by": "relatoin", "expect": "> 0"},
    ]
    told = plan(AnalysisSpec(), ["popularity"], 2)
    columns = table_columns(["popularity"])
    check_models([], told, columns, told_claims([Claim(**claims[0])]))
    with pytest.raises(InputError) as error:
        check_models([], told, columns, told_claims([Claim(**c) for c in claims]))
    said = str(error.value)
    assert "claim[2].quantity: there is no quantity 'recal'; the nearest is 'recall'" in said
    assert "claim[2].expect: 'system(\"touch harm\")' is no expectation" in said
    assert "claim[3].term: there is no term 'popularty'; the nearest is 'popularity'" in said
    assert "claim[4].by: there is no grouping 'relatoin'; the nearest is 'relation'" in said
    assert "claim[1]" not in said and list(tmp_path.iterdir()) == []


def test_recall_is_judged_from_the_states_as_arrow_brings_them(tmp_path):
    """Dictionaries, whose first level is no value, and a table that is not there."""
    facts, runs = 30, ("main-1", "main-2")
    rows = [(run, f"f{i}", i) for run in runs for i in range(facts)]
    data = {n: [None] * len(rows) for n in TRANSITIONS}
    data |= {"run": [r for r, _, _ in rows], "arm": ["main"] * len(rows), "fact_id": [f for _, f, _ in rows]}
    data |= {"rule": ["first"] * len(rows), "start": [0.0] * len(rows), "stop": [4.0] * len(rows)}
    data |= {"from": ["known" if i < 3 else "unknown" for *_, i in rows]}
    data |= {
        "to": ["censored" if i < 3 or i >= 24 else "known" for *_, i in rows],
        "latent": [i % 2 == 1 for *_, i in rows],
    }
    levels = {"from": STATES, "to": (CENSORED, *STATES)}
    write_table(tmp_path / "transitions.arrow", described(build(TRANSITIONS, data, levels), "transitions"))
    claims = [
        Claim(text="before", quantity="recall", at="baseline", expect="< 50 %"),
        Claim(text="after", quantity="recall", expect="between 60 % and 95 %", paper="71.9 %"),
        Claim(text="latent", quantity="recall", by="latent", group="yes", expect="< 10 %"),
        Claim(text="rank", quantity="mean rank", expect="< 5"),
    ]
    told = plan(AnalysisSpec(), [], 1)
    judged = judge(told_claims(claims), told, {"transitions": tmp_path / "transitions.arrow"}.get).to_pylist()
    assert [r["verdict"] for r in judged] == ["supported", "supported", "contradicted", "not measured"]
    assert [r["estimate"] for r in judged[:3]] == pytest.approx([3 / 30, 24 / 30, 12 / 15])
    assert judged[1]["paper"] == "71.9 %" and "no table rank" in judged[3]["reason"]
    assert judge([], told, {}.get).num_rows == 0  # R is not started
