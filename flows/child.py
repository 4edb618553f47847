"""A run in a process of its own: started, listened to, and ended with its parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from events.errors import InputError
from events.files import write_json

if TYPE_CHECKING:
    from training.job import Job

ROOT = Path(__file__).resolve().parent.parent


def run_job(job: Job, threads: int, progress: Callable[[str, float, float, str], None], say: Callable) -> None:
    """Run `training.run` on a job file and pass its progress on.

    Parameters
    ----------
    job : Job
    threads : int
        Processor threads of the child. More processes than cores with the default setting are many
        times slower: idle threads must sleep, not spin.
    progress : callable (run, done, total, note)
    say : callable (line)

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
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONWARNINGS": "ignore::FutureWarning",
    }
    log = job.folder / "log.txt"
    problem: list[str] | None = None
    with log.open("w") as errors:
        command = [sys.executable, "-m", "training.run", str(job.folder / "job.json")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        try:
            assert child.stdout is not None
            for line in child.stdout:
                event = _event(line)
                if "total" in event:
                    progress(job.run, event["done"], event["total"], event["note"])
                elif "say" in event:
                    say(f"run {job.run}: {event['say']}")
                elif "error" in event:
                    problem = event["error"]
            status = child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if problem is not None:
        raise InputError(*problem)
    if status != 0:
        tail = "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-12:])
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        hint = "it may have run out of memory: lower probe.batch_tokens or tuning.batch_size" if status == -9 else ""
        raise InputError(f"the run's process {how}\n{tail}", f"run {job.run} ({log})", hint)


def _event(line: str) -> dict:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {}  # something a library printed; it is in no one's way
    return event if isinstance(event, dict) else {}
