"""What a run leaves in the results folder."""

from __future__ import annotations

from collections.abc import Iterable

from factsurv.events.files import read_table
from factsurv.flows.store import Store
from factsurv.flows.study_file import StudyFile

PROBED = ("probes", "baseline", "training")  # tables of every run


def instrument_tables(study: StudyFile) -> list[str]:
    """Tables that a run of a language model has beside those of every run."""
    probe = study.probe
    return [spec.name for spec in probe.instruments] + ["forms"] * (probe.forms != "first")


def parameters_of(run: str) -> str:
    """The artefact with the number of a model's parameters, where facts were counted."""
    return f"runs/{run}/model.json"


def are_counted(results: Store) -> bool:
    """Whether the facts were counted in a corpus."""
    return "counts.arrow" in results.manifest.steps.get("facts", {}).get("makes", {})


def rows_of(results: Store, run: str, tables: Iterable[str]) -> dict[str, int | None]:
    """Tables of a run and their rows, as a step returns them."""
    return {name: read_table(results.folder / name).num_rows for name in (f"runs/{run}/{t}.arrow" for t in tables)}
