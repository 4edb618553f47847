"""A run without training: each checkpoint of a series is probed as a run's own would be, one after the other.

A process of its own, as `factsurv.training.run` (`python -m factsurv.training.follow JOB.json`). What a checkpoint
gave is kept by itself in ``parts``, so that a run that was killed, or whose series grew, probes only what is new, and
ends with the same bytes.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import digest, read_table, write_table
from factsurv.events.reached_code import reached_code
from factsurv.events.schema import SERIES, build, described, stack
from factsurv.events.sealed import Damaged, check_digests, digests, read_sealed, write_sealed
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.prompts import Encoded
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.job import Job
from factsurv.training.memory_plan import MemoryPlan
from factsurv.training.models.ahead import Ahead
from factsurv.training.models.load import load
from factsurv.training.models.series import Member, check_tokenizers, different_tokenizers, series_of
from factsurv.training.passes import memory
from factsurv.training.passes.precision import DTYPES, check_dtype
from factsurv.training.passes.team import team
from factsurv.training.probing.baseline import baseline_table, other_prompts_encoded, samplings
from factsurv.training.probing.forms import Forms
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.probing.probe import agrees_with_plain_path, probe
from factsurv.training.rows import Clock, probe_rows, training_rows
from factsurv.training.run import alone, started
from factsurv.training.telling import Report

PARTS, MARKER = "parts", "complete.json"
INT32 = 2**31 - 1


def execute(job: Job, report: Report = lambda _: None) -> None:
    """Probe every checkpoint; write the tables of a run, and `series.arrow`.

    Raises
    ------
    InputError
        If the facts and the tokenizer do not fit, tokenizers differ, or fewer than two checkpoints can be probed.
    """
    with team(1) as together, alone(job.folder, together, report), memory.explained():
        Follow(job, report, together).run()


class Follow:
    """A series under way."""

    def __init__(self, job: Job, report: Report, together: Any):
        self.job, self.team, self.report = job, together, report
        self.facts = from_arrow(read_table(job.facts))
        self.series = series_of(job.model)
        self.same = _same(job)
        self.read: tuple[str, str] | None = None  # a checkpoint, and what its tokenizer makes of the facts
        check_dtype(DTYPES[job.model.precision], together.device, "model.precision")
        (job.folder / PARTS).mkdir(exist_ok=True)
        for unfinished in (job.folder / PARTS).glob(".unfinished-*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def run(self) -> None:
        """All of it."""
        for note in self.series.notes:
            self.say(note)
        check_tokenizers(self.series.members, self.say)
        found: list[tuple[Member, Path]] = []
        left_out: dict[str, str] = {}
        ahead, members = Ahead(), self.series.members
        for i, member in enumerate(members):
            part = self._part(member, first=not found)
            told = self._finished(part)
            if told is not None and told["threads"] != torch.get_num_threads():  # another number sums in another order
                torch.set_num_threads(told["threads"])
            if told is None:
                ahead.wait()
                ahead.read(members[i + 1].model if i + 1 < len(members) else None)
                try:
                    told = self._probe(member, part, first=not found)
                except InputError as error:
                    if error.where == "model.series":  # of the series, not of one checkpoint
                        raise
                    left_out[member.name] = " ".join(error.what.split())
                    self.say(f"checkpoint {member.name} is left out: {left_out[member.name]}")
                    continue
            self._check_reads(member, told["reads"])
            found.append((member, part))
            self.report(
                {"done": i + 1, "total": len(members), "note": f"{member.name}: {told['recalled']:.0%} recalled"}
            )
        self._write(found, left_out)

    def say(self, text: str) -> None:
        """One notice."""
        self.report({"say": text})

    def _part(self, member: Member, first: bool) -> Path:
        """The folder of what a checkpoint gives; its name changes with all that this depends on."""
        about = self.same | {"model": member.identity(), "position": member.position, "first": first}
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        return self.job.folder / PARTS / name

    def _finished(self, part: Path) -> dict[str, Any] | None:
        """What was noted of a part that is whole; None if it must be made."""
        try:
            told = read_sealed(part / MARKER)
            check_digests(part, told["files"])
        except Damaged:
            shutil.rmtree(part, ignore_errors=True)
            return None
        return told

    def _probe(self, member: Member, part: Path, first: bool) -> dict[str, Any]:
        tables, noted = self._measure(member, first)
        unfinished = Path(tempfile.mkdtemp(dir=part.parent, prefix=".unfinished-"))
        for name, table in tables.items():
            write_table(unfinished / f"{name}.arrow", table)
        told = noted | {"name": member.name, "threads": torch.get_num_threads(), "files": digests(unfinished)}
        write_sealed(unfinished / MARKER, told)
        unfinished.rename(part)
        return told

    def _measure(self, member: Member, first: bool) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """The tables of one checkpoint, whose number is 0 until all are known."""
        job, facts = self.job, self.facts
        model, tokenizer = load(member.model, self.say)
        try:
            encoded = encode_probes(tokenizer, facts, job.probe)
            reads = _reads(encoded)
            self._check_reads(member, reads)
            model = model.to(self.team.device)  # type: ignore[arg-type]
            forms = Forms(tokenizer, facts, job.probe)
            shared = agrees_with_plain_path(model, encoded)
            instruments = Instruments(Asked(tokenizer, model, facts, encoded, job.probe, shared), lambda _: None)
            instruments.due = dict.fromkeys(instruments.specs, {0})
            wanted = job.probe.batch_tokens
            plan = MemoryPlan(memory.shape_of(model), self.team, self.say)
            tokens = plan.probes(job.probe, forms.with_them(encoded), shared, wanted)
            samples = samplings(job.probe) if first else samplings(job.probe)[:1]
            probed = probe(model, encoded, samples, tokens, shared, instruments=instruments.at(0))
            forms.look(model, probed, samples, tokens, shared)
            clock = self._clock(member)
            tables = {"probes": probe_rows(job.label, facts, clock, probed)}
            if first:
                spec = job.probe.model_copy(update={"batch_tokens": tokens})
                others = other_prompts_encoded(tokenizer, facts, job.probe)
                tables["baseline"] = baseline_table(model, others, facts, spec, job.label, encoded, probed, shared)
            instruments.keep(job.label, facts.column("fact_id"), vars(clock), probed)
            forms.keep(job.label, vars(clock))
            noted = {"reads": reads, "recalled": float(probed.recalled.mean())}
            return tables | instruments.tables() | forms.table(), noted
        finally:
            del model
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _clock(self, member: Member) -> Clock:
        """The epoch of a series is the position itself, which recall and instruments are drawn over."""
        at, in_steps = member.position, self.series.unit == "step"
        step = int(at) if in_steps and at <= INT32 else 0
        return Clock(np.zeros(len(self.facts), np.int64), epoch=at, step=step, tokens=0 if in_steps else int(at))

    def _check_reads(self, member: Member, reads: str) -> None:
        self.read = self.read or (member.name, reads)
        if self.read[1] != reads:
            raise different_tokenizers(self.read[0], member.name)

    def _write(self, found: list[tuple[Member, Path]], left_out: Mapping[str, str]) -> None:
        job = self.job
        if len(found) < 2:
            why = "; ".join(f"{name}: {told}" for name, told in left_out.items())
            raise InputError(f"{len(found)} of {len(self.series.members)} checkpoints could be probed ({why})",
                             "model.series", "correct the cause and run the same command again")  # fmt: skip
        numbers = {member.name: i for i, (member, _) in enumerate(found)}
        rows: dict[str, list[pa.Table]] = {}
        for number, (_, part) in enumerate(found):
            for path in sorted(part.glob("*.arrow")):
                table = read_table(path)
                if "checkpoint" in table.column_names:
                    at = pa.array(np.full(table.num_rows, number), pa.int32())
                    table = table.set_column(table.column_names.index("checkpoint"), "checkpoint", at)
                rows.setdefault(path.stem, []).append(table)
        members = self.series.members
        data = job.label.columns(len(members)) | {
            "name": [m.name for m in members], "position": [m.position for m in members],
            "unit": [self.series.unit] * len(members), "checkpoint": [numbers.get(m.name) for m in members],
            "left_out": [left_out.get(m.name) for m in members],
        }  # fmt: skip
        rows |= {"training": [training_rows(job.label, [])], "series": [build(SERIES, data)]}
        for name, tables in rows.items():
            write_table(job.folder / f"{name}.arrow", described(stack(tables), name))
        kept = {part for _, part in found}
        for path in (job.folder / PARTS).iterdir():  # of checkpoints, facts or code that are no longer so
            if path not in kept:
                shutil.rmtree(path, ignore_errors=True)


def _same(job: Job) -> dict[str, Any]:
    """What the tables of every checkpoint depend on, beside itself."""
    return {
        "spec": {"label": [job.run, job.arm, job.seed], "probe": job.probe.model_dump(mode="json")}
        | {"precision": job.model.precision, "unit": job.model.unit},
        "facts": digest(job.facts),
        "code": reached_code("factsurv.training.follow"),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "versions": {n: version(n) for n in ("torch", "transformers", "numpy")},
    }


def _reads(encoded: Encoded) -> str:
    """What a tokenizer makes of the facts, as a digest."""
    whole = hashlib.sha256(np.asarray(encoded.terminators).tobytes())
    for tokens in encoded.tokens:
        whole.update(tokens.tobytes())
    return whole.hexdigest()


def main(path: str) -> int:
    """Follow the series of one JSON file; problems of the user's making exit with 2 and a plain message."""
    return started(lambda report: execute(Job.model_validate_json(Path(path).read_text("utf-8")), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
