"""HPO and GO terms in one fact set: the facts of Hier & Obafemi-Ajayi (arXiv 2601.18468)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from factsurv.training.facts.fact_set import TEXT_COLUMNS, FactSet
from factsurv.training.facts.sources.go import go_facts
from factsurv.training.facts.sources.hpo import hpo_facts
from factsurv.training.spec import FactsSpec


def hpo_and_go(spec: FactsSpec) -> FactSet:
    """HPO pairs, all trained, and GO pairs, some withheld; the covariates are those that both have."""
    assert spec.database is not None
    total = spec.go_trained + spec.go_withheld
    genes = Path(spec.genes) if spec.genes else None
    go = go_facts(Path(spec.database), total, spec.seed, spec.go_withheld / total, genes=genes)
    return joined(hpo_facts(spec.count or 800, spec.seed, 0.0), go)


def joined(first: FactSet, second: FactSet) -> FactSet:
    """Two fact sets with different relations as one."""
    shared = tuple(c for c in first.covariates if c in second.covariates)
    names = [*TEXT_COLUMNS, *shared]
    table = pa.concat_tables([first.table.select(names), second.table.select(names)]).unify_dictionaries()
    left_out = [c for f in (first, second) for c in f.covariates if c not in shared]
    notice = [f"covariates that only one ontology has are left out: {', '.join(left_out)}"] if left_out else []
    return FactSet(
        table=table.combine_chunks(),
        templates={**first.templates, **second.templates},
        examples={**first.examples, **second.examples},
        source=f"{first.source}; {second.source}",
        covariates=shared,
        notices=(*first.notices, *second.notices, *notice),
    )
