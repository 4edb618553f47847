"""Which facts are trained and which withheld: drawn so that both kinds are equally popular."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import TEXT_COLUMNS, split_column


def assign_split(
    table: pa.Table, withheld: float, seed: int, by: str | None = "popularity", within: str | None = None
) -> pa.Table:
    """Withhold a share of the facts of each relation, balanced over a covariate.

    The facts of a relation are ordered by `by` (ties at random, missing values last), cut into consecutive
    blocks, and one fact of each block is withheld (or, above one half, one is kept). Trained and withheld
    facts then have nearly the same distribution of `by`, so that it cannot explain a difference between the
    two.

    Parameters
    ----------
    table : pyarrow.Table
        Columns as in `FactSet.table`; its `split` is replaced.
    withheld : float
        Share of each relation's facts, 0 ≤ withheld < 1, rounded to whole facts.
    seed : int
        A relation's draw depends on the seed, its own name and its own facts, not on other relations.
    by : str or None
        A covariate; None draws at random.
    within : str, optional
        A second covariate, of few values: each of them gets the same share, too.

    Raises
    ------
    InputError
        If `withheld` is out of range, or `by` or `within` is not a column.
    """
    if not 0 <= withheld < 1:
        raise InputError(
            f"the withheld share is {withheld}",
            "[facts] withheld",
            "Give a share from 0 (train all) to below 1, for example 0.3.",
        )
    for name in (by, within):
        if name is not None and name not in table.column_names:
            raise InputError(
                f"there is no covariate {name!r} to balance the split by",
                "[facts]",
                f"Choose one of: {', '.join(table.column_names[len(TEXT_COLUMNS) :]) or 'none here'}.",
            )
    relations = np.array(table["relation"].to_pylist())
    values = np.zeros(len(relations)) if by is None else table[by].to_numpy()  # null becomes NaN: sorted last
    parts = np.zeros(len(relations)) if within is None else np.nan_to_num(table[within].to_numpy(), nan=np.inf)
    split = np.full(len(relations), "trained", dtype=object)
    for relation in dict.fromkeys(relations.tolist()):
        rng = relation_rng(seed, relation)
        for part in np.unique(parts[relations == relation]):
            rows = rank(np.flatnonzero((relations == relation) & (parts == part)), values, rng)
            split[draw_spread(rows, round(withheld * len(rows)), rng)] = "withheld"
    at = table.column_names.index("split")
    return table.set_column(at, "split", split_column(split))


def rank(rows: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rows ordered by their value, ties at random."""
    rows = rng.permutation(rows)
    return rows[np.argsort(values[rows], kind="stable")]


def draw_spread(ranked: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of the ranked rows, evenly over the ranks: one from each of n consecutive blocks."""
    if n > len(ranked) / 2:  # blocks of one leave nothing to chance: draw those that stay behind instead
        return np.setdiff1d(ranked, draw_spread(ranked, len(ranked) - n, rng))
    blocks = np.linspace(0, len(ranked), n + 1).astype(int)
    picks = [int(rng.integers(low, high)) for low, high in zip(blocks[:-1], blocks[1:], strict=True)]
    return ranked[picks]


def relation_rng(seed: int, relation: str) -> np.random.Generator:
    """A generator of the relation's own, so that one more relation leaves the draws of the others alone."""
    return np.random.default_rng([seed, zlib.crc32(relation.encode())])
