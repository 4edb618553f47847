"""Facts of a simulation: subjects told as often as Zipf's law says, and answers of which some are common."""

from __future__ import annotations

import numpy as np

from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.sources.zipf_facts import zipf_shares
from factsurv.training.simulations.spec import OneLayerSpec


def told_facts(spec: OneLayerSpec) -> FactSet:
    """Every relation of every subject, in the order of the subjects' ranks; subjects are withheld, not single facts.

    The i-th answer of a relation is drawn in proportion to 1/i. ``popularity`` is the logarithm of the share of
    pretraining that is about the subject.
    """
    rng = np.random.default_rng(spec.seed)
    right = rng.choice(spec.answers, (spec.subjects, spec.relations), p=zipf_shares(spec.answers, 1.0))
    withheld = set(rng.permutation(spec.subjects)[: round(spec.withheld * spec.subjects)].tolist())
    popularity = np.log(zipf_shares(spec.subjects, spec.exponent))
    facts, split = [], []
    for i in range(spec.subjects):
        for r in range(spec.relations):
            subject, relation, answer = f"subject {i + 1}", f"relation {r + 1}", f"answer {r + 1}.{right[i, r] + 1}"
            known = {"popularity": float(popularity[i])}
            facts.append(Fact(f"s{i + 1}-r{r + 1}", subject, relation, answer, subject, known))
            split.append("withheld" if i in withheld else "trained")
    return FactSet(
        table=fact_rows(facts, ("popularity",), split),
        templates={f"relation {r + 1}": (f"{{subject}} relation {r + 1}",) for r in range(spec.relations)},
        examples={},
        source=f"simulation {spec.name}",
        covariates=("popularity",),
    )
