"""Finished results in Python: by name, verified, as Arrow and as pandas; what is not there is told with what is."""

import base64

import lifelines
import numpy as np
import pandas as pd
import pytest

from factsurv.events.errors import InputError
from factsurv.flows.check import check
from factsurv.flows.figures import figures_of
from factsurv.flows.finished import Results
from factsurv.flows.notebook import _as_table, _with_facts, analyze, fact_set, open_results
from tests.reports.make_results import make_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("results") / "made", facts=60)


def test_tables_go_by_their_names_and_keep_rows_levels_and_missing_values(folder):
    results = Results(folder)
    assert {"events", "facts", "coefficients", "fits"} <= set(results.tables)
    table, frame = results.table("coefficients"), results.frame("coefficients")
    assert len(frame) == table.num_rows > 0 and list(frame.columns) == table.column_names
    assert isinstance(frame["term"].dtype, pd.CategoricalDtype)
    assert frame["hr"].isna().sum() == table["hr"].null_count
    # As a user would: the events of one outcome, by a predictor.
    events = results.frame("events").query("outcome == 'acquisition' and rule == 'first'")
    assert events.groupby("latent", observed=True)["event"].sum().sum() == events["event"].sum() > 0
    assert results.study["study"]["name"] and "tables" in repr(results)


def test_what_is_not_there_or_was_changed_is_an_error_that_says_what_is(folder):
    with pytest.raises(InputError, match=r"(?s)no table 'coefs'.*there are: .*coefficients"):
        Results(folder).table("coefs")
    with pytest.raises(InputError, match=r"(?s)no results folder.*name one of those in it: made"):
        Results(folder.parent)
    with pytest.raises(InputError, match=r"(?s)no results folder.*there are: made"):
        Results(folder.parent / "mad")
    (folder / "study.json").write_text('{"study": ')
    with pytest.raises(InputError, match="cannot be read"):
        _ = Results(folder).study
    (folder / "manifest.json").write_text("{}")
    with pytest.warns(UserWarning, match="its copy is used"):
        Results(folder)
    flipped = bytearray((folder / "facts.arrow").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (folder / "facts.arrow").write_bytes(flipped)
    with pytest.warns(UserWarning), pytest.raises(InputError, match="differs from what was written"):
        Results(folder).frame("facts")


PLAN = """
[study]
name = "own"
[events]
outcome = "loss"
[analysis]
standardise = false
"""


def test_a_dataframe_is_analysed_and_comes_back_as_dataframes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(PLAN)
    rng = np.random.default_rng(3)
    x, kind = rng.normal(size=90).round(2), rng.choice(["a", "b"], 90)
    stop = rng.exponential(np.exp(-0.7 * x)).clip(0.05, 2).round(2)
    frame = pd.DataFrame({"id": range(90), "stop": stop, "event": stop < 2, "x": x, "kind": pd.Categorical(kind)})
    results = analyze(frame, "own.toml")
    cox = results.frame("coefficients").query("model == 'cox'").set_index("label")["estimate"]
    peer = lifelines.CoxPHFitter().fit(frame.drop(columns="id").assign(kind=kind == "b"), "stop", "event")
    # Both maximise Efron's likelihood; each stops its own Newton iterations at about 1e-6.
    np.testing.assert_allclose(sorted(cox), sorted(peer.params_), atol=1e-5)
    assert results.report.stat().st_size > 100_000
    assert results.figures["loss-forest"].alt and results.figures["loss-forest"].data.startswith(b"<svg")
    capsys.readouterr()
    again = analyze(frame.sample(frac=1, random_state=1).sort_index(), "own.toml")
    assert "analysis: up to date" in capsys.readouterr().out and again.folder == results.folder
    assert open_results("own").frame("events").shape == results.frame("events").shape
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["own"]  # the table itself is not left there


def test_figures_of_the_report_are_objects(tmp_path):
    page = """<div id="fig-other" class="quarto-float"><figure><img src="data:image/svg+xml;base64,PHN2Zy8+" alt="Bars">
      <figcaption>Figure 1: <em>Bars</em>
      of it.</figcaption></figure></div><figure id="fig-two"><img src="data:image/png;base64,iVBORw==" alt="A">
      <img src="data:image/png;base64,iVBORw==" alt="B"><figcaption>Two</figcaption></figure>
      <img src="data:image/png,x">"""
    bars, first, second = figures_of(page)
    assert (bars.name, bars.kind, bars.data, bars.alt, bars.caption) == (
        "other", "image/svg+xml", b"<svg/>", "Bars", "Figure 1: Bars of it."
    )  # fmt: skip
    assert bars._repr_mimebundle_() == {"image/svg+xml": "<svg/>", "text/plain": "other: Bars"}
    assert [first.name, second.name, second.alt, second.caption] == ["two-1", "two-2", "B", "Two"]
    assert (
        first.save(tmp_path / "a.png").read_bytes()
        == b"\x89PNG"
        == base64.b64decode(first._repr_mimebundle_()["image/png"])
    )


def test_facts_come_from_a_dataframe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"town": [f"Town {i}" for i in range(60)], "river": [f"River {i}" for i in range(60)],
                          "size": np.arange(60.0)})  # fmt: skip
    facts = fact_set(frame, "town", "river", withheld=0.25, templates=["The river of {subject} is"])
    assert len(facts) == 60 - 12 and facts.covariates == ("size",)  # the others are few-shot examples
    (tmp_path / "own.toml").write_text(
        """[study]
name = "own"
[facts]
source = "table"
path = "not-there.csv"
subject = "town"
object = "river"
[facts.templates]
fact = ["The river of {subject} is"]
"""
    )
    path = _with_facts(tmp_path / "own.toml", tmp_path / "results", _as_table(frame))
    checked = check(path)
    assert checked.facts.column("subject") and len(checked.facts) == 48
    assert path.read_text() == _with_facts(tmp_path / "own.toml", tmp_path / "results", _as_table(frame)).read_text()
    with pytest.raises(InputError, match="the table, key subject: subject 'Town 0' stands"):
        fact_set(pd.concat([frame, frame.head(1)]), "town", "river")
