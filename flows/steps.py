"""The steps of a study as plain functions. Where there is a Prefect server, its tasks are thin wrappers around these.

Everything that a step makes lies in the results folder (factsurv.flows.store), which knows what need not be done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from factsurv.events.errors import InputError
from factsurv.events.forms import stored_columns
from factsurv.events.own_rows import plural
from factsurv.events.reached_code import reached_code
from factsurv.events.schema import INSTRUMENTS, of_facts
from factsurv.events.study_tables import Asked, study_tables
from factsurv.flows import followed
from factsurv.flows.graft_names import graft_names, taken_after
from factsurv.flows.kinds import kind_of
from factsurv.flows.run_files import PROBED, are_counted, parameters_of
from factsurv.flows.store import Progress, Say, Store, as_kept, asked, keep_spec, written
from factsurv.flows.study_file import StudyFile, read_study
from factsurv.stats.claims import told_claims
from factsurv.stats.models import check_models
from factsurv.stats.plan import plan, run_covariates, table_columns

# Keys of [analysis] that decide the tables of events.
OF_ANALYSIS = (
    "rules", "time", "origin", "followed", "recall", "known_in", "loss_margin", "confident", "latent_chance",
)  # fmt: skip


def open_results(
    path: Path, results: Path | None = None, say: Say = print, progress: Progress = lambda *_: None
) -> Store[StudyFile]:
    """Read the study file and open its results folder (``results/<name>`` unless said otherwise)."""
    study = read_study(path)
    store = Store((results or Path("results")) / study.study.name, study, say, progress)
    if "table" in asked(store, "events"):
        store.close()
        raise InputError(
            "this results folder holds the analysis of a table, not a study",
            str(store.folder),
            "give the study another name",
        )
    understood = study.model_dump(mode="json") | {"arms": [a.model_dump() for a in study.arm]}
    understood.pop("arm")
    for name in kind_of(study).UNUSED:
        understood.pop(name)
    keep_spec(store, path, "study.toml", understood)
    return store


def refuse_foreign(results: Store) -> None:
    """Runs that another trainer did cannot be run: factsurv would train them anew over what is there.

    Raises
    ------
    InputError
    """
    foreign = [n for n in results.manifest.steps if n.startswith("run ") and "trainer" in asked(results, n)]
    if foreign:
        raise InputError(
            f"{len(foreign)} run(s) here were trained outside factsurv (by FactProbe), and `run` would train them anew",
            str(results.folder),
            f"`factsurv analyze {results.folder / 'study.toml'} --results {results.folder.parent}` fits and reports "
            "them (so does `report`); to train with factsurv, give the study another name",
        )


def make_facts(results: Store) -> None:
    """`facts.arrow`: the facts, their covariates, split, prompts and examples."""
    kind_of(results.study).make_facts(results)
    check_asked(results)


def check_asked(results: Store) -> None:
    """Let models and claims be checked before the next step that has something to do: R reads them in seconds."""
    told, claims = check_plan(results), told_claims(results.study.claim)
    if told["models"] or claims:
        columns = table_columns(
            _columns(results), [n for n in kind_of(results.study).tables(results.study) if n in INSTRUMENTS]
        )
        results.before.append(lambda: check_models(told["models"], told, columns, claims))


def check_plan(results: Store) -> dict[str, Any]:
    """The analysis plan, checked against the facts before hours of training."""
    relations = len(results.table("facts.arrow")["relation"].unique())
    covariates = _covariates(results)
    further = [n for n in _columns(results) if n not in covariates]
    return plan(results.study.analysis, covariates, relations, further, not followed.follows(results.study))


def _covariates(results: Store) -> list[str]:
    of_facts = json.loads(results.table("facts.arrow").schema.metadata[b"factset"])["covariates"]
    return [*of_facts, *kind_of(results.study).measured(results.study)]


def _columns(results: Store) -> list[str]:
    """What every row of a fact carries of it: role, sets, covariates, and what its other prompt forms said at first."""
    facts = results.table("facts.arrow")
    templates = json.loads(facts.schema.metadata[b"factset"])["templates"]
    own = kind_of(results.study).measured(results.study)
    forms = told_of_forms(results.study, max(map(len, templates.values())))
    return [*of_facts(facts.column_names), *own, *forms, *run_covariates(results.study.analysis)]


def told_of_forms(study: StudyFile, most: int) -> list[str]:
    """Columns of the prompt forms that are measured beside the first one, of ``most`` that a relation has."""
    asked = study.probe.forms
    numbers = range(1, most + 1) if asked == "all" else [] if asked == "first" else sorted(asked)
    return stored_columns(k for k in numbers if k > 1)


def run_names(study: StudyFile) -> list[tuple[str, str, int]]:
    """(run, arm, seed) of every run."""
    return [(f"{arm}-{seed}", arm, seed) for arm in study.recipes() for seed in study.study.seeds]


def make_models(results: Store) -> dict[str, tuple[str, str]]:
    """Local folder (or hub name) and identity of the model of each arm; a simulation has none to make."""
    kind = kind_of(results.study)
    results.progress("models", 0, 1, "")
    models = {arm: kind.make_model(results, arm) for arm in results.study.recipes()}
    results.progress("models", 1, 1, "")
    return models


def run_is_due(results: Store, run: str, arm: str, seed: int, model: tuple[str, str]) -> bool:
    """Whether `make_run` has something to do, a checkpoint to remove included."""
    return bool(
        results.manifest.stale(f"run {run}", as_kept(kind_of(results.study).run_key(results, arm, seed, model)))
        or list((results.folder / "runs" / run).glob("*checkpoint-*"))
    )


def make_run(results: Store, run: str, arm: str, seed: int, model: tuple[str, str], threads: int) -> None:
    """`runs/<run>/…`: one run, which continues where it was killed."""
    kind_of(results.study).make_run(results, run, arm, seed, model, threads)


def make_events(results: Store) -> None:
    """The tables of all runs, and what is made from them: `events`, `history`, `transitions`, `recall`, `ends` …"""
    study, analysis = results.study, results.study.analysis
    runs = [run for run, _, _ in run_names(study)]
    grafts = {run: taken_after(study, graft, seed) for run, graft, seed in graft_names(study)}
    further = kind_of(study).tables(study)
    kinds = {run: [*PROBED, *further] for run in runs} | {run: ["baseline", "probes", *further] for run in grafts}
    paths = {run: {kind: f"runs/{run}/{kind}.arrow" for kind in of_run} for run, of_run in kinds.items()}
    counts = ["counts.arrow"] if are_counted(results) else []
    sizes = {run: parameters_of(run) for run in runs if counts}
    decided = Asked(
        samples=study.probe.samples, covariates=run_covariates(analysis), numbers=study.numbers(),
        own_clock=any(model.time for model in analysis.model), arms=len(study.recipes()),
        **{name: getattr(analysis, name) for name in OF_ANALYSIS},
    )  # fmt: skip
    read = [path for of_run in paths.values() for path in of_run.values()]
    key = {
        "spec": asdict(decided) | {"runs": runs, "grafts": grafts},
        "inputs": results.inputs("facts.arrow", *read, *counts, *sizes.values()),
        "code": reached_code("factsurv.events.study_tables"),
    }

    def make() -> dict[str, int | None]:
        tables, notes = study_tables(
            decided,
            results.table("facts.arrow"),
            {run: {kind: results.table(path) for kind, path in of_run.items()} for run, of_run in paths.items()},
            grafts,
            results.table("counts.arrow") if counts else None,
            {run: json.loads((results.folder / path).read_bytes())["parameters"] for run, path in sizes.items()},
        )
        for note in notes:
            results.say(f"events: {note}")
        return written(results, {f"{name}.arrow": table for name, table in tables.items()})

    results.step("events", key, make)


def failures(errors: Iterable[tuple[str, BaseException]]) -> None:
    """Raise one error that names every run that failed; the others are kept."""
    errors = list(errors)
    if errors:
        lines = [f"{name}: {e.line() if isinstance(e, InputError) else e}" for name, e in errors]
        told = "\n  ".join([f"{plural(len(lines), 'run', 'runs')} failed:", *lines])
        raise InputError(told, "runs", "correct the cause and run again: what is done is kept")
