"""Runs of the associative memory: it stores many pairs, and is then taught new ones, with the old replayed or not."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pyarrow as pa
import torch

from factsurv.events.schema import SPLITS, described, stack
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.label import Label
from factsurv.training.simulations.hidden_layer import Pairs, draw_keys, logits, loss_of, untrained
from factsurv.training.simulations.rows import baseline_rows, measured, of_checkpoint, probe_rows, training_rows
from factsurv.training.simulations.spec import AssociativeMemorySpec

TOKENS = 2  # of a lesson: key, class
_pretraining = threading.Lock()  # the first run of a seed does it


def pair_facts(spec: AssociativeMemorySpec) -> FactSet:
    """Each followed pair is a fact, of the set `seen` (in pretraining) or `new`. A class is a group."""
    classes = _classes(spec)
    facts = []
    for pool, first, count in (("seen", 0, spec.keys), ("new", spec.keys, spec.new)):
        for i in range(min(count, spec.followed)):
            answer = f"class {classes[first + i] + 1}"
            sets = {"seen": pool == "seen", "new": pool == "new"}
            facts.append(Fact(f"{pool}-{i + 1}", f"{pool} key {i + 1}", "key", answer, answer, sets=sets))
    split = ["trained" if f.sets["new"] else "withheld" for f in facts]
    return FactSet(
        table=fact_rows(facts, (), split),
        templates={"key": ("{subject}",)},
        examples={},
        source=f"simulation {spec.name}",
        covariates=(),
    )


def run(spec: AssociativeMemorySpec, facts: FactSet, label: Label) -> dict[str, pa.Table]:
    """The tables of one run from the start of the second stage on: `baseline`, `probes`, `training`."""
    torch.set_num_threads(1)  # small matrices: more are slower, and sums would depend on their number
    with _pretraining:
        pairs, stored = _stored(spec.model_copy(update=NOT_OF_PRETRAINING), label.seed)
    weights = [w.clone().requires_grad_() for w in stored]
    optimiser = torch.optim.Adam(weights, lr=spec.learning_rate)
    generator = torch.Generator().manual_seed(2**32 + label.seed)
    taught, old = spec.taught or spec.new, min(spec.keys, spec.followed)
    rows = torch.cat([torch.arange(old), spec.keys + torch.arange(len(facts) - old)])  # of the facts among the pairs
    lessons, epochs = spec.batch * (2 if spec.replay else 1), spec.batch / taught
    drawn = np.zeros(len(pairs.keys), dtype=np.int64)
    losses: list[float] = []
    made: list[pa.Table] = []
    before: dict[str, np.ndarray] = {}
    for step in range(spec.steps + 1):
        if step:
            batch = [spec.keys + torch.randint(taught, (spec.batch,), generator=generator)]
            loss = loss_of(weights, pairs, batch[0])
            if spec.replay:
                batch.append(torch.randint(spec.keys, (spec.batch,), generator=generator))
                loss = loss + spec.replay * loss_of(weights, pairs, batch[1])
            losses.append(_step(optimiser, loss))
            drawn += np.bincount(torch.cat(batch).numpy(), minlength=len(drawn))
        if step in spec.moments():
            with torch.no_grad():
                found = measured(logits(weights, pairs.keys[rows]), pairs.classes[rows])
            before = before or found
            of_row = of_checkpoint(label, facts, step, step * epochs, len(made))
            made.append(probe_rows(of_row, found, step * lessons, TOKENS, drawn[rows.numpy()]))
    new = np.arange(len(facts)) >= old
    split = np.where(new | bool(spec.replay), *SPLITS)
    followed = pa.array(~new | (np.arange(len(facts)) < old + taught))  # without what only other arms teach
    baseline = baseline_rows(label, facts, before, spec.samples, {"split": split})
    return {
        "baseline": described(baseline.filter(followed), "baseline"),
        "probes": described(stack([table.filter(followed) for table in made]), "probes"),
        "training": described(training_rows(label, losses, lessons, TOKENS, spec.learning_rate, epochs), "training"),
    }


# Keys of the second stage, at their defaults: arms share the first one.
NOT_OF_PRETRAINING = {
    name: AssociativeMemorySpec.model_fields[name].default
    for name in ("followed", "taught", "replay", "steps", "batch", "checkpoints", "samples")
}


def _classes(spec: AssociativeMemorySpec) -> np.ndarray:
    """The class of each key, those of the new pairs last."""
    return np.random.default_rng(spec.seed).integers(spec.classes, size=spec.keys + spec.new)


@functools.lru_cache(maxsize=16)
def _stored(spec: AssociativeMemorySpec, seed: int) -> tuple[Pairs, list[torch.Tensor]]:
    """All pairs, and the weights after pretraining on the old ones."""
    generator = torch.Generator().manual_seed(seed)
    pairs = draw_keys(torch.from_numpy(_classes(spec)), spec.width, generator)
    weights = [w.requires_grad_() for w in untrained(spec.width, spec.units, spec.classes, generator)]
    optimiser = torch.optim.Adam(weights, lr=spec.learning_rate)
    for _ in range(spec.pretrain_steps):
        batch = torch.randint(spec.keys, (spec.pretrain_batch,), generator=generator)
        _step(optimiser, loss_of(weights, pairs, batch))
    return pairs, [w.detach() for w in weights]


def _step(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> float:
    """One step; the loss before it."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()
