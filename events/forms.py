"""What counts as recalled where several prompt forms of a fact were measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from factsurv.events.schema import KNOWLEDGE

# From the number of forms in which a fact is recalled and the number of its forms.
COUNTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "any": lambda recalled, forms: recalled > 0,
    "all": lambda recalled, forms: recalled == forms,
    "majority": lambda recalled, forms: 2 * recalled > forms,
}


def counted(baseline: pa.Table, probes: pa.Table, forms: pa.Table, recall: str) -> tuple[pa.Table, pa.Table]:
    """Baseline and probes of one run, with ``recalled`` by all of the forms that were measured.

    Log p, margin, p and the drawn hits stay those of the probe form; `latent` and `knowledge` follow from the hits
    and from what counts as recalled at the first checkpoint.

    Parameters
    ----------
    baseline, probes, forms : pa.Table
        Of one run, on one clock: checkpoint 0 is that of the baseline.
    recall : str
        Of `COUNTS`.
    """
    of_forms, seen = _keys(forms, probes)
    total = np.bincount(of_forms, minlength=seen.max() + 1)
    hits = np.bincount(of_forms, forms["recalled"].to_numpy(zero_copy_only=False), minlength=seen.max() + 1)
    recalled = COUNTS[recall](hits, total)[seen] & (total[seen] > 0)
    first = probes["checkpoint"].to_numpy() == probes["checkpoint"].to_numpy().min()
    known = dict(zip(np.array(probes["fact_id"].to_pylist(), object)[first], recalled[first], strict=True))
    now = np.array([known[f] for f in baseline["fact_id"].to_pylist()], dtype=bool)
    latent = ~now & (baseline["hits"].to_numpy() > 0)
    codes = pa.array(np.where(now, 2, latent.astype(int)), pa.int32())
    knowledge = pa.DictionaryArray.from_arrays(codes, pa.array(KNOWLEDGE, pa.utf8()))
    for name, values in (("recalled", pa.array(now)), ("latent", pa.array(latent)), ("knowledge", knowledge)):
        baseline = baseline.set_column(baseline.column_names.index(name), name, values)
    return baseline, probes.set_column(probes.column_names.index("recalled"), "recalled", pa.array(recalled))


def stored(baseline: pa.Table, forms: pa.Table) -> pa.Table:
    """The baseline of one run with what its other forms said at its start: covariates of each fact (`stored_columns`).

    Missing where a fact has no such form.
    """
    here = forms.filter(pa.array(forms["checkpoint"].to_numpy() == forms["checkpoint"].to_numpy().min()))
    facts = baseline["fact_id"].to_pylist()
    for number in sorted(set(here["form"].to_pylist()) - {1}):
        mine = here.filter(pa.array(here["form"].to_numpy() == number))
        values = zip(mine["logp"].to_pylist(), mine["recalled"].to_pylist(), strict=True)
        of_fact = dict(zip(mine["fact_id"].to_pylist(), values, strict=True))
        found = [of_fact.get(fact, (None, None)) for fact in facts]
        kinds = zip(stored_columns([number]), zip(*found, strict=True), (pa.float64(), pa.bool_()), strict=True)
        for name, column, kind in kinds:
            baseline = baseline.append_column(name, pa.array(column, kind))
    return baseline


def stored_columns(numbers: Iterable[int]) -> list[str]:
    """Names of the columns that `stored` adds for these forms."""
    return [f"{name}_form{k}" for k in numbers for name in ("logp0", "recalled0")]


def _keys(forms: pa.Table, probes: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """A number for each fact and checkpoint: of the rows of both tables."""
    facts = {f: i for i, f in enumerate(probes["fact_id"].unique().to_pylist())}
    each = [
        table["checkpoint"].to_numpy() * len(facts) + np.array([facts[f] for f in table["fact_id"].to_pylist()])
        for table in (forms, probes)
    ]
    return each[0], each[1]
