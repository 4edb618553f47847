"""What a run of a study would do: facts, stages, models, time and memory, fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from factsurv.events import schema
from factsurv.events.errors import InputError
from factsurv.events.manifest import Manifest
from factsurv.flows import followed
from factsurv.flows.check import Checked, checkpoints, planned
from factsurv.flows.gpus import visible
from factsurv.flows.pace import Size, operations, pace, size_of, tokens
from factsurv.flows.steps import run_names, told_of_forms
from factsurv.flows.study_file import StudyFile
from factsurv.stats.plan import run_covariates
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.form_numbers import form_numbers
from factsurv.training.facts.selection import probed_rows
from factsurv.training.spec import ModelSpec, TuningSpec

if TYPE_CHECKING:
    from factsurv.training.lessons.stages import Part, Stage


def summary(checked: Checked, results: Path) -> list[str]:
    """What a run would do, in lines; ``results`` is the folder of results folders."""
    study, facts = checked.study, checked.facts
    splits = [facts.column("split").count(s) for s in schema.SPLITS]
    examples = sum(len(e) for e in facts.examples.values())
    lines = [
        f"{study.study.name}: nothing is wrong",
        f"facts: {len(facts):,} ({splits[0]:,} trained, {splits[1]:,} withheld) of {len(facts.relations)} "
        f"relation(s), from {facts.source}; {examples} few-shot examples",
        f"covariates: {', '.join(facts.covariates) or 'none'}",
        *_extras(study, facts),
        *(f"facts: {notice}" for notice in facts.notices),
    ]
    for arm, spec in study.simulations().items():
        lines.append(
            f"arm {arm}: {len(study.study.seeds)} run(s) of {spec.steps:,} steps on {spec.taught_words}, "
            f"probed {len(spec.moments())} times; simulation {spec.name}"
        )
    for arm, (model, _) in study.recipes().items() if followed.follows(study) else ():
        lines += _followed_by(arm, model, facts)
    trained = not study.simulation and not followed.follows(study)
    plans = {arm: planned(study, arm, facts) for arm in (study.recipes() if trained else ())}
    for arm, (stages, notices) in plans.items():
        model = study.recipes()[arm][0]
        at, seeds = checkpoints(study, stages), len(study.study.seeds)
        each = "; ".join(map(_told, stages))
        lines.append(
            f"arm {arm}: {seeds} run(s) of {each}, probed {at + 1} times; {_weights(model, size_of(model, facts))}"
        )
        lines += notices
    for graft in study.graft:
        made = f"{graft.weights}" if graft.revert is None else f"{graft.of}, put back to the base"
        parts = f", {' and '.join(graft.where.parts)} only" if graft.where.parts else ""
        lines.append(f"graft {graft.name}: {made} (layers: {graft.where.layers}{parts}), probed once a seed")
    lines += [
        *_cost(results / study.study.name, study, facts, {arm: plan[0] for arm, plan in plans.items()}),
        _fits(study, facts, checked.told),
    ]
    return lines


def _followed_by(arm: str, model: ModelSpec, facts: FactSet) -> list[str]:
    """What an arm follows, and how much of it is known."""
    from factsurv.training.models.series import series_of

    series = series_of(model)
    at = [m.position for m in series.members]
    known = f"{len(at)} checkpoints of {model.name}, {series.unit} {at[0]:,.15g} to {at[-1]:,.15g}"
    if model.name == "tiny":
        return [f"arm {arm}: {known}, each probed; {_weights(model, size_of(model, facts))}", *series.notes]
    gone = [m.name for m in series.members if m.identity() == "missing"]
    first = next(m for m in series.members if m.name not in gone)
    told = [f"arm {arm}: {', '.join(gone)}: not there, and will be left out"] if gone else []
    return [
        f"arm {arm}: {known}, each probed; {_weights(first.model, size_of(first.model, facts))}",
        *told,
        *series.notes,
    ]


def _extras(study: StudyFile, facts: FactSet) -> Iterator[str]:
    """What only some facts have."""
    if implied := facts.roles.count("implication"):
        yield f"{implied:,} implications, {sum(map(bool, facts.several('links'))):,} of them linked to other facts"
    for name in facts.sets:
        yield f"set {name}: {sum(facts.column(name)):,} facts"
    for name in ("aliases", "options"):
        if having := [each for each in facts.several(name) if each]:
            yield f"{name}: {len(having):,} facts have {sum(map(len, having)) / len(having):.3g} on average"
    if study.probe.select:
        yield f"probed: {len(probed_rows(facts, study.probe, study.facts.seed)):,} facts at each checkpoint"
    if numbers := form_numbers(facts, study.probe):
        held = f"; the last {facts.held_out} of each relation are never trained" if facts.held_out else ""
        yield f"prompt forms {', '.join(map(str, numbers))} at each checkpoint{held}"


def _told(stage: Stage) -> str:
    """How long a stage is and what it teaches."""
    long = f"{stage.steps / stage.per_epoch:.4g} epochs with {stage.per_epoch:,} steps each"
    if not stage.name:
        return long
    facts = " + ".join(_lessons(part) for part in stage.parts)
    return f"{stage.name}: {facts}, {long}"


def _lessons(part: Part) -> str:
    facts = f"{len(part.rows):,} facts" + (f" of {part.size:,} groups" if part.groups is not None else "")
    return facts + (f" (drawn {part.lessons:,} times an epoch)" if part.p is not None else "")


def _weights(model: ModelSpec, size: Size | None) -> str:
    """What the model is, and what its weights take, where their number is known."""
    from factsurv.training.models.load import cache_folder, locate
    from factsurv.training.passes import memory

    told = "weights of unknown size (no file of it is at hand)"
    if size is not None:
        number = 2 if model.precision == "bf16" else 4
        told = f"weights of {memory.size(size.all * number)} in {model.precision}"
    if model.name == "scratch":
        made = f"a {model.architecture} model of {model.layers} layers and width {model.width}, from random weights"
        return f"{made}, {told}"
    if model.name == "tiny":
        return f"a tiny model of width {model.width}, pretrained first unless it was before, {told}"
    source = locate(model)
    if source.gguf_file is not None:
        return f"{Path(source.gguf_file).name}, converted first unless it was before ({cache_folder()}), {told}"
    return f"{model.name}, {told}"


def _needed(size: Size, model: ModelSpec, tunings: Sequence[TuningSpec]) -> str:
    """Memory of a run at least: the weights and, where all are trained, a gradient and AdamW's two moments of each."""
    from factsurv.training.passes import memory

    whole = any(tuning.method == "full" and tuning.layers is None for tuning in tunings)
    kept = size.all * ((2 if model.precision == "bf16" else 4) + 12 * whole)
    return f"{memory.size(kept)} or more ({'weights, gradients and moments' if whole else 'weights'})"


def _cost(folder: Path, study: StudyFile, facts: FactSet, plans: Mapping[str, Sequence[Stage]]) -> Iterator[str]:
    """Time and memory of a run: as it was when last done, or from below, with what that rests on."""
    took = [step["seconds"] for name, step in Manifest(folder).steps.items() if name.startswith("run ")]
    if took:
        yield f"time: {sum(took) / len(took):.0f} s a run when {len(took)} run(s) of this name were last done"
    if study.simulation or followed.follows(study):
        if not took:
            yield "time: not known before a run was done; its bar tells it after a few steps"
        return
    measured = None if took or visible() else pace()
    if measured:
        yield (
            f"time before a first run, from below: operations of the weights' matrices at {measured / 1e9:.0f} GFLOP/s "
            "a core, measured now; small matrices (a tiny model's), attention, loading and others' work come on top"
        )
    elif not took:
        yield "time: not known on a GPU before a run was done; its bar tells it after a few steps"
    for arm, stages in plans.items():
        model = study.recipes()[arm][0]
        size = size_of(model, facts)
        if size is None:
            yield f"arm {arm}: time and memory not known, no file of {model.name} is at hand"
            continue
        parts = [f"memory {_needed(size, model, [stage.tuning for stage in stages])}"]
        if measured:
            probed = len(probed_rows(facts, study.probe, study.facts.seed)) * max(
                1, len(form_numbers(facts, study.probe))
            )
            at = checkpoints(study, stages)
            work = operations(size.inside, tokens(model, facts), stages, study.probe, probed, at)
            parts.insert(0, f"{_long(work / measured)} or more of one core ({work:.1e} operations)")
        yield f"arm {arm}: a run takes {', '.join(parts)}; it tells its whole plan of memory before its first step"


def _long(seconds: float) -> str:
    """A time for people: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _fits(study: StudyFile, facts: FactSet, told: dict[str, Any]) -> str:
    """How many fits R plans, from a table that has the runs and no facts."""
    from factsurv.stats.bridge import RWorkers

    runs = run_names(study)
    kinds = schema.EVENTS | {n: facts.table.schema.field(n).type for n in schema.of_facts(facts.table.column_names)}
    made = [*told_of_forms(study, max(map(len, facts.templates.values()))), *run_covariates(study.analysis)]
    kinds |= dict.fromkeys(made, pa.float64())
    data = {n: pa.nulls(len(runs), kind) for n, kind in kinds.items()}
    columns = {n: [run[i] for run in runs] for i, n in enumerate(("run", "arm"))}
    table = pa.table(data | {n: pa.array(v).dictionary_encode() for n, v in columns.items()})
    with RWorkers(workers=1, time_limit=60) as r:
        planned = r.call("plan_fits", plan=told, tables={"events": table})
    if planned.error:
        raise InputError(f"the fits cannot be planned: {planned.error.message}", "[analysis]")
    return f"analysis: {len(planned.value)} fits, some of which end as not needed"
