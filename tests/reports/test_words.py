"""The R functions that format values: their R test file, run by real R."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def test_words(environment):
    done = subprocess.run(
        ["Rscript", "--vanilla", str(HERE / "test_words.R"), str(HERE.parents[1] / "reports" / "R")],
        capture_output=True, text=True, env={**os.environ, **environment, "LC_CTYPE": "C.UTF-8"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all as expected" in done.stdout
