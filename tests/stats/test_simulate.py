"""The simulator's tables are the event tables of the project, its event rules those of `factsurv.events.rules`."""

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.rules import spells, sustained_of
from factsurv.events.schema import EVENTS
from factsurv.stats.bridge import RWorkers


@pytest.fixture(scope="module")
def r():
    with RWorkers(workers=1) as workers:
        yield workers


def test_simulated_events_have_the_columns_and_types_of_the_event_table(r):
    events = r.call("simulate_learning", facts=30, seeds=2, checkpoints=[1.0, 2.0, 4.0], curve=[0.1, 0.3, 0.6]).value
    assert events.column_names == [*EVENTS, "popularity"]
    for name, kind in EVENTS.items():
        assert events[name].type == kind, name


@pytest.mark.parametrize("rule", ["first", "sustained2", "sustained3"])
def test_rules_are_those_of_real_probes(r, rule):
    reached = np.random.default_rng(1).random((300, 7)) < 0.4
    reached[:, 0] = False  # at risk
    times = np.array([0.0, 1, 2, 3, 5, 8, 13])
    expected = spells(reached, times, sustained_of(rule))
    probes = pa.table({f"c{k}": reached[:, k] for k in range(1, 7)})
    found = r.call("spells", tables={"reached": probes}, checkpoints=times[1:].tolist(), rule=rule).value
    for name in ("stop", "event", "left", "right"):
        actual = found[name].to_numpy(zero_copy_only=False)
        np.testing.assert_array_equal(actual, getattr(expected, name), err_msg=name)
