"""Flipped bits and cut files in all that a study keeps: the same bytes in the end, or one message; no other number.

`FACTSURV_SOAK=20 pytest tests/flows/test_damage.py` tries twenty times as many, and the analysis and the report too.
"""

import os
import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows import steps

SOAK = int(os.environ.get("FACTSURV_SOAK", "1"))
STUDY = """
[study]
name = "kept"
seeds = [1]

[facts]
source = "tiny-world"
world_facts = 80
count = 40
withheld = 0.25

[model]
name = "tiny"
width = 16
layers = 1
heads = 2
pretrain_steps = 20
pretrain_batch = 16

[tuning]
epochs = 2
learning_rate = 3e-3

[probe]
examples = 0

[analysis]
outcomes = ["acquisition"]
rules = ["first"]
random = []
states = false
"""
# What is damaged, and how often; the run and the kept model take a training of some seconds each time.
KINDS = {
    "manifest.json": 20,
    "facts.arrow": 3,
    "events.arrow": 3,
    "probes.arrow": 2,
    "baseline.arrow": 2,
    "history.arrow": 2,
    "recall.arrow": 2,
    "study.json": 4,
    "runs/main-1/*.arrow": 1,
    "cache/models/*/*": 1,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a study's file, its results as far as the event tables, and the cache of its model."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "kept.toml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACTSURV_CACHE", str(folder / "cache"))
        everything(folder)
    return folder


def everything(folder):
    """All steps before the analysis, as `factsurv run` calls them; what was said."""
    said = []
    with closing(steps.open_results(folder / "kept.toml", folder / "results", said.append)) as store:
        steps.make_facts(store)
        models = steps.make_models(store)
        for run, arm, seed in steps.run_names(store.study):
            steps.make_run(store, run, arm, seed, models[arm], threads=1)
        steps.make_events(store)
    return said


def tables(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted((folder / "results").rglob("*.arrow"))}


def damage(path, rng):
    """One flipped bit, or (every third time) a file that is cut."""
    data = bytearray(path.read_bytes())
    if rng.randrange(3):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)) :]
    path.write_bytes(data)


def copied(finished, folder, monkeypatch):
    shutil.copytree(finished, folder)
    monkeypatch.setenv("FACTSURV_CACHE", str(folder / "cache"))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_in_the_end(kind, finished, tmp_path, monkeypatch):
    rng, whole = random.Random(kind), tables(finished)
    for k in range(KINDS[kind] * SOAK):
        folder = copied(finished, tmp_path / str(k), monkeypatch)
        place = folder if kind.startswith("cache") else folder / "results" / "kept"
        path = rng.choice(sorted(p for p in place.glob(kind) if p.name != "complete.json"))
        before = path.read_bytes()
        damage(path, rng)
        if kind.startswith("cache"):  # else nobody needs it
            (folder / "results" / "kept" / "runs" / "main-1" / "probes.arrow").unlink()
        said = everything(folder)
        assert tables(folder) == whole, (path, said)
        assert path.name == "study.json" or any(path.name in s for s in said) or harmless(path, before), (path, said)
        assert not any("running" in s or "not used" in s for s in everything(folder))  # and that was that
        shutil.rmtree(folder)


def harmless(path, before):
    """White space of the manifest."""
    return path.name == "manifest.json" and path.read_bytes().split() == before.split()


def test_without_manifest_and_copy_it_is_one_message(finished, tmp_path, monkeypatch):
    """Of the command itself; and what was computed stays where it is."""
    folder, rng = copied(finished, tmp_path / "f", monkeypatch), random.Random(4)
    for name in ("manifest.json", ".manifest-copy.json"):
        path = folder / "results" / "kept" / name
        path.write_bytes(path.read_bytes()[: rng.randrange(50, 500)])
    with pytest.raises(InputError, match="is not a manifest"):
        everything(folder)
    done = command("run", folder)
    assert done.returncode == 2 and "Traceback" not in done.stderr + done.stdout
    assert "move the results folder away and run again" in done.stderr
    assert tables(folder) == tables(finished)


def command(what, folder):
    return subprocess.run(
        [Path(sys.executable).parent / "factsurv", what, "kept.toml"], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.skipif(SOAK == 1, reason="minutes: set FACTSURV_SOAK to 2 or more")
def test_the_command_ends_with_the_same_coefficients_or_one_message(finished, tmp_path, monkeypatch):
    """The analysis and the report included."""
    done = copied(finished, tmp_path / "done", monkeypatch)
    assert command("run", done).returncode == 0
    names = ("analysis/coefficients.arrow", "analysis/fits.arrow", "report.html", "environment.json", "manifest.json")
    coefficients = read_table(done / "results" / "kept" / names[0])
    rng = random.Random(5)
    for k in range(2 * SOAK):
        folder = copied(done, tmp_path / str(k), monkeypatch)
        damage(folder / "results" / "kept" / rng.choice(names), rng)
        ended = command(rng.choice(("run", "analyze", "report")), folder)
        assert ended.returncode in (0, 2) and "Traceback" not in ended.stderr + ended.stdout, ended.stderr
        if ended.returncode == 0:
            assert read_table(folder / "results" / "kept" / names[0]).equals(coefficients)
