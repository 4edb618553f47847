"""Which simulation a study file names, and what it brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from factsurv.training.facts.fact_set import FactSet
from factsurv.training.label import Label
from factsurv.training.simulations import new_pairs, salience
from factsurv.training.simulations.told_facts import told_facts


@dataclass(frozen=True)
class Simulation:
    """What takes the place of a language model and its training.

    Attributes
    ----------
    facts : callable (spec) → FactSet
    run : callable (spec, facts, label) → dict of str to pa.Table
        The tables of a run: `baseline`, `probes`, `training`, and what else it measures.
    measured : tuple of str
        Columns of its `baseline` that no other run has: covariates of each fact and run.
    tables : callable (spec) → list of str
        What else it measures: names of tables.
    """

    facts: Callable[[Any], FactSet]
    run: Callable[[Any, FactSet, Label], dict[str, pa.Table]]
    measured: tuple[str, ...] = ()
    tables: Callable[[Any], list[str]] = lambda _: []


SIMULATIONS = {
    "one-layer": Simulation(told_facts, salience.run, ("salience",), salience.tables),
    "associative-memory": Simulation(new_pairs.pair_facts, new_pairs.run),
}
