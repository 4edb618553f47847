"""The folder of a tiny model that was pretrained in an invented world, made where it is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
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
    folder = cache_folder() / f"tiny-{_recipe(world, spec, seed)}"
    if not kept(folder, say, verify):
        from factsurv.training.models.pretrain import pretrained  # torch and transformers take seconds to import

        say(f"pretraining a tiny model for {spec.pretrain_steps} steps (once; kept in {folder})")
        keep(folder, *pretrained(world, spec, seed))
    return folder


def tiny_series(
    world: World,
    spec: ModelSpec,
    at: Sequence[int],
    seed: int,
    say: Callable[[str], None] = print,
    verify: bool = False,
) -> Path:
    """Folder with a folder ``step<n>`` for each of the steps ``at`` of one pretraining; made once, as `tiny_model`.

    The pretraining is that of a tiny model: the last of its steps gives the very same weights.
    """
    folder = cache_folder() / f"tiny-{_recipe(world, spec, seed)}-series"
    lacking = {n for n in at if not kept(folder / f"step{n}", say, verify)}
    if lacking:
        from factsurv.training.models.pretrain import pretrained

        say(f"pretraining a tiny model for {spec.pretrain_steps} steps; {len(lacking)} of its checkpoints are kept")
        pretrained(world, spec, seed, lacking, lambda n, model, tokenizer: keep(folder / f"step{n}", model, tokenizer))
    return folder


def _recipe(world: World, spec: ModelSpec, seed: int) -> str:
    """Digest of all that a pretraining depends on."""
    elsewhere = ("name", "revision", "precision", "series", "positions", "pattern", "unit")
    recipe = {k: v for k, v in spec.model_dump().items() if k not in elsewhere}
    sample = world.batch(np.random.default_rng(0), 200, 0)
    identity = json.dumps([recipe, seed, sample, list(world.vocabulary)], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
