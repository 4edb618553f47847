"""Real R, knitr and pandoc; results folders made once; never Quarto, whose absence is what is tested here."""

import os
import shutil
from pathlib import Path

import pytest

from factsurv.reports.render import render
from tests.reports.make_results import make_results

LIBRARY = Path(__file__).parents[2] / ".r" / "library"


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
