"""Times that are one but for rounding are one before anything is fitted; what survival would merge is refused."""

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.events.rules import spells
from factsurv.events.times import TOLERANCE, resolution, same_times


def columns(start, stop, **more):
    return {n: np.array(v, dtype=float) for n, v in {"start": start, "stop": stop, **more}.items()}


def test_sums_of_tenths_are_the_tenths():
    tenths, sums = np.arange(1, 60) / 10, np.cumsum(np.full(59, 0.1))
    assert (tenths != sums).sum() > 20
    same = same_times(columns([0, *sums[:-1]], tenths, left=np.r_[np.nan, tenths[1:]], right=np.r_[np.nan, sums[1:]]))
    assert not same.problem and "differ from another by rounding only" in same.note
    assert (same.columns["start"][1:] == same.columns["stop"][:-1]).all()  # spells that touch
    assert (same.columns["left"][1:] == same.columns["right"][1:]).all() and np.isnan(same.columns["right"][0])
    # Each moves by no more than rounding, and what survival sees then is already told apart.
    np.testing.assert_allclose(same.columns["stop"], tenths, rtol=1e-14)
    assert np.diff(np.unique(same.columns["stop"])).min() > resolution(tenths) == TOLERANCE * 5.9


def test_whole_times_stay_as_they_are():
    given = columns([0, 0, 3], [3, 5, 1_000_000])
    same = same_times(given)
    assert same.columns is given and same.note == same.problem == ""


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [
        ([0, 0, 0], [1700000005, 1700000010, 1700002000], "(subtract 1700000000 from every time)"),
        ([1700000000, 1700000000, 1700000000], [1700000005, 1700000010, 1700002000], "(subtract 1699990000 from"),
        ([0, 0], [1.7e18, 1.7e18 + 1e9], "subtract"),  # nanoseconds
        ([0, 0, 0], [3, 1700000005, 1700000010], "look for times of another unit"),
        ([0, 0, 0], [1e-9, 2e-9, 5e-9], "give them in a smaller unit"),
    ],
)
def test_times_that_survival_would_merge_are_refused_with_the_remedy(start, stop, said):
    assert said in same_times(columns(start, stop)).problem


def test_many_times_of_one_scale_are_merged_as_survival_does_and_not_refused():
    """Among 10^5 uniform times some neighbours are nearer than the tolerance; no other origin would part them."""
    stop = np.random.default_rng(1).random(100_000)
    same = same_times(columns(np.zeros(100_000), stop))
    assert not same.problem and 0 < (same.columns["stop"] != stop).sum() < 1000
    assert np.diff(np.unique(same.columns["stop"])).min() > resolution(stop)


def test_checkpoints_of_a_study_have_the_same_tolerance():
    reached = np.array([[False, False, True], [False, True, True]])
    assert spells(reached, np.array([0, 1e-6, 1])).stop.tolist() == [1, 1e-6]
    with pytest.raises(InputError, match="count as one in R's survival"):
        spells(reached, np.array([0, 1e9, 1e9 + 1]))
