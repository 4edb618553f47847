"""The same study as a Prefect flow: steps are tasks; a run has a name, a link to its report, and a plain failure."""

import os

# Off before prefect is imported: nothing is sent anywhere, no second server starts, short runs end without noise.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
# What goes wrong is told once, by us: Prefect would print it again with its own traceback.
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")

import datetime
import functools
import hashlib
import logging
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, task
from prefect._internal import observers
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import EntrypointType
from prefect.runner import _scheduled_run_poller
from prefect.runtime import flow_run
from prefect.states import Crashed, Failed
from prefect.utilities import services

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.flows.fitted import last_lines
from factsurv.flows.interrupt import SAID, last_words
from factsurv.flows.refused import as_message
from factsurv.flows.server import address, check_server
from factsurv.flows.study import study
from factsurv.flows.study_file import read_study


def as_task(name: str, step: Callable) -> Callable:
    """A step as a task. The results folder decides what is skipped; Prefect's cache would repeat or reuse wrongly."""
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)(step)


def run_name() -> str:
    """Study and date, as it stands in Prefect's list of runs."""
    return f"{_name(flow_run.parameters['path'])} {datetime.datetime.now():%Y-%m-%d %H:%M}"


@flow(name="study", flow_run_name=run_name, validate_parameters=False)
def tracked(path: str, results: str = "results") -> Any:
    """Run one study from its facts to its report; returns the report's path.

    Parameters
    ----------
    path : str
        Study file (TOML).
    results : str
        Folder of results folders.
    """
    with last_words(functools.partial(_crashed, flow_run.id)):
        try:
            report = study(Path(path), Path(results), as_task)
            _end_if_lost(last_lines(report), 0)
        except Exception as error:
            told = as_message(error)
            _end_if_lost([f"factsurv: {told}" if told else traceback.format_exc()], 2 if told else 1)
            if "FACTSURV_SERVED_BY" in os.environ:  # no command waits for it and says it
                print(f"factsurv: {told}" if told else traceback.format_exc(), file=sys.stderr, flush=True)
            if told is None:
                raise
            return Failed(message=_first_line(told), data=told)
        link = report.resolve()
        create_link_artifact(link.as_uri(), link_text=str(link), key=_key(path), description=f"Report of {_name(path)}")
        return str(report)


def _end_if_lost(lines: list[str], status: int) -> None:
    """End a study that is over here where its server is lost: Prefect asks for it for minutes, and prints how."""
    api = address()
    try:
        check_server(api or "")
    except InputError as lost:
        print("\n".join([*lines, f"factsurv: {lost.what}: the study ended without it"]), flush=True)
        children.end_all()
        os._exit(status)


def serve(path: Path, results: Path, cron: str, api: str) -> None:
    """Run a study whenever `cron` says, until this process ends; a run that takes longer is followed, not joined.

    Raises
    ------
    InputError
        If the server at `api` is lost.
    """
    os.environ["FACTSURV_SERVED_BY"] = str(os.getpid())
    given = {"path": str(path), "results": str(results.resolve())}
    # The same study with another folder or another cron is another schedule, and each keeps its own parameters.
    which = hashlib.sha256("\n".join([*given.values(), cron]).encode()).hexdigest()[:6]
    # A server that is lost is told once, below: Prefect prints what it met in its three attempts, with tracebacks.
    for asking in (_scheduled_run_poller, observers):
        loop = functools.partial(services.critical_service_loop, printer=lambda *_: None)
        asking.critical_service_loop = loop  # type: ignore[attr-defined]
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with children.scratch() as folder, _told_if_lost(api):
        tempfile.tempdir = str(folder)  # of this process alone: Prefect's folder for what it runs would stay in /tmp
        tracked.serve(
            name=f"{path.stem}-{which}",
            description=f"{path}, results in {given['results']}, at {cron}",
            cron=cron,
            parameters=given,
            limit=1,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )


@contextmanager
def _told_if_lost(api: str) -> Iterator[None]:
    """What ends the service while no server answers is that."""
    try:
        yield
    except Exception:
        # What Prefect began and did not wait for, Python would name while it ends.
        warnings.filterwarnings("ignore", r"coroutine .* was never awaited", RuntimeWarning)
        check_server(api)
        raise


def check_cron(cron: str) -> None:
    """Refuse what is no cron expression, or names no moment that ever comes.

    Raises
    ------
    InputError
    """
    from prefect._vendor.croniter import croniter

    try:
        CronSchedule(cron=cron)
        croniter(cron, datetime.datetime.now()).get_next()
    except (ValueError, KeyError) as error:  # croniter's and pydantic's own are ValueErrors
        never = "names a moment that never comes" if "next date" in str(error) else "is not a cron expression"
        remedy = 'minute, hour, day, month, weekday: "0 2 * * *" is every night at two'
        raise InputError(f"{cron!r} {never}", "--cron", remedy) from error


def _name(path: str) -> str:
    try:
        return read_study(Path(path)).study.name
    except InputError:
        return Path(path).stem  # what is wrong with it is the run's own message


def _key(path: str) -> str:
    """As Prefect wants an artifact's: lower case, digits and dashes."""
    return "report-" + "".join(c if c.isalnum() else "-" for c in _name(path).lower())


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _crashed(run: str) -> None:
    """Tell the server that this run was interrupted; it would call it running for ever."""
    with get_client(sync_client=True, httpx_settings={"timeout": 2}) as client:
        client.set_flow_run_state(UUID(run), Crashed(message=SAID), force=True)


def _end_with_server() -> None:
    """A served run is a child of the process that serves it, and ends with it."""
    served_by = int(os.environ["FACTSURV_SERVED_BY"])

    def watch() -> None:
        while os.getppid() == served_by:
            time.sleep(1)
        children.end_all()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if "FACTSURV_SERVED_BY" in os.environ and os.environ["FACTSURV_SERVED_BY"] == str(os.getppid()):
    _end_with_server()
