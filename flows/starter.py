"""A first study file for a table of the user's own, checked as `run` will check it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from factsurv.events.own_file import OwnFile, read_own_file
from factsurv.flows.column_roles import NAMES, roles
from factsurv.flows.study_file import StudyFile
from factsurv.flows.toml_file import as_toml, new_file, shown, validated
from factsurv.training.facts.fact_covariates import RESERVED, can_stand_in_a_formula, usual_covariates
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.gather import gather
from factsurv.training.spec import ModelSpec

GENERIC = {*NAMES["object"]} - {"identifier"}  # usual names of the answer that name no relation

TEXT = """\
# A study of {table}. A key that is left out has a default; study.json in the results folder records them all.

[study]
name = "{name}"
title = "{name}"
{seeds}
[facts]
source = "table"
path = {path}  # from this file
{columns}covariates = {covariates}  # what may explain when a fact is learned: numbers, and text of few values
{left_out}{withheld}
[facts.templates]  # prompts end where the answer begins; the first form is the one that is probed
{templates}

[model]
{recipe}
[probe]
examples = 6  # solved examples before each prompt; they are held back from the facts
samples = 20
temperature = 1.0

[analysis]
rules = ["first", "sustained2"]
"""


TRAINED = """\
name = {model}  # a hub name, a folder made by save_pretrained, or a .gguf file

[tuning]
method = "lora"
epochs = 10
learning_rate = 1.5e-4
"""

FOLLOWED = """\
name = {model}  # checkpoints that exist: they are probed, and nothing is trained
{pattern}unit = "{unit}"  # what their positions count
series = [  # {count}
{series}
]

[tuning]
method = "none"
"""
MOST = 24  # checkpoints that a first study names, of those that there are


def write_study(
    name: str,
    table: Path,
    model: str | None = None,
    asked: Mapping[str, str | None] | None = None,
    series: str | None = None,
    pattern: str | None = None,
) -> tuple[Path, FactSet]:
    """Write ``NAME.toml`` in the current folder.

    Parameters
    ----------
    name : str
    table : Path
    model : str, optional
    asked : mapping of role to column, optional
        Columns that the user named: subject, object, relation.
    series : str, optional
        A folder of checkpoints, or a hub repository whose revisions they are: followed in the place of a model that is
        trained.
    pattern : str, optional
        Where their names have the position, see `factsurv.events.positions`.

    Returns
    -------
    The file and the facts that a run of it will have.

    Raises
    ------
    InputError
        If the name cannot be a study's, the file exists, the table has no subject or answer that is plain, or `run`
        would refuse the study: then nothing is written.
    """
    path = new_file(name)
    file = read_own_file(table)
    found = roles(file, asked or {})
    left_out: dict[str, str] = {}
    usual = usual_covariates(file, found.values(), left_out)
    for column in usual:
        if column in RESERVED or not can_stand_in_a_formula(column):
            left_out[column] = "its name cannot stand in a formula, or has a use of ours"
    text = TEXT.format(
        table=shown(table.name)[1:-1],
        name=name,
        path=as_toml(os.path.relpath(table)),
        columns="".join(f"{role} = {as_toml(column)}\n" for role, column in found.items()),
        covariates=as_toml([c for c in usual if c not in left_out]),
        left_out="".join(f"# not {shown(c)[1:-1]}: {why}\n" for c, why in left_out.items()),
        seeds="" if series else "seeds = [1, 2]\n",
        withheld=""
        if series
        else "withheld = 0.25  # share of the facts that is never trained on"
        + (" (not used: the table has a split)\n" if "split" in found else "\n"),
        templates=_templates(file, found),
        recipe=_followed(series, pattern) if series else TRAINED.format(model=as_toml(model or ModelSpec().name)),
    )
    study = validated(StudyFile, tomllib.loads(text), path)
    facts = gather(study.facts.model_copy(update={"path": str(table)})).facts
    if model is not None:
        from factsurv.training.models.load import locate

        locate(study.model)
    path.write_text(text, "utf-8")
    return path, facts


def _followed(place: str, pattern: str | None) -> str:
    """[model] of a series, its checkpoints by name; of many, some that lie evenly on a logarithmic scale."""
    from factsurv.training.models.series import series_of

    found = series_of(ModelSpec(name=place, series="all", pattern=pattern))
    at = np.array([m.position for m in found.members])
    scale = np.log(np.maximum(at, at[at > 0].min()))
    nearest = {int(np.abs(scale - x).argmin()) for x in np.linspace(scale[0], scale[-1], MOST)}
    chosen = [found.members[i].name for i in (sorted({0, 1} | nearest) if len(at) > MOST else range(len(at)))]
    return FOLLOWED.format(
        model=as_toml(place),
        pattern=f"pattern = {as_toml(pattern)}\n" if pattern else "",
        unit=found.unit,
        count=f"{len(chosen)} of {len(at)} checkpoints" if len(chosen) < len(at) else "in the order of their training",
        series="\n".join(f"  {as_toml(n)}," for n in chosen),
    )


def _templates(file: OwnFile, found: Mapping[str, str]) -> str:
    """One line a relation: a prompt that asks for it."""
    if "relation" in found:
        column = file.table[found["relation"]].to_pylist()
        prompts = {
            str(r).strip(): f"The {_words(str(r))} of {{subject}} is" for r in dict.fromkeys(column) if r is not None
        }
        return "\n".join(f"{as_toml(r)} = {as_toml([prompt])}" for r, prompt in prompts.items())
    subjects = [str(s) for s in file.table[found["subject"]].to_pylist()[:50]]
    if sum(s.strip().endswith("?") for s in subjects) > len(subjects) / 2:
        return 'fact = ["Question: {subject} Answer:"]'
    asked = found["object"]
    words = "fact" if asked.lower() in GENERIC else _words(asked)
    return f"fact = [{as_toml(f'The {words} of {{subject}} is')}]"


def _words(name: str) -> str:
    return " ".join(name.replace("_", " ").split())
