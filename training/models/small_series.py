"""A small model that learns a little, checkpoint by checkpoint: what a rehearsal of a series follows in its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.models.load import cache_folder, keep, kept, load
from factsurv.training.models.small_model import small_model
from factsurv.training.spec import ModelSpec, ProbeSpec

EVERY, TAUGHT, BATCH, RATE = 12, 24, 8, 3e-3  # steps between checkpoints, facts, and how they are learned
LAST = 8  # tokens at the end, the answer among them


def small_series(
    spec: ModelSpec, facts: FactSet, probe: ProbeSpec, checkpoints: int, say: Callable[[str], None] = print
) -> tuple[Path, list[str]]:
    """Folder with ``step0``, ``step12`` and so on of a small random model that reads some facts as they are asked.

    Returns
    -------
    The folder, and what the study should know of it (see `factsurv.training.models.small_model.small_model`).
    """
    first = spec.series[0] if isinstance(spec.series, list) else None
    inside = {"name": str(Path(spec.name) / first)} if first and Path(spec.name).is_dir() else {"revision": first}
    alone = spec.model_copy(update={"series": None, "positions": None, "pattern": None, "unit": None} | inside)
    start, told = small_model(alone, say)
    about = json.dumps(
        [start.name, facts.column("fact_id"), facts.templates, probe.examples, checkpoints, EVERY, RATE, LAST]
    )
    folder = cache_folder() / f"small-series-{hashlib.sha256(about.encode()).hexdigest()[:16]}"
    at = [EVERY * i for i in range(checkpoints)]
    lacking = [n for n in at if not kept(folder / f"step{n}", say, verify=True)]
    if lacking:
        import torch

        from factsurv.training.models.pretrain import read

        model, tokenizer = load(ModelSpec(name=str(start)), say)
        encoded = encode_probes(tokenizer, facts, probe)
        whole = [[*t.tolist(), encoded.terminator] for t in encoded.tokens[:TAUGHT]]
        rng = np.random.default_rng(1)
        with torch.random.fork_rng():
            read(
                model, lambda _: [whole[i] for i in rng.integers(len(whole), size=BATCH)], at[-1], RATE, lacking,
                lambda n: keep(folder / f"step{n}", model, tokenizer), LAST,
            )  # fmt: skip
    return folder, told
