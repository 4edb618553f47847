"""The instruments of a run: which there are, when each measures, and their tables so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from factsurv.events.schema import INSTRUMENTS, build, described, stack
from factsurv.training.label import Label, with_stage
from factsurv.training.probing.attention import Attention
from factsurv.training.probing.confidence import Confidence
from factsurv.training.probing.loss import Loss, Memorisation
from factsurv.training.probing.measure import Asked, Measure, Measured
from factsurv.training.probing.probe import Probed
from factsurv.training.probing.rank import Rank
from factsurv.training.probing.schedule import among, moments

# By the name of its table, whose columns are in `factsurv.events.schema.INSTRUMENTS`.
REGISTRY: dict[str, type[Measure]] = {
    "confidence": Confidence, "rank": Rank, "attention": Attention, "loss": Loss, "memorisation": Memorisation,
}  # fmt: skip


class Instruments:
    """What a run measures beside recall.

    Parameters
    ----------
    asked : Asked
    say : callable
        Takes one line for the person who waits.

    Raises
    ------
    InputError
        If facts, tokenizer or model are not fit for one of them.
    """

    def __init__(self, asked: Asked, say: Callable[[str], None]):
        self.specs = {spec.name: spec for spec in asked.probe.instruments}
        self.measures = {name: REGISTRY[name].of(asked, spec) for name, spec in self.specs.items()}
        self.due: dict[str, set[int]] = {}
        self.rows: dict[str, list[pa.Table]] = {name: [] for name in self.specs}
        self.seconds: dict[str, float] = {}
        self.say = say

    def plan(self, due: Iterable[int], stages: Sequence[tuple[float, int]]) -> None:
        """Choose among the steps ``due`` at which recall is probed; ``stages`` as `moments`."""
        for name, spec in self.specs.items():
            own = moments(spec.when, stages, f"probe.instruments, {name}: when") if spec.when else due
            self.due[name] = {0} | (among(own, due) if spec.when else set(due))

    def at(self, step: int) -> dict[str, Measure]:
        """Those that measure after this step (0: the baseline)."""
        return {name: measure for name, measure in self.measures.items() if step in self.due[name]}

    def keep(self, label: Label, fact_ids: list, stamp: Mapping[str, Any], probed: Probed) -> None:
        """Keep what was measured at a checkpoint; of the baseline, say what it cost."""
        for name, measured in probed.measured.items():
            self.rows[name].append(instrument_rows(name, label, fact_ids, stamp, measured))
        costs = {"recall": probed.seconds} | {n: m.seconds for n, m in probed.measured.items()}
        if self.specs and not self.seconds:
            notes = {name: f" ({m.note})" if m.note else "" for name, m in probed.measured.items()}
            each = [f"{n} {s:.2g} s{notes.get(n, '')}" for n, s in costs.items()]
            self.say(f"a probe takes: {', '.join(each)}")
        self.seconds = {n: s + self.seconds.get(n, 0.0) for n, s in costs.items()} | {
            n: s for n, s in self.seconds.items() if n not in costs
        }

    def tables(self) -> dict[str, pa.Table]:
        """The tables so far, by their names."""
        return {name: described(stack(rows), name) for name, rows in self.rows.items()}

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Go on from the tables of a checkpoint."""
        self.rows = {name: [tables[name]] for name in self.specs}

    def told(self) -> None:
        """Say what all probes together have taken."""
        if self.specs and self.seconds:
            each = ", ".join(f"{n} {s:.2g} s" for n, s in self.seconds.items())
            self.say(f"all probes took: {each}")


def instrument_rows(name: str, label: Label, fact_ids: list, stamp: Mapping[str, Any], measured: Measured) -> pa.Table:
    """One checkpoint's rows of an instrument's table: one a fact, or a fact and layer (numbered from 1)."""
    columns, values = INSTRUMENTS[name], dict(measured.values)
    if "layer" in columns:
        layers = next(iter(values.values())).shape[1]
        fact_ids = [f for f in fact_ids for _ in range(layers)]
        values = {n: v.reshape(-1) for n, v in values.items()}
        values["layer"] = np.tile(np.arange(1, layers + 1), len(fact_ids) // layers)
    rows = len(fact_ids)
    same = {n: np.full(rows, stamp[n]) for n in ("checkpoint", "epoch", "step")}
    return with_stage(build(columns, label.columns(rows) | {"fact_id": fact_ids} | same | values), stamp["stage"])
