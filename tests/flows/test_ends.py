"""A command that is killed or interrupted, at any moment: nothing of it stays, and the next one goes on.

`FACTSURV_SOAK=20 pytest tests/flows/test_ends.py` ends a hundred commands at random moments as well.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from factsurv.events.files import read_table
from tests.flows.test_end_to_end import LEAN, STUDY

SOAK = int(os.environ.get("FACTSURV_SOAK", "1"))
FACTSURV = Path(sys.executable).parent / "factsurv"
# What the command has said, and then a process that it has started (none: the command itself is at work).
MOMENTS = {
    "the model's set-up": ("pretraining a tiny model", None),
    "training": ("trained facts recalled", "factsurv.training.run"),
    "fits in R": (" fits", "factsurv.stats.worker"),
    "the report's renderer": ("report: running", "study.qmd"),
}


class Command:
    """`factsurv run` with a mark in its environment, by which all that it starts is known, and its own TMPDIR."""

    def __init__(self, folder):
        self.mark, self.temporary = uuid.uuid4().hex, folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        env |= {"TMPDIR": str(self.temporary), "FACTSURV_CACHE": str(folder / "cache"), "MARK": self.mark}
        env |= {"PREFECT_HOME": str(folder / "prefect")}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        # In a session of its own, so that a signal reaches it alone.
        self.process = subprocess.Popen(
            [FACTSURV, "run", "small.toml"], cwd=folder, env=env, start_new_session=True, **streams
        )
        self.said = ""

    def wait_for(self, words, program):
        for line in self.process.stdout:
            self.said += line
            if words in line:
                break
        else:
            raise AssertionError(self.said)
        until = time.monotonic() + 60
        while program and not any(program in command for command in self.alive().values()):
            assert self.process.poll() is None and time.monotonic() < until, self.said
            time.sleep(0.01)

    def alive(self):
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"MARK={self.mark}".encode() in (process / "environ").read_bytes():
                    found[process.name] = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
        return found

    def end(self, how):
        """Send a signal to the command alone, and wait until nothing of it is there any more."""
        until = time.monotonic() + 60
        self.process.send_signal(how)
        while left := self.alive():
            assert time.monotonic() < until, left
            time.sleep(0.05)
        self.said += self.process.stdout.read()
        self.process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ends")
    # Long enough to be ended in the midst of it, also by a busy machine.
    study = STUDY.replace("[1, 2]", "[1]").replace("epochs = 8", "epochs = 12").replace("steps = 120", "steps = 60")
    (folder / "small.toml").write_text(study + LEAN)
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_stays_and_the_next_one_goes_on(moment, folder):
    """Killed, then interrupted, at each moment in turn: every command goes on from where the one before was ended."""
    for how in (signal.SIGKILL, signal.SIGINT):
        command = Command(folder)
        command.wait_for(*MOMENTS[moment])
        command.end(how)
        assert not list(command.temporary.iterdir()), how
    assert command.process.returncode == 130
    assert command.said.splitlines()[-1] == "factsurv: interrupted; the same command continues"
    assert "Traceback" not in command.said


def test_after_all_that_the_report_is_made(folder):
    command = Command(folder)
    said, _ = command.process.communicate(timeout=600)
    assert command.process.returncode == 0 and "run main-1: up to date, skipped" in said
    results = folder / "results" / "small"
    assert (results / "report.html").stat().st_size > 100_000
    assert not (results / ".scratch").exists()


@pytest.mark.skipif(SOAK == 1, reason="minutes: set FACTSURV_SOAK to 2 or more")
def test_ended_at_random_moments_it_comes_to_the_same(folder, tmp_path):
    """Five commands for each unit of FACTSURV_SOAK; every fourth time the results are begun anew."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    begun, whole = time.monotonic(), Command(folder)
    whole.process.communicate(timeout=1200)
    seconds, rng = time.monotonic() - begun, random.Random(3)
    shutil.copytree(folder / "cache", tmp_path / "cache")
    shutil.copy(folder / "small.toml", tmp_path)
    ended = {}
    for k in range(5 * SOAK):
        if k % 4 == 0:
            shutil.rmtree(tmp_path / "results", ignore_errors=True)
        command, how = Command(tmp_path), rng.choice((signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
        try:
            command.process.wait(rng.uniform(0, seconds / 2))
        except subprocess.TimeoutExpired:
            command.end(how)
        ended.setdefault((how.name, command.process.returncode), []).append(k)
        assert not list(command.temporary.iterdir()), (k, how)
        assert "Traceback" not in command.said, (k, how, command.said)
    print({key: len(times) for key, times in ended.items()}, f"whole: {seconds:.0f} s")
    assert {code for _, code in ended} <= {0, 130, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}
    last = Command(tmp_path)
    said, _ = last.process.communicate(timeout=1200)
    assert last.process.returncode == 0, said
    done, undisturbed = tmp_path / "results" / "small", folder / "results" / "small"
    for table in ("facts", "baseline", "probes", "events", "history"):
        assert (done / f"{table}.arrow").read_bytes() == (undisturbed / f"{table}.arrow").read_bytes(), table
    coefficients = [read_table(f / "analysis" / "coefficients.arrow") for f in (done, undisturbed)]
    assert coefficients[0].equals(coefficients[1])


@pytest.mark.parametrize("command", ["doctor", "run tiny-world"])
def test_a_folder_that_was_deleted_is_one_message(command, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    said = subprocess.run(
        ["sh", "-c", f"rmdir '{gone}'; {FACTSURV} {command}"], cwd=gone, capture_output=True, text=True
    )
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.splitlines() == [
        "factsurv: the folder that you are in was deleted or moved", "What to do: change to one that is there"
    ]  # fmt: skip
