"""`FactProbe`: probes a fact set while somebody else's Trainer trains, and leaves factsurv's tables behind."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.manifest import read_finished
from factsurv.events.schema import described, stack
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.selection import probed_rows
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.foreign_results import check_folder, write_run
from factsurv.training.label import Label
from factsurv.training.models.load import check_generation_config
from factsurv.training.passes import memory
from factsurv.training.passes.precision import check_dtype
from factsurv.training.probing.baseline import baseline_table, other_prompts_encoded, samplings
from factsurv.training.probing.forms import Forms
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.probing.probe import agrees_with_plain_path, probe
from factsurv.training.probing.schedule import moments
from factsurv.training.rows import Clock, probe_rows, training_rows
from factsurv.training.spec import ProbeSpec


class FactProbe(TrainerCallback):
    """Probe facts during any `transformers.Trainer` (TRL's trainers included), LoRA or full, and keep the results.

    The model's modes, gradients and random states are left as they were. Only the main process probes;
    the others wait for it at their next step.

    Parameters
    ----------
    facts : FactSet or path
        The fact set, or a `facts.arrow` of a results folder. ``split`` must say which facts the training
        data teach; the callback never sees the data.
    folder : path
        Results folder, made if it is not there. Several runs (seeds, arms) of the same facts share one.
        When training ends, `factsurv analyze <folder>/study.toml --results <folder's parent>` fits and reports.
    spec : ProbeSpec
        How and when to probe: the same settings as ``[probe]`` of a study file.
    arm : str
        Name of the recipe.
    seed : int, optional
        Of the labels, and the run's number; default: the Trainer's seed.
    exposures_per_epoch : int
        How often one epoch of the training data shows each trained fact; 0: not known, and then
        ``exposures`` cannot be the time axis.
    tokenizer : PreTrainedTokenizerBase, optional
        Default: the Trainer's ``processing_class``.
    say : callable
        Takes one line for the person who waits.

    Raises
    ------
    InputError
        When training begins, if facts, tokenizer and schedule do not fit, probing does not fit into memory, the
        model's generation_config asks for what the probe does not model, or the weights are sharded over
        processes (FSDP, DeepSpeed stage 3), where one process cannot probe alone. Later, if the logits are not numbers.
    """

    def __init__(
        self,
        facts: FactSet | str | Path,
        folder: str | Path,
        spec: ProbeSpec | None = None,
        arm: str = "main",
        seed: int | None = None,
        exposures_per_epoch: int = 0,
        tokenizer: Any = None,
        say: Callable[[str], None] = print,
    ):
        self.facts = facts if isinstance(facts, FactSet) else from_arrow(read_finished(Path(facts)))
        self.folder, self.spec, self.arm, self.seed = Path(folder), spec or ProbeSpec(), arm, seed
        self.facts = self.facts.some(probed_rows(self.facts, self.spec))
        self.exposures_per_epoch, self.tokenizer, self.say = exposures_per_epoch, tokenizer, say
        self.left: dict[str, int] | None = None  # the weights as the last step left them, unless they were probed

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        """The baseline."""
        if not state.is_world_process_zero:
            return
        _refuse_sharded(args)
        if args.auto_find_batch_size:
            raise InputError(
                "auto_find_batch_size may begin training again with weights that are trained already",
                "FactProbe",
                "set per_device_train_batch_size and auto_find_batch_size=False",
            )
        if state.global_step:
            raise InputError(
                f"training resumes at step {state.global_step}, so there is no baseline to measure",
                "FactProbe",
                "train from the beginning, or without this callback",
            )
        model = kwargs["model"]
        tokenizer = self.tokenizer or kwargs.get("processing_class")
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # of a processor
        if tokenizer is None:
            raise InputError("the Trainer has no tokenizer", "FactProbe", "give FactProbe tokenizer=…")
        check_dtype(next(model.parameters()).dtype, next(model.parameters()).device, "FactProbe")
        check_generation_config(model)
        seed = args.seed if self.seed is None else self.seed
        self.label = Label(f"{self.arm}-{seed}", self.arm, seed)
        check_folder(self.folder, self.facts, self.label)
        self.encoded = encode_probes(tokenizer, self.facts, self.spec)
        prompts = other_prompts_encoded(tokenizer, self.facts, self.spec)
        self.forms = Forms(tokenizer, self.facts, self.spec)
        for notice in self.encoded.notices:
            self.say(f"FactProbe: {notice}")
        self.trained = np.array(self.facts.column("split")) == "trained"
        lengths = (_per_epoch(args, state, kwargs), state.max_steps)
        self.due = set(moments(self.spec, [lengths]))
        self.share_prefix = agrees_with_plain_path(model, self.encoded)
        if not self.share_prefix:
            self.say("FactProbe: this architecture does not share a prefix: probing takes the plain, slower path")
        self._plan(model)
        asked = Asked(tokenizer, model, self.facts, self.encoded, self.spec, self.share_prefix)
        self.instruments = Instruments(asked, lambda text: self.say(f"FactProbe: {text}"))
        self.instruments.plan(self.due, [lengths])
        self.clock = Clock(np.zeros(len(self.facts), dtype=np.int64))
        self.rows: list[pa.Table] = []
        self.losses: list[dict] = []
        first = self._probe(model, samplings(self.spec))
        spec = self.spec.model_copy(update={"batch_tokens": self.batch_tokens})
        same = (model, prompts, self.facts, spec, self.label, self.encoded)
        self.baseline = baseline_table(*same, first, self.share_prefix)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        """A checkpoint, where one is due."""
        if not state.is_world_process_zero:
            return
        self.left = None if state.global_step in self.due else weight_sums(kwargs["model"])
        if self.left is None:
            self._checkpoint(args, state, kwargs["model"])

    def _on_stop(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        """The last checkpoint, if training stops early: before weights of another step are put back."""
        if control.should_training_stop:
            self._last(args, state, kwargs["model"])

    on_evaluate = on_save = on_epoch_end = _on_stop

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        """A row of the training table: as often as the Trainer logs its loss."""
        logs = kwargs.get("logs") or {}
        if state.is_world_process_zero and "loss" in logs:
            row = {"loss": float(logs["loss"]), "learning_rate": float(logs.get("learning_rate", math.nan))}
            self.losses.append(row | self._stand(args, state))

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        """The last checkpoint, if training was stopped early and its weights are there, and the results folder."""
        if not state.is_world_process_zero:
            return
        self._last(args, state, kwargs["model"])
        if self.left is not None:
            best = f", which now are those of step {state.best_global_step}" if args.load_best_model_at_end else ""
            self.say(
                f"FactProbe: step {state.global_step}, the last one, is not probed: its weights were replaced before "
                f"this callback saw that training stops{best}; the last checkpoint is that of step {self.clock.step}"
            )
            self.left = None
        tables = (
            {
                "baseline": described(stack([self.baseline]), "baseline"),
                "probes": described(stack(self.rows), "probes"),
                "training": described(training_rows(self.label, self.losses), "training"),
            }
            | self.instruments.tables()
            | self.forms.table()
        )
        study = write_run(
            self.folder, self.facts, self.label, tables, self.spec, kwargs["model"], args, float(state.epoch or 0.0)
        )
        self.say(f"FactProbe: wrote {study}; next: factsurv analyze {study} --results {study.parent.parent}")

    def _last(self, args: TrainingArguments, state: TrainerState, model: Any) -> None:
        """Probe the step that is not probed yet, if its weights are still those that it left."""
        if self.left is not None and self.left == weight_sums(model):
            self.left = None
            self._checkpoint(args, state, model)

    def _stand(self, args: TrainingArguments, state: TrainerState) -> dict[str, Any]:
        step = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        same = {"step": state.global_step, "epoch": float(state.epoch or 0.0)}
        return same | {"examples": state.global_step * step, "tokens": int(state.num_input_tokens_seen)}

    def _checkpoint(self, args: TrainingArguments, state: TrainerState, model: Any) -> None:
        self.clock.checkpoint += 1
        for name, value in self._stand(args, state).items():
            setattr(self.clock, name, value)
        self.clock.exposures[self.trained] = math.floor(self.clock.epoch * self.exposures_per_epoch + 1e-6)
        self._probe(model, samplings(self.spec)[:1])

    def _plan(self, model: Any) -> None:
        """Tokens of one pass, as many as fit beside what training will hold; a message instead of a kill."""
        spec, shape = self.spec, memory.shape_of(model)
        moments = 4 * 2 * sum(w.numel() for w in model.parameters() if w.requires_grad)
        free = max(0, memory.free_bytes() - moments)
        truncated = spec.top_k > 0 or spec.top_p < 1
        tokens, need = memory.fitting_batch_tokens(
            shape, self.forms.with_them(self.encoded), self.share_prefix, spec.batch_tokens, free, truncated
        )
        self.batch_tokens = tokens
        self.say(
            f"FactProbe: probing takes about {memory.size(need)} beside weights and optimiser "
            f"({tokens} tokens at once); {memory.size(free)} are free"
        )

    def _keep(self) -> Path:
        """What was measured until training went wrong, in a file of its own."""
        path = self.folder / "runs" / self.label.run / "probes-incomplete.arrow"
        if self.rows:
            write_table(path, described(stack(self.rows), "probes"))
        return path

    def _probe(self, model: Any, samples: tuple):
        try:
            measures = self.instruments.at(self.clock.step)
            how = (samples, self.batch_tokens, self.share_prefix)
            probed = probe(model, self.encoded, *how, instruments=measures)
            self.forms.look(model, probed, *how)
        except InputError as error:
            told = f"{error.what} at step {self.clock.step}; the probes so far are in {self._keep()}"
            raise InputError(told, f"FactProbe, arm {self.arm}", error.remedy) from error
        self.rows.append(probe_rows(self.label, self.facts, self.clock, probed))
        self.instruments.keep(self.label, self.facts.column("fact_id"), vars(self.clock), probed)
        self.forms.keep(self.label, vars(self.clock))
        share = probed.recalled[self.trained].mean() if self.trained.any() else 0.0
        self.say(f"FactProbe: epoch {self.clock.epoch:.4g}: {share:.0%} of trained facts recalled")
        return probed


def weight_sums(model: Any) -> dict[str, int]:
    """Each trainable weight's bits, added up as integers: they differ where any weight does."""
    found = {n: _bits(w.detach()) for n, w in model.named_parameters() if w.requires_grad}
    return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True)) if found else {}


def _bits(weight: torch.Tensor) -> torch.Tensor:
    """The sum of a weight's memory in words of 8 bytes, which is ten times as fast as in those of 4."""
    raw = weight.reshape(-1).view(torch.uint8)
    if raw.storage_offset() % 8:
        raw = raw.clone()
    words = len(raw) // 8 * 8
    return raw[:words].view(torch.int64).sum() + raw[words:].sum()


def _per_epoch(args: TrainingArguments, state: TrainerState, kwargs: dict[str, Any]) -> float:
    """Optimiser steps of one epoch, as the Trainer counts them."""
    try:
        return math.ceil(len(kwargs["train_dataloader"]) / args.gradient_accumulation_steps)
    except (TypeError, KeyError):  # a stream has no length
        return state.max_steps / max(state.num_train_epochs, 1)


def _refuse_sharded(args: TrainingArguments) -> None:
    stage = 0
    if getattr(args, "deepspeed_plugin", None) is not None:
        stage = args.deepspeed_plugin.zero_stage
    if getattr(args, "fsdp", None) or os.environ.get("ACCELERATE_USE_FSDP", "") == "true" or stage == 3:
        raise InputError(
            "the weights are sharded over processes (FSDP or DeepSpeed stage 3), and one process cannot probe alone",
            "FactProbe",
            "train with DDP or DeepSpeed stage 1 or 2",
        )
