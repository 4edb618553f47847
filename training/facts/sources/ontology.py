"""Facts of an ontology, term to identifier: depth, branch, annotation counts, and a balanced draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows
from factsurv.training.facts.split import assign_split, draw_spread, rank, relation_rng

# The studies that these facts follow do not say how they drew theirs; a sister study of one of them ranked
# the terms, cut the ranks into twenty bins and drew equally from each.
RANK_BINS = 20


@dataclass(frozen=True)
class Ontology:
    """Live terms of one ontology.

    Parameters
    ----------
    relation : str
        What the facts are called, such as `hpo_id`.
    root : str
        The term whose children are the branches. Only its descendants become facts.
    names, parents : mappings from a term's identifier
    annotated : mapping of a disease or gene to the terms that it is annotated with, or None
    templates : tuple of str
    source : str
    """

    relation: str
    root: str
    names: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    annotated: Mapping[str, frozenset[str]] | None
    templates: tuple[str, ...]
    source: str


def ontology_facts(ontology: Ontology, n: int, withheld: float, seed: int) -> FactSet:
    """Draw n facts, evenly over twenty bins of the terms' annotation ranks; twelve more become examples.

    Covariates: `annotations` (log1p of the diseases or genes annotated with the term itself), `propagated`
    (the same, with those of its descendants), `unannotated` (1 if there are none of the former: the log
    alone would hide that many terms have none) and `depth` (steps from the root). Without annotations:
    `descendants` (log1p) and `depth`.
    """
    depth, branch = depth_and_branch(ontology.parents, ontology.root)
    terms = sorted(set(depth) - {ontology.root})
    known = _covariates(ontology, terms, depth)
    key = "descendants" if ontology.annotated is None else "annotations"
    rng = relation_rng(seed, ontology.relation)
    ranked = rank(np.arange(len(terms)), known[key], rng)
    most = (len(terms) - RESERVED_EXAMPLES) // RANK_BINS * RANK_BINS
    if not 1 <= n <= most:
        raise InputError(f"{n} facts are asked for; {ontology.source} has 1 to {most} to give", "[facts] count")
    examples = draw_spread(ranked, RESERVED_EXAMPLES, rng)
    chosen = np.sort(draw_from_bins(ranked[~np.isin(ranked, examples)], n, rng))
    table = fact_rows(
        [
            Fact(
                terms[i],
                ontology.names[terms[i]],
                ontology.relation,
                terms[i],
                ontology.names[branch[terms[i]]],
                {name: float(values[i]) for name, values in known.items()},
            )
            for i in chosen
        ],
        tuple(known),
    )
    return FactSet(
        assign_split(table, withheld, seed, by=key),
        {ontology.relation: ontology.templates},
        {ontology.relation: tuple((ontology.names[terms[i]], terms[i]) for i in rng.permutation(examples))},
        ontology.source,
        tuple(known),
    )


def draw_from_bins(ranked: np.ndarray, n: int, rng: np.random.Generator, bins: int = RANK_BINS) -> np.ndarray:
    """Draw n of the ranked rows, equally from each bin of ranks; a remainder goes to bins at random."""
    quota = np.full(bins, n // bins)
    quota[rng.permutation(bins)[: n % bins]] += 1
    parts = np.array_split(ranked, bins)
    return np.concatenate([rng.permutation(part)[:q] for part, q in zip(parts, quota, strict=True)])


def depth_and_branch(parents: Mapping[str, tuple[str, ...]], root: str) -> tuple[dict[str, int], dict[str, str]]:
    """Steps of the shortest path from the root, and the root's child that it passes (ties: smallest id)."""
    children: dict[str, list[str]] = {}
    for term, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(term)
    depth, level = {root: 0}, [root]
    branch: dict[str, str] = {}
    while level:
        below: dict[str, str] = {}
        for term in level:
            for child in children.get(term, ()):
                if child not in depth:
                    through = branch.get(term, child)
                    below[child] = min(below.get(child, through), through)
        depth.update(dict.fromkeys(below, depth[level[0]] + 1))
        branch.update(below)
        level = list(below)
    return depth, branch


def counts(annotated: Mapping[str, frozenset[str]], parents: Mapping[str, tuple[str, ...]]) -> tuple[Counter, Counter]:
    """How many diseases or genes have each term, and how many have it or one of its descendants."""
    closure: dict[str, frozenset[str]] = {}
    own: Counter[str] = Counter()
    propagated: Counter[str] = Counter()
    for terms in annotated.values():
        own.update(terms)
        propagated.update(frozenset().union(*(_upward(t, parents, closure) for t in terms)))
    return own, propagated


def _upward(term: str, parents: Mapping[str, tuple[str, ...]], closure: dict[str, frozenset[str]]) -> frozenset[str]:
    """The term and all its ancestors; `closure` remembers."""
    if term not in closure:
        above: Iterable[frozenset[str]] = (_upward(p, parents, closure) for p in parents.get(term, ()))
        closure[term] = frozenset((term,)).union(*above)
    return closure[term]


def _covariates(ontology: Ontology, terms: list[str], depth: Mapping[str, int]) -> dict[str, np.ndarray]:
    steps = np.array([depth[t] for t in terms], dtype=float)
    if ontology.annotated is None:
        _, below = counts({t: frozenset((t,)) for t in ontology.parents}, ontology.parents)
        return {"descendants": np.log1p([below[t] - 1 for t in terms]), "depth": steps}
    own, propagated = counts(ontology.annotated, ontology.parents)
    return {
        "annotations": np.log1p([own[t] for t in terms]),
        "propagated": np.log1p([propagated[t] for t in terms]),
        "unannotated": np.array([float(own[t] == 0) for t in terms]),
        "depth": steps,
    }
