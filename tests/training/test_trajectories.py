"""Every step's loss against committed trajectories: near at each step, and without drift over all of them."""

import json

import numpy as np
import pytest

from tests.training.trajectories.make import CASES, HERE, losses

# Kernels of other processors and library versions sum in another order. Over 24 steps that stays far below
# a thousandth; a wrong learning rate or a lost gradient does not.
NEAR = 1e-3
# Rounding errs to both sides: over a whole trajectory it nearly cancels. A bias does not.
DRIFT = 1e-4


def committed(case):
    return np.array(json.loads((HERE / f"{case}.json").read_text())["losses"])


@pytest.mark.parametrize("case", list(CASES))
def test_trajectory(case, tokenizer):
    assert json.loads((HERE / f"{case}.json").read_text())["tuning"] == CASES[case]
    now, then = np.array(losses(case, tokenizer)), committed(case)
    assert now.shape == then.shape == (24,)
    off = now / then - 1
    assert np.abs(off).max() < NEAR, off
    assert abs(off.mean()) < DRIFT, f"the whole trajectory has moved by {off.mean():.2g}"
    half = len(off) // 2
    assert np.abs(off[half:]).mean() < DRIFT + 3 * np.abs(off[:half]).mean(), "it moves further away step by step"


def test_accumulating_and_recomputing_change_nothing_but_rounding():
    np.testing.assert_allclose(committed("accumulate"), committed("lora"), rtol=1e-4)
    np.testing.assert_allclose(committed("recompute"), committed("full"), rtol=1e-4)


def test_the_cases_differ():
    """Otherwise a setting that is ignored would pass."""
    last = [committed(c)[-1] for c in ("lora", "lora-dropout", "dora", "full")]
    assert len(set(np.round(last, 3))) == 4


def test_the_checks_can_fail(tokenizer, monkeypatch):
    """One percent more learning rate is found."""
    monkeypatch.setitem(CASES, "full", CASES["full"] | {"learning_rate": 3.03e-3})
    off = np.array(losses("full", tokenizer)) / committed("full") - 1
    assert np.abs(off).max() > NEAR or abs(off.mean()) > DRIFT
