"""The analysis of a table of events from any trainer: check, fit, report, in a results folder like a study's."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.files import digest
from factsurv.events.reached_code import reached_code
from factsurv.events.rules import count_events
from factsurv.events.schema import STEPS
from factsurv.flows import fitted
from factsurv.flows.own_plan import OwnPlan, read_plan
from factsurv.flows.store import Progress, Say, Store, keep_spec, written
from factsurv.stats.claims import told_claims
from factsurv.stats.models import check_models
from factsurv.stats.own_plan import own_plan

NOT_OURS = {"time", "latent_chance"}  # of a study's analysis; a table's time has its name under [events]


def analyse_table(
    table: Path, plan: Path, results: Path, say: Say = print, progress: Progress = lambda *_: None
) -> Path:
    """Check a table, fit what the plan asks for and render the report; what is done is skipped. Returns its path."""
    with closing(open_results(plan, results, say, progress)) as store:
        make_events(store, table)
        events = store.table("events.arrow")
        told = own_plan(store.study.analysis, events)
        claims = told_claims(store.study.claim, _renamed(events))
        check_models(told["models"], told, _names(events), claims)
        fitted.make_analysis(store, told)
        fitted.make_claims(store, told, claims)
        return fitted.make_report(store)


def check_table(table: Path, plan: Path) -> list[str]:
    """Check a table and its plan, and nothing else.

    Returns
    -------
    list of str
        What there is, and what is unusual.
    """
    spec = read_plan(plan)
    own = spec.read(table)
    asked = own_plan(spec.analysis, own.events)
    check_models(asked["models"], asked, _names(own.events), told_claims(spec.claim, _renamed(own.events)))
    counts = count_events(own.events).to_pylist()
    rules = {r["rule"] for r in counts}
    rows = own.events if own.transitions is None else own.transitions  # events: up to the first of each id
    of = "rows" if spec.observations is None else "times at risk"
    told = [f"{table}: {rows.num_rows:,} {of}, nothing is wrong"]
    for what in dict.fromkeys((r["outcome"], r["rule"]) for r in counts):
        mine = [r for r in counts if (r["outcome"], r["rule"]) == what]
        events, at_risk = (sum(r[n] for r in mine) for n in ("events", "at_risk"))
        name = what[0] if len(rules) == 1 else " by the rule ".join(what)
        told.append(f"{name}: {events:,} events, {at_risk:,} at risk")
    return [*told, f"covariates: {', '.join(own.covariates) or 'none'}", *own.notes]


def open_results(plan: Path, results: Path, say: Say, progress: Progress = lambda *_: None) -> Store[OwnPlan]:
    """Read the plan and open its results folder."""
    spec = read_plan(plan)
    store = Store(results / spec.study.name, spec, say, progress)
    if any(n == "facts" or n.startswith("run ") for n in store.manifest.steps):
        store.close()
        raise InputError(
            "this results folder holds a study's training runs",
            str(store.folder),
            f"give the plan another study.name than {spec.study.name!r}",
        )
    other = {"events"} if spec.observations else {"observations"}
    understood = spec.model_dump(mode="json", exclude={"analysis": NOT_OURS} | dict.fromkeys(other, True))
    keep_spec(store, plan, "plan.toml", understood)
    return store


def make_events(results: Store[OwnPlan], table: Path) -> None:
    """`events.arrow` and `event_counts.arrow`, from a table that was checked whole."""
    if not table.is_file():
        raise InputError("there is no such file", str(table), "check the path")
    plan = results.study
    kind = "events" if plan.observations is None else "observations"
    reader = "factsurv.events.own_table" if kind == "events" else "factsurv.events.observations"
    key: dict[str, Any] = {
        "spec": {"table": table.name, kind: getattr(plan, kind).model_dump(), "asked": plan.analysis.asked()},
        "inputs": {table.name: digest(table)},
        "code": reached_code(*dict.fromkeys((reader, "factsurv.events.own_table", "factsurv.events.rules"))),
    }

    def make() -> dict[str, int | None]:
        own = plan.read(table)
        for note in own.notes:
            results.say(f"events: {note}")
        tables = {"events.arrow": own.events, "event_counts.arrow": count_events(own.events)}
        if (recall := plan.recall(table)) is not None:
            tables["recall.arrow"] = recall
        if own.transitions is not None:
            tables["transitions.arrow"] = own.transitions
        return written(results, tables)

    results.step("events", key, make)


def _names(events: pa.Table) -> dict[str, list[str]]:
    """Columns that a model may name, of each table that there is."""
    return {"events": events.column_names, "transitions": [*events.column_names, *STEPS]}


def _renamed(events: pa.Table) -> dict[str, str]:
    """What the plan calls a column -> its name in the event table."""
    return json.loads(events.schema.metadata[b"names"])
