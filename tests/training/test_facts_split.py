"""The split: seeded, exact in size, and balanced."""

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import Fact, fact_rows
from factsurv.training.facts.sources.world import world_facts
from factsurv.training.facts.split import assign_split, draw_spread, rank


def rows(n: int, seed: int = 0, missing: int = 0):
    """Two relations, n facts each, with a heavy-tailed covariate and a flag."""
    rng = np.random.default_rng(seed)
    facts = []
    for relation in ("r", "s"):
        for i, value in enumerate(rng.pareto(1.2, n).tolist()):
            covariates = {"popularity": None if i < missing else value, "flag": float(rng.random() < 0.4)}
            facts.append(Fact(f"{relation}:{i}", f"subject {i}", relation, str(i), relation, covariates))
    return fact_rows(facts, ("popularity", "flag"))


def withheld(table, relation: str) -> np.ndarray:
    return np.array(
        [
            s == "withheld"
            for s, r in zip(*table.select(["split", "relation"]).to_pydict().values(), strict=True)
            if r == relation
        ]
    )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("n", [7, 100])
def test_the_share_is_exact_in_each_relation(share, n):
    table = assign_split(rows(n), share, seed=3)
    for relation in ("r", "s"):
        assert withheld(table, relation).sum() == round(share * n)
    assert table["split"].chunk(0).dictionary.to_pylist() == ["trained", "withheld"]


def test_the_seed_alone_decides():
    table = rows(60)
    once, again, other = (assign_split(table, 0.3, seed)["split"].to_pylist() for seed in (1, 1, 2))
    assert once == again != other
    # A relation that is left out does not change the draws of the other.
    assert assign_split(table.slice(60), 0.3, 1)["split"].to_pylist() == once[60:]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_trained_and_withheld_are_equally_popular(share):
    ranks = []
    for seed in range(50):
        table = rows(80, seed)
        values = table["popularity"].to_numpy()[:80]
        mask = withheld(assign_split(table, share, seed), "r")
        order = np.argsort(np.argsort(values)) / 79
        ranks.append(order[mask].mean() - order[~mask].mean())
        # No gap: every stretch of ranks as long as a few blocks has withheld facts.
        assert np.abs(np.cumsum(mask[np.argsort(values)] - share)).max() < 2.5
    # A plain random split has a standard deviation of .07 here.
    assert np.abs(ranks).max() < 0.04
    assert abs(np.mean(ranks)) < 0.01


def test_every_fact_can_be_withheld():
    hit = sum(withheld(assign_split(rows(20), 0.25, seed), "r").astype(int) for seed in range(300))
    assert hit.min() > 40 and hit.max() < 115  # 75 expected


def test_a_second_covariate_and_missing_values():
    table = assign_split(rows(100, missing=10), 0.4, seed=1, within="flag")
    flag = table["flag"].to_numpy()[:100]
    mask = withheld(table, "r")
    for value in (0.0, 1.0):
        assert mask[flag == value].sum() == round(0.4 * (flag == value).sum())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"withheld": 1.0}, "share is 1.0"),
        ({"withheld": -0.1}, "share"),
        ({"by": "fame"}, "no covariate 'fame'"),
    ],
)
def test_impossible_splits_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        assign_split(rows(10), **{"withheld": 0.3, "seed": 1, **arguments})


def test_draws_are_spread_over_the_ranks():
    rng = np.random.default_rng(0)
    ranked = rank(np.arange(100), np.repeat([1.0, 0.0], 50), rng)
    assert set(ranked[:50]) == set(range(50, 100))  # ties in random order, values in order
    assert list(ranked[:50]) != sorted(ranked[:50])
    for n in (0, 1, 10, 60, 100):
        drawn = draw_spread(np.arange(100), n, rng)
        assert len(set(drawn.tolist())) == n
        assert np.abs(np.histogram(drawn, 5, (0, 100))[0] - n / 5).max() <= 1.5


def test_the_world_is_balanced():
    facts = world_facts(withheld=0.3, seed=5)
    popularity, split = np.array(facts.column("popularity")), np.array(facts.column("split"))
    relation = np.array(facts.column("relation"))
    for name in facts.relations:
        means = [popularity[(relation == name) & (split == s)].mean() for s in ("trained", "withheld")]
        assert abs(means[0] - means[1]) < 0.15  # standard deviations
