"""The folder of a tiny model that was pretrained in an invented world, made where it is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from factsurv.training.facts.sources.tiny_world import World
from factsurv.training.models.load import cache_folder, keep, kept
from factsurv.training.spec import ModelSpec


def tiny_model(
    world: World, spec: ModelSpec, seed: int, say: Callable[[str], None] = print, verify: bool = False
) -> Path:
    """Folder of the pretrained tiny model; made once for each world, specification and seed.

    ``verify``: the kept one is read whole and compared with its digests.
    """
    recipe = {k: v for k, v in spec.model_dump().items() if k not in ("name", "revision", "precision")}
    sample = world.sample(np.random.default_rng(0), 200)
    identity = json.dumps([recipe, seed, sample, list(world.vocabulary)], sort_keys=True)
    folder = cache_folder() / f"tiny-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not kept(folder, say, verify):
        from factsurv.training.models.pretrain import pretrained  # torch and transformers take seconds to import

        say(f"pretraining a tiny model for {spec.pretrain_steps} steps (once; kept in {folder})")
        keep(folder, *pretrained(world, spec, seed))
    return folder
