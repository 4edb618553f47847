"""Which column of a table of facts is what, by its name and by what it holds; where that is open, it is asked."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events import schema
from factsurv.events.errors import InputError
from factsurv.events.own_file import OwnFile
from factsurv.training.facts.fact_covariates import IDENTIFIER, is_number, is_row_number, is_text
from factsurv.training.facts.fact_lists import is_list
from factsurv.training.facts.fact_set import nearest

# Usual names, the surest first. An id is no answer and no subject, whatever else there is.
NAMES = {
    "subject": ("subject", "subj", "head", "entity", "s", "term", "name", "title", "question"),
    "object": ("object", "obj", "tail", "answer", "answers", "target", "o", "value", "identifier"),
    "relation": ("relation", "rel", "predicate", "property", "prop", "r", "p", "type"),
    "split": ("split",),
    "group": ("group", "cluster", "parent"),
    "role": ("role",),
    "links": ("links", "follows_from"),
    "aliases": ("aliases", "answer_aliases", "possible_answers"),
    "options": ("options", "choices"),
}
QUESTIONS = ("subject", "object")  # without them there is no fact
WORDS = {"split": schema.SPLITS, "role": schema.ROLES}  # the only ones that such a column holds
MEANS = {"subject": "what is asked about", "object": "the answer"}


def roles(file: OwnFile, given: Mapping[str, str | None]) -> dict[str, str]:
    """Role to column.

    Parameters
    ----------
    file : OwnFile
    given : mapping of role to column or None
        What was asked for; the others are found.

    Raises
    ------
    InputError
        If a column that was asked for is not there, or subject or object cannot be told.
    """
    columns = file.table.column_names
    found = {role: name for role, name in given.items() if name is not None}
    for role, name in found.items():
        if name not in columns:
            near = nearest(name, columns)
            raise InputError(
                f"there is no column {name!r}; the nearest is {near!r}", f"--{role}", f"choose among: {_list(columns)}"
            )
    for role, names in NAMES.items():
        lower = {c.lower().strip(): c for c in columns if c not in found.values() and _fits(file, role, c)}
        usual = next((lower[n] for n in names if n in lower), None)
        if role not in found and usual is not None:
            found[role] = usual
    free = [c for c in columns if c not in found.values() and _can_be_asked(file, c)]
    missing = [role for role in QUESTIONS if role not in found]
    if not missing:
        return found
    texts = [c for c in free if is_text(file.table[c].type)]
    open_to = texts if len(texts) == len(missing) else free
    if len(open_to) != len(missing):
        asked = " and ".join(f"{MEANS[role]} (--{role})" for role in missing)
        known = "".join(f"; {MEANS[r]} is {found[r]!r}" for r in QUESTIONS if r in found)
        raise InputError(
            f"it is not plain which column is {asked}{known}",
            str(file.path),
            f"say it, for example --{missing[-1]} {(free or columns)[-1]!r}; the columns are {_list(columns)}",
        )
    return found | dict(zip(missing, open_to, strict=True))


def _fits(file: OwnFile, role: str, name: str) -> bool:
    """Whether a column of a usual name can be what the name says."""
    column = file.table[name]
    if role in QUESTIONS:
        return True
    if role in WORDS:
        return is_text(column.type) and set(_levels(column)) <= set(WORDS[role])
    if role in schema.FACT_LISTS:
        return is_list(column.type) or is_text(column.type)
    return is_text(column.type) and len(_levels(column)) <= len(column) / 2


def _can_be_asked(file: OwnFile, name: str) -> bool:
    """Whether a column of any name could be subject or answer: text that is no address, or numbers that are no ids."""
    column = file.table[name]
    if IDENTIFIER.fullmatch(name):
        return False
    if is_text(column.type):
        first = _levels(column)[:50]
        return not all(v.startswith(("http://", "https://", "[", "{")) for v in first)
    whole = pa.types.is_integer(column.type)
    return is_number(column.type) and not (whole and is_row_number(name, pc.drop_null(column)))


def _levels(column: pa.ChunkedArray) -> list[str]:
    return pc.unique(pc.drop_null(column).cast(pa.utf8())).to_pylist()


def _list(names: list[str]) -> str:
    return ", ".join(names[:30]) + (", …" if len(names) > 30 else "")
