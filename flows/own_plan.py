"""The plan for a table of one's own: which column is what, and what to analyse. And a first one, guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from factsurv.events.errors import InputError
from factsurv.events.observations import ObservationColumns, observed, recall
from factsurv.events.own_columns import ROLES, OwnColumns, covariate
from factsurv.events.own_file import OwnFile, read_own_file
from factsurv.events.own_table import OwnTable, own_table, read_own_table
from factsurv.events.own_types import as_texts
from factsurv.events.section import Name, Section
from factsurv.flows.study_file import ReportSection
from factsurv.flows.toml_file import as_toml, new_file, read_toml, validated
from factsurv.stats.claims import Claim
from factsurv.stats.own_plan import OwnAnalysisSpec
from factsurv.stats.plan import Rule

GUESSES = {
    "id": ("id", "fact_id", "fact", "subject_id", "subject", "patient_id", "patient", "pid", "case", "item"),
    "start": ("start", "tstart", "time1", "entry", "start_time"),
    "stop": ("stop", "tstop", "time2", "time", "futime", "end", "stop_time", "survtime", "duration", "epoch", "step"),
    "event": ("event", "status", "happened", "fustat", "death", "dead", "died"),
    "outcome": ("outcome", "endpoint"),
    "run": ("run",),
    "arm": ("arm", "recipe"),
}


class PlanSection(Section):
    """[study]: its name (also the results folder's)."""

    name: Name
    title: str = ""


class EventsSection(Section):
    """[events]: which column is what; see `factsurv.events.own_columns.OwnColumns`."""

    id: str | None = None
    start: str | None = None
    stop: str | None = None
    event: str | None = None
    outcome: str | None = None  # a column, or what happens in every row
    run: str | None = None
    arm: str | None = None
    seed: str | None = None
    rule: str | None = None
    left: str | None = None
    right: str | None = None
    time: Annotated[str, Field(pattern=r"^[^\W_][\w /.()-]*$")] = "time unit"  # what one unit of time is called
    event_is: bool | int | float | str | list[bool | int | float | str] | None = (
        None  # values that mean that it happened
    )
    cause: str | None = None  # which of several competing events happened
    origin: Annotated[str | None, Field(alias="from")] = None  # the state in which a row is at risk ...
    to: str | None = None  # ... and the one that follows its event
    repeated: bool = False  # the event may happen again
    categories: list[str] = []  # columns of numbers that are names
    decimal: Literal[".", ","] | None = None  # the decimal mark of a csv file, where its numbers do not tell it

    def columns(self) -> OwnColumns:
        given = self.model_dump(exclude={"to"}) | {"categories": tuple(self.categories)}
        return OwnColumns(**given | {"cause": self.to or self.cause})

    @model_validator(mode="after")
    def _states(self) -> EventsSection:
        if bool(self.origin) != bool(self.to):
            raise ValueError("from and to name the states before and after: both, or neither")
        if self.to and self.cause:
            raise ValueError("to says already what happened: leave cause out")
        return self


class ObservationsSection(Section):
    """[observations], in the place of [events]; see `factsurv.events.observations.ObservationColumns`."""

    id: str | None = None
    step: str | None = None
    correct: str | None = None
    run: str | None = None
    arm: str | None = None
    seed: str | None = None
    time: Annotated[str, Field(pattern=r"^[^\W_][\w /.()-]*$")] = "step"  # what one unit of a step is called
    rules: Annotated[list[Rule], Field(min_length=1)] = ["first", "sustained2"]  # the first one is primary
    categories: list[str] = []
    decimal: Literal[".", ","] | None = None

    def columns(self) -> ObservationColumns:
        texts = {"rules": tuple(self.rules), "categories": tuple(self.categories)}
        return ObservationColumns(**self.model_dump() | texts)


class OwnPlan(Section):
    """A whole plan."""

    study: PlanSection
    events: EventsSection = EventsSection()
    observations: ObservationsSection | None = None
    analysis: OwnAnalysisSpec = OwnAnalysisSpec()
    claim: list[Claim] = []
    report: ReportSection = ReportSection()

    @model_validator(mode="after")
    def _one_kind_of_table(self) -> OwnPlan:
        if self.observations is not None and "events" in self.model_fields_set:
            raise ValueError("[events] is of a table of spells and [observations] of one of observations: one of them")
        return self

    def read(self, table: Path) -> OwnTable:
        """The table, checked, as the event table that everything else reads.

        Raises
        ------
        InputError
            With every problem that was found, each with its rows.
        """
        if self.observations is None:
            return read_own_table(table, self.events.columns(), self.analysis.asked())
        columns = self.observations.columns()
        file = read_own_file(table, columns.texts(), columns.decimal)
        return own_table(observed(file, columns), columns.spells(), self.analysis.asked())

    def recall(self, table: Path) -> pa.Table | None:
        """What was right at each step, of a table of observations."""
        if self.observations is None:
            return None
        columns = self.observations.columns()
        return recall(read_own_file(table, columns.texts(), columns.decimal), columns)


def read_plan(path: Path) -> OwnPlan:
    """Read and check a plan; everything wrong with it is one InputError."""
    return validated(OwnPlan, read_toml(path), path)


def guessed_plan(name: str, path: Path) -> str:
    """A plan for this very table as TOML: columns by their usual names, every usable covariate.

    Raises
    ------
    InputError
        If the table cannot be read.
    """
    return _guessed(name, read_own_file(path))


def _guessed(name: str, file: OwnFile) -> str:
    path, table = file.path, file.table
    found = {role: _guess(table.column_names, names) for role, names in GUESSES.items()}
    lines = []
    needed = ("id",) if {"left", "right"} <= set(table.column_names) else ("id", "stop", "event")
    for role in ("id", "start", "stop", "event", "outcome", "run", "arm"):
        if named := found[role]:
            lines.append(f"{role} = {as_toml(named)}")
        elif role in needed:
            lines.append(f'{role} = "?"  # no column looks like it: name it')
    if found["event"]:
        lines += _coding(table[found["event"]])
    if not found["outcome"]:
        lines.append('outcome = "event"  # what happens, in one word: forgetting, failure, death')
    taken = {*found.values(), *ROLES}
    few = [n for n in table.column_names if n not in taken and _few_whole_numbers(table[n])]
    if few:
        lines.append(f"# categories = {as_toml(few)}  # numbers that are names, not amounts: keep those that are")
    lines.append('time = "time unit"  # what one unit of time is called: epoch, step, day')
    free = [n for n in table.column_names if n not in taken and covariate(n, table[n])[0] is not None]
    outcomes = {"event": table}
    if found["outcome"]:
        column = as_texts(table[found["outcome"]])
        if column is not None:  # null is not taken
            texts = column.cast(pa.utf8())
            outcomes = {o: table.filter(pc.equal(texts, o)) for o in column.dictionary.to_pylist()[:5]}
    chosen = [
        f"{as_toml(o)} = {as_toml([n for n in free if covariate(n, rows[n])[0] is not None])}"
        for o, rows in outcomes.items()
    ]
    return PLAN.format(table=path.name, name=name, events="\n".join(lines), covariates="\n".join(chosen))


PLAN = """\
# How {table} is analysed. A key that is left out has a default; study.json in the results folder records them all.

[study]
name = "{name}"
title = "{name}"

[events]  # which column is what
{events}

[analysis]
ties = "efron"
standardise = true  # hazard ratios of numbers per standard deviation

[analysis.covariates]  # by outcome; the first one is the main one
{covariates}
"""


def write_plan(name: str, table: Path) -> tuple[Path, tuple[str, ...]]:
    """Write ``NAME.toml``, a guessed plan, in the current folder; returns it, and what was guessed in reading."""
    path = new_file(name)
    file = read_own_file(table)
    path.write_text(_guessed(name, file), "utf-8")
    return path, file.notes


def no_plan(table: Path) -> InputError:
    """What to say to someone who gives a table and no plan."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", table.stem).strip("-_") or "mine"
    return InputError(
        "a table needs a plan that says which column is what",
        str(table),
        f"save this as {name}.toml (`factsurv init {name} --events {table}` does), correct it, and give the command "
        f"again with --plan {name}.toml\n\n{guessed_plan(name, table)}",
    )


def _guess(columns: list[str], names: tuple[str, ...]) -> str | None:
    lower = {c.lower(): c for c in columns}
    return next((lower[n] for n in names if n in lower), None)


def _coding(column: pa.ChunkedArray) -> list[str]:
    coded = as_texts(column)
    if coded is None:
        return []  # the check names its type
    values = {" ".join(v.lower().split()).removesuffix(".0") for v in coded.dictionary.to_pylist()}
    if values <= {"0", "1", "true", "false"}:
        return []
    if values == {"1", "2"}:
        return ["event_is = 2  # the column holds 1 and 2, and in R's data sets 2 is the event"]
    return [
        f'event_is = "?"  # the value that means that it happened; the column holds {", ".join(sorted(values)[:6])}',
        "# event_is = [ … ] and cause = the same column, where several of them are events that compete",
    ]


def _few_whole_numbers(column: pa.ChunkedArray) -> bool:
    values = {v for v in pc.unique(column).to_pylist() if v is not None} if pa.types.is_integer(column.type) else set()
    return 3 <= len(values) <= 5
