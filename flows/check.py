"""What can be found wrong before any work: all of it at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from factsurv.events import schema
from factsurv.events.errors import InputError, together
from factsurv.flows import followed, simulated
from factsurv.flows.contradictions import too_few
from factsurv.flows.gpus import visible
from factsurv.flows.steps import told_of_forms
from factsurv.flows.study_file import StudyFile, read_study
from factsurv.stats.claims import told_claims
from factsurv.stats.models import check_models
from factsurv.stats.plan import CONF, models, plan, run_covariates, table_columns
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.form_numbers import form_numbers
from factsurv.training.facts.selection import probed_rows, select
from factsurv.training.spec import ModelSpec

if TYPE_CHECKING:
    from factsurv.training.lessons.stages import Stage

T = TypeVar("T")
MOST_CHECKPOINTS = 100_000  # each is a row of every fact


@dataclass(frozen=True)
class Checked:
    """A study in which nothing wrong was found, its facts, and the plan of its analysis."""

    study: StudyFile
    facts: FactSet
    told: dict[str, Any]


def check(path: Path) -> Checked:
    """Check the study file, its facts, models, plan and formulas, and this machine.

    Raises
    ------
    InputError
        Naming everything that is wrong.
    """
    from factsurv.training.facts.gather import gather
    from factsurv.training.models.hub import check_model, check_series
    from factsurv.training.models.scratch_model import check_vocabulary

    study = read_study(path)
    found: list[InputError] = []

    def attempt(function: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return function(*arguments)
        except InputError as error:
            found.append(error)
            return None

    attempt(_machine, study)
    found += [InputError(what) for what in _layers(study)]
    if study.simulation:
        facts = simulated.facts_of(study)
        covariates = [*facts.covariates, *simulated.measured(study)]
        further = run_covariates(study.analysis)
        told = attempt(plan, study.analysis, covariates, len(facts.relations), further)
        if told is not None:
            tables = table_columns(
                [*covariates, *further], [n for n in simulated.tables(study) if n in schema.INSTRUMENTS]
            )
            attempt(check_models, told["models"], told, tables, told_claims(study.claim))
        if found or told is None:
            raise together(found, str(path), "correct these; nothing was started")
        return Checked(study, facts, told)
    for text in dict.fromkeys(model.model_dump_json() for model, _ in study.recipes().values()):
        spec = ModelSpec.model_validate_json(text)
        if spec.series is None:
            attempt(check_model, spec)
        else:
            attempt(check_series, spec)
    gathered = attempt(gather, study.facts, study.model.pretrain_steps * study.model.pretrain_batch)
    told = None
    if gathered is not None:
        facts = gathered.facts
        forms = told_of_forms(study, max(map(len, facts.templates.values())))
        columns = [*schema.of_facts(facts.table.column_names), *forms, *run_covariates(study.analysis)]
        further = [n for n in columns if n not in facts.covariates]
        for model in {model for model, _ in study.recipes().values() if model.name == "scratch"}:
            attempt(check_vocabulary, facts, model)
        trained = not followed.follows(study)
        told = attempt(plan, study.analysis, facts.covariates, len(facts.relations), further, trained)
        found += [InputError(what) for what in _does_not_fit(study, facts)]
        if told is not None:
            claims = told_claims(study.claim)
            tables = table_columns(columns, [spec.name for spec in study.probe.instruments])
            attempt(check_models, told["models"], told, tables, claims)
    if told is None:  # kinds and formulas all the same
        attempt(check_models, models(study.analysis), study.analysis.model_dump() | {"conf": CONF})
    if found or gathered is None or told is None:
        raise together(found, str(path), "correct these; nothing was started")
    return Checked(study, gathered.facts, told)


def _machine(study: StudyFile) -> None:
    from factsurv.flows.doctor import examine

    wrong = [f for f in examine() if f.level == "wrong"]
    if wrong:
        lines = "; ".join(f"{f.what}: {f.found} ({f.remedy})" for f in wrong)
        raise InputError(f"this machine is not ready: {lines}", "", "`factsurv doctor` shows everything")
    if visible():
        from factsurv.training.passes.team import check_gpus

        for _, tuning in study.recipes().values():
            check_gpus(tuning.processes)


def _layers(study: StudyFile) -> Iterator[str]:
    """Layers that an arm or a graft names and its model lacks."""
    from factsurv.training.models.depth import lacking, layer_count

    recipes = {} if study.simulation else study.recipes()
    asked = [(f"arm {arm!r}: tuning.layers", model, tuning.layers) for arm, (model, tuning) in recipes.items()]
    for graft in study.graft if recipes else ():
        model = recipes[next(iter(graft.sum.arms), next(iter(recipes)))][0]
        asked.append((f"graft {graft.name!r}: layers", model, graft.where.layers))
    for where, model, layers in asked:
        count = layer_count(model) if layers and layers != "all" else None
        if layers and count and (problem := lacking(layers, count)):
            yield f"{where}: {problem}"


def _does_not_fit(study: StudyFile, facts: FactSet) -> Iterator[str]:
    """What the number and kind of facts make impossible."""
    trained = facts.column("split").count("trained")
    if not trained and not any(study.stages().values()):
        yield f"facts.withheld: none of the {len(facts)} facts is trained; withhold fewer"
        return
    for relation in facts.relations:
        reserved = len(facts.examples.get(relation, ()))
        if study.probe.examples > reserved:
            yield (
                f"probe.examples: {study.probe.examples} are asked for, and relation {relation!r} has {reserved} "
                f"beside its facts; set it to {reserved} or less"
            )
    for fits in (form_numbers, probed_rows):
        try:
            fits(facts, study.probe)
        except InputError as error:
            yield error.line()
    for scores in study.scores:
        try:
            select(facts, scores.select, f"scores {scores.name!r}: select", study.facts.seed)
        except InputError as error:
            yield error.line()
    if followed.follows(study):
        yield from _too_short(study)
        return
    wrong: dict[str, list[str]] = {}  # the arms of what is wrong with a stage: several may share it
    for arm in study.recipes():
        try:
            stages, _ = planned(study, arm, facts)
            count = checkpoints(study, stages)
        except InputError as error:
            wrong.setdefault(error.line().replace(f" of arm {arm!r}", " of {}", 1), []).append(arm)
            continue
        for other, (_, tuning) in study.recipes().items():
            if tuning.patterns and tuning.patterns.of == arm and tuning.patterns.checkpoint > count:
                k = tuning.patterns.checkpoint
                yield f"arm {other!r}: tuning.patterns: {arm!r} has {count} checkpoints, and number {k} is asked for"
        if count > MOST_CHECKPOINTS:
            yield f"probe: arm {arm!r} would be probed {count:,} times; probe less often, or train for shorter"
        yield from too_few(study.analysis.rules, checkpoints(study, _followed(study, stages)), arm)
    for line, arms in wrong.items():
        named = f"arm{'s' * (len(arms) > 1)} {', '.join(map(repr, arms))}"
        yield line.replace(" of {}", f" of {named}", 1)


def _too_short(study: StudyFile) -> Iterator[str]:
    """Series with fewer checkpoints than the event rules need; one that cannot be read is told elsewhere."""
    from factsurv.training.models.series import series_of

    for arm, (model, _) in study.recipes().items():
        with contextlib.suppress(InputError):
            yield from too_few(study.analysis.rules, len(series_of(model).members) - 1, arm)


def planned(study: StudyFile, arm: str, facts: FactSet) -> tuple[tuple[Stage, ...], list[str]]:
    """The stages of an arm (one without a name where it has none), and what to know of them."""
    from factsurv.training.lessons.stages import plan_stages

    return plan_stages(facts, study.recipes()[arm][1], study.stages()[arm], study.facts.seed, arm)


def _followed(study: StudyFile, stages: Sequence[Stage]) -> Sequence[Stage]:
    """The stages after the event clock's origin."""
    names = [stage.name for stage in stages]
    return stages[names.index(study.analysis.origin) :] if study.analysis.origin else stages


def checkpoints(study: StudyFile, stages: Sequence[Stage]) -> int:
    """Checkpoints of these stages, after the baseline."""
    from factsurv.training.probing.schedule import moments

    probe = study.probe
    sizes = [(stage.per_epoch, stage.steps) for stage in stages]
    if probe.schedule in ("epochs", "steps"):
        many = sum(math.ceil(n / (probe.every * (each if probe.schedule == "epochs" else 1))) for each, n in sizes)
        if many > MOST_CHECKPOINTS:  # counted, not listed
            return many
    return len(moments(probe, sizes))
