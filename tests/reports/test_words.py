"""The R functions that format values and draw figures: their R test files, run by real R."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


SCRIPTS = ("test_words.R", "test_figures.R", "test_findings.R", "test_pools.R", "test_ranks.R")


@pytest.mark.parametrize("script", SCRIPTS)
def test_in_r(environment, script):
    done = subprocess.run(
        ["Rscript", "--vanilla", str(HERE / script), str(HERE.parents[1] / "reports" / "R")],
        capture_output=True, text=True, env={**os.environ, **environment, "LC_CTYPE": "C.UTF-8"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all as expected" in done.stdout
