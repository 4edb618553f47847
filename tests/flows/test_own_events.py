"""Data sets of R's own survival package as tables of somebody else's: same coefficients as coxph, and a report."""

import json
import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.own_columns import OwnColumns
from factsurv.events.own_table import read_own_table
from factsurv.flows import command
from factsurv.flows.own_events import analyse_table, check_table, make_events, open_results
from factsurv.reports.page import faults, remarks
from factsurv.stats.own_plan import OwnAnalysisSpec, own_plan
from factsurv.stats.r_home import find_r
from tests.reports.reading import Images, section, text_of

# One data set a kind of file: what R exports, what coxph says of it, and our plan.
CASES = {
    "lung.csv": (
        "transform(survival::lung, id = seq_len(nrow(survival::lung)))",
        "coxph(Surv(time, status) ~ age + factor(sex) + ph.ecog, d)",
        """
        [events]
        stop = "time"
        event = "status"
        event_is = 2
        outcome = "death"
        time = "day"
        categories = ["sex"]
        [analysis]
        standardise = false
        [analysis.covariates]
        death = ["age", "sex", "ph.ecog"]
        """,
    ),
    "rats.parquet": (
        "transform(survival::rats, rat = seq_len(nrow(survival::rats)))",
        "coxph(Surv(time, status) ~ rx + sex, d, cluster = litter)",
        """
        [events]
        id = "rat"
        stop = "time"
        event = "status"
        outcome = "tumour"
        time = "week"
        [analysis]
        standardise = false
        cluster = "litter"
        random = ["litter"]
        [analysis.covariates]
        tumour = ["rx", "sex"]
        [[analysis.model]]
        name = "within-litters"
        outcome = "tumour"
        formula = "rx + sex"
        strata = ["litter"]
        """,
    ),
    "bladder.arrow": (
        "transform(subset(survival::bladder2, enum < 3), what = paste('recurrence', enum))",
        "coxph(Surv(start, stop, event) ~ rx + size + number, subset(d, enum == 2))",
        """
        [events]
        outcome = "what"
        time = "month"
        [analysis]
        outcomes = ["recurrence 2", "recurrence 1"]
        standardise = false
        [analysis.covariates]
        "recurrence 2" = ["rx", "size", "number"]
        """,
    ),
}

# As a German spreadsheet has it: decimal commas, which a column of halves tells, points between the thousands of
# days (1.022), and missing values as empty text in quotation marks. The coefficients stay what they are.
WRITTEN = {
    "lung.csv": """transform(d, half = age + 0.5, time = format(time, big.mark = ".", decimal.mark = ",",
                                                             trim = TRUE))"""
}

CLAIMS = """
[[claim]]
text = "Women live longer"
quantity = "hazard ratio"
term = "sex"
expect = "< 1"
paper = "HR 0.59"
[[claim]]
text = "Age halves it"
quantity = "hazard ratio"
term = "age"
expect = "< 50 %"
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder with the tables and plans, and what coxph says of each."""
    folder = tmp_path_factory.mktemp("own")
    truth = {}
    for name, (data, fit, plan) in CASES.items():
        stem = Path(name).stem
        script = f"""
            library(survival); d <- {data}; e <- {WRITTEN.get(name, "d")}
            if (is.null(e$half)) write.csv(e, "{stem}.csv", row.names = FALSE) else
              write.csv2(e, "{stem}.csv", row.names = FALSE, na = '""')
            f <- {fit}; cat(jsonlite::toJSON(cbind(coef(f), sqrt(diag(vcov(f)))), digits = NA))"""
        r = find_r()
        ran = subprocess.run(
            [str(r.rscript), "--vanilla", "-e", script], cwd=folder, env=r.environment(), capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        truth[name] = json.loads(ran.stdout)
        if name.endswith(".parquet"):
            pyarrow.parquet.write_table(pyarrow.csv.read_csv(folder / f"{stem}.csv"), folder / name)
        elif name.endswith(".arrow"):
            write_table(folder / name, pyarrow.csv.read_csv(folder / f"{stem}.csv"))
        lines = "\n".join(line.strip() for line in plan.splitlines())
        (folder / f"{stem}.toml").write_text(f'[study]\nname = "{stem}"\ntitle = "{stem.title()} of R"\n{lines}')
    return folder, truth


@pytest.fixture(scope="module")
def analysed(exported):
    folder, _ = exported
    said: list[str] = []
    for name in CASES:
        analyse_table(folder / name, folder / f"{Path(name).stem}.toml", folder / "results", said.append)
    return folder / "results", said


@pytest.mark.parametrize("name", CASES)
def test_the_coefficients_are_those_of_coxph_on_the_same_rows(exported, analysed, name):
    _, truth = exported
    rows = read_table(analysed[0] / Path(name).stem / "analysis" / "coefficients.arrow").to_pylist()
    first = rows[0]["outcome"]
    ours = [(r["estimate"], r["se"] if r["se_robust"] is None else r["se_robust"]) for r in rows
            if r["task"] == f"{first}/as given/cox"]  # fmt: skip
    assert len(ours) == len(truth[name])
    for (estimate, se), expected in zip(ours, truth[name], strict=True):
        # The same maximum of the same likelihood, by Newton's method from the same start: rounding apart, equal.
        assert (estimate, se) == pytest.approx(tuple(expected), rel=1e-6)


def test_nothing_failed_and_everything_asked_for_is_there(analysed):
    for name in CASES:
        fits = read_table(analysed[0] / Path(name).stem / "analysis" / "fits.arrow").to_pylist()
        assert fits and not [f["task"] for f in fits if f["status"] == "failed"]
    named = [f for f in read_table(analysed[0] / "rats/analysis/fits.arrow").to_pylist() if f["name"]]
    assert [(f["name"], f["status"] in ("ok", "warning")) for f in named] == [("within-litters", True)]
    variances = read_table(analysed[0] / "rats" / "analysis" / "variances.arrow").to_pylist()
    assert {v["grouping"] for v in variances} == {"litter"}
    counts = read_table(analysed[0] / "bladder" / "event_counts.arrow").to_pylist()
    assert [c["outcome"] for c in counts] == ["recurrence 1", "recurrence 2"]


def test_the_report_has_no_word_of_training(analysed):
    page = (analysed[0] / "rats" / "report.html").read_text("utf-8")
    assert faults(page, ["Rats of R"]) + remarks(page) == []
    said = text_of(page)
    assert "300 facts" in section(page, "summary") and "column “rat”" in section(page, "summary")
    assert "the event tumour" in section(page, "tumour") and "weeks" in section(page, "tumour")
    assert 'id="baseline"' not in page and 'id="recall"' not in page
    for word in ("epoch", "latent", "recalled", "greedy", "fine-tuned"):
        assert word not in said.lower().replace("analysis/latent_definitions.arrow", ""), word  # a file's name, no rows
    assert "every row is at risk from 0 on" in section(page, "events")
    assert len(Images(page).found) >= 5 and " NA " not in said and "NaN" not in said


def test_outcomes_have_sections_of_any_name(analysed):
    page = (analysed[0] / "bladder" / "report.html").read_text("utf-8")
    assert faults(page, ["Bladder of R"]) + remarks(page) == []
    for outcome in ("recurrence 1", "recurrence 2"):
        assert f"the event {outcome}" in section(page, outcome.replace(" ", "-"))
    assert "at risk later than the others (delayed entry)" in section(page, "events")


def test_what_only_the_report_prints_and_claims_fit_nothing(exported, analysed, tmp_path):
    """A claim names columns as the table does; its verdict is that of the interval."""
    folder, _ = exported
    shutil.copytree(folder / "results" / "lung", tmp_path / "lung")
    plan = (folder / "lung.toml").read_text().replace("Lung of R", "Lungs, once more")
    plan += '[report]\nauthor = "A. Author"\nnote = "a second look"\n'
    (tmp_path / "lung.toml").write_text(plan + CLAIMS)
    said: list[str] = []
    page = analyse_table(folder / "lung.csv", tmp_path / "lung.toml", tmp_path, said.append)
    changed = [s for s in said if "running" in s]
    assert len(changed) == 2 and changed[0] == "claims: running (not done yet)"
    assert changed[1].startswith("report: running (") and "study.title: Lung of R → Lungs, once more" in changed[1]
    shown = page.read_text("utf-8")
    assert all(words in shown for words in ("Lungs, once more", "A. Author", "a second look"))
    judged = read_table(tmp_path / "lung" / "claims.arrow").to_pylist()
    fitted = read_table(tmp_path / "lung" / "analysis" / "coefficients.arrow").to_pylist()
    ratios = {r["term"]: r for r in fitted if r["model"] == "cox"}
    for claim, term in zip(judged, ("sex", "age"), strict=True):
        assert [claim[k] for k in ("estimate", "lower", "upper")] == [ratios[term][k] for k in ("hr", "lower", "upper")]
    assert [c["verdict"] for c in judged] == ["supported", "contradicted"]
    words = section(shown, "claims")
    assert "Women live longer" in words and "Supported" in words and "HR 0.59" in words


def test_what_is_done_is_skipped_and_a_change_is_named(exported, analysed):
    folder, _ = exported
    said: list[str] = []
    analyse_table(folder / "lung.csv", folder / "lung.toml", folder / "results", said.append)
    assert [s for s in said if "skipped" in s] == [
        f"{s}: up to date, skipped" for s in ("events", "analysis", "report")
    ]
    plan = (folder / "lung.toml").read_text()
    (folder / "other.toml").write_text(plan.replace('time = "day"', 'time = "date"'))
    said.clear()
    with closing(open_results(folder / "other.toml", folder / "results", said.append)) as results:
        make_events(results, folder / "lung.csv")
    assert "events: running (events.time: day → date)" in said


def test_the_guessed_plan_of_an_event_table_of_ours_fits_it(tmp_path, capsys, monkeypatch):
    """Covariates that do not vary within an outcome are not proposed for it, nor taken by default."""
    rows = ["run,fact_id,outcome,start,stop,event,split,x"]
    for i in range(40):
        split = "trained" if i % 4 < 2 else "withheld"
        outcome = ("gain" if i % 4 < 2 else "late gain") if i < 30 else "loss"
        rows.append(f"seed-{i % 2},f{i},{outcome},0,{1 + i % 5},{int(i % 3 > 0)},{split},{i % 7}")
    (tmp_path / "ours.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    run(["init", "ours", "--events", "ours.csv"], capsys)
    plan = (tmp_path / "ours.toml").read_text()
    assert '"gain" = ["x"]' in plan and '"late gain" = ["x"]' in plan and '"loss" = ["split", "x"]' in plan
    assert "loss: 6 events, 10 at risk" in run(["analyze", "ours.csv", "--plan", "ours.toml", "--check"], capsys)
    events = read_own_table(tmp_path / "ours.csv", OwnColumns(id="fact_id"), {}).events
    told = own_plan(OwnAnalysisSpec(covariates={"gain": []}), events)
    assert told["covariates"] == {"gain": [], "late gain": ["x"], "loss": ["split", "x"]}
    assert told["random"] == ["run"] and told["curves_by"]["loss"] == ["split"]


def test_the_guessed_plan_fits_a_table_whose_column_is_called_event(tmp_path, capsys, monkeypatch):
    """outcome = "event" names what happens, although a column has that name too; a seed is no category."""
    rows = ["id;stop;event;seed;x"] + [f"f{i};{1 + i % 5};{int(i % 3 > 0)};{1 + i % 3};{i % 7},5" for i in range(40)]
    (tmp_path / "plain.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    said = run(["init", "plain", "--events", "plain.csv"], capsys)
    assert "the columns are separated by ';'" in said and "numbers have decimal commas (x)" in said
    assert "seed" not in (tmp_path / "plain.toml").read_text()
    assert "event: 26 events, 40 at risk" in run(["analyze", "plain.csv", "--plan", "plain.toml", "--check"], capsys)
    rows = ["id,left,right,x"] + [f"f{i},{i % 5},{'Inf' if i % 3 == 0 else 5},{i % 7}" for i in range(1, 40)]
    (tmp_path / "never.csv").write_text("\n".join(rows) + "\n")
    run(["init", "never", "--events", "never.csv"], capsys)  # id, left and right alone
    assert '"?"' not in (tmp_path / "never.toml").read_text()
    assert "followed for no time at all in rows 15 and 30" in run(
        ["analyze", "never.csv", "--plan", "never.toml", "--check"], capsys, 2
    )


def test_a_formula_takes_columns_by_the_names_of_the_table(tmp_path, capsys, monkeypatch):
    model = '[[analysis.model]]\nname = "m"\nkind = "frailty"\noutcome = "loss"\nformula = "x + (1 | {})"\n'
    head = '[study]\nname = "t"\n[events]\nid = "item"\nstart = "stop0"\noutcome = "loss"\n'
    rows = ["item,stop0,stop,event,x"] + [f"f{i // 2},{i % 2},{1 + i % 2},{i % 2},{i % 7}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.toml").write_text(head + model.format("item"))
    assert "nothing is wrong" in run(["analyze", "t.csv", "--plan", "t.toml", "--check"], capsys)
    (tmp_path / "t.toml").write_text(head + model.format("itm"))
    assert 'formula: there is no column "itm"; the nearest is "item"' in run(
        ["analyze", "t.csv", "--plan", "t.toml", "--check"], capsys, 2
    )
    (tmp_path / "t.toml").write_text(head + model.format("item") + 'events = "all"\n')
    assert "set events.repeated = true" in run(["analyze", "t.csv", "--plan", "t.toml", "--check"], capsys, 2)


@pytest.mark.parametrize(
    "formula", ["x + (1 | family)", "x + strata(family)", "x + (1 | kind/family)", "x + (1|`family`)"]
)
def test_a_formula_groups_by_a_column_of_many_values(tmp_path, formula):
    rows = ["id,stop,event,x,kind,family"] + [
        f"f{i},{1 + i * 7 % 10},{int(i % 5 > 0)},{i * i % 3},k{i % 2},fam{i % 45}" for i in range(180)
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    kind = "frailty" if "|" in formula else "cox"
    model = f"[[analysis.model]]\nname = 'm'\nkind = '{kind}'\noutcome = 'loss'\nformula = '{formula}'\n"
    (tmp_path / "t.toml").write_text("[study]\nname = 't'\n[events]\noutcome = 'loss'\n" + model)
    said = "\n".join(check_table(tmp_path / "t.csv", tmp_path / "t.toml"))
    assert "covariates: x, kind" in said and "family" not in said.split("covariates:")[0]
    plain = read_own_table(tmp_path / "t.csv", OwnColumns(outcome="loss"), {})
    spec = OwnAnalysisSpec(model=[{"name": "m", "kind": kind, "outcome": "loss", "formula": formula}])
    asked = read_own_table(tmp_path / "t.csv", OwnColumns(outcome="loss"), spec.asked())
    assert "family" not in plain.events.column_names  # 45 levels are too many to explain, and nobody groups by them
    assert len(asked.events["family"].combine_chunks().dictionary) == 45 and asked.covariates == plain.covariates


def run(arguments, capsys, status=0):
    try:
        command.main(arguments)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    out = capsys.readouterr()
    assert code == status, out
    return out.out + out.err


def test_without_a_plan_one_is_shown_and_init_writes_it(exported, capsys, monkeypatch):
    folder, _ = exported
    monkeypatch.chdir(folder)
    said = run(["analyze", "lung.csv"], capsys, 2)
    assert "a table needs a plan" in said and "event_is = 2" in said and '# categories = ["ph.ecog"]' in said
    assert "wrote mine.toml" in run(["init", "mine", "--events", "lung.csv"], capsys)
    assert (folder / "mine.toml").read_text() in said.replace('"lung"', '"mine"')
    said = run(["analyze", "lung.csv", "--plan", "mine.toml", "--check"], capsys)
    assert "lung.csv: 228 rows, nothing is wrong" in said and "event: 165 events, 228 at risk" in said
    assert not (folder / "results" / "mine").exists()
    assert "it takes one table" in run(["init", "x"], capsys, 2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"death"\n', '"death"\nevnt = "x"\n', "events.evnt: unknown key; the nearest known one is event"),
        ("standardise", 'time = "day"\nstandardise', "the unit of time has its name under [events]"),
        (
            "standardise",
            'strata = ["ag"]\nstandardise',
            'analysis.strata: there is no column "ag"; the nearest is "age"',
        ),
        ("death = [", "deth = [", 'analysis.covariates: there is no outcome "deth"; the nearest is "death"'),
        ('"ph.ecog"', '"ph.eco"', 'analysis.covariates.death: there is no column "ph.eco"'),
        ("event_is = 2", "event_is = 1.5", "no row has event_is = 1.5; it holds 1, 2"),
        (
            "event_is = 2",
            'event_is = 2\nfrom = "sex"',
            "from and to name the states before and after: both, or neither",
        ),
        (
            "event_is = 2",
            "event_is = 2\nrepeat = true",
            "events.repeat: unknown key; the nearest known one is repeated",
        ),
        (
            "standardise = false",
            'standardise = false\n[[analysis.model]]\nname = "x"\n'
            'kind = "multi-state"\noutcome = "death"\nformula = "sex"',
            "whose plan names their columns under [events]: from and to",
        ),
        ('name = "lung"', 'name = "lu ng"', "study.name"),
    ],
)
def test_a_plan_that_does_not_fit(exported, tmp_path, old, new, message):
    folder, _ = exported
    plan = (folder / "lung.toml").read_text()
    assert old in plan
    (tmp_path / "plan.toml").write_text(plan.replace(old, new))
    with pytest.raises(InputError) as caught:
        check_table(folder / "lung.csv", tmp_path / "plan.toml")
    assert message in str(caught.value)


def test_a_study_and_a_table_do_not_share_a_folder(exported, analysed, tmp_path, capsys):
    folder, _ = exported
    (tmp_path / "lung.toml").write_text('[study]\nname = "lung"\n')
    said = run(["analyze", str(tmp_path / "lung.toml"), "--results", str(folder / "results")], capsys, 2)
    assert "holds the analysis of a table" in said
    results = tmp_path / "results" / "lung"
    results.mkdir(parents=True)
    (results / "manifest.json").write_text(json.dumps({"schema": 1, "artefacts": {}, "steps": {"facts": {"key": {}}}}))
    with pytest.raises(InputError, match="training runs"):
        analyse_table(folder / "lung.csv", folder / "lung.toml", tmp_path / "results")
    assert sorted(os.listdir(results)) == [".lock", "manifest.json"]
    said = run(["analyze", "tiny-world", "--check"], capsys, 2)
    assert "--plan and --check are for tables" in said
    assert pa.types.is_boolean(read_table(folder / "results/lung/events.arrow")["event"].type)


def test_a_table_of_observations_is_planned_analysed_and_reported(tmp_path, capsys, monkeypatch):
    rows = ["question,tokens,acc,frequency"]
    for i in range(60):
        rows += [f"q{i},{s}e9,{int((s > i % 7) != (i % 10 == 0))},{i % 7 + i / 100}" for s in (0, 1, 2, 4, 8)]
    (tmp_path / "seen.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    assert "wrote mine.toml" in run(["init", "mine", "--observations", "seen.csv"], capsys)
    plan = (tmp_path / "mine.toml").read_text()
    assert 'correct = "acc"' in plan and 'time = "token"' in plan and 'acquisition = ["frequency"]' in plan
    said = run(["analyze", "seen.csv", "--plan", "mine.toml"], capsys)
    page = (tmp_path / "results/mine/report.html").read_text("utf-8")
    assert "report: " in said and faults(page, ["mine"]) + remarks(page) == []
    assert "came to be right" in section(page, "acquisition") and "tokens" in section(page, "acquisition")
    assert "of what was right and what was wrong of 60 facts" in section(page, "summary")
    assert "of the observed facts it went from" in section(page, "recall") and 'id="baseline"' not in page
    counts = read_table(tmp_path / "results/mine/event_counts.arrow").to_pylist()
    assert [(c["outcome"], c["rule"], c["at_risk"]) for c in counts[:2]] == [
        ("acquisition", "first", 54), ("acquisition", "sustained2", 54),
    ]  # fmt: skip
    (tmp_path / "mine.toml").write_text(plan + '\n[events]\nid = "question"\n')
    assert "one of them" in run(["analyze", "seen.csv", "--plan", "mine.toml", "--check"], capsys, 2)


def test_logs_of_lm_eval_are_planned_and_checked(tmp_path, capsys, monkeypatch):
    for step in (0, 1000, 3000):
        folder = tmp_path / "out" / f"model__step{step}"
        folder.mkdir(parents=True)
        lines = [
            {"doc_id": d, "doc": {"popularity": d % 7 + d / 100}, "target": "x", "filter": "none", "metrics": ["acc"],
             "resps": [[[str(-5 + step / 1000), str(step > 300 * (d % 7))]]]}
            for d in range(40)
        ]  # fmt: skip
        (folder / "samples_codes_2026-11-28T02-46-24.2.jsonl").write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.chdir(tmp_path)
    said = run(["init", "logs", "--lm-eval", *map(str, sorted((tmp_path / "out").rglob("*.jsonl")))], capsys)
    assert "wrote logs.toml and logs.arrow" in said and 'acquisition = ["popularity"' in Path("logs.toml").read_text()
    assert "acquisition by the rule first: 40 events, 40 at risk" in run(
        ["analyze", "logs.arrow", "--plan", "logs.toml", "--check"], capsys
    )
    assert "exists already" in run(["init", "logs", "--lm-eval", "out"], capsys, 2)
    Path("empty").mkdir()
    assert "the folder holds no log" in run(["init", "none", "--lm-eval", "empty"], capsys, 2)
    assert not Path("none.arrow").exists()
