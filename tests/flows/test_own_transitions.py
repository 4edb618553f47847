"""Repeated, competing and multi-state events of survival's own data sets, against survival called directly."""

import json
import subprocess
from pathlib import Path

import pytest

from factsurv.events.files import read_table
from factsurv.flows.own_events import analyse_table
from factsurv.reports.page import faults, remarks
from factsurv.stats.r_home import find_r
from tests.reports.reading import Images, section, text_of

# What R exports, our plan, and what survival says: a named list of matrices, coefficient and standard error
# (robust where an id has several rows). In years: the grouped-time check, which has a coefficient for each time of an
# event, would take minutes over hundreds of months.
CASES = {
    "bladder": (
        "survival::bladder2[names(survival::bladder2) != 'enum']",
        """
        [events]
        outcome = "recurrence"
        time = "month"
        repeated = true
        [analysis]
        standardise = false
        [analysis.covariates]
        recurrence = ["rx", "size", "number"]
        [analysis.curves_by]
        recurrence = []
        [[analysis.model]]
        name = "sizes"
        kind = "andersen-gill"
        outcome = "recurrence"
        formula = "rx + log(size)"
        [[analysis.model]]
        name = "each"
        outcome = "recurrence"
        formula = "rx + size + number"
        events = "all"
        [[analysis.model]]
        name = "frail"
        kind = "frailty"
        engine = "gaussian"
        outcome = "recurrence"
        formula = "rx + size + (1 | id)"
        events = "all"
        """,
        """
        b <- survival::bladder2
        list(ag = told(coxph(Surv(start, stop, event) ~ rx + size + number, b, cluster = id)),
             total = told(coxph(Surv(start, stop, event) ~ rx + size + number + strata(enum), b, cluster = id)),
             gap = told(coxph(Surv(stop - start, event) ~ rx + size + number + strata(enum), b, cluster = id)),
             frail = told(coxph(Surv(start, stop, event) ~ rx + size + frailty(id, distribution = "gaussian"), b)),
             sizes = told(coxph(Surv(start, stop, event) ~ rx + log(size), b, cluster = id)),
             first = told(coxph(Surv(start, stop, event) ~ rx + size + number, subset(b, enum == 1))))
        """,
    ),
    "mgus": (
        """with(subset(survival::mgus2, id <= 800), data.frame(
             id, age, sex, mspike, years = ceiling(ifelse(pstat == 1, ptime, futime) / 12),
             status = ifelse(pstat == 1, 'pcm', ifelse(death == 1, 'death', 'alive'))))""",
        """
        [events]
        stop = "years"
        event = "status"
        event_is = ["pcm", "death"]
        cause = "status"
        outcome = "end"
        time = "year"
        [analysis]
        standardise = false
        [analysis.covariates]
        end = ["age", "sex", "mspike"]
        [analysis.curves_by]
        end = ["sex"]
        [[analysis.model]]
        name = "age-alone"
        kind = "competing-risks"
        outcome = "end"
        formula = "age"
        """,
        """
        d$what <- factor(d$status, c("alive", "pcm", "death"))
        cause <- function(w) told(coxph(Surv(years, status == w) ~ age + sex + mspike, d))
        share <- function(w) {
          whole <- d[complete.cases(d), ]
          fg <- finegray(Surv(years, what) ~ age + sex + mspike + id, whole, etype = w)
          told(coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex + mspike, fg, weights = fgwt, cluster = id))
        }
        list(pcm = cause("pcm"), death = cause("death"), pcm_share = share("pcm"), death_share = share("death"),
             first = told(coxph(Surv(years, status != "alive") ~ age + sex + mspike, d)),
             age = told(coxph(Surv(years, status == "pcm") ~ age, d)))
        """,
    ),
    "states": (
        """local({ m <- transform(survival::mgus2, ptime = ceiling(ptime / 12), futime = ceiling(futime / 12))
             m <- subset(m, futime > 0 & (pstat == 0 | futime > ptime))
             one <- with(m, data.frame(id, age, start = 0, stop = ifelse(pstat == 1, ptime, futime), from = "mgus",
                                       to = ifelse(pstat == 1, "pcm", "dead"), event = pstat == 1 | death == 1))
             two <- with(subset(m, pstat == 1), data.frame(id, age, start = ptime, stop = futime, from = "pcm",
                                                           to = "dead", event = death == 1))
             rbind(one, two) })""",
        """
        [events]
        from = "from"
        to = "to"
        outcome = "change"
        time = "year"
        [analysis]
        standardise = false
        [analysis.covariates]
        change = ["age"]
        [analysis.curves_by]
        change = []
        [[analysis.model]]
        name = "states"
        kind = "multi-state"
        outcome = "change"
        formula = "age"
        """,
        """
        of <- function(f, t) told(coxph(Surv(start, stop, event & to == t) ~ age, subset(d, from == f)))
        list(mgus_pcm = of("mgus", "pcm"), mgus_dead = of("mgus", "dead"), pcm_dead = of("pcm", "dead"),
             first = told(coxph(Surv(start, stop, event) ~ age, subset(d, from == "mgus"))))
        """,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """Results folder, what survival says of each data set, and what was said."""
    folder = tmp_path_factory.mktemp("several")
    truth, said = {}, {}
    for name, (data, plan, fits) in CASES.items():
        script = f"""
            library(survival); d <- {data}; write.csv(d, "{name}.csv", row.names = FALSE)
            told <- function(f) unname(cbind(coef(f), sqrt(diag(vcov(f)))))
            cat(jsonlite::toJSON(local({{{fits}}}), digits = NA))"""
        r = find_r()
        ran = subprocess.run(
            [str(r.rscript), "--vanilla", "-e", script], cwd=folder, env=r.environment(), capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        truth[name] = json.loads(ran.stdout)
        lines = "\n".join(line.strip() for line in plan.splitlines())
        (folder / f"{name}.toml").write_text(f'[study]\nname = "{name}"\ntitle = "{name.title()} of R"\n{lines}')
        said[name] = []
        analyse_table(folder / f"{name}.csv", folder / f"{name}.toml", folder / "results", said[name].append)
    return folder / "results", truth, said


def table(folder: Path, name: str, **of: str) -> list[dict]:
    rows = read_table(folder / "analysis" / f"{name}.arrow").to_pylist()
    return [r for r in rows if all(r[key] == value for key, value in of.items())]


def same(rows, expected):
    """The same maximum of the same likelihood, by Newton's method from the same start: rounding apart, equal."""
    ours = [(r["estimate"], r["se"] if r["se_robust"] is None else r["se_robust"]) for r in rows]
    assert len(ours) == len(expected)
    for (estimate, se), one in zip(ours, expected, strict=True):
        assert (estimate, se) == pytest.approx(tuple(one), rel=1e-6)


def test_repeated_events_are_those_of_coxph(analysed):
    folder, truth = analysed[0] / "bladder", analysed[1]["bladder"]
    start = "recurrence/as given"
    tasks = {
        "ag": "andersen-gill",
        "total": "pwp/total",
        "gap": "pwp/gap",
        "sizes": "andersen-gill/sizes",
        "first": "cox",
        "frail": "frailty/frail",
    }
    for what, task in tasks.items():
        same(table(folder, "coefficients", task=f"{start}/{task}"), truth[what])
    same(table(folder, "coefficients", task=f"{start}/cox/each"), truth["ag"])
    titles = {f["task"]: f["title"] for f in table(folder, "fits")}
    assert "Cox model of every event of rx + size" in titles[f"{start}/frailty/frail"]
    rows = read_table(folder / "transitions.arrow")
    assert rows.num_rows == 178 and rows["enum"].to_pylist().count(1) == read_table(folder / "events.arrow").num_rows
    assert any("the event repeats: models of one event take the first" in line for line in analysed[2]["bladder"])


def test_competing_causes_are_those_of_survival(analysed):
    folder, truth = analysed[0] / "mgus", analysed[1]["mgus"]
    task = "end/as given/competing-risks"
    for cause in ("pcm", "death"):
        rows = table(folder, "transition_coefficients", task=task, to=cause, method="cause-specific")
        same(rows, truth[cause])
        rows = table(folder, "transition_coefficients", task=task, to=cause, method="subdistribution")
        same(rows, truth[f"{cause}_share"])
    same(table(folder, "coefficients", task="end/as given/cox"), truth["first"])
    named = table(folder, "transition_coefficients", task=f"{task}/age-alone", to="pcm", method="cause-specific")
    same(named, truth["age"])


def test_states_of_a_table_are_those_of_survival(analysed):
    folder, truth = analysed[0] / "states", analysed[1]["states"]
    for task in ("change/as given/multi-state", "change/as given/multi-state/states"):
        for pair in ("mgus_pcm", "mgus_dead", "pcm_dead"):
            before, after = pair.split("_")
            same(table(folder, "transition_coefficients", task=task, **{"from": before, "to": after}), truth[pair])
    same(table(folder, "coefficients", task="change/as given/cox"), truth["first"])


@pytest.mark.parametrize(
    ("name", "part", "words"),
    [
        ("bladder", "recurrence", ("More than one event of a fact", "47 of 85 facts had at least", "PWP, time since")),
        ("mgus", "end", ("Where facts end up", "What drives each cause?", "To death: rate", "To pcm: share")),
        ("states", "change", ("What drives each change?", "Pcm → dead", "Mgus → pcm")),
    ],
)  # fmt: skip
def test_the_report_has_its_part(analysed, name, part, words):
    folder = analysed[0] / name
    assert not [f["task"] for f in table(folder, "fits") if f["status"] == "failed"]
    page = (folder / "report.html").read_text("utf-8")
    assert faults(page, [f"{name.title()} of R"]) + remarks(page) == []
    for word in words:
        assert word in section(page, part), word
    assert "models of one event" in section(page, "events")
    said = text_of(page)
    assert " NA " not in said and "NaN" not in said and "forgotten" not in section(page, part)
    assert all(image.get("alt") for image in Images(page).found)
