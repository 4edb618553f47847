"""A graft: a model made of runs' end states, probed once, with rows as a run has them.

A process of its own, as a run is (`python -m factsurv.training.graft JOB.json`). Its first checkpoint (0) is the
baseline of the run that it takes after, the second (1) the graft; it has no time of its own, and carries the clock that
run ended with.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401  (pa.compute)

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.keys import texts
from factsurv.events.schema import described, stack
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.selection import probed_rows
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.label import Label
from factsurv.training.memory_plan import MemoryPlan
from factsurv.training.models.load import load
from factsurv.training.models.scratch_model import initialise
from factsurv.training.passes import memory
from factsurv.training.passes.team import Team, team
from factsurv.training.probing.baseline import samplings
from factsurv.training.probing.forms import Forms
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.probing.probe import agrees_with_plain_path, probe
from factsurv.training.rows import Clock, probe_rows
from factsurv.training.run import started
from factsurv.training.surgery.end_state import put_back, put_sum, sum_bytes
from factsurv.training.surgery.job import EndWeightsJob
from factsurv.training.surgery.places import weights_at
from factsurv.training.surgery.spec import GraftSpec
from factsurv.training.surgery.weight_sum import BASE
from factsurv.training.telling import Report


class GraftJob(EndWeightsJob):
    """What a graft needs to know: ``after`` is the folder of the run whose baseline and clock it has."""

    graft: GraftSpec
    after: Path

    @property
    def label(self) -> Label:
        return Label(self.run, self.graft.name, self.seed)


def execute(job: GraftJob, report: Report = lambda _: None) -> None:
    """Make the graft's weights, probe them, and write `baseline.arrow`, `probes.arrow` and the instruments' tables.

    Raises
    ------
    InputError
        If the model lacks the layers or parts, or memory does not hold a second set of weights.
    """
    with team(1) as together, memory.explained():
        _execute(job, report, together)


def _execute(job: GraftJob, report: Report, together: Team) -> None:
    say = lambda text: report({"say": text})  # noqa: E731
    whole, graft = from_arrow(read_table(job.facts)), job.graft
    shown = probed_rows(whole, job.probe, job.fact_seed)
    facts = whole.some(shown)
    model, tokenizer = load(job.model, say)
    model = model.to(together.device)  # type: ignore[arg-type]
    if job.fresh:
        initialise(model, job.seed)
    encoded, forms = encode_probes(tokenizer, facts, job.probe), Forms(tokenizer, facts, job.probe)
    shared = agrees_with_plain_path(model, encoded)
    instruments = Instruments(Asked(tokenizer, model, facts, encoded, job.probe, shared), say)
    at = weights_at(model, graft.where)
    need, free = sum_bytes(model, graft.sum, job.states, at), memory.free_bytes()
    if need > free:
        raise InputError(
            f"a second set of weights takes about {memory.size(need)}, and {memory.size(free)} are free",
            f"graft {graft.name!r}",
            "limit it to some layers, or use a machine with more memory",
        )
    if graft.revert is None:
        put_sum(model, graft.sum, job.states, at)
    elif graft.of != BASE:
        put_back(model, job.states[graft.of or ""], at)
    tokens = MemoryPlan(memory.shape_of(model), together, say).probes(
        job.probe, forms.with_them(encoded), shared, job.probe.batch_tokens
    )
    clock = _clock(job, facts.column("fact_id"))
    measured = probe(model, encoded, samplings(job.probe)[:1], tokens, shared, instruments=instruments.measures)
    forms.look(model, measured, samplings(job.probe)[:1], tokens, shared)
    instruments.keep(job.label, facts.column("fact_id"), vars(clock), measured)
    forms.keep(job.label, vars(clock))
    rows = {"probes": probe_rows(job.label, facts, clock, measured)} | instruments.tables() | forms.table()
    for name, table in rows.items():
        before = read_table(job.after / f"{name}.arrow")
        before = _relabelled(before.filter(pa.compute.equal(before["checkpoint"], 0)), job.label)
        write_table(job.folder / f"{name}.arrow", described(stack([before, table]), name))
    baseline = read_table(job.after / "baseline.arrow")
    if "stage" in baseline.column_names:
        baseline = baseline.filter(pa.compute.equal(texts(baseline["stage"]), baseline["stage"][0].as_py()))
        baseline = baseline.drop_columns(["stage"])
    write_table(job.folder / "baseline.arrow", described(_relabelled(baseline, job.label), "baseline"))
    if graft.keep:
        model.save_pretrained(job.folder / "model")
        tokenizer.save_pretrained(job.folder / "model")


def _clock(job: GraftJob, fact_ids: list) -> Clock:
    """Where the run that it takes after stood at its end; the base stands where it began."""
    probes = read_table(job.after / "probes.arrow")
    number = 0 if job.graft.sum.first == BASE else pa.compute.max(probes["checkpoint"]).as_py()
    last = probes.filter(pa.compute.equal(probes["checkpoint"], number))
    exposures = dict(zip(last["fact_id"].to_pylist(), last["exposures"].to_pylist(), strict=True))
    at = {name: last[name][0].as_py() for name in ("epoch", "step", "examples", "tokens")}
    at["stage"] = last["stage"][0].as_py() if "stage" in last.column_names else ""
    return Clock(np.array([exposures.get(f, 0) for f in fact_ids]), checkpoint=1, **at)


def _relabelled(table: pa.Table, label: Label) -> pa.Table:
    """The rows as this graft's own."""
    for name, values in label.columns(table.num_rows).items():
        place, kind = table.column_names.index(name), table.schema.field(name).type
        column = pa.array(values)
        table = table.set_column(
            place, name, column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
        )
    return table


def main(path: str) -> int:
    """Make the graft of one JSON file; problems of the user's making exit with 2 and a plain message."""
    return started(lambda report: execute(GraftJob.model_validate_json(Path(path).read_text("utf-8")), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
