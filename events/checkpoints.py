"""Where the times of an event table lie among the probes: what was measured at the start of a spell, and after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.schema import levels_of


@dataclass(frozen=True)
class Visits:
    """The probes of each run and fact in the order of the time axis.

    Attributes
    ----------
    row : int64 (V,)
        Row of the table of probes. Of several probes of a fact at one time (the exposures' clock stands still
        between two lessons) the first one counts.
    time : float64 (V,)
    start, stop : int64 (N,)
        Of each spell: its visits are row[start] … row[stop]; the last one ends it.
    """

    row: np.ndarray
    time: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def visits(spells: pa.Table, probes: pa.Table, time: str) -> Visits:
    """Find the checkpoints at which spells begin and end.

    Parameters
    ----------
    spells : pa.Table
        With ``run``, ``fact_id``, ``start`` and ``stop``, all of them times of probes.
    probes : pa.Table
        As in `docs/tables.md`.
    time : str
        The time axis, a column of ``probes``.

    Raises
    ------
    InputError
        If a spell begins or ends where its fact was not probed.
    """
    pair, of_spell = _pairs(probes, spells)
    at = probes[time].to_numpy().astype(float)
    order = np.lexsort((probes["checkpoint"].to_numpy(), at, pair))
    moments = np.unique(at)
    key = pair[order] * len(moments) + np.searchsorted(moments, at[order])
    key, first = np.unique(key, return_index=True)
    ends = []
    for name in ("start", "stop"):
        wanted = spells[name].to_numpy()
        sought = of_spell * len(moments) + np.minimum(np.searchsorted(moments, wanted), len(moments) - 1)
        found = np.minimum(np.searchsorted(key, sought), max(len(key) - 1, 0))
        row = order[first[found]] if len(key) else found
        wrong = np.flatnonzero((pair[row] != of_spell) | (at[row] != wanted)) if len(key) else np.arange(len(found))
        if len(wrong):
            n = int(wrong[0])
            raise InputError(
                f"fact {spells['fact_id'][n].as_py()} has no probe at {name} = {wanted[n]:g}",
                f"probes of run {spells['run'][n].as_py()}",
                "make the event table again from these probes",
            )
        ends.append(found)
    row = order[first]
    return Visits(row=row, time=at[row], start=ends[0], stop=ends[1])


def _pairs(probes: pa.Table, spells: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """A number for each run and fact, the same in both tables; -1 where the probes do not have it."""
    levels = {name: {v: i for i, v in enumerate(levels_of(probes[name]))} for name in ("run", "fact_id")}

    def numbers(table: pa.Table) -> np.ndarray:
        run, fact = (_codes(table[name], known) for name, known in levels.items())
        return np.where((run < 0) | (fact < 0), -1, run * len(levels["fact_id"]) + fact)

    return numbers(probes), numbers(spells)


def _codes(column: pa.ChunkedArray, known: dict[str, int]) -> np.ndarray:
    """Position of each value among the known levels."""
    own = levels_of(column)
    joined = column.unify_dictionaries().combine_chunks()
    joined = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    place = np.array([known.get(level, -1) for level in own], dtype=np.int64)
    return place[joined.indices.to_numpy()] if len(own) else np.zeros(0, np.int64)
