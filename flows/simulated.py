"""The steps of a study whose runs are simulations: no language model, and seconds a run, so no process of its own."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from factsurv.events.files import read_table, write_table
from factsurv.events.reached_code import reached_code
from factsurv.flows.store import Store, written
from factsurv.flows.study_file import StudyFile
from factsurv.training.facts.fact_set import FactSet

UNUSED = ("facts", "model", "tuning", "stage", "probe", "graft", "scores")  # sections of a study file


def measured(study: StudyFile) -> tuple[str, ...]:
    """Covariates of each fact and run that the simulation measures before fine-tuning."""
    from factsurv.training.simulations.registry import SIMULATIONS

    assert study.simulation is not None
    return SIMULATIONS[study.simulation.name].measured


def tables(study: StudyFile) -> list[str]:
    """Tables that a run has beside those of every run."""
    from factsurv.training.simulations.registry import SIMULATIONS

    assert study.simulation is not None
    return SIMULATIONS[study.simulation.name].tables(study.simulation)


def facts_of(study: StudyFile) -> FactSet:
    """The facts of the simulation's own world."""
    from factsurv.training.simulations.registry import SIMULATIONS

    assert study.simulation is not None
    return SIMULATIONS[study.simulation.name].facts(study.simulation)


def make_facts(results: Store[StudyFile]) -> None:
    """`facts.arrow` of the simulation's own world."""
    from factsurv.training.facts.stored_facts import to_arrow

    spec = results.study.simulation
    assert spec is not None
    key: dict[str, Any] = {"spec": spec.model_dump(), "code": reached_code("factsurv.training.simulations.registry")}

    def make() -> dict[str, int | None]:
        return written(results, {"facts.arrow": to_arrow(facts_of(results.study))})

    results.step("facts", key, make)


def make_model(results: Store[StudyFile], arm: str, verify: bool = False) -> tuple[str, str]:
    """Nothing: a run makes what it needs."""
    return "", ""


def run_key(results: Store[StudyFile], arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
    """All that decides the tables of a run."""
    return {
        "spec": {"seed": seed, "simulation": results.study.simulations()[arm].model_dump()},
        "inputs": results.inputs("facts.arrow"),
        "code": reached_code("factsurv.training.simulations.registry"),
        "versions": {n: version(n) for n in ("torch", "numpy")},
    }


def make_run(results: Store[StudyFile], run: str, arm: str, seed: int, model: tuple[str, str], threads: int) -> None:
    """`runs/<run>/…`: one run of the simulation."""
    from factsurv.training.facts.stored_facts import from_arrow
    from factsurv.training.label import Label
    from factsurv.training.simulations.registry import SIMULATIONS

    spec = results.study.simulations()[arm]

    def make() -> dict[str, int | None]:
        facts = from_arrow(read_table(results.folder / "facts.arrow"))
        tables = SIMULATIONS[spec.name].run(spec, facts, Label(run, arm, seed))
        for name, table in tables.items():
            write_table(results.folder / "runs" / run / f"{name}.arrow", table)
        return {f"runs/{run}/{name}.arrow": table.num_rows for name, table in tables.items()}

    results.step(f"run {run}", run_key(results, arm, seed, model), make)
