"""Real R, knitr and pandoc; results folders made once. Without Quarto, unless FACTSURV_TEST_QUARTO=1 asks for it.

FACTSURV_TEST_QUARTO=1 python -m pytest tests/reports    # the same tests of the same pages, made by Quarto
"""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from factsurv.reports.render import render
from tests.reports.make_results import disguise, make_results
from tests.shared import made_once

QUARTO = os.environ.get("FACTSURV_TEST_QUARTO") == "1"
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
    """R with the project's packages, and a PATH without Quarto, or with it if it is asked for."""
    for program in ("Rscript", "pandoc", *["quarto"] * QUARTO):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    path = [p for p in os.environ["PATH"].split(os.pathsep) if QUARTO or not (Path(p) / "quarto").exists()]
    given = {"PATH": os.pathsep.join(path)}
    return given | ({"R_LIBS": str(LIBRARY)} if LIBRARY.is_dir() else {})


OWN_SECTION = """## Of one relation {#own-part}

```{r}
#| label: fig-own
#| fig-cap: "Acquisition of one relation."
#| fig-alt: "Step curves of the cumulative incidence of acquisition in one relation, by latent knowledge."
relation_shown <- levels(results$events$relation)[1]
shown <- subset(results$events, relation == relation_shown)
plot_incidence(shown, by = "latent", outcome = "acquisition")
```

Rows shown: `r nrow(shown)`.
"""


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    def make(folder):
        make_results(folder)
        (folder / "my-section.qmd").write_text(OWN_SECTION)

    return made_once(tmp_path_factory, "results", make)


@pytest.fixture(scope="session")
def rendered(results, environment, tmp_path_factory):
    def make(folder):
        done = render(results, folder / "report.html", r_environment=environment)
        (folder / "rendered").write_bytes(pickle.dumps(done))

    return pickle.loads((made_once(tmp_path_factory, "report", make) / "rendered").read_bytes())


@pytest.fixture(scope="session")
def page(rendered):
    return rendered.path.read_text("utf-8")


@pytest.fixture(scope="session")
def disguised(environment, tmp_path_factory):
    """The folder of another study, with its report: its numbers are others, and every name looks like markup."""

    def make(folder):
        disguise(make_results(folder / "study", seed=8, facts=120), MARKUP)
        path = folder / "study" / "study.json"
        study = json.loads(path.read_text())
        study["study"]["title"] = "# `r 1+1` {{< x >}} @fig-title <script>"
        study["report"] = {"author": RTL, "note": f"::: {{.callout-note}} {CONTROL}"}
        path.write_text(json.dumps(study))
        render(folder / "study", r_environment=environment)

    return made_once(tmp_path_factory, "disguised", make) / "study"
