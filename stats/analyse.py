"""Every fit of an analysis plan, each in an R process; what comes back is tables, also for fits that failed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow as pa

from events import children
from events.errors import InputError
from events.schema import ANALYSIS, build, described
from stats.bridge import RError, RResult, RWorkers
from stats.r_home import RUnavailable, find_r

# Outcomes in the order of the plan: those of states are not among the event table's.
AS_PLANNED: Mapping[str, tuple[str, ...]] = {"outcome": ()}


def analyse(
    tables: Mapping[str, Path],
    plan: Mapping[str, Any],
    time_limit: float = 600.0,
    say: Callable[[str], None] = print,
    scratch: Path | None = None,
) -> dict[str, pa.Table]:
    """Expand the plan in R and run its fits in parallel R processes.

    Parameters
    ----------
    tables : mapping of str to Path
        Arrow files by the names that tasks have for them: ``events`` (schema `EVENTS`), and what else the plan's
        models read.
    plan : mapping
        From `stats.plan.plan`.
    time_limit : float
        Seconds for one fit. A fit that takes longer is given up; its row in ``fits`` says so.
    say : callable
    scratch : Path, optional
        Where R's temporary files lie while it runs; default: the system's temporary folder.

    Returns
    -------
    dict of str to pa.Table
        All tables of `ANALYSIS`, empty ones too.

    Raises
    ------
    InputError
        If the plan itself cannot be expanded.
    """
    with RWorkers(workers=os.cpu_count() or 1, time_limit=time_limit, scratch=scratch) as r:
        planned = r.call("plan_fits", plan=dict(plan), tables={"events": tables["events"]})
        if planned.error:
            raise InputError(f"the analysis cannot be planned: {planned.error.message}", "analysis")
        tasks = planned.value or []
        say(f"analysis: {len(tasks)} fits")
        waiting = [(t, _submitted(r, t, tables)) for t in tasks]
        results = [(task, future.result()) for task, future in waiting]
    parts: dict[str, list[pa.Table]] = {name: [] for name in ANALYSIS}
    for task, result in results:
        for name, table in _tables_of(task, result).items():
            parts[name].append(table)
    for problem in _problems(parts["fits"]):
        say(f"analysis: {problem}")
    return {name: described(_stacked(ANALYSIS[name], found), name) for name, found in parts.items()}


@functools.cache
def r_packages() -> dict[str, str]:
    """Version of every R package that the workers can see, by name."""
    r = find_r()
    script = 'p <- installed.packages(fields = "Version"); cat(paste(p[, "Package"], p[, "Version"]), sep = "\\n")'
    command = [str(r.rscript), "--vanilla", "-e", script]
    listed = children.run(command, r.environment(), timeout=60)
    if listed.returncode:
        raise RUnavailable(f"R cannot list its packages: {listed.stderr.strip()[-500:]}", str(r.home), "mend R first")
    pairs = [line.split() for line in listed.stdout.splitlines()]
    # The first library that has a package is the one R loads it from.
    return dict(reversed([p for p in pairs if len(p) == 2]))


def _submitted(r: RWorkers, task: Mapping[str, Any], tables: Mapping[str, Path]) -> Future[RResult]:
    """The fit of one task on the table that it names."""
    name = task["table"]
    if name in tables:
        return r.submit("run_fit", task=task, tables={"events": tables[name]})
    nothing: Future[RResult] = Future()
    nothing.set_result(RResult(error=RError(f"these results hold no table {name!r}", "no table")))
    return nothing


def _tables_of(task: Mapping[str, Any], result: RResult) -> dict[str, pa.Table]:
    """A fit's tables under the contract's schema; a fit whose process failed gets its row in `fits` all the same."""
    if result.error is None:
        return {name: _fitted(ANALYSIS[name], table) for name, table in result.value.items() if name in ANALYSIS}
    row: dict[str, Any] = {name: [None] for name in ANALYSIS["fits"]}
    row |= {"task": [task["id"]], "outcome": [task["outcome"]], "rule": [task["rule"]], "model": [task["model"]]}
    row |= {"name": [task.get("name") or ""]}
    row |= {"title": [task.get("title") or task["id"]], "status": ["failed"], "error": [result.error.message]}
    row |= {"reason": [f"there is no fit ({result.error.class_}): {result.error.message}"]}
    row |= {"warnings": [" | ".join(result.warnings)], "messages": [" | ".join(result.messages)]}
    row |= {"converged": [False], "seconds": [result.seconds]}
    return {"fits": build(ANALYSIS["fits"], row, AS_PLANNED)}


def _fitted(columns: Mapping[str, pa.DataType], table: pa.Table) -> pa.Table:
    data = {n: table[n] if n in table.column_names else [None] * table.num_rows for n in columns}
    return build(columns, data, AS_PLANNED)


def _stacked(columns: Mapping[str, pa.DataType], tables: list[pa.Table]) -> pa.Table:
    """Row by row under one another; levels in order of first appearance, so that they stay as R ordered them."""
    if not tables:
        return build(columns, {n: [] for n in columns})
    return build(columns, {n: [v for t in tables for v in t[n].to_pylist()] for n in columns}, AS_PLANNED)


def _problems(fits: list[pa.Table]) -> list[str]:
    rows = [row for table in fits for row in table.to_pylist()]
    return [
        f"{r['task']}: {r['status']}: {r['reason']}" for r in rows if r["status"] not in ("ok", "warning", "not needed")
    ]
