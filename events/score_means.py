"""Mean extractive scores by layer and token of prompts that are alike, as a heat map shows them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from factsurv.events.schema import SCORE_MEANS, build, described

SCORES_OF = ("informative", "downstream", "upstream")
NEEDED = ("arm", "run", "fact_id", "relation", "component", "layer", "position", "token", *SCORES_OF)


def score_means(scores: pa.Table) -> pa.Table:
    """Means over facts and runs of each score, of an MLP or of all heads of a layer together.

    Parameters
    ----------
    scores : pa.Table
        Schema `SCORES`.

    Returns
    -------
    pa.Table
        Schema `SCORE_MEANS`: prompts of one relation and as many tokens (``tokens``) lie on one another; ``token`` is
        what stands there in the first of them, ``same`` whether it does in all. Facts without a score do not count.
    """
    column = {n: np.array(scores[n].to_pylist(), dtype=object) for n in NEEDED}
    prompt = _numbers(column["run"], column["fact_id"])
    length = np.zeros(prompt.max() + 1, dtype=int)
    np.maximum.at(length, prompt, column["position"].astype(int) + 1)
    column["tokens"] = length[prompt]
    cells = ("arm", "relation", "tokens", "component", "layer", "position")
    cell = _numbers(*(column[n] for n in cells))
    rows: dict[str, list] = {n: [] for n in SCORE_MEANS}
    first = np.unique(cell, return_index=True)[1]
    of_cell = np.split(np.argsort(cell, kind="stable"), np.cumsum(np.bincount(cell))[:-1])
    for c in np.argsort(first):
        mine = of_cell[c]
        texts = column["token"][mine]
        for score in SCORES_OF:
            values = column[score][mine].astype(float)
            there = ~np.isnan(values)
            facts, runs = ({*column[n][mine][there]} for n in ("fact_id", "run"))
            for name in cells:
                rows[name].append(column[name][mine[0]])
            prompts = len({*prompt[mine][there].tolist()})
            told = {"token": texts[0], "same": bool((texts == texts[0]).all()), "facts": len(facts), "runs": len(runs)}
            told |= {"score": score, "mean": values[there].sum() / prompts if prompts else np.nan}
            for name, value in told.items():
                rows[name].append(value)
    return described(build(SCORE_MEANS, rows), "score_means")


def _numbers(*columns: np.ndarray) -> np.ndarray:
    """A number for each combination of values, int64."""
    keys = list(zip(*(c.tolist() for c in columns), strict=True))
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([place[key] for key in keys])
