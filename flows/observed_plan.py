"""A first plan for a table of observations: which column is what by their usual names, checked as `analyze` will."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.lm_eval import observations
from factsurv.events.observations import NEEDED
from factsurv.events.own_columns import covariate
from factsurv.events.own_file import OwnFile, read_own_file
from factsurv.flows.own_plan import GUESSES, OwnPlan
from factsurv.flows.toml_file import as_toml, new_file, validated

NAMES = {
    "id": (*GUESSES["id"], "doc_id", "doc", "question"),
    "step": ("step", "steps", "iteration", "checkpoint", "token", "tokens", "epoch", "position", "time"),
    "correct": ("correct", "recalled", "right", "is_correct", "exact_match", "em", "acc", "accuracy", "hit", "score"),
    "run": ("run",),
    "arm": ("arm", "recipe", "model"),
}
UNITS = {"iteration": "step", "checkpoint": "checkpoint", "token": "token", "tokens": "token", "epoch": "epoch"}

PLAN = """\
# How {table} is analysed. A key that is left out has a default; study.json in the results folder records them all.

[study]
name = "{name}"
title = "{name}"

[observations]  # which column is what: an id was right (1), or was not (0), at a step
{columns}
time = {time}  # what one unit of a step is called: step, token, epoch
rules = ["first", "sustained2"]  # the event: the first step in the new state, or the first of two successive ones

[analysis]
ties = "efron"
standardise = true  # hazard ratios of numbers per standard deviation

[analysis.covariates]  # by outcome; the first one is the main one
{covariates}
"""


def write_observed_plan(name: str, table: Path) -> tuple[Path, tuple[str, ...]]:
    """Write ``NAME.toml`` in the current folder.

    Returns
    -------
    The file, and what was understood or guessed in reading the table.

    Raises
    ------
    InputError
        If the name cannot be a study's, the file exists, a column cannot be told, or `analyze` would refuse the table:
        then nothing is written.
    """
    path = new_file(name)
    file = read_own_file(table)
    columns = _columns(file)
    unit = UNITS.get(columns["step"].lower(), "step")
    head = {"table": table.name, "name": name, "columns": _lines(columns), "time": as_toml(unit)}
    plan = validated(OwnPlan, tomllib.loads(PLAN.format(**head, covariates="")), path)
    own = plan.read(table)
    texts = own.events["outcome"].to_pylist()
    rows = {o: own.events.filter([o == t for t in texts]) for o in dict.fromkeys(texts)}
    chosen = {o: [n for n in own.covariates if covariate(n, mine[n])[0] is not None] for o, mine in rows.items()}
    lines = "\n".join(f"{o} = {as_toml(names)}" for o, names in chosen.items())
    path.write_text(PLAN.format(**head, covariates=lines), "utf-8")
    return path, own.notes


def write_lm_eval_plan(
    name: str, given: Sequence[str], pattern: str | None = None
) -> tuple[Path, Path, tuple[str, ...]]:
    """Write ``NAME.arrow``, the observations of lm-evaluation-harness's logs, and ``NAME.toml``, a plan for it.

    Parameters
    ----------
    name : str
    given : sequence of str
        Logs of single documents (``samples_*.jsonl``), folders that hold some, or patterns such as ``out/*/samples_*``.
    pattern : str, optional
        Where the position stands, see `factsurv.events.positions`.

    Returns
    -------
    The plan, the table, and what was understood or guessed.

    Raises
    ------
    InputError
        As `write_observed_plan` and `factsurv.events.lm_eval.observations`.
    """
    new_file(name)
    table, made = Path(f"{name}.arrow"), False
    if table.exists():
        raise InputError("exists already", str(table), "choose another name or delete it")
    logs = [path for text in given for path in _logs(text)]
    seen, notes = observations(list(dict.fromkeys(logs)), pattern)
    try:
        write_table(table, seen)
        plan, more = write_observed_plan(name, table)
        made = True
    finally:
        if not made:
            table.unlink(missing_ok=True)
    return plan, table, (*notes, *more)


def _logs(text: str) -> list[Path]:
    path = Path(text).expanduser()
    found = sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else sorted(map(Path, glob(str(path))))
    if not found:
        what = "the folder holds no log of single documents" if path.is_dir() else "there is no such file"
        raise InputError(what, text, "give samples_*.jsonl, which `lm_eval --log_samples --output_path …` writes")
    return found


def _columns(file: OwnFile) -> dict[str, str]:
    lower = {c.lower(): c for c in file.table.column_names}
    found = {role: next((lower[n] for n in names if n in lower), "") for role, names in NAMES.items()}
    missing = [role for role in NEEDED if not found[role]]
    if missing:
        usual = "; ".join(f"{role}: {', '.join(NAMES[role][:6])}" for role in missing)
        raise InputError(
            f"it is not plain which column is {' and '.join(missing)}; the columns are "
            f"{', '.join(file.table.column_names[:30])}",
            os.fspath(file.path),
            f"name them as usual ({usual})",
        )
    return {role: column for role, column in found.items() if column}


def _lines(columns: dict[str, str]) -> str:
    return "\n".join(f"{role} = {as_toml(column)}" for role, column in columns.items())
