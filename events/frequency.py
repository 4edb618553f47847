"""How often a run taught each fact, as a covariate of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from factsurv.events.keys import run_and_fact
from factsurv.events.schema import FREQUENCY


def with_frequency(baseline: pa.Table, probes: pa.Table) -> pa.Table:
    """The baseline of one run with log2 of each fact's exposures over the mean of the facts that the run taught.

    Exposures are those of the whole run: how often a fact is drawn does not depend on what was learned, so that nothing
    is foretold by them. Missing where a fact was never taught.

    Parameters
    ----------
    baseline, probes : pa.Table
        Of one run, on one clock.
    """
    last = probes["checkpoint"].to_numpy() == probes["checkpoint"].to_numpy().max()
    end = probes.filter(pa.array(last))
    count = dict(zip(run_and_fact(end), end["exposures"].to_pylist(), strict=True))
    taught = np.array([count.get(key, 0) for key in run_and_fact(baseline)], dtype=float)
    mean = taught[taught > 0].mean() if (taught > 0).any() else 1.0
    values = np.log2(np.where(taught > 0, taught, mean) / mean)
    return baseline.append_column(FREQUENCY, pa.array(values, pa.float64(), mask=taught == 0))
