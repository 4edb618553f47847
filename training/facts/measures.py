"""Counts as covariates: frequencies, and mutual information as Jiang et al. (2025, arXiv 2502.04066) measure it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.training.facts.counts import Counts, notices
from factsurv.training.facts.fact_set import FactSet

FREQUENCIES = ("log_subject", "log_object", "log_both", "never_met", "mi")
BINS = 5  # of the logarithm's unit


def information(counts: Counts) -> np.ndarray:
    """(F,) p_so log2(p_so / (p_s p_o)): the term of the joint presence alone; 0 where a fact's names never meet."""
    with np.errstate(divide="ignore", invalid="ignore"):
        subject, answer, both = counts.numbers / counts.documents
        return np.where(both > 0, both * np.log2(both / (subject * answer)), 0.0)


def norm(values: np.ndarray) -> np.ndarray:
    """(F,) from 0, the least, to 1, the greatest bin of log2; 0 as well where a value is not above 0.

    Bins are cut towards zero, trunc(5 log2 x) / 5, as the paper's code does.
    """
    above = values > 0
    if not above.any():
        return np.zeros(len(values))
    bins = np.trunc(BINS * np.log2(values[above])) / BINS
    result = np.zeros(len(values))
    result[above] = (bins - bins.min()) / (np.ptp(bins) or 1.0)
    return result


def without_counts(facts: FactSet) -> FactSet:
    """The facts without covariates of counts."""
    gone = (*FREQUENCIES, "smi")
    kept = tuple(n for n in facts.covariates if n not in gone)
    table = facts.table.select([n for n in facts.table.column_names if n not in gone])
    return replace(facts, table=table, covariates=kept)


def with_counts(facts: FactSet, counts: Counts, parameters: float | None = None, invented: bool = False) -> FactSet:
    """The facts with their counts as covariates: all of `FREQUENCIES` and, for a model of so many parameters, `smi`.

    `log_subject`, `log_object`, `log_both`: natural log of 1 + documents. `mi`: `norm` of the `information`; `smi`: its
    power 1 + 1 / log2(parameters). `never_met`: 1 where no document has both names. Of an ``invented`` text there is
    nothing to say of names that stand for other things.

    Raises
    ------
    InputError
        If the facts have covariates of these names already.
    """
    mi = norm(information(counts))
    new = {
        "log_subject": np.log1p(counts.numbers[0]),
        "log_object": np.log1p(counts.numbers[1]),
        "log_both": np.log1p(counts.numbers[2]),
        "never_met": (counts.numbers[2] == 0).astype(float),
        "mi": mi,
    }
    if parameters is not None:
        new["smi"] = mi ** (1 + 1 / np.log2(parameters))
    if taken := set(new) & set(facts.table.column_names):
        raise InputError(f"the facts have a column {min(taken)!r} already", "facts", "rename it, or give no counts")
    itself = [f[1] == f[3] for f in counts.facts]
    table = facts.table
    for name, values in new.items():
        blank = itself if name in ("log_both", "mi", "smi") else [False] * len(itself)
        column = pa.array(values, pa.float64(), mask=np.array(blank))
        table = table.append_column(name, column)
    told = (*facts.notices, *([] if invented else notices(counts)))
    return replace(facts, table=table, covariates=(*facts.covariates, *new), notices=told)
