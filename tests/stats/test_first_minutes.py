"""What docs/statistics.md tells a statistician to type works with a study's R packages alone, word by word."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from factsurv.events.files import read_table, write_table
from factsurv.stats.analyse import analyse
from factsurv.stats.plan import AnalysisSpec, plan
from factsurv.stats.r_home import find_r
from tests.reports.make_results import make_results

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "statistics.md").read_text("utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project's folder with finished results of the default study's shape, and no packages of the tests."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "stats", folder / "stats", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    shutil.copy(ROOT / ".Rprofile", folder)
    if (ROOT / ".r" / "library").is_dir():
        (folder / ".r").mkdir()
        (folder / ".r" / "library").symlink_to(ROOT / ".r" / "library")
    results = make_results(folder / "results" / "world-facts")
    events = read_table(results / "events.arrow")
    names = ["popularity" if n == "frequency" else n for n in events.column_names]
    events = events.rename_columns(names)
    # Standardised, as that of the facts about the world: half of it lies below zero.
    at = names.index("popularity")
    values = events["popularity"]
    scaled = pc.divide(pc.subtract(values, pc.mean(values)), pc.stddev(values))
    write_table(results / "events.arrow", events.set_column(at, "popularity", scaled))
    return folder


def rscript(folder, *arguments):
    """As a user starts it: with no library but R's own and what an .Rprofile or the script itself adds."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("R_") and k != "FACTSURV_R_LIBRARY"}
    done = subprocess.run([find_r().rscript, *arguments], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("place", ["stats", "."])
def test_the_first_block_in_a_console(place, project):
    block = re.search(r"```r\n(.*?)```", TEXT, re.DOTALL)[1]
    if place == ".":
        block = block.replace('"load.R"', '"stats/load.R"').replace("../results", "results")
    (project / "typed.R").write_text(block)
    said = rscript(project / place, str(project / "typed.R"))
    assert re.search(r"latentTRUE +-?\d", said) and "popularity" in said


def test_a_fit_prints_and_has_its_figure_in_a_console(project):
    (project / "fit.R").write_text(
        'source("stats/load.R")\n'
        "ready <- analysis_data(simulate_learning(facts = 60, seed = 1), 'acquisition', 'first', 'latent')\n"
        "fit <- cox(ready$data, ready$covariates, terms = ready$terms)\n"
        "fit\nclass(ggplot2::autoplot(fit))\n"
    )
    said = rscript(project, "-e", "source('fit.R', print.eval = TRUE)")  # as RStudio's Source does
    assert said.startswith("Surv(start, stop, event) ~ latent") and "$tables" not in said and "ggplot" in said


def test_the_analysis_from_a_shell(project, tmp_path):
    command = re.search(r"`Rscript (stats/exec/analyse.R) (\S+) plan.json out/`", TEXT)
    (project / "plan.json").write_text(re.search(r'`(\{"outcomes".*?\})`\.', TEXT, re.DOTALL)[1])
    said = rscript(project, command[1], command[2], "plan.json", "out")
    assert re.search(r"acquisition/first/cox +", said) and (project / "out" / "coefficients.csv").is_file()


def test_the_models_of_ones_own(project):
    """Those that read what a table of probes alone has (margin_now, groups below relations) have tests of their own."""
    asked = [m for t in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL) for m in _models(t)]
    readable = [m for m in asked if not re.search(r"_now|relation/group", m["formula"])]
    assert {m["name"] for m in readable} == {"over-time", "in-between"}
    spec = AnalysisSpec(rules=["first"], outcomes=["acquisition"], states=False, model=readable)
    told = plan(spec, ["popularity"], 4) | {"random": []}
    found = analyse({"events": project / "results" / "world-facts" / "events.arrow"}, told, say=lambda _: None).tables
    fits = {r["name"]: r for r in pa.Table.to_pylist(found["fits"]) if r["name"]}
    assert {n: r["status"] in ("ok", "warning") for n, r in fits.items()} == {"over-time": True, "in-between": True}


def _models(text):
    return tomllib.loads(text).get("analysis", {}).get("model", [])
