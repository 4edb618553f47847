"""Fine-tuning that reads top to bottom: LoRA or full, length buckets, the head on target positions only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from peft import LoraConfig, get_peft_model
from transformers import PreTrainedModel, get_scheduler

from events.errors import InputError
from training.probe import head_at, pad
from training.prompts import Encoded
from training.spec import TuningSpec

# Batches that are shuffled together before they are sorted by length: large enough to leave little
# padding, small enough that a batch is still a random draw.
BUCKET_BATCHES = 16


@dataclass(frozen=True)
class Step:
    """One optimiser step: what was learned from and where the clock stands.

    Attributes
    ----------
    step, examples : int
        Steps taken and sequences seen so far.
    tokens : int
        Tokens seen so far, pads not counted.
    epoch : float
        Passes over the trained facts so far.
    loss : float
        Mean cross-entropy of target and terminator tokens in this batch, nats.
    learning_rate : float
    facts : int64 (B,)
        Which facts the batch holds (for their exposures).
    ends_epoch : bool
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    examples: int
    tokens: int
    facts: np.ndarray
    ends_epoch: bool


def tunable(model: PreTrainedModel, tuning: TuningSpec, seed: int) -> PreTrainedModel:
    """The model ready to be tuned: with a fresh adapter (LoRA), or all weights trainable (full)."""
    if tuning.method == "full":
        return model.requires_grad_(True)
    config = LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=tuning.targets,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():  # peft draws from the global generator
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, config)  # type: ignore[return-value]
        except ValueError as error:
            raise InputError(str(error).splitlines()[0], "tuning.targets", 'use "all-linear"') from error


def steps_per_epoch(facts: int, forms: int, tuning: TuningSpec) -> int:
    """Optimiser steps of one pass, for ``facts`` trained facts with ``forms`` prompt forms each."""
    return math.ceil(facts * (forms if tuning.templates == "all" else 1) / tuning.batch_size)


def finetune(
    model: PreTrainedModel, forms: Sequence[Sequence[Encoded]], tuning: TuningSpec, seed: int
) -> Iterator[Step]:
    """Train, one optimiser step at a time; the caller probes between steps.

    Parameters
    ----------
    model : PreTrainedModel
        From `tunable`.
    forms : sequence (facts) of sequence (templates) of Encoded
        Each trained fact alone in each of its prompt forms, the probe form first.
    tuning : TuningSpec
    seed : int
        Of the order of facts and the choice of forms.

    Raises
    ------
    InputError
        If the loss is not a number; the weights of the last step are then still in ``model``.
    """
    rng = np.random.default_rng(seed)
    on_gpu = torch.cuda.is_available()
    accelerator = Accelerator(cpu=not on_gpu, mixed_precision="bf16" if tuning.precision == "bf16" else "no")
    weights = [w for w in model.parameters() if w.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=tuning.learning_rate, weight_decay=tuning.weight_decay, foreach=True)
    per_epoch = steps_per_epoch(len(forms), max(len(f) for f in forms), tuning)
    total = per_epoch * tuning.epochs
    scheduler = get_scheduler(
        tuning.schedule if tuning.schedule != "constant" else "constant_with_warmup",
        optimizer,
        num_warmup_steps=round(tuning.warmup * total),
        num_training_steps=total,
    )
    model, optimizer = accelerator.prepare(model, optimizer)
    step = examples = tokens = 0
    with torch.random.fork_rng():  # dropout draws from the global generator
        torch.manual_seed(seed)
        for epoch in range(tuning.epochs):
            batches = list(_batches(_lessons(forms, tuning, epoch, rng), tuning.batch_size, rng))
            for b, batch in enumerate(batches):
                model.train()
                loss = _loss(accelerator, model, batch)
                value = float(loss.detach())
                if not math.isfinite(value):
                    raise InputError(
                        f"the loss is {value} at step {step + 1} (epoch {epoch + 1})",
                        "tuning.learning_rate",
                        "lower the learning rate or the clip, or train in fp32",
                    )
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(weights, tuning.clip)
                rate = scheduler.get_last_lr()[0]
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
                step += 1
                examples += len(batch)
                tokens += sum(len(encoded.tokens[0]) + 1 for _, encoded in batch)
                yield Step(
                    step=step,
                    epoch=epoch + (b + 1) / len(batches),
                    loss=value,
                    learning_rate=rate,
                    examples=examples,
                    tokens=tokens,
                    facts=np.array([fact for fact, _ in batch]),
                    ends_epoch=b + 1 == len(batches),
                )


Lesson = tuple[int, Encoded]


def _lessons(
    forms: Sequence[Sequence[Encoded]], tuning: TuningSpec, epoch: int, rng: np.random.Generator
) -> list[Lesson]:
    """What one epoch teaches: each fact in its probe form, in all forms, or in one form a turn."""
    if tuning.templates == "all":
        return [(i, form) for i, fact in enumerate(forms) for form in fact]
    if tuning.templates == "probe":
        return [(i, fact[0]) for i, fact in enumerate(forms)]
    return [(i, fact[(epoch + i) % len(fact)]) for i, fact in enumerate(forms)]


def _batches(lessons: list[Lesson], size: int, rng: np.random.Generator) -> Iterator[list[Lesson]]:
    """Random batches of sequences of similar length, in random order."""
    order = rng.permutation(len(lessons))
    batches = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        window = sorted(order[start : start + size * BUCKET_BATCHES], key=lambda i: len(lessons[i][1].tokens[0]))
        batches += [window[i : i + size] for i in range(0, len(window), size)]
    for b in rng.permutation(len(batches)):
        yield [lessons[i] for i in batches[b]]


def _loss(accelerator: Accelerator, model: PreTrainedModel, batch: list[Lesson]) -> torch.Tensor:
    """Mean cross-entropy at the target positions, the terminator included."""
    device = accelerator.device
    taught = [np.append(encoded.tokens[0], encoded.terminator) for _, encoded in batch]
    starts = np.array([encoded.target_start[0] for _, encoded in batch])
    # The terminator is a token like the others here, so what `pad` marks as the end falls away.
    ids, rows, columns, targets = pad(taught, starts)
    wanted = targets >= 0
    rows, columns, targets = rows[wanted], columns[wanted], targets[wanted]
    with head_at(accelerator.unwrap_model(model), rows, columns):
        logits = model(input_ids=ids.to(device), use_cache=False).logits  # (N, V)
    return F.cross_entropy(logits.float(), targets.to(device))
