"""With a real Prefect server: schedules, tracked runs, and what is said where there is none."""

import contextlib
import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from factsurv.flows.server import address
from tests.flows.test_end_to_end import LEAN, STUDY

BIN = Path(sys.executable).parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server: its API, and the environment of a user who has named it."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "FACTSURV_CACHE": str(folder / "cache"),
    }
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "prefect", "server", "start", "--port", str(port)],
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for(lambda: answers(f"{env['PREFECT_API_URL']}/health"), process, 120, folder)
            yield env
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def asked(env, what, **body):
    """What the server says when it is asked for a list, or for a run."""
    request = urllib.request.Request(
        f"{env['PREFECT_API_URL']}/{what}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return json.loads(urllib.request.urlopen(request, timeout=60).read())


def last_state(env, kind):
    """What the newest run in such a state says; the server may be slower than the command that told it."""
    runs = {"flow_runs": {"state": {"type": {"any_": [kind]}}}, "sort": "START_TIME_DESC", "limit": 1}
    (found,) = until(lambda: asked(env, "flow_runs/filter", **runs))
    return found["state"]["message"]


def small(folder, **changes):
    study = STUDY.replace("[1, 2]", "[1]").replace("epochs = 8", "epochs = 3").replace("steps = 120", "steps = 20")
    for old, new in changes.items():
        study = study.replace(old, new)
    (folder / "small.toml").write_text(study + LEAN)


def test_a_cron_schedule_runs_the_study_and_a_killed_one_leaves_nothing(server, tmp_path):
    small(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with (tmp_path / "schedule.log").open("w") as log:
        schedule = subprocess.Popen(
            [BIN / "factsurv", "schedule", "small.toml", "--cron", "* * * * *"],
            cwd=tmp_path,
            # Through this proxy nothing is ever reached: a server on this machine is not asked through it.
            env=server | {"http_proxy": "http://192.0.2.1:9", "MARK": str(tmp_path), "TMPDIR": str(temporary)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        report = tmp_path / "results" / "small" / "report.html"
        wait_for(report.is_file, schedule, 900, tmp_path)
        # The report is renamed into its place a moment before it is recorded and told.
        assert until(lambda: "report: done in" in (tmp_path / "schedule.log").read_text())
        artifacts = until(lambda: asked(server, "artifacts/filter"))  # also of the next minute's run, if it was quick
        assert artifacts and all(a["key"] == "report-small" and str(report) in a["data"] for a in artifacts)
        ended = until(lambda: [r for r in asked(server, "flow_runs/filter") if r["state_type"] == "COMPLETED"])
        assert ended
        assert all(re.fullmatch(r"small \d{4}-\d\d-\d\d \d\d:\d\d", r["name"]) for r in ended)
        report.unlink()  # another run, now, renders it again: killed meanwhile, it goes too
        (deployment,) = {r["deployment_id"] for r in ended}
        asked(server, f"deployments/{deployment}/create_flow_run")
        wait_for(lambda: any("study.qmd" in c for c in marked(tmp_path)), schedule, 300, tmp_path)
    finally:
        schedule.kill()
    schedule.wait()
    assert until(lambda: not marked(tmp_path)), marked(tmp_path)
    assert until(lambda: not list(temporary.iterdir()))  # Prefect's runner has a folder there, too


def test_a_tracked_run_says_in_one_line_why_it_failed_and_that_it_was_interrupted(server, tmp_path):
    small(tmp_path, **{"learning_rate = 3e-3": 'learning_rate = 1e9\nmethod = "full"'})
    command = [BIN / "factsurv", "run", "small.toml"]
    failed = subprocess.run(command, cwd=tmp_path, env=server, capture_output=True, text=True)
    assert failed.returncode == 2 and "lower the learning rate" in failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
    assert "lower the learning rate" in last_state(server, "FAILED").splitlines()[0]
    small(tmp_path, **{"epochs = 3": "epochs = 3000"})
    going = subprocess.Popen(
        command, cwd=tmp_path, env=server, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = next(line for line in going.stdout if "trained facts recalled" in line)
    going.send_signal(signal.SIGINT)
    said = going.communicate(timeout=180)[0]  # the run would take longer
    assert going.returncode == 130
    assert said.splitlines()[-1] == "factsurv: interrupted; the same command continues" and "Traceback" not in said
    assert last_state(server, "CRASHED") == "interrupted; the same command continues"


def test_each_schedule_keeps_its_own_parameters(server, tmp_path):
    small(tmp_path)
    started = [
        subprocess.Popen(
            [BIN / "factsurv", "schedule", "small.toml", "--cron", "0 3 1 1 *", *more],
            cwd=tmp_path,
            env=server,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for more in ([], ["--results", "elsewhere"])
    ]

    def mine():
        found = [d["parameters"] for d in asked(server, "deployments/filter")]
        return sorted(Path(p["results"]).name for p in found if p["path"] == str(tmp_path / "small.toml"))

    try:
        assert until(lambda: len(mine()) == 2, 120) and mine() == ["elsewhere", "results"]
    finally:
        for process in started:
            process.kill()
            process.wait()


class Relay(socketserver.ThreadingTCPServer):
    """Stands before the server until it is closed, and then is gone with all that came through it."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, api):
        super().__init__(("127.0.0.1", 0), None)
        self.server_behind, self.open = urlsplit(api), []
        self.api = api.replace(str(self.server_behind.port), str(self.server_address[1]))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        behind = socket.create_connection((self.server_behind.hostname, self.server_behind.port))
        self.open += [request, behind]
        threading.Thread(target=self.copy, args=(behind, request), daemon=True).start()
        self.copy(request, behind)

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def lose(self):
        self.shutdown()
        self.server_close()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def loses_its_server(server, folder, *command, after):
    """Exit status and words of a command whose server is gone once it has said this."""
    relay = Relay(server["PREFECT_API_URL"])
    environment = server | {"PREFECT_API_URL": relay.api, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([BIN / "factsurv", *command], cwd=folder, env=environment, **streams) as process:
        try:
            next(line for line in process.stdout if after in line)
            relay.lose()
            said = process.communicate(timeout=120)[0]  # only against a hang
        finally:
            process.kill()
    return process.returncode, said


def test_a_server_that_is_lost_ends_the_schedule_with_one_message(server, tmp_path):
    small(tmp_path)
    status, said = loses_its_server(server, tmp_path, "schedule", "small.toml", "--cron", "0 3 1 1 *", after="polling")
    lines = said[said.index("factsurv:") :].splitlines()
    assert status == 2 and "Traceback" not in said and "WARNING" not in said
    assert len(lines) == 2 and "no Prefect server answers" in lines[0] and lines[1].startswith("What to do: ")


def test_a_server_that_is_lost_while_a_study_is_at_work_is_told_at_its_end(server, tmp_path):
    """The work goes on without it; Prefect asks for it for minutes, and would print each attempt."""
    small(tmp_path, **{"learning_rate = 3e-3": 'learning_rate = 1e9\nmethod = "full"'})  # it soon fails
    status, said = loses_its_server(server, tmp_path, "run", "small.toml", after="run main-1: running")
    assert status == 2 and "Traceback" not in said and "ERROR" not in said
    assert "lower the learning rate" in said and "no Prefect server answers" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("cron", "changes", "message"),
    [
        ("0 3 31 2 *", {}, "names a moment that never comes"),
        ("every night", {}, "is not a cron expression"),
        ("0 3 * * *", {"PREFECT_API_URL": ""}, "a schedule needs a Prefect server, and none is named"),
        ("0 3 * * *", {"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "no Prefect server answers at http://127.0.0.1:9"),
    ],
)
def test_a_schedule_that_would_never_run_is_one_message(cron, changes, message, server, tmp_path):
    small(tmp_path)
    done = subprocess.run(
        [BIN / "factsurv", "schedule", "small.toml", "--cron", cron],
        cwd=tmp_path,
        env=server | changes,
        capture_output=True,
        text=True,
        timeout=300,  # only against a hang
    )
    assert done.returncode == 2
    assert message in done.stderr and "What to do" in done.stderr
    assert "Traceback" not in done.stderr and "polling" not in done.stdout


def test_a_server_that_is_silent_is_one_message(tmp_path):
    """It accepts the connection and says nothing, as a proxy does that reaches nobody."""
    small(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = os.environ | {"PREFECT_API_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/api"}
        command = [BIN / "factsurv", "run", "small.toml"]
        # It gives up after eight seconds; the time limit is only against a hang.
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and "no Prefect server answers" in done.stderr and "Traceback" not in done.stderr


def test_the_server_is_found_where_prefect_looks(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    ask = "from prefect.settings import get_current_settings; print(get_current_settings().api.url)"

    def both():
        theirs = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        assert theirs == str(address())
        return address()

    assert both() is None
    (tmp_path / "profiles.toml").write_text(
        'active = "lab"\n[profiles.lab]\nPREFECT_API_URL = "http://lab/api"\n[profiles.none]\n'
    )
    assert both() == "http://lab/api"
    monkeypatch.setenv("PREFECT_PROFILE", "none")
    assert both() is None
    (tmp_path / "prefect.toml").write_text('[api]\nurl = "http://folder/api"\n')
    assert both() == "http://folder/api"
    (tmp_path / ".env").write_text("PREFECT_API_URL=http://dotenv/api\n")
    assert both() == "http://dotenv/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://shell/api")
    assert both() == "http://shell/api"


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


def until(condition, seconds=180):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.5)
    return found


def marked(folder):
    """Command lines of the processes that carry this folder's mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={folder}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return found
