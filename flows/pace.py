"""What the runs of a study take at least of time and memory, before any was done, and what that rests on.

Counted are the products of the weights with the tokens taught and probed: 2 operations a weight and token forward, 2
backward, and 2 more where a weight is trained itself. At the pace at which a core of this machine multiplies matrices
that is roughly a lower bound: small matrices, attention, loading and whoever else uses the machine come on top.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from factsurv.training.facts.fact_set import FactSet
from factsurv.training.spec import ModelSpec, ProbeSpec

if TYPE_CHECKING:
    from factsurv.training.lessons.stages import Stage

MANY = 20_000  # facts tell a vocabulary's size well enough
LETTERS = 4  # of English text a token of common vocabularies
# With one thread, in a process of its own: threads are counted when a numerical library is loaded. Of many short
# products some are undisturbed, however busy the machine is.
PRODUCTS = """import time, numpy as np
a, took = np.ones((256, 256), np.float32), []
for _ in range(300):
    began = time.perf_counter()
    a @ a
    took.append(time.perf_counter() - began)
print(2 * 256**3 / min(took))"""


def pace() -> float:
    """Operations a second of one core in products of fp32 matrices, the best of 300 that are measured now."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-P", "-c", PRODUCTS]
    said = subprocess.run(
        command, env=os.environ | one, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=120
    )
    return float(said.stdout)


@dataclass(frozen=True)
class Size:
    """Numbers of a model's weights: all of them, and of the matrices that every token is multiplied with."""

    all: float
    inside: float


def size_of(model: ModelSpec, facts: FactSet) -> Size | None:
    """From the settings or the heads of the model's files; None where these are not at hand."""
    from factsurv.training.models.load import locate
    from factsurv.training.models.size import between_the_ends, tensors

    if model.name in ("tiny", "scratch"):
        inner = (model.inner if model.name == "scratch" else None) or 4 * model.width
        words = model.vocabulary_size or len({w for text in _texts(facts, MANY) for w in text.split()})
        inside = model.layers * (4 * model.width**2 + 3 * model.width * inner)
        return Size(inside + words * model.width, inside)
    source = locate(model)
    found = tensors(source.location, model.revision, source.gguf_file)
    return Size(sum(found.values()), between_the_ends(found)) if found else None


def tokens(model: ModelSpec, facts: FactSet, most: int = 500) -> float:
    """Of a fact's prompt and answer, on average: words, or a quarter of the letters where parts of words count."""
    texts = _texts(facts, most)
    whole = model.name == "tiny" or (model.name == "scratch" and model.vocabulary == "words")
    return float(np.mean([len(text.split()) if whole else len(text) / LETTERS for text in texts]))


def _texts(facts: FactSet, most: int) -> list[str]:
    rows = np.unique(np.linspace(0, len(facts) - 1, min(most, len(facts))).astype(int))
    columns = [facts.table[name].take(rows).to_pylist() for name in ("subject", "relation", "object")]
    return [f"{facts.templates[r][0].replace('{subject}', s)} {o}" for s, r, o in zip(*columns, strict=True)]


def operations(
    inside: float, each: float, stages: Sequence[Stage], probe: ProbeSpec, probed: int, checkpoints: int
) -> float:
    """Of one run; ``inside``: see `Size`, ``each``: tokens of a fact, ``probed``: answers asked for at a checkpoint."""
    done = 0.0
    for stage in stages:
        tuning = stage.tuning
        passes = 6 if tuning.method == "full" and tuning.layers is None else 4 if tuning.layers is None else 2
        done += passes * inside * stage.steps * tuning.batch_size * (stage.length or each)
    # The baseline is read behind each few-shot prompt of the SLiCK class too.
    return done + 2 * inside * probed * each * (checkpoints + 1 + probe.slick_prompts)
