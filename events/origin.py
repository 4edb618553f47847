"""Runs with stages on one clock, which starts at the baseline or where a stage begins.

In a run's own tables epochs count within a stage, and the baseline is told for the start of each. For the event rules
the run begins at the origin: its first checkpoint is the probe there, its baseline the one that was taken there, and
steps, examples, tokens and each fact's exposures count from there; epochs of several stages are added up.

`split` is then what the runs did: a fact is *trained* in a run that teaches it after the origin, and *withheld* where
no run does. Where only other runs do (an arm that teaches another half) it is left out, so that the withheld facts,
on which arms are compared, are the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401  (pa.compute)

from factsurv.events.errors import InputError
from factsurv.events.keys import texts
from factsurv.events.schema import SPLITS, stack

COUNTED = ("step", "examples", "tokens", "exposures")


@dataclass(frozen=True)
class Run:
    """A run from its origin on: its baseline and its probes, both without facts that are left out (how many).

    ``first`` is the origin's number among the run's own checkpoints.
    """

    baseline: pa.Table
    probes: pa.Table
    left_out: int = 0
    first: int = 0

    def follow(self, table: pa.Table) -> pa.Table:
        """Another table of the same run and its checkpoints (an instrument's), on the same clock."""
        if "stage" not in table.column_names:
            return table
        number = pa.compute.subtract(table["checkpoint"], pa.scalar(self.first, pa.int32()))
        known = pa.compute.is_in(texts(table["fact_id"]), texts(self.baseline["fact_id"]))
        table = table.set_column(table.column_names.index("checkpoint"), "checkpoint", number)
        table = table.filter(pa.compute.and_(known, pa.compute.greater_equal(number, 0)))
        at, place = np.unique(self.probes["checkpoint"].to_numpy(), return_index=True)
        row = pa.array(place[np.searchsorted(at, table["checkpoint"].to_numpy())])
        for name in ("epoch", "step"):
            table = table.set_column(table.column_names.index(name), name, self.probes[name].take(row))
        return stack([table])


def from_origin(
    runs: Sequence[tuple[pa.Table, pa.Table]], origin: str | None = None, everything: bool = False
) -> list[Run]:
    """The baseline and the probes of each run of a study from its origin on.

    Parameters
    ----------
    runs : sequence of (baseline, probes)
        Of one run each, with the column `stage` where they have stages; as they are where they have none.
    origin : str, optional
        Name of a stage; default: the baseline of each run.
    everything : bool
        Leave no fact out: one that only other runs teach is withheld in this one (as what an earlier stage taught is,
        where some runs repeat it).

    Returns
    -------
    list of Run
        The baseline without `stage`.

    Raises
    ------
    InputError
        If a run has no such stage.
    """
    if not any("stage" in probes.column_names for _, probes in runs):
        if origin is not None:
            raise InputError(f"there is no stage {origin!r}: these runs have none", "analysis.origin", "take it away")
        return [Run(baseline, probes) for baseline, probes in runs]
    on_clock = [_of_run(baseline, probes, origin) for baseline, probes in runs]
    taught = [_taught(probes) for _, probes, _ in on_clock]
    of_any = set() if everything else set().union(*taught)
    return [_split(*tables, own, of_any) for tables, own in zip(on_clock, taught, strict=True)]


def as_another(baseline: pa.Table, probes: pa.Table, of: pa.Table) -> Run:
    """Baseline and probes of a graft, each fact trained or withheld as in ``of``, the baseline of another run.

    No fact is left out: what other arms are taught is what a graft is to know of them.
    """
    split = dict(zip(of["fact_id"].to_pylist(), of["split"].to_pylist(), strict=True))
    codes = [SPLITS.index(split.get(fact, SPLITS[1])) for fact in baseline["fact_id"].to_pylist()]
    return Run(_with_split(baseline, codes), probes)


def _of_run(baseline: pa.Table, probes: pa.Table, origin: str | None) -> tuple[pa.Table, pa.Table, int]:
    names = list(dict.fromkeys(probes["stage"].to_pylist()))
    origin = names[0] if origin is None else origin
    if origin not in names:
        raise InputError(f"there is no stage {origin!r}", "analysis.origin", f"stages: {', '.join(names)}")
    stage = np.array(probes["stage"].to_pylist(), dtype=object)
    checkpoint = probes["checkpoint"].to_numpy()
    first = max(0, int(checkpoint[stage == origin].min()) - (origin != names[0]))
    mine = baseline.filter(pa.compute.equal(baseline["stage"].cast(pa.utf8()), origin))
    return mine.drop_columns(["stage"]), _counted_from(probes, stage, checkpoint, first), first


def _taught(probes: pa.Table) -> set[str]:
    """The facts that a run teaches after its origin."""
    return set(probes.filter(pa.compute.greater(probes["exposures"], 0))["fact_id"].to_pylist())


def _split(baseline: pa.Table, probes: pa.Table, first: int, taught: set[str], of_any: set[str]) -> Run:
    """With what the run did with each fact; without those that only other runs teach."""
    facts = baseline["fact_id"].to_pylist()
    kept = pa.array([fact in taught or fact not in of_any for fact in facts])
    mine = _with_split(baseline, [int(fact not in taught) for fact in facts]).filter(kept)
    followed = pa.compute.is_in(texts(probes["fact_id"]), texts(mine["fact_id"]))
    return Run(stack([mine]), stack([probes.filter(followed)]), baseline.num_rows - mine.num_rows, first)


def _with_split(baseline: pa.Table, codes: Sequence[int]) -> pa.Table:
    column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(SPLITS, pa.utf8()))
    return baseline.set_column(baseline.column_names.index("split"), "split", column)


def _counted_from(probes: pa.Table, stage: np.ndarray, checkpoint: np.ndarray, first: int) -> pa.Table:
    """The probes from checkpoint ``first`` on, everything counted from there."""
    epoch = probes["epoch"].to_numpy().astype(float)
    offset = np.zeros(len(epoch))
    for name in dict.fromkeys(stage[checkpoint > first].tolist()):  # in their order
        here = (stage == name) & (checkpoint > first)
        after = checkpoint > checkpoint[here].max()
        offset[after] += epoch[here].max()
    epoch = np.where(checkpoint == first, 0.0, epoch + offset)
    at_first = checkpoint == first
    row_of = {f: i for i, f in enumerate(np.array(probes["fact_id"].to_pylist(), dtype=object)[at_first])}
    fact = np.array([row_of[f] for f in probes["fact_id"].to_pylist()])
    data = {"checkpoint": checkpoint - first, "epoch": epoch}
    for name in COUNTED:
        values = probes[name].to_numpy()
        data[name] = values - values[at_first][fact]
    for name, values in data.items():
        kind = probes.schema.field(name).type
        probes = probes.set_column(probes.column_names.index(name), name, pa.array(values, kind))
    return probes.filter(pa.array(checkpoint >= first))
