"""Signs of knowledge beside recall, for event rules of their own: a loss below the no-knowledge loss, confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from factsurv.events.rules import shown_by, sign_of

# Sign -> the instrument that it is read off, and when it shows at a limit.
SIGNS: dict[str, tuple[str, Callable[[pa.Table, float], np.ndarray]]] = {
    "loss": ("loss", lambda t, margin: t["loss"].to_numpy() < t["baseline"].to_numpy() - margin),
    "confident": ("confidence", lambda t, limit: t["first_p"].to_numpy() > limit),
}


def with_signs(
    probes: pa.Table, tables: Mapping[str, pa.Table], rules: Sequence[str], limits: Mapping[str, float]
) -> pa.Table:
    """The probes with a yes/no column ``by_<sign>`` for each sign that the rules name.

    Parameters
    ----------
    probes : pa.Table
        Schema `PROBES`.
    tables : mapping of name to table
        Schemas `INSTRUMENTS`, of the same facts and checkpoints.
    rules : sequence of str
        Those of recall have no sign.
    limits : mapping of sign to float
        `loss`: nats below the no-knowledge loss; `confident`: probability of the answer's first token.
    """
    for sign in dict.fromkeys(s for s in map(sign_of, rules) if s):
        instrument, shows = SIGNS[sign]
        table = tables[instrument]
        shown = dict(zip(_keys(table), shows(table, limits[sign]).tolist(), strict=True))
        probes = probes.append_column(shown_by(sign), pa.array([shown[key] for key in _keys(probes)], pa.bool_()))
    return probes


def _keys(table: pa.Table) -> list[tuple[str, str, int]]:
    return list(zip(*(table[n].to_pylist() for n in ("run", "fact_id", "checkpoint")), strict=True))
