"""One run: one arm and one seed, probed at baseline and at every checkpoint.

A run is a process of its own (`python -m training.run JOB.json`), so that it can be given a share of
the machine, be killed, and fail without taking others along. It prints one JSON object a line:
``{"done": …, "total": …, "note": …}`` for progress, ``{"say": …}`` for notices.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pydantic import BaseModel

from events.errors import InputError
from events.files import read_table, write_table
from events.schema import BASELINE, PROBES, TRAINING, build, described
from training.facts import FactSet
from training.finetune import Step, finetune, steps_per_epoch, tunable
from training.models import load
from training.probe import Probed, Sampling, agrees_with_plain_path, probe
from training.prompts import Encoded, encode, few_shot_context, fill
from training.spec import ModelSpec, ProbeSpec, TuningSpec
from training.stored_facts import from_arrow

# One forward pass costs about half of a training step on the same tokens (no backward pass).
PROBE_COST = 0.5


class Job(BaseModel):
    """What a run needs to know. ``facts`` and ``folder`` are paths; ``model.name`` is local by now."""

    run: str
    arm: str
    seed: int
    facts: Path
    folder: Path
    model: ModelSpec
    tuning: TuningSpec
    probe: ProbeSpec


Report = Callable[[dict], None]


@dataclass
class Clock:
    """Where training stands; ``exposures`` int64 (F,) counts how often each fact was trained on."""

    exposures: np.ndarray
    checkpoint: int = 0
    epoch: float = 0.0
    step: int = 0
    examples: int = 0
    tokens: int = 0

    def advance(self, step: Step, trained: np.ndarray) -> None:
        np.add.at(self.exposures, trained[step.facts], 1)
        self.epoch, self.step, self.examples, self.tokens = step.epoch, step.step, step.examples, step.tokens


def execute(job: Job, report: Report = lambda _: None) -> None:
    """Probe, train and probe again; write `baseline.arrow`, `probes.arrow` and `training.arrow`.

    Raises
    ------
    InputError
        If the facts, the model and the recipe do not fit, or training diverges; the probes so far are
        then in `probes-incomplete.arrow`.
    """
    facts = from_arrow(read_table(job.facts))
    model, tokenizer = load(job.model, lambda text: report({"say": text}))
    if torch.cuda.is_available():
        model = model.to("cuda")  # type: ignore[arg-type]
    encoded = encode_probes(tokenizer, facts, job.probe)
    forms = encode_lessons(tokenizer, facts, job.probe.terminator)
    trained = np.flatnonzero(np.array(facts.column("split")) == "trained")
    share_prefix = agrees_with_plain_path(model, encoded)
    if not share_prefix:
        report({"say": "this architecture does not share a prefix: probing takes the plain, slower path"})
    per_epoch = steps_per_epoch(len(trained), max(len(f) for f in forms), job.tuning)
    probe_units = PROBE_COST * len(facts) / job.tuning.batch_size
    extra = job.probe.slick_prompts - 1 if job.probe.examples else 0
    checkpoints = job.tuning.epochs // job.probe.every
    total = per_epoch * job.tuning.epochs + probe_units * (1 + extra + checkpoints)
    sampling = Sampling(job.probe.temperature, job.probe.top_k, job.probe.top_p)
    clock, rows, losses = Clock(np.zeros(len(facts), dtype=np.int64)), [], []

    def measure(samplings: tuple[Sampling, ...]) -> Probed:
        probed = probe(model, encoded, samplings, job.probe.batch_tokens, share_prefix)
        rows.append(_probe_rows(job, facts, clock, probed))
        share = probed.recalled[trained].mean()
        done = clock.step + probe_units * (1 + extra + clock.checkpoint)
        report({"done": done, "total": total, "note": f"epoch {clock.epoch:g}: {share:.0%} of trained facts recalled"})
        return probed

    first = measure((sampling, _slick_sampling(job.probe)))
    baseline = _baseline(job, facts, encoded, first, _other_prompts(model, tokenizer, facts, job, share_prefix))
    model = tunable(model, job.tuning, job.seed)
    try:
        for step in finetune(model, [forms[i] for i in trained], job.tuning, job.seed):
            clock.advance(step, trained)
            losses.append(step)
            if step.ends_epoch and round(step.epoch) % job.probe.every == 0:
                clock.checkpoint += 1
                measure((sampling,))
            elif step.step % 5 == 0:
                done = clock.step + probe_units * (1 + extra + clock.checkpoint)
                report({"done": done, "total": total, "note": f"epoch {step.epoch:.1f}: loss {step.loss:.2f}"})
    except (InputError, RuntimeError):
        write_table(job.folder / "probes-incomplete.arrow", described(pa.concat_tables(rows), "probes"))
        raise
    write_table(job.folder / "baseline.arrow", described(baseline, "baseline"))
    write_table(job.folder / "training.arrow", described(_training_rows(job, losses), "training"))
    write_table(job.folder / "probes.arrow", described(pa.concat_tables(rows), "probes"))
    report({"done": total, "total": total, "note": "done"})


def encode_probes(tokenizer, facts: FactSet, spec: ProbeSpec, prompt: int = 0) -> Encoded:
    """All facts in their probe form behind few-shot prompt number ``prompt`` of their relation."""
    contexts, prompts = [], []
    for relation, subject in zip(facts.column("relation"), facts.column("subject"), strict=True):
        form = facts.templates[relation][0]
        contexts.append(few_shot_context(form, few_shot_examples(facts, relation, spec, prompt), spec.terminator))
        prompts.append(fill(form, subject))
    return encode(tokenizer, prompts, facts.column("object"), facts.column("fact_id"), spec.terminator, contexts)


def few_shot_examples(facts: FactSet, relation: str, spec: ProbeSpec, prompt: int) -> list[tuple[str, str]]:
    """The examples of few-shot prompt ``prompt`` (0 is the one that the event clock uses)."""
    reserved = list(facts.examples.get(relation, ()))
    if len(reserved) < spec.examples:
        raise InputError(
            f"relation {relation!r} has {len(reserved)} examples beside its facts, {spec.examples} are asked for",
            "probe.examples",
            f"set probe.examples = {len(reserved)}, or give the relation more rows",
        )
    start = prompt * len(reserved) // spec.slick_prompts
    return [reserved[(start + i) % len(reserved)] for i in range(spec.examples)]


def encode_lessons(tokenizer, facts: FactSet, terminator: str) -> list[list[Encoded]]:
    """Each fact alone, in each of its relation's prompt forms."""
    count = max(len(t) for t in facts.templates.values())
    forms: list[list[Encoded]] = [[] for _ in range(len(facts))]
    relations, subjects, ids = facts.column("relation"), facts.column("subject"), facts.column("fact_id")
    objects = facts.column("object")
    for k in range(count):
        having = [i for i, r in enumerate(relations) if k < len(facts.templates[r])]
        prompts = [fill(facts.templates[relations[i]][k], subjects[i]) for i in having]
        whole = encode(tokenizer, prompts, [objects[i] for i in having], [ids[i] for i in having], terminator)
        for j, i in enumerate(having):
            forms[i].append(
                Encoded((whole.tokens[j],), whole.target_start[j : j + 1], whole.terminators, whole.terminator)
            )
    return forms


def _slick_sampling(spec: ProbeSpec) -> Sampling:
    return Sampling(temperature=spec.slick_temperature)


def _other_prompts(model, tokenizer, facts: FactSet, job: Job, share_prefix: bool) -> list[Probed]:
    if job.probe.examples == 0:
        return []  # without examples there is only one prompt
    return [
        probe(
            model,
            encode_probes(tokenizer, facts, job.probe, k),
            (_slick_sampling(job.probe),),
            job.probe.batch_tokens,
            share_prefix,
        )
        for k in range(1, job.probe.slick_prompts)
    ]


def _baseline(job: Job, facts: FactSet, encoded: Encoded, first: Probed, others: list[Probed]) -> pa.Table:
    """What the model knew before: labels drawn with the run's seed from exact probabilities."""
    rng = np.random.default_rng([job.seed, 1])
    p = np.clip(first.p[0], 0.0, 1.0)
    hits = rng.binomial(job.probe.samples, p)
    latent = ~first.recalled & (hits > 0)
    slick = slick_class(
        np.stack([first.recalled, *(o.recalled for o in others)]),
        np.stack([first.p[1], *(o.p[0] for o in others)]),
        job.probe.slick_samples,
        rng,
    )
    data = _run_columns(job, len(facts)) | {
        "fact_id": facts.column("fact_id"),
        "split": facts.column("split"),
        "recalled": first.recalled,
        "latent": latent,
        "hits": hits,
        "p": p,
        "p_any": -np.expm1(job.probe.samples * np.log1p(-np.minimum(p, 1 - 1e-15))),
        "logp": first.logp,
        "margin": first.margin,
        "knowledge": np.where(first.recalled, "known", np.where(latent, "latent", "unknown")),
        "slick": slick,
        "target_tokens": encoded.target_tokens,
    }
    return build(BASELINE, data)


def slick_class(greedy: np.ndarray, p: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """SLiCK class of each fact (Gekhman et al. 2024, section 3).

    Parameters
    ----------
    greedy : bool (P, F)
        Greedy recall behind each of P few-shot prompts.
    p : float64 (P, F)
        Probability that one sample at the SLiCK temperature is the target.
    samples : int
        Samples per prompt; their hits are drawn from the exact binomial.
    """
    hits = rng.binomial(samples, np.clip(p, 0, 1)).sum(axis=0)
    never = np.where(hits > 0, "WeaklyKnown", "Unknown")
    return np.where(greedy.all(axis=0), "HighlyKnown", np.where(greedy.any(axis=0), "MaybeKnown", never))


def _run_columns(job: Job, rows: int) -> dict[str, object]:
    return {"run": [job.run] * rows, "arm": [job.arm] * rows, "seed": np.full(rows, job.seed)}


def _probe_rows(job: Job, facts: FactSet, clock: Clock, probed: Probed) -> pa.Table:
    same = {n: getattr(clock, n) for n in ("checkpoint", "epoch", "step", "examples", "tokens")}
    rows = len(facts)
    data = _run_columns(job, rows) | {n: np.full(rows, v) for n, v in same.items()}
    data |= {"fact_id": facts.column("fact_id"), "exposures": clock.exposures.copy()}
    data |= {"recalled": probed.recalled, "logp": probed.logp, "margin": probed.margin, "p": probed.p[0]}
    return build(PROBES, data | {"rechecked": np.zeros(rows, dtype=bool)})


def _training_rows(job: Job, steps: list[Step]) -> pa.Table:
    names = ("step", "epoch", "loss", "learning_rate", "examples", "tokens")
    return build(TRAINING, _run_columns(job, len(steps)) | {n: [getattr(s, n) for s in steps] for n in names})


def main(path: str) -> int:
    """Run the job of one JSON file; problems of the user's making exit with 2 and a plain message."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or torch.get_num_threads())
    job = Job.model_validate_json(Path(path).read_text("utf-8"))
    try:
        execute(job, lambda event: print(json.dumps(event), flush=True))
    except InputError as error:
        print(json.dumps({"error": [error.what, error.where, error.remedy]}), flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
