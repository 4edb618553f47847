"""A series of folders: each checkpoint is probed as by itself; what is done is kept, what is broken is left out."""

import copy
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.follow import PARTS, execute
from factsurv.training.models.load import load
from factsurv.training.models.series import check_tokenizers, series_of
from factsurv.training.probing.probe import probe
from factsurv.training.spec import ModelSpec
from tests.training.conftest import make_tokenizer

TABLES = ("baseline", "probes", "confidence", "series", "training")
STEPS = (0, 100, 2000)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory, tiny_models, tokenizer):
    """A function that makes a folder of three checkpoints of a family: on the way to a model that has read."""

    def make(family):
        folder = tmp_path_factory.mktemp(family)
        for step, share in zip(STEPS, (0.3, 0.9, 1.0), strict=True):
            model = copy.deepcopy(tiny_models[family])
            with torch.no_grad():
                for weight in model.parameters():
                    weight.mul_(share)
            model.save_pretrained(folder / f"step{step}")
            tokenizer.save_pretrained(folder / f"step{step}")
        return folder

    return make


def followed(asked, folder, checkpoints, **model):
    job = asked(folder, {"instruments": ["confidence"]})
    job.model = ModelSpec(name=str(checkpoints), **{"series": "all", "unit": "step"} | model)
    (job.folder / "job.json").write_text(job.model_dump_json())
    return job


def follow(job):
    events = []
    execute(job, events.append)
    return [e["say"] for e in events if "say" in e]


@pytest.mark.parametrize("family", ["llama", "gpt2", "neox"])
def test_each_checkpoint_is_probed_as_by_itself(asked, checkpoints, tmp_path, family):
    folder = checkpoints(family)
    job = followed(asked, tmp_path, folder)
    follow(job)
    probes = read_table(job.folder / "probes.arrow").to_pandas()
    assert probes["checkpoint"].tolist() == np.repeat([0, 1, 2], len(probes) // 3).tolist()
    assert set(zip(probes["step"], probes["epoch"], strict=True)) == {(s, float(s)) for s in STEPS}
    facts, recalled = from_arrow(read_table(job.facts)), []
    for step, own in probes.groupby("step"):
        model, tokenizer = load(ModelSpec(name=str(folder / f"step{step}")))
        alone = probe(model, encode_probes(tokenizer, facts, job.probe))
        assert own["recalled"].tolist() == alone.recalled.tolist()
        assert own["logp"].to_numpy() == pytest.approx(alone.logp, abs=1e-6)  # one thread, the same passes
        recalled.append(alone.recalled.mean())
    assert recalled[0] < recalled[-1]
    first = read_table(job.folder / "baseline.arrow").to_pandas()
    assert first["recalled"].tolist() == probes["recalled"].tolist()[: len(first)]
    assert len(read_table(job.folder / "confidence.arrow")) == len(probes)


def test_killed_grown_or_with_a_broken_checkpoint(asked, checkpoints, tmp_path):
    folder = checkpoints("llama")
    whole = followed(asked, tmp_path / "whole", folder)
    follow(whole)
    expected = {n: (whole.folder / f"{n}.arrow").read_bytes() for n in TABLES}

    killed = followed(asked, tmp_path / "killed", folder)
    environment = os.environ | {
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "factsurv.training.follow", str(killed.folder / "job.json")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for line in child.stdout:
        if json.loads(line).get("done") == 1:
            break
    child.kill()
    child.wait()
    assert not (killed.folder / "probes.arrow").exists() and any((killed.folder / PARTS).iterdir())
    follow(killed)
    assert {n: (killed.folder / f"{n}.arrow").read_bytes() for n in TABLES} == expected

    grown = followed(asked, tmp_path / "grown", folder, series=["step0", "step2000"])
    follow(grown)
    first = {p.name: p.stat().st_mtime_ns for p in (grown.folder / PARTS).iterdir()}
    weights = folder / "step100" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    grown = followed(asked, tmp_path / "grown", folder)
    said = follow(grown)
    assert any("checkpoint step100 is left out: the model cannot be loaded: its weights are damaged" in s for s in said)
    rows = read_table(grown.folder / "series.arrow").to_pylist()
    assert [(r["name"], r["checkpoint"]) for r in rows] == [("step0", 0), ("step100", None), ("step2000", 1)]
    weights.write_bytes(content)
    follow(grown)
    kept = {p.name: p.stat().st_mtime_ns for p in (grown.folder / PARTS).iterdir()}
    assert first.items() <= kept.items() and len(kept) == 3  # only the one that was broken was probed
    assert (grown.folder / "probes.arrow").read_bytes() == expected["probes"]


def test_what_is_no_series_is_refused(checkpoints, tokenizer, tmp_path, monkeypatch):
    folder = checkpoints("llama")
    monkeypatch.chdir(folder.parent)
    beside = series_of(ModelSpec(name=folder.name, series=["step0", "step7"]))
    assert [m.identity() == "missing" for m in beside.members] == [False, True]  # not of the hub's llama/step7
    shutil.copytree(folder / "step0", folder / "final")

    def refused(message, **model):
        with pytest.raises(InputError) as caught:
            series = series_of(ModelSpec(**{"name": str(folder), "series": "all"} | model))
            check_tokenizers(series.members)
        assert message in str(caught.value)

    assert [m.name for m in series_of(ModelSpec(name=str(folder), series="all")).members] == [f"step{s}" for s in STEPS]
    refused("a series of one checkpoint", series=["step0"])
    refused("positions do not increase: 'step0' (at 0) comes after 'step100' (at 100)", series=["step100", "step0"])
    refused("no position can be read from 'final'", series=["step0", "final"])
    refused("2 checkpoints have 1 positions", series=["step0", "final"], positions=[1.0])
    refused("there is no folder", name=str(tmp_path / "nowhere"))
    refused("there is no folder", name="nowhere/")
    refused("no position can be read from 'final', 'step0', 'step100' and 1 more", pattern=r"at(\d+)")
    refused("holds no checkpoints", name=str(folder / "step0"))
    other = make_tokenizer()
    other.add_tokens(["another"])
    other.save_pretrained(folder / "step100")
    refused("'step0' and 'step100' have different tokenizers")


def test_revisions_of_a_hub_repository_are_followed(asked, checkpoints, tmp_path):
    folder = checkpoints("llama")
    whole = followed(asked, tmp_path / "whole", folder)
    follow(whole)
    names = [f"step{s}" for s in STEPS]
    kept = tmp_path / "hub" / "models--some--model"  # as the hub's client keeps what it has downloaded
    (kept / "refs").mkdir(parents=True)
    for i, name in enumerate(names):
        commit = f"{i:040x}"
        shutil.copytree(folder / name, kept / "snapshots" / commit)
        (kept / "refs" / name).write_text(commit)
    asked_for = ["step0", "step10", *names[1:]]  # one that the repository does not have
    job = followed(asked, tmp_path / "run", "some/model", series=asked_for)
    environment = os.environ | {
        "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": os.pathsep.join(sys.path),
        "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub"),
    }  # fmt: skip
    command = [sys.executable, "-m", "factsurv.training.follow", str(job.folder / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "checkpoint step10 is left out: " in done.stdout
    rows = read_table(job.folder / "series.arrow").to_pylist()
    assert [(r["name"], r["checkpoint"]) for r in rows] == [
        ("step0", 0),
        ("step10", None),
        ("step100", 1),
        ("step2000", 2),
    ]
    for name in ("probes", "baseline", "confidence"):
        assert (job.folder / f"{name}.arrow").read_bytes() == (whole.folder / f"{name}.arrow").read_bytes()
