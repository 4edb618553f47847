"""The steps of a study that trains nothing: its runs follow a series of checkpoints that somebody else made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from factsurv.events.files import read_table, write_json
from factsurv.events.reached_code import reached_code
from factsurv.flows import trained
from factsurv.flows.run_files import PROBED, are_counted, instrument_tables, parameters_of, rows_of
from factsurv.flows.store import Store
from factsurv.flows.study_file import StudyFile

UNUSED = ("simulation", "tuning", "stage")  # sections of a study file that are of other kinds


def follows(study: StudyFile) -> bool:
    """Whether the study's models are series."""
    return study.simulation is None and any(model.series is not None for model, _ in study.recipes().values())


def make_facts(results: Store[StudyFile]) -> None:
    """`facts.arrow`, gathered as those of a training are."""
    trained.make_facts(results)


def make_model(results: Store[StudyFile], arm: str, verify: bool = False) -> tuple[str, str]:
    """Nothing for a run to load, and the identity of an arm's series; the tiny model's is made where it is missing."""
    from factsurv.training.models.prepared import prepared_series

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(results.scratch / "torch"))  # else in /tmp, for ever
    study = results.study
    return "", prepared_series(study.recipes()[arm][0], study.facts, results.say, verify).identity()


def run_key(results: Store[StudyFile], arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
    """All that decides the tables of a run."""
    spec, _ = results.study.recipes()[arm]
    return {
        "spec": {
            "seed": seed,
            "model": model[1],
            "precision": spec.precision,
            "probe": results.study.probe.model_dump(),
        },
        "inputs": results.inputs("facts.arrow"),
        "code": reached_code("factsurv.training.follow"),
    }


def make_run(results: Store[StudyFile], run: str, arm: str, seed: int, model: tuple[str, str], threads: int) -> None:
    """`runs/<run>/…`: every checkpoint probed, in a process of its own; those that were are not probed again."""
    from factsurv.flows.child import run_job
    from factsurv.training.job import Job
    from factsurv.training.models.prepared import prepared_series
    from factsurv.training.models.size import parameters

    spec, tuning = results.study.recipes()[arm]
    folder = results.folder / "runs" / run

    def told(run: str, done: float, total: float, note: str) -> None:
        results.progress(f"run {run}", done, total, note)

    def make() -> dict[str, int | None]:
        series = prepared_series(spec, results.study.facts, results.say, verify=True)
        for note in series.notes:
            results.say(f"run {run}: {note}")
        job = Job(
            run=run, arm=arm, seed=seed, facts=results.folder / "facts.arrow", folder=folder,
            model=series.spec(spec), tuning=tuning, probe=results.study.probe,
        )  # fmt: skip
        run_job(job, threads, told, results.say, results.scratch, module="factsurv.training.follow")
        made = rows_of(results, run, (*PROBED, *tables(results.study)))
        if are_counted(results):
            there = next(m.model for m in series.members if m.name not in _missing(folder))
            write_json(results.folder / parameters_of(run), {"parameters": parameters(there.name, there.revision)})
            made[parameters_of(run)] = None
        return made

    def left_out() -> list[str]:
        return [f"checkpoint {name} was left out" for name in _missing(folder)]

    results.step(f"run {run}", run_key(results, arm, seed, model), make, left_out)


def tables(study: StudyFile) -> list[str]:
    """Tables that a run has beside those of every run."""
    return [*instrument_tables(study), "series"]


def measured(study: StudyFile) -> tuple[str, ...]:
    """None: what is measured at the first checkpoint is in its baseline."""
    return ()


def _missing(folder: Path) -> list[str]:
    """Checkpoints of a run that were left out."""
    return [r["name"] for r in read_table(folder / "series.arrow").to_pylist() if r["left_out"] is not None]
