"""Runs of the one-layer model: pretrained on statements about all subjects, fine-tuned on questions about some."""

from __future__ import annotations

import collections
import functools
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import torch

from factsurv.events.schema import INSTRUMENTS, SWEEP, build, described, stack
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.sources.zipf_facts import zipf_shares
from factsurv.training.label import Label
from factsurv.training.simulations.one_layer import (
    Tokens,
    Weights,
    attention,
    descend,
    draw_tokens,
    logits,
    salience,
    untrained,
)
from factsurv.training.simulations.rows import baseline_rows, measured, of_checkpoint, probe_rows, training_rows
from factsurv.training.simulations.spec import OneLayerSpec

TOKENS = 3  # of a lesson: subject, relation, answer
_pretraining: dict[int, threading.Lock] = collections.defaultdict(threading.Lock)  # by seed: the first run does it


def run(spec: OneLayerSpec, facts: FactSet, label: Label) -> dict[str, pa.Table]:
    """The tables of one run: `baseline` (with ``salience``), `probes`, `training`, `attention`, and any `sweep`."""
    torch.set_num_threads(1)  # small matrices: more are slower, and sums would depend on their number
    known = _Known(spec, facts)
    tokens, weights = _start(spec, known, label.seed)
    rows = known.lessons(label.seed)
    share = torch.full((len(rows),), 1 / len(rows))
    exposures = np.zeros(len(facts), dtype=np.int64)
    taught = known.of_subjects(rows)
    before, first = _probe(label, facts, tokens, weights, 0, rows, exposures)
    made = [first]
    own = {"salience": salience(tokens, weights).flatten().double().numpy()}  # of each fact before fine-tuning
    baseline = baseline_rows(label, facts, before, spec.samples, own)
    losses = []
    for step in range(1, spec.steps + 1):
        weights, loss = descend(tokens, tokens.question, weights, rows, share, spec.learning_rate)
        exposures[taught] += 1
        losses.append(loss)
        if step % spec.probe_every == 0 or step == spec.steps:
            made.append(_probe(label, facts, tokens, weights, step, rows, exposures, len(made))[1])
    swept = _sweep(spec, known, facts, label)
    others = np.setdiff1d(known.of_subjects(torch.from_numpy(known.trained)), taught)  # what only other arms teach

    def followed(table: pa.Table) -> pa.Table:
        return table.take(pa.array(np.setdiff1d(np.arange(len(facts)), others)))

    return {
        "baseline": described(followed(baseline), "baseline"),
        "probes": described(stack([followed(m["probes"]) for m in made]), "probes"),
        "training": described(training_rows(label, losses, len(taught), TOKENS, spec.learning_rate, 1), "training"),
        "attention": described(stack([followed(m["attention"]) for m in made]), "attention"),
    } | ({"sweep": described(stack(swept), "sweep")} if swept else {})


def tables(spec: OneLayerSpec) -> list[str]:
    """What a run measures beside recall."""
    return ["attention", *(["sweep"] if spec.sweep.exponent or spec.sweep.pretrain_steps else [])]


class _Known:
    """The facts by subject and relation: row s·R + r is the fact of subject s and relation r."""

    def __init__(self, spec: OneLayerSpec, facts: FactSet):
        self.spec = spec
        answer = [text.split(".")[-1] for text in facts.column("object")]
        number = np.array(answer, dtype=np.int64).reshape(spec.subjects, spec.relations) - 1
        self.right = torch.from_numpy(number + spec.answers * np.arange(spec.relations))
        split = np.array(facts.column("split")).reshape(number.shape)[:, 0]
        self.trained, self.withheld = np.flatnonzero(split == "trained"), np.flatnonzero(split == "withheld")

    def lessons(self, seed: int) -> torch.Tensor:
        """Subjects of the arm's lessons, by rank; `random` draws by the run's seed."""
        pool, half = self.trained, len(self.trained) // 2
        drawn = np.random.default_rng([seed, 1]).permutation(pool)[:half]
        chosen = {"top": pool[:half], "bottom": pool[len(pool) - half :], "random": np.sort(drawn), "whole": pool}
        return torch.from_numpy(chosen[self.spec.half])

    def of_subjects(self, rows: torch.Tensor) -> np.ndarray:
        """Rows of the facts of these subjects."""
        return (rows.numpy()[:, None] * self.spec.relations + np.arange(self.spec.relations)).ravel()


def _start(spec: OneLayerSpec, known: _Known, seed: int) -> tuple[Tokens, Weights]:
    """The pretrained model of a seed: the same for every arm, and done once."""
    own = (spec.subjects, spec.relations, spec.answers, spec.width, spec.shared, spec.pretrain_learning_rate)
    base = known.spec
    also = {base.pretrain_steps, *base.sweep.pretrain_steps} if spec.exponent == base.exponent else set()
    at = tuple(sorted({spec.pretrain_steps} | also))
    with _pretraining[seed]:
        tokens, kept = _pretrained(own, spec.exponent, at, seed, known.right.numpy().tobytes())
    return tokens, kept[spec.pretrain_steps]


@functools.lru_cache(maxsize=64)
def _pretrained(
    own: tuple[int, int, int, int, float, float], exponent: float, at: tuple[int, ...], seed: int, right: bytes
) -> tuple[Tokens, Mapping[int, Weights]]:
    """Tokens, and the weights after each of the numbers of steps ``at`` of one pretraining."""
    subjects, relations, answers, width, shared, rate = own
    generator = torch.Generator().manual_seed(seed)
    of_facts = torch.from_numpy(np.frombuffer(right, dtype=np.int64).reshape(subjects, relations).copy())
    tokens = draw_tokens(of_facts, answers * relations, width, shared, generator)
    weights, kept = untrained(width), {}
    rows = torch.arange(subjects)
    share = torch.from_numpy(zipf_shares(subjects, exponent)).float()
    for step in range(1, max(at) + 1):
        weights, _ = descend(tokens, tokens.statement, weights, rows, share, rate)
        if step in at:
            kept[step] = weights
    return tokens, kept


def _measured(tokens: Tokens, weights: Weights, rows: torch.Tensor) -> dict[str, np.ndarray]:
    """What a question about each fact of these subjects gives, (rows · R,)."""
    with torch.no_grad():
        found = measured(logits(tokens, tokens.question, weights, rows).flatten(0, 1), tokens.right[rows].flatten())
        return found | {"attention": attention(tokens, tokens.question, weights, rows).flatten().double().numpy()}


def _probe(
    label: Label, facts: FactSet, tokens: Tokens, weights: Weights, step: int, rows: torch.Tensor,
    exposures: np.ndarray, checkpoint: int = 0,
) -> tuple[dict[str, np.ndarray], dict[str, pa.Table]]:  # fmt: skip
    """What was measured, as rows of `probes` and `attention`. A step is an epoch: it sees every lesson once."""
    found = _measured(tokens, weights, torch.arange(len(tokens.subjects)))
    of_row = of_checkpoint(label, facts, step, step, checkpoint)
    probes = probe_rows(of_row, found, step * len(rows) * tokens.right.shape[1], TOKENS, exposures)
    looked = of_row | {"layer": np.ones(len(facts), dtype=int)}
    looked |= dict.fromkeys(("greatest", "total"), found["attention"])  # a subject is one token
    return found, {"probes": probes, "attention": build(INSTRUMENTS["attention"], looked)}


def _sweep(spec: OneLayerSpec, known: _Known, facts: FactSet, label: Label) -> list[pa.Table]:
    """The withheld facts before and after fine-tuning, at each value of each swept key."""
    rows = torch.from_numpy(known.withheld)
    ids = np.array(facts.column("fact_id"), dtype=object)[known.of_subjects(rows)]
    parts = []
    for key, value, one in _settings(spec):
        tokens, weights = _start(one, known, label.seed)
        before = _measured(tokens, weights, rows)
        taught = known.lessons(label.seed)
        share = torch.full((len(taught),), 1 / len(taught))
        for _ in range(one.steps):
            weights, _ = descend(tokens, tokens.question, weights, taught, share, one.learning_rate)
        after = _measured(tokens, weights, rows)
        data = {"fact_id": ids, "key": [key] * len(ids), "value": np.full(len(ids), float(value))}
        for name, found in (("0", before), ("", after)):
            data |= {f"recalled{name}": found["recalled"], f"attention{name}": found["attention"]}
        parts.append(build(SWEEP, label.columns(len(ids)) | data))
    return parts


def _settings(spec: OneLayerSpec) -> Iterator[tuple[str, float, OneLayerSpec]]:
    """Each swept key at each of its values, the study's own among them, in order."""
    for key in ("exponent", "pretrain_steps"):
        values = getattr(spec.sweep, key)
        for value in sorted({*values, getattr(spec, key)}) if values else ():
            yield key, value, spec.model_copy(update={key: value})
