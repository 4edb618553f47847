"""A fit is done again when its data, arguments, code or packages are others, and only then; with real R."""

import shutil

import pyarrow.compute as pc
import pytest

from factsurv.events.files import write_table
from factsurv.events.schema import ANALYSIS
from factsurv.stats import analyse as module
from factsurv.stats.analyse import analyse
from factsurv.stats.bridge import R_FOLDER
from factsurv.stats.kept_fits import Earlier, changed, without_result
from factsurv.stats.plan import AnalysisModel, AnalysisSpec, plan
from tests.stats.test_models import events_table


def asked(*models):
    spec = AnalysisSpec(
        outcomes=["acquisition"],
        rules=["first"],
        covariates={"acquisition": ["latent"]},
        curves_by={"acquisition": ["latent"]},
        random=[],
        states=False,
        model=[AnalysisModel(outcome="acquisition", **m) for m in models],
    )
    told = plan(spec, [], 1)
    return told | {"history": False, "states": None}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of the R files, a table, and the analysis of it."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copytree(R_FOLDER, folder / "R")
    write_table(folder / "events.arrow", events_table())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "R_FOLDER", folder / "R")
        done = analyse({"events": folder / "events.arrow"}, asked(), say=lambda line: None)
        yield folder, done


@pytest.fixture
def again(place):
    """Analyse once more, as the next command would: what was done, and everything else as it was."""
    folder, first = place

    def once_more(*models, earlier=first, limit=600.0):
        said = []
        paths = {"events": folder / "events.arrow"}
        done = analyse(paths, asked(*models), limit, said.append, earlier=Earlier(earlier.keys, earlier.tables))
        if not done.keys:
            return done, said, None
        fitted = set(changed(earlier.keys, done.keys))
        assert said[0].startswith(f"analysis: {len(fitted)} of {len(tasks(done))} fits to do")
        assert all(row(done, t)["seconds"] == row(earlier, t)["seconds"] for t in set(tasks(done)) - fitted)
        return done, said, fitted

    return once_more


@pytest.fixture
def edited(place):
    """Edit an R file; it is as it was at the end."""
    folder, _ = place
    before = {}

    def edit(file, old, new):
        path = folder / "R" / file
        text = path.read_text("utf-8")
        before.setdefault(path, text)
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), "utf-8")

    yield edit
    for path, text in before.items():
        path.write_text(text, "utf-8")


def tasks(done):
    return done.tables["fits"]["task"].to_pylist()


def row(done, task):
    return next(r for r in done.tables["fits"].to_pylist() if r["task"] == task)


def test_nothing_changed_nothing_is_done_and_the_tables_are_the_same(place, again, edited):
    _, first = place
    edited("score_test.R", "# No iterations:", "# No, none, iterations:")  # a comment is no code
    done, said, fitted = again()
    assert fitted == set() and said == [f"analysis: 0 of {len(tasks(first))} fits to do, {len(tasks(first))} kept"]
    for name in ANALYSIS:
        assert done.tables[name].equals(first.tables[name], check_metadata=True), name


def test_one_more_model_is_fitted_alone(place, again):
    _, first = place
    done, said, fitted = again({"name": "mine", "formula": "logp0"})
    assert fitted == {"acquisition/first/cox/mine"}
    assert said[1] == "analysis: acquisition/first/cox/mine: new"
    kept = done.tables["coefficients"].filter(
        pc.not_equal(done.tables["coefficients"]["task"].cast("string"), "acquisition/first/cox/mine")
    )
    assert kept.to_pylist() == first.tables["coefficients"].to_pylist()
    other, _, fitted = again({"name": "mine", "formula": "logp0 + latent"}, earlier=done)
    assert fitted == {"acquisition/first/cox/mine"}
    assert len(other.tables["coefficients"]) == len(done.tables["coefficients"]) + 1


def test_code_that_one_fit_reaches_that_all_do_and_a_constant(place, again, edited):
    _, first = place
    edited("score_test.R", 'paste("score test,"', 'paste("score test, edited,"')
    done, said, fitted = again()
    assert fitted == {"acquisition/first/score/latent"} and "score_test() changed" in said[1]
    assert "edited" in row(done, "acquisition/first/score/latent")["messages"]

    edited("late_entry.R", "followed_stretch <- function", "least_followed <- 10L\nfollowed_stretch <- function")
    edited("late_entry.R", "enough = 10L", "enough = least_followed")
    done, _, curves = again(earlier=done)
    assert curves == {t for t in tasks(first) if t.split("/")[2] in ("km", "rmst", "turnbull")}
    edited("late_entry.R", "least_followed <- 10L", "least_followed <- 9L")  # the constant alone
    done, said, fitted = again(earlier=done)
    assert fitted == curves and "least_followed() changed" in said[1]

    edited("run_fit.R", '"Unknown model"', '"No known model"')
    _, said, fitted = again(earlier=done)
    assert fitted == set(tasks(first)) and "task_title() changed" in said[1]


def test_other_data_another_version_or_other_files_around_r(place, again):
    folder, first = place
    everything = set(tasks(first))
    older = {t: k | {"packages": k["packages"] | {"R": "2.0"}} for t, k in first.keys["fits"].items()}
    why = changed({**first.keys, "fits": older}, first.keys)
    assert set(why) == everything and all(reason.startswith("R 2.0 → ") for reason in why.values())
    other = {**first.keys, "around": first.keys["around"] | {"stats/worker.R": "0" * 64}}
    assert changed(other, first.keys) == dict.fromkeys(tasks(first), "stats/worker.R changed")
    write_table(folder / "events.arrow", events_table(58))
    done, said, fitted = again()
    write_table(folder / "events.arrow", events_table())
    assert fitted == everything and said[1].endswith(": other data")
    assert {r["facts"] for r in done.tables["fits"].to_pylist()} == {58}


@pytest.mark.parametrize(
    ("ill", "why"),
    [
        ("tools::pskill(Sys.getpid(), 9L)", "R was ended by signal 9"),
        ("Sys.sleep(600)", "stopped: R had not finished after 10 s"),
        ("numeric(1e15)", "not enough memory"),
    ],
)
def test_what_may_pass_is_tried_again_and_what_is_a_finding_is_not(place, again, edited, ill, why):
    folder, _ = place
    bed = folder / "ill"
    edited("score_test.R", "  groups <- grouped_by", f'  if (file.exists("{bed}")) {ill}\n  groups <- grouped_by')
    bed.touch()
    limit = 10.0 if "sleep" in ill else 600.0  # which the other fits must not reach, however busy the machine is
    done, _, _ = again({"name": "none", "formula": "log(logp0)"}, limit=limit)
    bed.unlink()
    assert list(done.unfinished) == ["acquisition/first/score/latent"]
    assert done.unfinished["acquisition/first/score/latent"].startswith(why)
    assert row(done, "acquisition/first/cox/none")["status"] == "failed"  # no logarithm of what is below 0: a finding
    lines = without_result(done.tables["fits"])
    none = [r["task"] for r in done.tables["fits"].to_pylist() if r["status"] in ("failed", "not estimable")]
    assert len(lines) == 1 and lines[0].startswith(f"acquisition: {len(none)} of ")
    well, said, fitted = again({"name": "none", "formula": "log(logp0)"}, earlier=done)
    assert fitted == {"acquisition/first/score/latent"} and f"had no result ({why}" in said[1]
    assert row(well, "acquisition/first/score/latent")["status"] == "ok" and not well.unfinished


def test_what_is_edited_while_it_runs_is_not_kept(place, again, edited, monkeypatch):
    real = module._tables_of

    def meanwhile(task, result):
        if "/score/" in task["id"]:
            edited("score_test.R", 'paste("score test,"', 'paste("score test, edited late,"')
        return real(task, result)

    monkeypatch.setattr(module, "_tables_of", meanwhile)
    edited("score_test.R", "df <- nlevels(groups$value) - 1L", "df <- nlevels(groups$value) - 1")
    done, said, _ = again()
    assert done.keys == {} and "next time all of them are done again" in said[-1]
