"""A run that is killed with SIGKILL goes on and ends with the same bytes."""

import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.training.lessons import checkpoint
from factsurv.training.lessons.training_state import read_state, write_state
from factsurv.training.run import execute
from tests.training.conftest import FACTS

TABLES = ("baseline", "probes", "training")
REACHED = r"continues from epoch \S+ \(checkpoint (\d+)"


def start(job):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "factsurv.training.run", str(job.folder / "job.json")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def run_to_the_end(job):
    said = start(job).communicate(timeout=1200)[0]  # only against a hang
    return [json.loads(line) for line in said.splitlines()]


def contents(job):
    return {n: (job.folder / f"{n}.arrow").read_bytes() for n in TABLES}


def test_killed_at_random_moments_it_ends_with_the_same_bytes(asked, tmp_path):
    often = {"schedule": "steps", "every": 5}  # of 8 an epoch, so that most checkpoints lie inside one
    stages = [{"name": "one", "epochs": 4}, {"name": "two", "steps": 31, "optimizer": "keep", "loss": "text"}]
    whole, killed = (asked(tmp_path / name, often, stages=stages) for name in ("whole", "killed"))
    execute(whole)
    rng = random.Random(time.time_ns())
    waits = [rng.uniform(0, 0.3), None, rng.uniform(0, 0.1)]
    print("seconds after a new checkpoint at which it is killed (None: while the next one is written):", waits)
    reached = []
    for wait in waits:
        child = start(killed)
        try:
            for line in child.stdout:
                event = json.loads(line)
                reached += re.findall(REACHED, event.get("say", ""))
                if "trained facts recalled" in event.get("note", ""):
                    break
            if wait is None:
                while not list(killed.folder.glob(f"{checkpoint.UNFINISHED}*")) and child.poll() is None:
                    time.sleep(0.0005)
            else:
                time.sleep(wait)
        finally:
            child.kill()
            child.wait()
    last = run_to_the_end(killed)
    reached += [e for event in last for e in re.findall(REACHED, event.get("say", ""))]
    print("checkpoints it continued from:", reached)
    assert len(reached) == len(waits) and reached == sorted(reached, key=int)
    assert contents(killed) == contents(whole)
    assert read_table(killed.folder / "training.arrow")["step"].to_pylist() == list(range(1, 64))
    assert len(list(killed.folder.glob("checkpoint-*"))) == 1
    checkpoint.discard(killed.folder)
    assert sorted(p.name for p in killed.folder.iterdir()) == sorted(
        ["job.json", "lock", *(f"{n}.arrow" for n in TABLES)]
    )


def stopped(job, after):
    """Run until ``after`` notes of a finished epoch, in this process."""

    def report(event):
        nonlocal after
        after -= "trained facts recalled" in event.get("note", "")
        if after < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(job, report)


def test_disk_use_is_bounded_and_told(asked, tmp_path):
    """Between two steps one checkpoint is there, as large as the run said; its tables grow by what was probed since."""
    job, said, seen = asked(tmp_path, {"schedule": "steps", "every": 2}, epochs=3), [], []

    def report(event):
        said.append(event.get("say", ""))
        if kept := list(job.folder.glob("*checkpoint-*")):
            seen.append((len(kept), sum(f.stat().st_size for f in kept[0].iterdir() if f.name != checkpoint.MARKER)))

    execute(job, report)
    (told,) = [float(m[1]) for s in said if (m := re.search(r"a checkpoint takes ([\d.]+) MB; one is kept", s))]
    assert len(seen) > 12 and {count for count, _ in seen} == {1}
    rows = read_table(job.folder / "probes.arrow").nbytes + read_table(job.folder / "training.arrow").nbytes
    assert all(size <= told * 1e6 + 60_000 + 2 * rows for _, size in seen)  # 0.1 MB is the last digit told
    print("told:", told, "largest:", max(size for _, size in seen))


def test_a_checkpoint_of_another_recipe_is_not_used_and_that_is_said(asked, tmp_path):
    stopped(asked(tmp_path, epochs=4), 2)
    said = []
    execute(asked(tmp_path, epochs=4, learning_rate=1e-3), lambda event: said.append(event.get("say", "")))
    assert any("not used (tuning.learning_rate: 0.003 → 0.001): begins anew" in s for s in said)
    assert not any("continues" in s for s in said)


def test_a_torn_checkpoint_is_not_used(asked, tmp_path):
    job = asked(tmp_path, epochs=4)
    stopped(job, 2)
    (state,) = job.folder.glob("checkpoint-*/state.safetensors")
    state.write_bytes(state.read_bytes()[:-7])
    said = []
    execute(job, lambda event: said.append(event.get("say", "")))
    assert any("state.safetensors is damaged" in s and "begins anew" in s for s in said)


@pytest.fixture(scope="module")
def halfway(asked, tmp_path_factory):
    """A run that ended, and one of the same recipe that was stopped at its second checkpoint."""
    whole, half = (asked(tmp_path_factory.mktemp("runs") / name, epochs=2) for name in ("whole", "half"))
    execute(whole)
    stopped(half, 2)
    return whole, half


FILES = ("state.safetensors", "state.json", "baseline.arrow", "probes.arrow", "training.arrow", checkpoint.MARKER)


@pytest.mark.parametrize("file", FILES)
def test_what_differs_from_its_digest_is_said_and_not_used(file, halfway, asked, tmp_path):
    """One bit of each kind of file; the run begins anew, ends with the same bytes, and what was damaged is gone."""
    whole, half = halfway
    job = asked(tmp_path / "damaged", epochs=2)
    shutil.copytree(half.folder, job.folder, dirs_exist_ok=True)
    (path,) = job.folder.glob(f"checkpoint-*/{file}")
    (job.folder / "job.json").write_text(job.model_dump_json())
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1 << 5
    path.write_bytes(damaged)
    said = []
    execute(job, lambda event: said.append(event.get("say", "")))
    assert [s for s in said if "not used" in s and f"{file} is damaged" in s and s.endswith("begins anew")], said
    assert contents(job) == contents(whole)
    said.clear()
    execute(job, lambda event: said.append(event.get("say", "")))  # from the checkpoint of the end
    assert not [s for s in said if "not used" in s] and contents(job) == contents(whole)


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(halfway, asked, tmp_path):
    """Both are there while the newer one is written, or if the older could not be removed."""
    whole, half = halfway
    job = asked(tmp_path / "two", epochs=2)
    stopped(job, 1)
    shutil.copytree(half.folder, job.folder, dirs_exist_ok=True)
    (job.folder / "job.json").write_text(job.model_dump_json())
    older, newer = sorted(job.folder.glob("checkpoint-*"))
    (newer / "state.json").write_text("[")
    said = []
    execute(job, lambda event: said.append(event.get("say", "")))
    number = int(older.name[-6:])
    assert any(f"{newer.name}: state.json is damaged (SHA-256)): goes on from checkpoint {number}" in s for s in said)
    assert any(f"continues from epoch {number} (checkpoint {number}" in s for s in said)
    assert contents(job) == contents(whole)


def test_a_pickled_state_is_never_read(asked, tmp_path):
    """One as earlier versions left it, and one whose code would write a file."""
    job = asked(tmp_path / "run", epochs=1)
    folder = job.folder / "checkpoint-000001"
    folder.mkdir()
    marker = tmp_path / "it-ran"
    (folder / "state.pt").write_bytes(pickle.dumps(Touch(marker)))
    told = {"number": 1, "epoch": 1.0, "bytes": {"state.pt": 9}, "identity": {}}
    (folder / checkpoint.MARKER).write_text(json.dumps(told))
    said = []
    execute(job, lambda event: said.append(event.get("say", "")))
    assert any("checkpoint-000001: complete.json is damaged (it has no digest)" in s for s in said)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Touch(marker)))
    assert marker.exists()  # so that it could have


class Touch:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_state_comes_back_as_it_was(tmp_path):
    """With what JSON loses: tuples, keys that are numbers, large integers, numbers that are none, shared memory."""
    row = torch.arange(6.0)
    state = {
        "weights": {"a": row[:3], "b": row, "n": torch.tensor(2, dtype=torch.bfloat16), "none": torch.zeros(0)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"betas": (0.9, 0.999), "fused": True}]},
        "order": {"state": 2**127 + 1, "has": None, "low": float("-inf"), "name": "PCG64"},
    }
    write_state(tmp_path, state)
    back = read_state(tmp_path)
    assert all(
        torch.equal(back["weights"][n], w) and back["weights"][n].dtype == w.dtype for n, w in state["weights"].items()
    )
    assert back["optimizer"]["state"][0]["step"] == 3 and back["optimizer"]["groups"] == state["optimizer"]["groups"]
    assert isinstance(back["optimizer"]["groups"][0]["betas"], tuple) and back["order"] == state["order"]
    with pytest.raises(TypeError, match="a set cannot be kept"):
        write_state(tmp_path, {"x": {1}})


def test_a_diverging_run_keeps_its_last_good_checkpoint(asked, tmp_path):
    job = asked(tmp_path, epochs=200, learning_rate=1e9, method="full", clip=1e9)
    with pytest.raises(InputError) as error:
        execute(job)
    (kept,) = job.folder.glob("checkpoint-*")
    assert f"last good checkpoint is kept in {kept}" in str(error.value)
    assert read_table(job.folder / "probes-incomplete.arrow").num_rows % len(FACTS) == 0


def test_too_little_memory_is_one_message_before_the_first_step(asked, tmp_path, monkeypatch):
    monkeypatch.setattr("factsurv.training.passes.memory.free_bytes", lambda: 64_150_000)
    said = []
    with pytest.raises(InputError, match="set tuning.recompute = true, lower study.workers"):
        execute(asked(tmp_path, batch_size=24, rank=64), lambda event: said.append(event.get("say", "")))
    assert not (tmp_path / "probes.arrow").exists()
    assert any("estimated: probing 64 MB" in s for s in said)


def test_a_step_that_does_not_fit_passes_in_parts_and_a_continued_run_keeps_them(asked, tmp_path, monkeypatch):
    recipe = {"batch_size": 24, "epochs": 4, "dropout": 0.0}
    roomy, whole, killed = (asked(tmp_path / name, **recipe) for name in ("roomy", "whole", "killed"))
    execute(roomy)
    monkeypatch.setattr("factsurv.training.models.tunable.COPIES", 0.0)
    with monkeypatch.context() as little:
        little.setattr("factsurv.training.passes.memory.free_bytes", lambda: 64_700_000)
        said = []
        execute(whole, lambda event: said.append(event.get("say", "")))
        assert any("a step passes in 4 parts, tuning.accumulate is 1" in s for s in said), said
        stopped(killed, 2)
    execute(killed)  # with all the memory of this machine
    assert contents(killed) == contents(whole)
    losses = [read_table(job.folder / "training.arrow")["loss"].to_pylist() for job in (roomy, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)  # rounding of sums in other parts, as for `accumulate`


def test_a_continued_run_has_the_room_that_it_had(asked, tmp_path, monkeypatch):
    """Copies of weights may round differently: more or less free memory must not change what a run computes."""
    recipe = {"epochs": 3, "dropout": 0.0}  # with dropout there are no copies
    whole, killed, alone = (asked(tmp_path / name, **recipe) for name in ("whole", "killed", "alone"))
    execute(whole)
    stopped(killed, 2)
    monkeypatch.setattr("factsurv.training.models.tunable.COPIES", 0.0)
    execute(killed)
    assert contents(killed) == contents(whole)
    execute(alone)
    rooms = [read_state(next(j.folder.glob("checkpoint-*")))["room"] for j in (killed, alone)]
    assert rooms[0] > rooms[1] == 0  # or there was nothing to keep
