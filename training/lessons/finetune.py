"""Fine-tuning that reads top to bottom: LoRA, DoRA or full, packed lessons, the head on target positions only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from transformers import PreTrainedModel, get_scheduler

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded
from factsurv.training.facts.sentences import Sentences
from factsurv.training.lessons.lesson_loss import Lesson, packed_loss, packs, packs_agree, padded_loss, rows_loss
from factsurv.training.lessons.lesson_tree import drops_out
from factsurv.training.lessons.stages import Drawn, Stage, drawn, drawn_groups, one_stage
from factsurv.training.models.whole_weights import gathered, part_of, parts_of, share_out
from factsurv.training.passes.context_length import check_context
from factsurv.training.passes.random_states import devices, random_states, set_random_states
from factsurv.training.passes.same_bits import can_be_asked, missing, same_bits
from factsurv.training.passes.team import Team
from factsurv.training.spec import TuningSpec

# Batches that are shuffled together before they are sorted by length: large enough to leave little
# padding, small enough that a batch is still a random draw.
BUCKET_BATCHES = 16
ALONE = Team()
LOOKED_AT = 64  # groups whose longest text is looked for
# Tokens that are packed into one pass, at most: the model's width if that is more. Attention looks at all pairs
# of a pack, which costs T / 6D of a layer's matrix products.
PACK_TOKENS = 512


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
        Passes over the stage's facts so far.
    loss : float
        Mean cross-entropy of target and terminator tokens in this batch, nats.
    learning_rate : float
    facts : int64 (B,)
        Which facts the batch tells of (for their exposures): one a lesson, or all of a group's.
    ends_epoch : bool
    stage : str
        Its name; empty where the study has none.
    ends_stage : bool
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    examples: int
    tokens: int
    facts: np.ndarray
    ends_epoch: bool
    stage: str = ""
    ends_stage: bool = False


class Finetuning:
    """Training, one optimiser step each time it is asked for the next; the caller probes between steps.

    Between any two steps `state` holds all that the rest of training depends on, and `restore` puts it
    into a fresh object of the same arguments, which then goes on as if it had never been interrupted.

    Parameters
    ----------
    model : PreTrainedModel
        From `tunable`.
    forms : sequence (facts) of sequence (templates) of Encoded
        Each fact alone in each of its prompt forms, the probe form first.
    tuning : TuningSpec
        ``accumulate`` is where ``parts`` begins: it may be raised between steps, which changes rounding only.
    seed : int
        Of the order of facts and the choice of forms.
    team : Team
        Processes that share each step: each learns from its part of the batch, and the step is that of the
        whole batch. With ``tuning.strategy`` "fsdp" the weights of ``model`` are shared out from here on.
    stages : sequence of Stage, optional
        What is taught one after another, by rows of ``forms``; default: all of them, in one stage.
    sentences : Sentences, optional
        Where lessons tell of groups: what they are put together from.

    Raises
    ------
    InputError
        If a prompt is longer than the model's context; on the next step, if its loss is not a number, and then
        ``model`` is still as the last step left it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        forms: Sequence[Sequence[Encoded]],
        tuning: TuningSpec,
        seed: int,
        team: Team = ALONE,
        stages: Sequence[Stage] = (),
        sentences: Sentences | None = None,
    ):
        self.sentences = sentences
        self.forms, self.tuning, self.team, self.parts = forms, tuning, team, tuning.accumulate
        self.stages = tuple(stages) or (one_stage([len(fact) for fact in forms], tuning),)
        taught = [lesson for stage in self.stages if not stage.length for lesson in lessons_of(stage, forms)]
        self._check_context(model, taught)
        self._share = not drops_out(model)
        width = model.config.get_text_config(decoder=True).hidden_size
        self.packed = packs_agree(model, taught) if taught else True
        self._shared_out = tuning.strategy == "fsdp"
        # FSDP's processes pass through the model together, so all of them as often: their parts stay whole.
        self.pack_tokens = max(PACK_TOKENS, width) if self.packed and not self._shared_out else 0
        if self._shared_out:
            share_out(model, team)
        self._ends = np.cumsum([stage.steps for stage in self.stages]).tolist()
        self.total = self._ends[-1]
        self.step = self.examples = self.tokens = 0
        self._weights = {n: w for n, w in model.named_parameters() if w.requires_grad}
        bf16 = tuning.precision == "bf16"
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="bf16" if bf16 else "no")
        # For evaluation only, as accelerate calls it: placed, and in the precision asked for, but not wrapped in DDP.
        self._model = self._accelerator.prepare_model(model, evaluation_mode=True)
        self._base = self._accelerator.unwrap_model(self._model)  # once: it walks through all modules
        self._begin_stage(0)
        self._asked = can_be_asked(self._accelerator.device)
        self.alike = True
        self._order = np.random.default_rng(seed)
        with torch.random.fork_rng(devices()):  # dropout draws from the global generator, and only from here on
            torch.manual_seed(seed + (team.rank << 32))  # of its own in each process
            self._random = random_states()
        self._epoch_began = self._order.bit_generator.state
        self._batches: list[list[Lesson]] | list[list[list[Drawn]]] = []

    def _check_context(self, model: PreTrainedModel, taught: Sequence[Lesson]) -> None:
        """Of lessons that are a fact each, and of rows of the others."""
        remedy = "use shorter prompts, or a model with a longer context"
        if taught:
            check_context(model, max(len(form.tokens[0]) for _, form in taught), "facts.templates", remedy)
        for stage in self.stages:
            if stage.length:
                longest = max(stage.length, longest_of(stage, self.sentences))
                check_context(
                    model, longest - 1, "stage.length", "take a shorter row, or a model with a longer context"
                )

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        if self.step == self.total:
            raise StopIteration
        if self.step == self._ends[self._at]:
            self._begin_stage(self._at + 1)
        stage = self.stage
        epoch, b = divmod(self.step - self._began, stage.per_epoch)
        if b == 0:
            self._shuffle(epoch)
        batch = self._lessons(self._batches[b])
        with torch.random.fork_rng(devices()):
            set_random_states(self._random)
            loss, rate = self._learn_alike(batch)
            self._random = random_states()
        self.step += 1
        self.examples += len(batch)
        self.tokens += sum(len(encoded.tokens[0]) + 1 for _, encoded in batch)
        return Step(
            step=self.step,
            epoch=epoch + (b + 1) / stage.per_epoch,
            loss=loss,
            learning_rate=rate,
            examples=self.examples,
            tokens=self.tokens,
            facts=np.concatenate([np.atleast_1d(fact) for fact, _ in batch]),
            ends_epoch=b + 1 == stage.per_epoch,
            stage=stage.name,
            ends_stage=self.step == self._ends[self._at],
        )

    @property
    def stage(self) -> Stage:
        """That of the last step, before the first one that which begins."""
        return self.stages[self._at]

    def _begin_stage(self, number: int) -> None:
        """Its rates, over its own steps, and a new optimiser or the one that is there."""
        self._at, stage = number, self.stages[number]
        self._began, tuning = self._ends[number] - stage.steps, stage.tuning
        rate, decay = tuning.learning_rate, tuning.weight_decay
        if number == 0 or stage.fresh:
            betas, weights = (0.9, tuning.beta2), list(self._weights.values())
            self._plain = torch.optim.AdamW(weights, lr=rate, betas=betas, weight_decay=decay, fused=True)
            self._optimizer = self._accelerator.prepare_optimizer(self._plain)
        else:
            for group in self._plain.param_groups:
                group |= {"lr": rate, "initial_lr": rate, "weight_decay": decay}
        self._scheduler = get_scheduler(
            tuning.schedule if tuning.schedule != "constant" else "constant_with_warmup",
            self._plain,
            num_warmup_steps=round(tuning.warmup * stage.steps),
            num_training_steps=stage.steps,
        )

    def _shuffle(self, epoch: int) -> None:
        self._epoch_began = self._order.bit_generator.state
        stage = self.stage
        if stage.length:
            texts, size = drawn_groups(stage, self._order), stage.tuning.batch_size
            self._batches = [texts[i : i + size] for i in range(0, len(texts), size)]
            return
        lessons: list[Lesson] = [
            (row, _taught(self.forms[row][k], stage)) for row, k in drawn(stage, epoch, self._order)
        ]
        self._batches = list(_batches(lessons, stage.tuning.batch_size, self._order if stage.shuffled else None))

    def _lessons(self, batch: list) -> list[Lesson]:
        """The batch as tokens: texts that tell of groups are put together only when their turn comes."""
        if not self.stage.length:
            return batch
        assert self.sentences is not None
        return [(np.array([row for row, _ in drawn]), self.sentences.lesson(drawn)) for drawn in batch]

    def _learn_alike(self, batch: list[Lesson]) -> tuple[float, float]:
        """One optimiser step, in kernels that give the same bits each time where the architecture has them."""
        try:
            with same_bits(self._asked and self.alike):
                return self._learn(batch)
        except RuntimeError as error:
            if not missing(error):
                raise
        self.alike = False
        self._optimizer.zero_grad()
        set_random_states(self._random)
        return self._learn(batch)

    def _learn(self, batch: list[Lesson]) -> tuple[float, float]:
        """One optimiser step; its loss and learning rate."""
        if not self._model.training:  # saying it to all modules takes a hundredth of a small step
            self._model.train()
        value = torch.zeros(1, dtype=torch.float64, device=self._accelerator.device)
        predicted = sum(_predicted(batch))
        for part, counts in self._turns(batch):
            # Of the whole step's mean: as if the step had passed in one part, in one process.
            weight = sum(_predicted(part)) / predicted if counts else 0.0
            loss = self._loss(part) * weight
            value += loss.detach()
            self._accelerator.backward(loss * self.team.size if self._shared_out else loss)  # FSDP takes the mean
        self._add_up(value)
        if not math.isfinite(value):
            raise InputError(
                f"the loss is {float(value)} at step {self.step + 1} ({self._moment()})",
                "tuning.learning_rate",
                "lower the learning rate or the clip, or train in fp32",
            )
        self._accelerator.clip_grad_norm_(list(self._weights.values()), self.stage.tuning.clip)
        rate = self._scheduler.get_last_lr()[0]
        self._optimizer.step()
        self._scheduler.step()
        self._optimizer.zero_grad()
        return float(value), rate

    def _add_up(self, loss: torch.Tensor) -> None:
        """Make ``loss`` (1,) and, but for FSDP, which does it itself, the gradients the sums over all processes.

        A weight may have a gradient in some processes only (a layer that was dropped, an expert that was not asked).
        """
        weights = [] if self._shared_out or self.team.size == 1 else list(self._weights.values())
        told = torch.cat([loss, loss.new_tensor([w.grad is not None for w in weights])])
        self.team.add_up([told])
        loss.copy_(told[:1])
        learning = [w for w, having in zip(weights, told[1:].tolist(), strict=True) if having]
        for weight in learning:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self.team.add_up([w.grad for w in learning])  # type: ignore[misc]

    def _turns(self, batch: list[Lesson]) -> Iterator[tuple[list[Lesson], bool]]:
        """What passes through the model at a time, and whether it counts."""
        for part, counts in _turns(batch, self.parts, self.team):
            for pack in packs(part, self.pack_tokens) if self.pack_tokens and not self.stage.length else [part]:
                yield pack, counts

    def _loss(self, part: list[Lesson]) -> torch.Tensor:
        if self.stage.length:
            return rows_loss(self._model, part, self.stage.length)
        if self.packed:
            return packed_loss(self._model, self._base, part, self._share)
        return padded_loss(self._model, self._base, part)

    def state(self) -> dict[str, Any]:
        """All that the steps to come depend on: trained weights, optimiser, schedule, random states, position.

        Of several processes every one has to ask, and the first one's is whole.
        """
        leads = self.team.leads
        return {
            "weights": gathered({n: w.detach() for n, w in self._weights.items()}, leads),
            "optimizer": gathered(self._optimizer.state_dict(), leads),
            "scheduler": self._scheduler.state_dict(),
            "random": self.team.tell(self._random),
            # In the middle of an epoch, the generator as it was before it shuffled this epoch.
            "order": self._epoch_began if self._within_epoch() else self._order.bit_generator.state,
            "counts": (self.step, self.examples, self.tokens),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the step at which ``state`` was taken."""
        self.step, self.examples, self.tokens = state["counts"]
        # At the end of a stage that one's optimiser was kept: the next begins with the next step.
        self._begin_stage(next(i for i, end in enumerate(self._ends) if self.step <= end))
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(part_of(state["weights"][name], weight))
        self._optimizer.load_state_dict(parts_of(state["optimizer"], list(self._weights.values())))
        self._scheduler.load_state_dict(state["scheduler"])
        self._random = state["random"][self.team.rank]
        self._order.bit_generator.state = state["order"]
        if self._within_epoch():  # its order again
            self._shuffle((self.step - self._began) // self.stage.per_epoch)

    def _within_epoch(self) -> bool:
        return (self.step - self._began) % self.stage.per_epoch > 0

    def _moment(self) -> str:
        stage = self.stage
        of = f"stage {stage.name}, " if stage.name else ""
        return f"{of}epoch {(self.step - self._began) // stage.per_epoch + 1}"


def longest_of(stage: Stage, sentences: Sentences | None) -> int:
    """Tokens of the longest text that tells of one of the stage's groups, looked for among a few of them."""
    assert sentences is not None
    groups = [group for part in stage.parts for group in part.groups or ()]
    few = [groups[i] for i in np.unique(np.linspace(0, len(groups) - 1, LOOKED_AT).astype(int))]
    return max(sentences.longest(group.tolist()) for group in few)


def lessons_of(stage: Stage, forms: Sequence[Sequence[Encoded]]) -> list[Lesson]:
    """Every lesson that may come up in the stage, the probe form of each fact first."""
    each = [(int(row), stage.forms[row]) for row in stage.rows]
    first: list[Lesson] = [(row, _taught(forms[row][ks[0]], stage)) for row, ks in each]
    return first + [(row, _taught(forms[row][k], stage)) for row, ks in each for k in ks[1:]]


def _taught(form: Encoded, stage: Stage) -> Encoded:
    """The form as the stage teaches it: its target, or every token but the first."""
    return replace(form, target_start=np.ones_like(form.target_start)) if stage.whole_text else form


def _batches(lessons: list[Lesson], size: int, rng: np.random.Generator | None) -> Iterator[list[Lesson]]:
    """Random batches of sequences of similar length, in random order; without ``rng`` as they are given."""
    if rng is None:
        yield from (lessons[i : i + size] for i in range(0, len(lessons), size))
        return
    order = rng.permutation(len(lessons))
    batches = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        window = sorted(order[start : start + size * BUCKET_BATCHES], key=lambda i: len(lessons[i][1].tokens[0]))
        batches += [window[i : i + size] for i in range(0, len(window), size)]
    for b in rng.permutation(len(batches)):
        yield [lessons[i] for i in batches[b]]


def _turns(batch: list[Lesson], count: int, team: Team) -> Iterator[tuple[list[Lesson], bool]]:
    """The parts of this process's share of a batch, and whether they count.

    Every process has as many: FSDP's processes compute together. Where the last batch of an epoch leaves one
    with nothing, it computes an example that does not count.
    """
    turns = min(count, -(-len(batch) // team.size))
    mine = team.share(batch)
    parts = _parts(mine, turns) if mine else []
    for i in range(turns):
        yield (parts[i], True) if i < len(parts) else (batch[:1], False)


def _parts(batch: list[Lesson], count: int) -> list[list[Lesson]]:
    """At most ``count`` parts of nearly equal size; none is empty."""
    edges = np.linspace(0, len(batch), min(count, len(batch)) + 1).round().astype(int)
    return [batch[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def _predicted(batch: list[Lesson]) -> list[int]:
    """Predicted tokens of each lesson: its target and the terminator."""
    return [int(encoded.target_tokens[0]) + 1 for _, encoded in batch]
