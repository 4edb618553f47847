"""A run in a process of its own: started, listened to, and what it says when it fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import factsurv
from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.events.files import write_json
from factsurv.flows.gpus import taken

if TYPE_CHECKING:
    from factsurv.training.job import Job
    from factsurv.training.surgery.job import EndWeightsJob

# Where torchrun begins to tell what has happened to its processes; before it stands what they said themselves.
_SUMMARY = re.compile(r"^[EW]\d{4} .*torch/distributed/elastic", re.MULTILINE)

PACKAGES = Path(factsurv.__file__).parent.parent  # where a child finds the package that this process runs


def run_job(
    job: Job | EndWeightsJob,
    threads: int,
    progress: Callable[[str, float, float, str], None],
    say: Callable,
    scratch: Path | None = None,
    module: str = "factsurv.training.run",
) -> None:
    """Run a module (`factsurv.training.run`) on a job file and pass its progress on.

    Parameters
    ----------
    job : Job
    threads : int
        Processor threads of the child, or of each of its processes. More processes than cores with the default
        setting are many times slower: idle threads must sleep, not spin.
    progress : callable (run, done, total, note)
    say : callable (line)
    scratch : Path, optional
        Where the child's temporary files lie; default: the system's temporary folder.

    Raises
    ------
    InputError
        With the child's own message where it had one, otherwise with the end of its log.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    write_json(job.folder / "job.json", job.model_dump(mode="json"))
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "PYTHONPATH": os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONWARNINGS": "ignore::FutureWarning",
    }
    log = job.folder / "log.txt"
    problem: list[str] | None = None
    processes = job.tuning.processes
    with log.open("w") as errors, taken(processes) as gpus, children.scratch(scratch) as temporary:
        command = [sys.executable, *_start(processes), module, str(job.folder / "job.json")]
        environment |= gpus | {"TMPDIR": str(temporary)}
        child = children.start(command, environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert child.stdout is not None
            for line in child.stdout:
                event = event_of(line)
                if "total" in event:
                    progress(job.run, event["done"], event["total"], event["note"])
                elif "say" in event:
                    say(f"run {job.run}: {event['say']}")
                elif "error" in event:
                    problem = event["error"]
            status = child.wait()
        finally:
            children.end(child)
    if problem is not None:
        raise InputError(*problem)
    if status != 0:
        text = log.read_text("utf-8", "replace")
        which, status = _first_to_fail(text, processes, status)
        tail = "\n".join(_SUMMARY.split(text)[0].strip().splitlines()[-12:])
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        hint = "run the same command again: it continues from the last checkpoint"
        if status == -9:
            hint += "; if it ran out of memory, lower probe.batch_tokens or tuning.batch_size first"
        raise InputError(f"{which} {how}\n{tail}", f"run {job.run} ({log})", hint)


def _start(processes: int) -> list[str]:
    """Arguments of Python that start one process, or several that find each other on this machine."""
    if processes == 1:
        return ["-m"]
    # Not `accelerate launch --cpu`, which starts one process whatever it is asked for.
    return ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]


def _first_to_fail(log: str, processes: int, status: int) -> tuple[str, int]:
    """Which process failed and how (below 0: by that signal), as torchrun's summary tells."""
    found = re.search(r"Root Cause.*?rank\s*: (\d+).*?exitcode\s*: (-?\d+)", log, re.DOTALL)
    if processes == 1 or not found:
        return "the run's process", status
    return f"process {int(found[1]) + 1} of {processes}", int(found[2])


def event_of(line: str) -> dict:
    """What a child says in a line of JSON; nothing where the line is none."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {}  # something a library printed; it is in no one's way
    return event if isinstance(event, dict) else {}
