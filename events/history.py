"""The event table split at every checkpoint, with what was known of each fact when the interval began.

A value that explains an event must be known before it. So ``logp_now`` and ``margin_now`` are those of the
probe at the *start* of an interval, never those of the probe at which the event is seen: there the margin
says by definition whether the fact is recalled (margin > 0), and would foretell nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from factsurv.events.checkpoints import visits
from factsurv.events.schema import ATTENTION_NOW, EVENTS, EXAMPLES, HISTORY, described


def history_table(
    events: pa.Table, probes: pa.Table, time: str = "epoch", attention: pa.Table | None = None
) -> pa.Table:
    """Split each spell of an event table at the checkpoints inside it.

    A fit without the columns of now is the same on both tables: each row of the one is several of the other.

    Parameters
    ----------
    events : pa.Table
        Schema `EVENTS`, made from ``probes`` on the time axis ``time``.
    probes : pa.Table
    time : str
    attention : pa.Table, optional
        Of the same checkpoints: its `greatest`, the mean over layers, is a column of now as well.

    Returns
    -------
    pa.Table
        Schema `HISTORY` (with `attention_now` where ``attention`` is given) and the covariates of ``events``, in the
        order of its rows, then of time. What was not measured when the interval began is missing.

    Raises
    ------
    InputError
        If a spell begins or ends where its fact was not probed.
    """
    v = visits(events, probes, time)
    pieces = v.stop - v.start
    spell = np.repeat(np.arange(events.num_rows), pieces)
    place = np.arange(len(spell)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + v.start[spell]
    last = place + 1 == v.stop[spell]
    event = events["event"].to_numpy(zero_copy_only=False)[spell] & last
    start, stop = v.time[place], v.time[place + 1]
    columns: dict[str, pa.Array | pa.ChunkedArray] = {n: events[n].take(pa.array(spell)) for n in events.column_names}
    columns |= {"start": pa.array(start), "stop": pa.array(stop), "event": pa.array(event)}
    columns |= {"left": pa.array(np.where(event, start, stop)), "right": pa.array(stop, mask=~event)}
    seen = probes["examples"].to_numpy().astype(float)[v.row]
    columns |= {"start_examples": pa.array(seen[place]), "stop_examples": pa.array(seen[place + 1])}
    now = probes.take(pa.array(v.row[place]))
    columns |= {"logp_now": now["logp"], "margin_now": now["margin"], "exposures_now": now["exposures"]}
    covariates = [n for n in events.column_names if n not in EVENTS and n not in EXAMPLES]
    if attention is not None:
        columns[ATTENTION_NOW] = pa.array(_attention_at(probes, attention)[v.row[place]], from_pandas=True)
    table = pa.table({n: columns[n] for n in [*HISTORY, *(n for n in (ATTENTION_NOW,) if n in columns), *covariates]})
    return described(table, "history", time=time, covariates=covariates)


def _attention_at(probes: pa.Table, attention: pa.Table) -> np.ndarray:
    """Attention to the subject, the mean over layers, at each row of ``probes`` (float64, NaN where not measured)."""
    names = ["run", "fact_id", "checkpoint"]
    mean = attention.group_by(names, use_threads=False).aggregate([("greatest", "mean")])
    of = dict(
        zip(zip(*(mean[n].to_pylist() for n in names), strict=True), mean["greatest_mean"].to_pylist(), strict=True)
    )
    return np.array(
        [of.get(at, np.nan) for at in zip(*(probes[n].to_pylist() for n in names), strict=True)], dtype=float
    )
