"""R's fixed-effect Cox models and those of lifelines, an independent implementation, on the same tables."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lifelines import CoxPHFitter, CoxTimeVaryingFitter

from factsurv.events.files import write_table
from factsurv.events.schema import EVENTS, build, described
from factsurv.stats.analyse import analyse


@pytest.fixture(scope="module")
def learning():
    """300 facts in two runs; a log hazard ratio of 0.9 for latent and 0.4 per unit of popularity, ten checkpoints."""
    rng = np.random.default_rng(11)
    n = 600
    latent, popularity = rng.random(n) < 0.4, rng.normal(size=n)
    time = rng.exponential(1 / (0.12 * np.exp(0.9 * latent + 0.4 * popularity)))
    stop = np.minimum(np.ceil(time), 10.0)
    return pd.DataFrame(
        {
            "fact_id": [f"f{i % 300}" for i in range(n)],
            "run": np.repeat(["main-1", "main-2"], 300),
            "start": np.zeros(n), "stop": stop, "event": time <= 10, "latent": latent, "popularity": popularity,
        }
    )  # fmt: skip


def cut_at(rows, moment):
    """Every spell that lasts beyond the moment in two, as rows with late entry."""
    before = rows.assign(stop=np.minimum(rows.stop, moment), event=rows.event & (rows.stop <= moment))
    after = rows[rows.stop > moment].assign(start=moment)
    return pd.concat([before, after], ignore_index=True)


def coefficients(rows, folder):
    constant = {"arm": "main", "seed": 1, "outcome": "acquisition", "rule": "first", "split": "trained"}
    constant |= {"relation": "capital", "group": "all", "logp0": -3.0, "p0": 0.1}
    data = {n: [v] * len(rows) for n, v in constant.items()} | {n: rows[n].tolist() for n in rows}
    data["left"] = [s - 1 if e else s for s, e in zip(rows.stop, rows.event, strict=True)]
    data["right"] = [s if e else None for s, e in zip(rows.stop, rows.event, strict=True)]
    table = described(build(EVENTS | {"popularity": pa.float64()}, data), "events")
    write_table(folder / "events.arrow", table)
    plan = {
        "outcomes": ["acquisition"], "rules": ["first"], "covariates": {"acquisition": ["latent", "popularity"]},
        "curves_by": {}, "cluster": "", "standardise": False, "conf": 0.95,
    }  # fmt: skip
    tables = analyse({"events": folder / "events.arrow"}, plan, say=lambda _: None).tables
    found = tables["coefficients"].to_pandas()
    return found[found.model == "cox"].set_index("term"), tables["fits"].to_pandas()


def agrees(ours, fits, theirs):
    loglik = fits.loc[fits.model == "cox", "loglik"].iloc[0]
    for term in ("latent", "popularity"):
        # Newton steps end at 1e-9 in R and at a relative 1e-7 of the likelihood there.
        assert ours.loc[term, "estimate"] == pytest.approx(theirs.params_[term], abs=1e-5)
        assert ours.loc[term, "se"] == pytest.approx(theirs.standard_errors_[term], rel=1e-4)
    assert loglik == pytest.approx(theirs.log_likelihood_, rel=1e-6)


def test_efron_with_ties(learning, tmp_path):
    theirs = CoxPHFitter().fit(learning[["stop", "event", "latent", "popularity"]].astype(float), "stop", "event")
    agrees(*coefficients(learning, tmp_path), theirs)


def test_counting_process_rows(learning, tmp_path):
    rows = cut_at(learning, 4.0)
    columns = rows[["start", "stop", "event", "latent", "popularity"]].astype(float).assign(id=range(len(rows)))
    theirs = CoxTimeVaryingFitter().fit(columns, id_col="id", start_col="start", stop_col="stop", event_col="event")
    agrees(*coefficients(rows, tmp_path), theirs)
