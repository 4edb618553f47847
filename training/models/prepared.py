"""From a [model] section to a model that is at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from factsurv.events.errors import InputError
from factsurv.training.facts.gather import gather
from factsurv.training.models.load import converted, locate
from factsurv.training.models.scratch_model import scratch_model
from factsurv.training.models.tiny_model import tiny_model
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


def _prepared(spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None], verify: bool) -> tuple[str, str]:
    if spec.name == "tiny":
        world = gather(facts).world
        if world is None:
            raise InputError('name = "tiny" needs an invented world', "model.name", 'set facts.source = "tiny-world"')
        folder = tiny_model(world, spec, facts.seed, say, verify)
        return str(folder), folder.name
    if spec.name == "scratch":
        folder = scratch_model(gather(facts).facts, spec, say, verify)
        return str(folder), folder.name
    return converted(locate(spec), say, verify), locate(spec).identity
