"""The Prefect flow `study`: thin tasks over the steps, with or without a Prefect server at hand."""

import os

# Off before prefect is imported: nothing is sent anywhere, and short runs end without noise.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

from contextlib import closing
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from flows import steps
from flows.progress import Board

# The results folder decides what is skipped; Prefect's own cache would repeat or reuse the wrong things.
step = task(cache_policy=NO_CACHE, persist_result=False)


@step
def facts(results: steps.Results) -> None:
    steps.make_facts(results)


@step
def models(results: steps.Results) -> dict[str, tuple[str, str]]:
    return {arm: steps.make_model(results, arm) for arm in results.study.recipes()}


@step
def run(results: steps.Results, name: tuple[str, str, int], models: dict, threads: int, board: Board) -> None:
    steps.make_run(results, *name, model=models[name[1]], threads=threads, progress=board.progress)


@step
def events(results: steps.Results) -> None:
    steps.make_events(results)


@step
def analysis(results: steps.Results) -> None:
    steps.make_analysis(results)


@step
def report(results: steps.Results) -> Path:
    return steps.make_report(results)


@flow(name="study", validate_parameters=False)
def study(path: str, results: str = "results") -> str:
    """Run one study from its facts to its report; returns the report's path.

    Parameters
    ----------
    path : str
        Study file (TOML).
    results : str
        Folder of results folders.
    """
    with Board() as board, closing(steps.open_results(Path(path), Path(results), board.say)) as store:
        steps.refuse_foreign(store)
        facts(store)
        ready = models(store)
        names = steps.run_names(store.study)
        processes = max(tuning.processes for _, tuning in store.study.recipes().values())
        workers, threads = share_of_machine(store.study.study.workers, len(names), processes)
        with ThreadPoolTaskRunner(max_workers=workers) as runner:  # type: ignore[var-annotated]
            same = {"results": store, "models": ready, "threads": threads, "board": board}
            waiting = [(n, runner.submit(run, {"name": n, **same})) for n in names]
            ended = [(n, future.result(raise_on_failure=False)) for n, future in waiting]
        steps.failures((f"run {n[0]}", e) for n, e in ended if isinstance(e, BaseException))
        events(store)
        analysis(store)
        return str(report(store))


def share_of_machine(asked: int | None, runs: int, processes: int = 1) -> tuple[int, int]:
    """Runs at a time, and processor threads for each process of them: a process a GPU, or a core."""
    import torch

    cores = os.cpu_count() or 1
    places = torch.cuda.device_count() if torch.cuda.is_available() else cores
    workers = max(1, min(asked or places // processes, runs))
    return workers, max(1, cores // (workers * processes))
