"""A fact set as one Arrow table: prompts and examples travel in the schema's metadata."""

from __future__ import annotations

import json

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.schema import described
from factsurv.training.facts.fact_set import FactSet


def to_arrow(facts: FactSet) -> pa.Table:
    """The fact table, with everything else of the fact set in its metadata."""
    rest = {
        "templates": {r: list(t) for r, t in facts.templates.items()},
        "examples": {r: [list(pair) for pair in e] for r, e in facts.examples.items()},
        "source": facts.source,
        "covariates": list(facts.covariates),
        "notices": list(facts.notices),
    }
    rest |= {"held_out": facts.held_out} if facts.held_out else {}
    return described(facts.table, "facts", factset=json.dumps(rest, ensure_ascii=False))


def from_arrow(table: pa.Table) -> FactSet:
    """The fact set that `to_arrow` stored.

    Raises
    ------
    InputError
        If the table was not written by `to_arrow`.
    """
    if b"factset" not in (table.schema.metadata or {}):
        raise InputError(
            "this Arrow table is not a fact set that factsurv wrote: it has no prompts",
            "facts",
            'use the facts.arrow of a results folder, or source = "table" for a table of your own',
        )
    rest = json.loads(table.schema.metadata[b"factset"])
    return FactSet(
        table=table.replace_schema_metadata(None),
        templates={r: tuple(t) for r, t in rest["templates"].items()},
        examples={r: tuple((s, o) for s, o in e) for r, e in rest["examples"].items()},
        source=rest["source"],
        covariates=tuple(rest["covariates"]),
        notices=tuple(rest["notices"]),
        held_out=rest.get("held_out", 0),
    )
