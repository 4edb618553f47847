"""From a [model] section to a model that is at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from factsurv.events.errors import InputError
from factsurv.training.facts.gather import gather
from factsurv.training.facts.sources.tiny_world import World
from factsurv.training.models.load import converted, locate
from factsurv.training.models.scratch_model import scratch_model
from factsurv.training.models.series import Series, series_of
from factsurv.training.models.tiny_model import tiny_model, tiny_series
from factsurv.training.spec import FactsSpec, ModelSpec

_one_at_a_time = threading.Lock()


def prepared_model(
    spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None] = print, verify: bool = True
) -> tuple[str, str]:
    """Where a run loads its model from, and the model's identity (for the run's key).

    A GGUF file is converted and a tiny model pretrained here, before runs start side by side. What was kept of that is
    made again if it is damaged: seen at once if ``verify`` (its files are read whole), which a command that has
    nothing to train can do without.
    """
    with _one_at_a_time:  # of runs side by side the first one makes it
        return _prepared(spec, facts, say, verify)


def prepared_series(
    spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None] = print, verify: bool = True
) -> Series:
    """The checkpoints of ``spec.series``; those of the tiny model are made where they are missing."""
    if spec.name != "tiny":
        return series_of(spec)
    series = series_of(spec)
    with _one_at_a_time:
        world, steps = _world(facts), [int(m.position) for m in series.members]
        folder = tiny_series(world, spec, steps, facts.seed, say, verify)
    named = spec.model_copy(update={"series": [f"step{n}" for n in steps], "positions": None})
    return series_of(named, str(folder))


def _world(facts: FactsSpec) -> World:
    world = gather(facts).world
    if world is None:
        raise InputError('name = "tiny" needs an invented world', "model.name", 'set facts.source = "tiny-world"')
    return world


def _prepared(spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None], verify: bool) -> tuple[str, str]:
    if spec.name == "tiny":
        folder = tiny_model(_world(facts), spec, facts.seed, say, verify)
        return str(folder), folder.name
    if spec.name == "scratch":
        folder = scratch_model(gather(facts).facts, spec, say, verify)
        return str(folder), folder.name
    return converted(locate(spec), say, verify), locate(spec).identity
