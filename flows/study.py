"""A study from its facts to its report: its steps in order, called directly or tracked (`factsurv.flows.tracked`)."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

from factsurv.events import children
from factsurv.flows import fitted, grafts, scored, steps, trained
from factsurv.flows.check import check
from factsurv.flows.graft_names import graft_names
from factsurv.flows.progress import Board
from factsurv.flows.store import Store, expected
from factsurv.flows.study_file import read_study

AFTER = ("events", "analysis", "report")
Wrap = Callable[[str, Callable], Callable]


def study(path: Path, results: Path, wrap: Wrap = lambda name, step: step) -> Path:
    """Run one study; returns the report's path. What is up to date is skipped.

    Parameters
    ----------
    path : Path
        Study file (TOML).
    results : Path
        Folder of results folders.
    wrap : callable (name, function), optional
        What is called in a step's place.

    Raises
    ------
    InputError
    """
    if not (results / read_study(path).study.name / "manifest.json").exists():
        check(path)  # before there is a folder; later, before the first step that has something to do
    with Board() as board, closing(steps.open_results(path, results, board.say, board.progress)) as store:
        runs = [*map(_step, steps.run_names(store.study)), *(f"graft {n}" for n, _, _ in graft_names(store.study))]
        board.expect(expected(store, ["facts", "models", *runs, *AFTER]))
        store.before.append(lambda: check(path))
        steps.refuse_foreign(store)
        wrap("facts", steps.make_facts)(store)
        models = wrap("models", steps.make_models)(store)
        run_all(store, models, board, wrap)
        if store.study.graft:
            wrap("grafts", grafts.make_grafts)(store, models)
        if store.study.scores or "scores" in store.manifest.steps:
            wrap("scores", scored.make_scores)(store, models)
        wrap("events", steps.make_events)(store)
        wrap("analysis", fitted.make_analysis)(store)
        wrap("claims", fitted.make_claims)(store)
        return wrap("report", fitted.make_report)(store)


def run_all(store: Store, models: dict[str, tuple[str, str]], board: Board, wrap: Wrap) -> None:
    """All runs; those that attend as another one did come after it."""
    names = steps.run_names(store.study)
    waits = [n for n in names if trained.patterns_of(store, *n[1:])]
    _run_some([n for n in names if n not in waits], store, models, board, wrap)
    if waits:
        _run_some(waits, store, models, board, wrap)


def _run_some(
    names: list[tuple[str, str, int]], store: Store, models: dict[str, tuple[str, str]], board: Board, wrap: Wrap
) -> None:
    """As many runs at a time as there is room for. Those that fail are named when all have ended."""
    due = [n for n in names if steps.run_is_due(store, *n, models[n[1]])]
    processes = max(tuning.processes for _, tuning in store.study.recipes().values())
    asked = store.study.study.workers
    workers, threads = share_of_machine(asked, len(names), processes) if due else (1, 1)
    board.expect({}, workers)
    for name in names:
        if name not in due:
            store.skip(_step(name))
    pool = ThreadPoolExecutor(workers)

    def one(name: tuple[str, str, int]) -> None:
        wrap("run", steps.make_run)(store, *name, models[name[1]], threads)

    try:
        # In a copy of the context each: a task finds the flow that it belongs to there.
        waiting: dict[Future[None], tuple] = {pool.submit(contextvars.copy_context().run, one, n): n for n in due}
        wait(waiting)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        children.kill_all()
        raise
    finally:
        pool.shutdown()
    steps.failures((_step(n), e) for f, n in waiting.items() if (e := f.exception()) is not None)


def _step(run: tuple[str, str, int]) -> str:
    return f"run {run[0]}"


def share_of_machine(asked: int | None, runs: int, processes: int = 1) -> tuple[int, int]:
    """Runs at a time, and processor threads for each process of them: a process a GPU, or a core."""
    from factsurv.flows.gpus import visible

    cores = os.cpu_count() or 1
    places = len(visible()) or cores
    workers = max(1, min(asked or places // processes, runs))
    return workers, max(1, cores // (workers * processes))
