"""Every step's loss against committed trajectories: near at each step, and without drift over all of them."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.trajectories.make import CASES, HERE, losses

# Kernels of other processors sum in another order. With those for processors without vector instructions (tested
# below), with AVX2 and with AVX-512, a step's loss differed by at most 2.3e-7 of itself; 40 times that is left for
# other libraries and makes of processor. A tenth of a percent more learning rate is beyond it.
NEAR = 1e-5
# Rounding errs to both sides: over a whole trajectory it nearly cancels (at most 2e-8). A bias does not.
DRIFT = 1e-6


def committed(case):
    return np.array(json.loads((HERE / f"{case}.json").read_text())["losses"])


def assert_near(now, case):
    now, then = np.array(now), committed(case)
    assert now.shape == then.shape == (24,)
    off = now / then - 1
    assert np.abs(off).max() < NEAR, off
    assert abs(off.mean()) < DRIFT, f"the whole trajectory has moved by {off.mean():.2g}"
    half = len(off) // 2
    assert np.abs(off[half:]).mean() < DRIFT + 3 * np.abs(off[:half]).mean(), "it moves further away step by step"


@pytest.mark.parametrize("case", list(CASES))
def test_trajectory(case, tokenizer):
    assert json.loads((HERE / f"{case}.json").read_text())["tuning"] == CASES[case]
    assert_near(losses(case, tokenizer), case)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="kernels are chosen by these variables on x86-64 only")
def test_another_processors_kernels_stay_within_the_limits():
    """As on a processor without vector instructions: the farthest from all others that there is."""
    chosen = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
    code = "import json; from tests.training.trajectories.make import shown; print(json.dumps(shown()))"
    root = Path(__file__).parents[2]
    environment = os.environ | chosen | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kernels"] == "DEFAULT"
    for case, found in told["losses"].items():
        assert_near(found, case)


def test_accumulating_and_recomputing_change_nothing_but_rounding():
    np.testing.assert_allclose(committed("accumulate"), committed("lora"), rtol=1e-4)
    np.testing.assert_allclose(committed("recompute"), committed("full"), rtol=1e-4)


def test_the_cases_differ():
    """Otherwise a setting that is ignored would pass."""
    last = [committed(c)[-1] for c in ("lora", "lora-dropout", "dora", "full")]
    assert len(set(np.round(last, 3))) == 4


def test_the_checks_can_fail(tokenizer, monkeypatch):
    """A tenth of a percent more learning rate is found."""
    monkeypatch.setitem(CASES, "full", CASES["full"] | {"learning_rate": 3.003e-3})
    off = np.array(losses("full", tokenizer)) / committed("full") - 1
    assert np.abs(off).max() > NEAR or abs(off.mean()) > DRIFT
