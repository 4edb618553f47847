"""From a [model] section to a model that is at hand."""

from __future__ import annotations

from collections.abc import Callable

from events.errors import InputError
from training.gather import gather
from training.models import converted, locate
from training.spec import FactsSpec, ModelSpec
from training.tiny_model import tiny_model


def prepared_model(spec: ModelSpec, facts: FactsSpec, say: Callable[[str], None] = print) -> tuple[str, str]:
    """Where a run loads its model from, and the model's identity (for the run's key).

    A GGUF file is converted and a tiny model pretrained here, before runs start side by side.
    """
    if spec.name == "tiny":
        if facts.source != "tiny-world":
            raise InputError('name = "tiny" needs an invented world', "model.name", 'set facts.source = "tiny-world"')
        world = gather(facts).world
        assert world is not None
        folder = tiny_model(world, spec, facts.seed, say)
        return str(folder), folder.name
    return converted(locate(spec), say), locate(spec).identity
