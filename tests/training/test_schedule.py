"""When a run is probed: each schedule worked by hand."""

import pytest

from factsurv.events.errors import InputError
from factsurv.training.probing.schedule import checkpoint_steps
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
    assert checkpoint_steps(ProbeSpec(**spec), 7, 28) == steps


def test_a_moment_after_the_end_is_refused():
    with pytest.raises(InputError, match="29 lies after the end of training"):
        checkpoint_steps(ProbeSpec(schedule="list", at=[3, 29], unit="steps"), 7, 28)
