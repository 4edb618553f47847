"""One run: one arm and one seed, probed at baseline and at every checkpoint.

A run is a process of its own (`python -m factsurv.training.run JOB.json`; several under torchrun), so that it can be
given a share of the machine, be killed, and fail without taking others along. It prints one JSON object a line:
``{"done": …, "total": …, "note": …}`` for progress, ``{"say": …}`` for notices. Started again after
it was killed it continues from its last checkpoint and ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.schema import described, stack
from factsurv.training.facts.encoding import encode_lessons, encode_probes
from factsurv.training.facts.prompts import Encoded
from factsurv.training.facts.selection import probed_rows
from factsurv.training.facts.sentences import Sentences
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.job import Job
from factsurv.training.lessons import checkpoint as checkpoints
from factsurv.training.lessons.checkpoint import Checkpoint
from factsurv.training.lessons.finetune import Finetuning, Step, lessons_of, longest_of
from factsurv.training.lessons.stages import Stage, plan_stages
from factsurv.training.memory_plan import Lessons, MemoryPlan
from factsurv.training.models.load import load
from factsurv.training.models.scratch_model import initialise
from factsurv.training.models.tunable import room_for_copies, tunable
from factsurv.training.passes import memory
from factsurv.training.passes.precision import DTYPES, check_dtype
from factsurv.training.passes.same_bits import ask_for_same_bits
from factsurv.training.passes.team import Team, team
from factsurv.training.probing.baseline import baseline_table, other_prompts, other_prompts_encoded, samplings
from factsurv.training.probing.forms import Forms
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked, Told
from factsurv.training.probing.probe import Probed, Sampling, agrees_with_plain_path
from factsurv.training.probing.probe_shared_out import probe_shared_out
from factsurv.training.probing.schedule import moments
from factsurv.training.rows import LOSSES, Clock, probe_rows, training_rows, with_stage
from factsurv.training.surgery.attention_patterns import attend_as
from factsurv.training.surgery.end_state import EndState, put, save_end, weights_file
from factsurv.training.telling import Report, Telling, moment

UNLIKE = "continued after a kill, the run ends with other last digits"
WIDE = 'to train them all, rather take model.precision = "fp32" with tuning.precision = "bf16"'


def execute(job: Job, report: Report = lambda _: None) -> None:
    """Probe, train and probe again; write `baseline.arrow`, `probes.arrow` and `training.arrow`.

    The last checkpoint is left in ``job.folder``: who records the tables removes it (`checkpoint.discard`).

    Raises
    ------
    InputError
        If the facts, the model and the recipe do not fit, or training diverges; the probes so far are
        then in `probes-incomplete.arrow` and the last good checkpoint is kept.
    """
    with team(job.tuning.processes) as together, alone(job.folder, together, report), memory.explained():
        run = Run(job, report if together.leads else lambda _: None, together)
        run.begin()
        run.train()
        run.finish()


class Run:
    """A run under way: its model, its clock and its rows so far."""

    def __init__(self, job: Job, report: Report, together: Team):
        self.job, self.team, self.tell = job, together, Telling(report)
        self.say = self.tell.say
        self.identity = job.identity() | {"device": _device()}
        self.facts = from_arrow(read_table(job.facts))
        check_dtype(DTYPES[job.model.precision], self.team.device, "model.precision")
        check_dtype(DTYPES[job.tuning.precision], self.team.device, "tuning.precision")
        with self.team.in_turn():  # on its way to a GPU a model takes the machine's memory: once, not once a process
            self.model, self.tokenizer = load(job.model, self.say)
            self.model = self.model.to(self.team.device)  # type: ignore[arg-type]
        if job.fresh:
            initialise(self.model, job.seed)
        if job.patterns:
            self._attend_as(job.patterns)
        self.shown = probed_rows(self.facts, job.probe, job.fact_seed)
        self.probed = self.facts.some(self.shown)
        self.encoded = encode_probes(self.tokenizer, self.probed, job.probe)
        self.other_prompts = other_prompts_encoded(self.tokenizer, self.probed, job.probe)
        self.forms = Forms(self.tokenizer, self.probed, job.probe)
        for notice in self.encoded.notices:
            self.say(notice)
        if job.tuning.method == "full" and job.model.precision == "bf16":
            self.say("weights in bf16 lose every change below 1/256 of themselves: " + WIDE)
        self.stages, _ = plan_stages(self.facts, job.tuning, job.stages, job.fact_seed, job.arm)
        self.taught = np.isin(self.shown, np.concatenate([stage.rows for stage in self.stages]))
        self.share_prefix = not job.patterns and agrees_with_plain_path(self.model, self.encoded)
        if job.patterns:
            self.say("attention is that of another run: lessons and probes take padded rows, which is slower")
        elif not self.share_prefix:
            self.say("this architecture does not share a prefix: probing takes the plain, slower path")
        self.clock = Clock(np.zeros(len(self.facts), dtype=np.int64), stage=self.stages[0].name)
        asked = Asked(
            self.tokenizer, self.model, self.probed, self.encoded, job.probe, self.share_prefix,
            told=Told(self.facts, self.stages[0].rows),
        )  # fmt: skip
        self.instruments = Instruments(asked, self.say)
        self.rows: list[pa.Table] = []
        self.baselines: list[pa.Table] = []
        self.losses: list[dict] = []
        self.saved: Path | None = None

    def _attend_as(self, state: EndState) -> None:
        reference, _ = load(self.job.model, self.say)
        reference = reference.to(self.team.device)  # type: ignore[arg-type]
        if self.job.fresh:
            initialise(reference, self.job.seed)
        put(reference, state)
        attend_as(self.model, reference)

    def begin(self) -> None:
        """The baseline, or where the last checkpoint of the same job stands."""
        job, (forms, sentences) = self.job, self._lessons()
        found, why = checkpoints.latest(job.folder, self.identity)
        self.team.agree()  # all have read it before the first one goes on and writes
        if why:
            goes = f"goes on from checkpoint {found.number}" if found else "begins anew"
            self.say(f"a checkpoint is there but is not used ({'; '.join(why[:4])}): {goes}")
        lengths = [(stage.per_epoch, stage.steps) for stage in self.stages]
        self.due = set(moments(job.probe, lengths))
        self.instruments.plan(self.due, lengths)
        plan = MemoryPlan(memory.shape_of(self.model), self.team, self.say)
        wanted = found.state["batch_tokens"] if found else job.probe.batch_tokens
        self.batch_tokens = plan.probes(job.probe, self.forms.with_them(self.encoded), self.share_prefix, wanted)
        first = None if found else self._baseline(self.stages[0].name)
        self.room = found.state["room"] if found else min(self.team.tell(room_for_copies()))
        self.model = tunable(self.model, job.tuning, job.seed, self.room)
        trainable = sum(w.numel() for w in self.model.parameters() if w.requires_grad)
        self.training = Finetuning(self.model, forms, job.tuning, job.seed, self.team, self.stages, sentences)
        if job.patterns:
            self.training.packed, self.training.pack_tokens = False, 0
        sizes = [_sizes(stage, forms, sentences) for stage in self.stages]
        kept = found.state["parts"] if found else None
        self.training.parts = plan.steps(job.tuning, sizes, trainable, self.training.pack_tokens, kept)
        if not self.training.packed and not job.patterns:
            self.say("this architecture does not take packed lessons: training takes padded rows, which is slower")
        prompts = len(other_prompts(job.probe))  # of each baseline
        probes = len(self.due) + (len(self.stages) - 1) * prompts
        self.tell.expect(self.training.total, len(self.probed), job.tuning.batch_size, 1 + prompts, probes)
        if found:
            self._continue(found)
        elif first:
            self._measured(first)

    def _lessons(self) -> tuple[list[list[Encoded]], Sentences | None]:
        """Facts that are lessons of their own, in all their forms; and what texts that tell of groups are made of."""
        told = [stage.rows for stage in self.stages if stage.length]
        alone, end = any(not stage.length for stage in self.stages), self.job.probe.terminator
        forms = encode_lessons(self.tokenizer, self.facts, end) if alone else []
        rows = np.unique(np.concatenate(told)) if told else None
        return forms, None if rows is None else Sentences(self.tokenizer, self.facts, rows, end)

    def train(self) -> None:
        """The steps that are left, with a probe and a checkpoint wherever one is due."""
        samples = samplings(self.job.probe)[:1]
        try:
            for step in self.training:
                if step.step == 1 and not self.training.alike:
                    self.say("this architecture has no kernel that gives the same bits each time: " + UNLIKE)
                self.clock.advance(step)
                self.losses.append({n: getattr(step, n) for n in (*LOSSES, "stage")})
                if step.step in self.due:
                    self.clock.checkpoint += 1
                    follows = self._follows(step)
                    self._measured(self._baseline(follows) if follows else self._probe(samples))
                elif step.step % 5 == 0:
                    self._progress(f"{moment(step.stage, step.epoch)}: loss {step.loss:.2f}")
        except (InputError, RuntimeError) as error:
            if self.team.leads:
                write_table(self.job.folder / "probes-incomplete.arrow", described(stack(self.rows), "probes"))
            if isinstance(error, InputError) and self.saved:
                kept = f"the last good checkpoint is kept in {self.saved}"
                raise InputError(f"{error.what}; {kept}", f"arm {self.job.arm}: {error.where}", error.remedy) from error
            raise

    def finish(self) -> None:
        """Write the tables under their own names, and the weights if they are asked for."""
        weights = self.training.state()["weights"] if self.job.keep_end else {}  # every process has to ask
        if self.team.leads:
            if weights:
                save_end(self.job.folder, weights)
            for name, table in self._tables().items():
                write_table(self.job.folder / f"{name}.arrow", table)
            (self.job.folder / "probes-incomplete.arrow").unlink(missing_ok=True)
        self.instruments.told()
        self.tell.done()

    def _follows(self, step: Step) -> str | None:
        """The stage that begins after ``step``, if one does."""
        names = [stage.name for stage in self.stages]
        return names[names.index(step.stage) + 1] if step.ends_stage and step.stage != names[-1] else None

    def _baseline(self, stage: str) -> Probed:
        """Probe, and label what is known before ``stage`` begins."""
        first = self._probe(samplings(self.job.probe))
        spec = self.job.probe.model_copy(update={"batch_tokens": self.batch_tokens})
        same = (self.model, self.other_prompts, self.probed, spec, self.job.label, self.encoded)
        table = baseline_table(*same, first, self.share_prefix, functools.partial(probe_shared_out, self.team))
        self.baselines.append(with_stage(table, stage))
        return first

    def _probe(self, samples: tuple[Sampling, ...]) -> Probed:
        how = (samples, self.batch_tokens, self.share_prefix)
        measures = self.instruments.at(self.clock.step)
        first = probe_shared_out(self.team, self.model, self.encoded, *how, measures)
        self.forms.look(self.model, first, *how, functools.partial(probe_shared_out, self.team))
        return first

    def _measured(self, probed: Probed) -> None:
        """Keep a probe's rows, save a checkpoint, and tell."""
        self.rows.append(probe_rows(self.job.label, self.probed, self.clock, probed, self.shown))
        clock = self.clock
        self.instruments.keep(self.job.label, self.probed.column("fact_id"), vars(clock), probed)
        self.forms.keep(self.job.label, vars(clock))
        training = self.training.state()
        state = {"training": training, "exposures": torch.from_numpy(clock.exposures)}
        state |= {"threads": torch.get_num_threads(), "batch_tokens": self.batch_tokens, "room": self.room}
        state |= {"parts": self.training.parts}
        if self.team.leads and clock.checkpoint in self.job.keep_at:
            save_end(self.job.folder, training["weights"], weights_file(clock.checkpoint))
        if self.team.leads:
            done = Checkpoint(clock.checkpoint, clock.epoch, self._tables(), state)
            self.tell.checkpoint(checkpoints.save(self.job.folder, done, self.identity), clock.step)
        self.saved = checkpoints.place(self.job.folder, clock.checkpoint)  # whichever process tells of an end names it
        whose, rows = ("trained", self.taught) if self.taught.any() else ("probed", slice(None))
        share = probed.recalled[rows].mean()
        self._progress(f"{moment(clock.stage, clock.epoch)}: {share:.0%} of {whose} facts recalled")

    def _tables(self) -> dict[str, pa.Table]:
        return (
            {
                "baseline": described(stack(self.baselines), "baseline"),
                "probes": described(stack(self.rows), "probes"),
                "training": described(training_rows(self.job.label, self.losses), "training"),
            }
            | self.instruments.tables()
            | self.forms.table()
        )

    def _continue(self, found: Checkpoint) -> None:
        self.baselines, self.rows = [found.tables["baseline"]], [found.tables["probes"]]
        self.losses = found.tables["training"].drop_columns(["run", "arm", "seed"]).to_pylist()
        self.instruments.restore(found.tables)
        self.forms.restore(found.tables)
        self.training.restore(found.state["training"])
        training = self.training
        exposures = found.state["exposures"].numpy().copy()
        at = (found.number, found.epoch, training.step, training.examples, training.tokens, training.stage.name)
        self.clock = Clock(exposures, *at)
        if found.state["threads"] != torch.get_num_threads():  # another number sums in another order
            self.say(f"goes on with {found.state['threads']} threads, as it began")
            torch.set_num_threads(found.state["threads"])
        self.saved = checkpoints.place(self.job.folder, found.number)
        if self.team.leads:
            checkpoints.discard(self.job.folder, keep=self.saved)
        self.say(f"continues from epoch {found.epoch:g} (checkpoint {found.number}, step {training.step})")

    def _progress(self, note: str) -> None:
        self.tell.progress(self.clock.step, self.clock.checkpoint, note)


def _sizes(stage: Stage, forms: Sequence[Sequence[Encoded]], sentences: Sentences | None) -> Lessons:
    if stage.length:
        each, longest = min(stage.tuning.batch_size, len(stage.parts[0].groups or ())), longest_of(stage, sentences)
        return Lessons(stage.tuning, [longest] * each, [longest] * each, packed=False)
    alone = [form for _, form in lessons_of(stage, forms)]
    return Lessons(stage.tuning, [len(e.tokens[0]) for e in alone], [int(e.target_tokens[0]) for e in alone])


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def alone(folder: Path, together: Team, report: Report) -> Iterator[None]:
    """Hold the run's folder; a process that was left behind by a killed flow is waited for.

    The lock is the system's own and dies with its process. Of several processes each has its own, so that
    they wait here and not, with a time limit, for each other.
    """
    name = "lock" if together.leads else f"lock-{together.rank}"
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report({"say": "another process still works on this run: waiting until it has ended"})
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(path: str) -> int:
    """Run the job of one JSON file; problems of the user's making exit with 2 and a plain message."""
    return started(lambda report: execute(Job.model_validate_json(Path(path).read_text("utf-8")), report))


def started(work: Callable[[Report], None]) -> int:
    """What a process of a study's own does: its work, as told on its output; the status that it ends with."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or torch.get_num_threads())
    ask_for_same_bits()
    try:
        work(_print)
    except InputError as error:
        _print({"error": [error.what, error.where, error.remedy]})
        return 2
    return 0


def _print(event: dict) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
