"""Accuracy of each fact beside its counts in a corpus: one row a fact and run, where the regression on SMI begins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from factsurv.events.keys import run_and_fact
from factsurv.events.schema import ACCURACY, build, described, levels_by_name


def accuracy_table(
    facts: pa.Table,
    counts: pa.Table,
    probes: pa.Table,
    forms: pa.Table | None,
    parameters: Mapping[str, float],
    last: bool = False,
) -> pa.Table:
    """The mean over prompt forms of the probability of a hit, at one checkpoint of each run.

    That is the accuracy of sampling without end at `probe.temperature` (Jiang et al. 2025 draw 20 samples of each of 20
    forms). The first checkpoint of a run is before training: what the corpus has taught. Of a series, which is that
    teaching itself, it is the last.

    Parameters
    ----------
    facts, counts, probes, forms : pa.Table
        Schemas `FACTS`, `COUNTS` (of the same facts in the same order), `PROBES` and `FORMS`; without ``forms`` the
        accuracy is that of the probe form.
    parameters : mapping of run to float
        Size of its model, where that is known.
    last : bool
        Of each run's last checkpoint, not its first.

    Returns
    -------
    pa.Table
        Schema `ACCURACY`.
    """
    told = forms if forms is not None else probes
    told = told.filter(pa.array(_at_end(told, last)))
    keys = list(dict.fromkeys(zip(told["run"].to_pylist(), told["fact_id"].to_pylist(), strict=True)))
    place = {key: i for i, key in enumerate(keys)}
    of = np.array([place[key] for key in run_and_fact(told)])
    many = np.bincount(of, minlength=len(keys))
    accuracy = np.bincount(of, told["p"].to_numpy(), minlength=len(keys)) / many
    own = {fact: i for i, fact in enumerate(facts["fact_id"].to_pylist())}
    row = pa.array([own[fact] for _, fact in keys])
    head = pa.array(np.unique(of, return_index=True)[1])  # the first row of each
    data = {n: told[n].take(head) for n in ("run", "arm", "seed", "fact_id")}
    data |= {n: facts[n].take(row) for n in ("split", "relation", "group", "object")}
    data |= {n: counts[n].take(row) for n in ("n_subject", "n_object", "n_both")}
    whole = sum(counts[n].to_numpy() for n in ("n_subject", "n_object", "n_neither")) - counts["n_both"].to_numpy()
    same = [s == o for s, o in zip(facts["subject"].to_pylist(), facts["object"].to_pylist(), strict=True)]
    data |= {"documents": pa.array(whole).take(row), "subject_is_object": pa.array(same).take(row)}
    data |= {"forms": many, "accuracy": accuracy, "parameters": [parameters.get(run) for run, _ in keys]}
    levels = levels_by_name(facts, ["split", "relation", "group"]) | levels_by_name(probes, ["run", "arm"])
    return described(build(ACCURACY, data, levels), "accuracy")


def _at_end(table: pa.Table, last: bool) -> np.ndarray:
    """Whether a row is of its run's first checkpoint, or of its last."""
    run, at = np.array(table["run"].to_pylist()), table["checkpoint"].to_numpy()
    end = {name: (max if last else min)(at[run == name]) for name in dict.fromkeys(run.tolist())}
    return at == np.array([end[name] for name in run.tolist()])
