"""Real R, knitr and pandoc; results folders made once; never Quarto, whose absence is what is tested here."""

import json
import os
import shutil
from pathlib import Path

import pytest

from factsurv.reports.render import render
from tests.reports.make_results import disguise, make_results

LIBRARY = Path(__file__).parents[2] / ".r" / "library"

# What people call things. Each must be on the page letter for letter, and none may do anything there.
MARKUP = {
    "capital": "What is 4?@home",
    "currency": "`r 3+1` $x$ {{<x >}}",
    "calling code": "::: {.x} @fig-nowhere \u202eabc",
    "atomic number": "atomic_number <b>&amp; \\(a)",
    "element symbol": "1. *a*|b~c^ [[a]] #x",
    "lora": 'a_b %\'"q" ![i](j)',
    "frequency": "fre_quency <i>{{< y",
    "own-acquisition": "*own* `model` @tbl-x",
    "epoch": "ep|och*",
}
RTL, CONTROL = "\u05d0\u05d1\u05d2 (abc)", "bell\u0007 and \U0001f600"


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """R with the project's packages, and a PATH without Quarto."""
    for program in ("Rscript", "pandoc"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    path = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "quarto").exists()]
    given = {"PATH": os.pathsep.join(path)}
    return given | ({"R_LIBS": str(LIBRARY)} if LIBRARY.is_dir() else {})


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def rendered(results, environment, tmp_path_factory):
    return render(results, tmp_path_factory.mktemp("report") / "report.html", r_environment=environment)


@pytest.fixture(scope="session")
def page(rendered):
    return rendered.path.read_text("utf-8")


@pytest.fixture(scope="session")
def disguised(environment, tmp_path_factory):
    """The folder of another study, with its report: its numbers are others, and every name looks like markup."""
    folder = make_results(tmp_path_factory.mktemp("markup") / "study", seed=8, facts=120)
    disguise(folder, MARKUP)
    study = json.loads((folder / "study.json").read_text())
    study["study"]["title"] = "# `r 1+1` {{< x >}} @fig-title <script>"
    study["report"] = {"author": RTL, "note": f"::: {{.callout-note}} {CONTROL}"}
    (folder / "study.json").write_text(json.dumps(study))
    render(folder, r_environment=environment)
    return folder
