"""A real Prefect server creates a run on the minute and the served flow executes it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.flows.test_end_to_end import LEAN, STUDY

BIN = Path(sys.executable).parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_cron_schedule_runs_the_study(tmp_path):
    port = free_port()
    (tmp_path / "small.toml").write_text(
        STUDY.replace("[1, 2]", "[1]").replace("epochs = 8", "epochs = 3").replace("steps = 120", "steps = 20") + LEAN
    )
    env = {k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_LEVEL"} | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "FACTSURV_CACHE": str(tmp_path / "cache"),
    }
    logs = {name: (tmp_path / f"{name}.log").open("w") for name in ("server", "schedule")}

    def start(name, *command):
        return subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=logs[name], stderr=subprocess.STDOUT, start_new_session=True
        )

    started = [start("server", BIN / "prefect", "server", "start", "--port", str(port))]
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/health"), started[0], 120, tmp_path)
        started.append(start("schedule", BIN / "factsurv", "schedule", "small.toml", "--cron", "* * * * *"))
        report = tmp_path / "results" / "small" / "report.html"
        wait_for(report.is_file, started[1], 900, tmp_path)
        said = (tmp_path / "schedule.log").read_text()
        assert re.search(r"report: done in", said)
    finally:
        for process in reversed(started):  # the schedule first: it says goodbye to the server
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        for log in logs.values():
            log.close()


def test_a_server_that_does_not_answer_is_one_message(tmp_path):
    (tmp_path / "small.toml").write_text(STUDY)
    address = f"http://127.0.0.1:{free_port()}/api"
    done = subprocess.run(
        [BIN / "factsurv", "schedule", "small.toml", "--cron", "0 3 * * *"],
        cwd=tmp_path,
        env=os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": address},
        capture_output=True,
        text=True,
        timeout=300,  # only against a hang
    )
    assert done.returncode == 2
    assert f"no Prefect server answers at {address}" in done.stderr and "prefect server start" in done.stderr
    assert "Traceback" not in done.stderr


def answers(address):
    """Its banner comes before the server listens, long before on a busy machine."""
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def wait_for(condition, process, seconds, folder):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end or process.poll() is not None:
            logs = "\n".join(p.read_text()[-2000:] for p in folder.glob("*.log"))
            raise AssertionError(f"nothing within {seconds} s:\n{logs}")
        time.sleep(1)
