"""When a run is probed: each schedule worked by hand."""

import pytest

from factsurv.events.errors import InputError
from factsurv.training.probing.schedule import moments
from factsurv.training.spec import ProbeSpec


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        ({}, [7, 14, 21, 28]),
        ({"every": 2}, [14, 28]),
        ({"every": 3}, [21, 28]),  # the end of training is always measured
        ({"schedule": "steps", "every": 10}, [10, 20, 28]),
        ({"schedule": "log", "checkpoints": 4}, [1, 3, 9, 28]),
        ({"schedule": "log", "checkpoints": 1}, [1, 28]),
        ({"schedule": "log", "checkpoints": 500}, list(range(1, 29))),  # no more than there are steps
        ({"schedule": "list", "at": [0.5, 1, 3]}, [4, 7, 21, 28]),
        ({"schedule": "list", "at": [1, 2, 28], "unit": "steps"}, [1, 2, 28]),
        ({"schedule": "list", "at": [0.01]}, [1, 28]),
    ],
)
def test_schedules(spec, steps):
    assert moments(ProbeSpec(**spec), [(7, 28)]) == steps


def test_a_moment_after_the_end_is_refused():
    with pytest.raises(InputError, match="29 lies after the end of training"):
        moments(ProbeSpec(schedule="list", at=[3, 29], unit="steps"), [(7, 28)])


def test_each_stage_is_probed_as_a_run_of_its_own():
    stages = [(7, 14), (3, 6)]
    assert moments(ProbeSpec(), stages) == [7, 14, 17, 20]
    assert moments(ProbeSpec(schedule="log", checkpoints=3), stages) == [1, 4, 14, 15, 16, 20]
    assert moments(ProbeSpec(schedule="list", at=[1, 10], unit="steps"), stages) == [1, 10, 14, 15, 20]
    with pytest.raises(InputError, match="15 lies after the end of every stage"):
        moments(ProbeSpec(schedule="list", at=[15], unit="steps"), stages)
