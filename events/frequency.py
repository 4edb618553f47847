"""What a run is, as covariates of its facts: how often it taught each, and the number that its arm stands for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from factsurv.events.keys import run_and_fact
from factsurv.events.schema import ARM_NUMBER, FREQUENCY


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


def with_number(baseline: pa.Table, numbers: Mapping[str, float]) -> pa.Table:
    """The baseline of one run with the number of its arm (missing where it has none)."""
    values = [numbers.get(arm) for arm in baseline["arm"].to_pylist()]
    return baseline.append_column(ARM_NUMBER, pa.array(values, pa.float64()))
