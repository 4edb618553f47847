"""Every fit of an analysis plan, each in an R process; what comes back is tables, also for fits that failed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.events.schema import ANALYSIS, build, described
from factsurv.stats.bridge import R_FOLDER, RError, RResult, RWorkers
from factsurv.stats.kept_fits import Earlier, changed, fit_keys, told, unfinished
from factsurv.stats.r_home import RUnavailable, find_r

# Outcomes in the order of the plan: those of states are not among the event table's.
AS_PLANNED: Mapping[str, tuple[str, ...]] = {"outcome": ()}
PLANNING = 600.0  # seconds; the limit of a fit is not meant for this


@dataclass(frozen=True)
class Analysis:
    """What `analyse` made.

    Attributes
    ----------
    tables : dict of str to pa.Table
        All tables of `ANALYSIS`, empty ones too.
    keys : dict
        What each fit was made from (see `factsurv.stats.kept_fits`), for the next time.
    unfinished : dict of str to str
        Task → why its fit has no result, where it may have one another time.
    """

    tables: dict[str, pa.Table]
    keys: dict[str, Any]
    unfinished: dict[str, str]


def analyse(
    tables: Mapping[str, Path],
    plan: Mapping[str, Any],
    time_limit: float = 600.0,
    say: Callable[[str], None] = print,
    scratch: Path | None = None,
    earlier: Earlier | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Analysis:
    """Expand the plan in R and run its fits in parallel R processes; those that still hold are kept.

    Parameters
    ----------
    tables : mapping of str to Path
        Arrow files by the names that tasks have for them: ``events`` (schema `EVENTS`), and what else the plan's
        models read.
    plan : mapping
        From `factsurv.stats.plan.plan`.
    time_limit : float
        Seconds for one fit. A fit that takes longer is given up; its row in ``fits`` says so.
    say : callable
    scratch : Path, optional
        Where R's temporary files lie while it runs; default: the system's temporary folder.
    earlier : Earlier, optional
        What an earlier analysis left: a fit with the same data, arguments, code and packages is taken from there.
    progress : callable (done, of)
        Told after each fit that is not kept.

    Raises
    ------
    InputError
        If the plan itself cannot be expanded.
    """
    earlier = earlier or Earlier()
    sources = _sources()
    workers = os.cpu_count() or 1
    with RWorkers(workers, R_FOLDER, time_limit=time_limit, scratch=scratch) as r:
        tasks = _planned(r.call("plan_fits", plan=dict(plan), tables={"events": tables["events"]}, time_limit=PLANNING))
        found = _planned(r.call("code_reached", sources=sources, tasks=tasks, time_limit=PLANNING))
        keys = fit_keys(tasks, found, tables)
        again = changed(earlier.keys if earlier.tables else {}, keys)
        for line in told(again, len(tasks)):
            say(f"analysis: {line}")
        # A plan names the cheap ones first. Begun last, a long one would be left over for one process, the rest idle.
        waiting = {t["id"]: _submitted(r, t, tables) for t in reversed(tasks) if t["id"] in again}
        for done, _ in enumerate(as_completed(waiting.values()), 1):
            progress(done, len(waiting))
        results = {name: future.result() for name, future in waiting.items()}
    parts: dict[str, list[pa.Table]] = {name: [] for name in ANALYSIS}
    given_up: dict[str, str] = {}
    for task in tasks:
        result = results.get(task["id"])
        made = earlier.rows(task["id"]) if result is None else _tables_of(task, result)
        for name, table in made.items():
            parts[name].append(table)
        if result is not None and (why := unfinished(result, made)):
            given_up[task["id"]] = keys["fits"][task["id"]]["unfinished"] = why
    if _sources() != sources:  # nobody can tell which of the two a fit was made with
        say("analysis: R files were edited while the fits ran; next time all of them are done again")
        keys = {}
    joined = {name: described(_stacked(ANALYSIS[name], found), name) for name, found in parts.items()}
    return Analysis(joined, keys, given_up)


def _sources() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(R_FOLDER.glob("*.R"))}


def _planned(answer: RResult) -> Any:
    if answer.error:
        raise InputError(f"the analysis cannot be planned: {answer.error.message}", "analysis")
    return answer.value or []


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
    plain = pa.schema([(n, pa.utf8() if pa.types.is_dictionary(kind) else kind) for n, kind in columns.items()])
    rows = pa.concat_tables([plain.empty_table(), *(table.cast(plain) for table in tables)]).combine_chunks()
    coded = {n: rows[n].dictionary_encode() for n, kind in columns.items() if pa.types.is_dictionary(kind)}
    return pa.table({n: coded.get(n, rows[n]) for n in columns})
