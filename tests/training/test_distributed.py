"""One run over two real processes (torchrun, gloo): the numbers of one process, and a clear end when one dies."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import OPTConfig, OPTForCausalLM

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows.child import run_job
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.passes.team import team
from factsurv.training.probing.probe_shared_out import shares
from factsurv.training.run import execute
from factsurv.training.spec import ModelSpec, ProbeSpec, TuningSpec
from tests.training.conftest import RECIPE

# fp32: a step's sum is taken in two parts. Over 30 steps that grew to 6e-7 of the loss; examples that weigh a
# tenth too much move it by 1e-3.
LOSS = 1e-5
# Logits of a model that moved by as little: 2e-6 was seen. Other batch shapes alone are allowed 4e-5 (test_probe).
MARGIN = 1e-4
# Of 25 trained facts an epoch's last batch holds one: less than there are processes.
ODD = range(3, 28, 4)
STEADY = {"batch_size": 6, "dropout": 0.0, "epochs": 6, "withheld": ODD}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(job, after=None):
    """Run as a study does; kill the second process ``after`` so many probes. Returns what was said."""
    said, probes = [], 0

    def progress(_, done, total, note):
        nonlocal probes
        probes += "recalled" in note
        if probes == after:
            probes += 1
            os.kill(second_process(job), signal.SIGKILL)

    run_job(job, 1, progress, said.append)
    return said


def processes(job):
    """Those that work on a job: number of the process, and what its environment is."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if str(job.folder).encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name), (entry / "environ").read_bytes()


def second_process(job):
    return next(number for number, environment in processes(job) if b"\0RANK=1\0" in environment)


def tables(job):
    return {n: read_table(job.folder / f"{n}.arrow") for n in ("baseline", "probes", "training")}


def assert_agree(one, two):
    one, two = tables(one), tables(two)
    for name in ("step", "epoch", "examples", "tokens", "learning_rate"):
        assert one["training"][name].equals(two["training"][name]), name
    losses = [np.array(t["training"]["loss"]) for t in (one, two)]
    print("largest difference of the losses:", abs(losses[1] / losses[0] - 1).max())
    np.testing.assert_allclose(losses[1], losses[0], rtol=LOSS)
    for name in ("fact_id", "checkpoint", "exposures", "recalled"):
        assert one["probes"][name].to_pylist() == two["probes"][name].to_pylist(), name
    assert 0 < sum(one["probes"]["recalled"].to_pylist()) < one["probes"].num_rows
    for name in ("margin", "logp"):
        columns = [np.array(t["probes"][name]) for t in (one, two)]
        print(f"largest difference of {name}:", abs(columns[1] - columns[0]).max())
        np.testing.assert_allclose(columns[1], columns[0], atol=MARGIN, rtol=MARGIN)
    for name in ("knowledge", "slick", "hits"):
        assert one["baseline"][name].to_pylist() == two["baseline"][name].to_pylist(), name


def test_two_processes_learn_and_probe_what_one_does(asked, tmp_path):
    """And load their models one after the other: each sees what is free when the one before it has its own."""
    stages = [{"name": "one", "epochs": 3}, {"name": "two", "epochs": 3, "optimizer": "keep"}]
    one = asked(tmp_path / "one", **STEADY, accumulate=2, stages=stages)
    execute(one)
    two = asked(tmp_path / "two", **STEADY, accumulate=2, processes=2, stages=stages)
    script = tmp_path / "late.py"
    script.write_text(f"""
import sys, time
from factsurv.training import run
real = run.load
def load(*given):
    with open("{tmp_path}/told", "a") as told:
        print("begins", file=told, flush=True)
        time.sleep(1)
        made = real(*given)
        print("ends", file=told, flush=True)
    return made
run.load = load
sys.exit(run.main(sys.argv[1]))
""")
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}  # for its logs
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(script), str(two.folder / "job.json")]
    said = subprocess.run(command, env=os.environ | path, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert (tmp_path / "told").read_text().split() == ["begins", "ends"] * 2
    assert_agree(one, two)
    assert read_table(two.folder / "training.arrow")["examples"].to_pylist()[4] == 25
    assert "free for each process" in said


def test_weights_that_only_one_process_has_a_gradient_of(asked, tokenizer, tmp_path):
    """Layers are dropped at random, by each process others: what they add up are still the same weights."""
    folder = tmp_path / "model"
    sizes = {"hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 48, "num_hidden_layers": 2}
    config = OPTConfig(vocab_size=len(tokenizer), num_attention_heads=4, layerdrop=0.5, **sizes)
    OPTForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    job = asked(tmp_path / "run", method="full", epochs=3, batch_size=6, dropout=0.0, processes=2)
    run(job.model_copy(update={"model": ModelSpec(name=str(folder))}))
    losses = read_table(job.folder / "training.arrow")["loss"].to_pylist()
    assert len(losses) == 12 and losses[-1] < losses[0]


def test_a_killed_process_ends_the_run_and_a_rerun_ends_with_the_same_bytes(asked, tmp_path):
    """With dropout, so that each process has random states of its own."""
    recipe = {"batch_size": 8, "epochs": 5, "processes": 2}
    whole, killed = asked(tmp_path / "whole", **recipe), asked(tmp_path / "killed", **recipe)
    run(whole)
    with pytest.raises(InputError, match="process 2 of 2 was killed by signal 9") as error:
        run(killed, after=3)
    assert "it continues from the last checkpoint" in error.value.remedy
    assert not list(processes(killed))  # the other one did not stay behind
    assert len(list(killed.folder.glob("checkpoint-*"))) == 1
    assert any("continues from epoch" in s for s in run(killed))
    for name in ("baseline", "probes", "training"):
        assert (killed.folder / f"{name}.arrow").read_bytes() == (whole.folder / f"{name}.arrow").read_bytes(), name


def test_a_process_whose_torchrun_was_killed_while_it_began_does_not_stay(tmp_path):
    """It would wait for the others for ten minutes, and whoever reads what it prints with it."""
    told = tmp_path / "told"
    late = f"""
import os, pathlib, time
while os.getppid() == FIRST: time.sleep(0.01)
try:
    from factsurv.training.passes.team import team
    with team(2): pass
except SystemExit as error: pathlib.Path("{told}").write_text(f"{{os.getppid()}} {{error}}")
"""
    start = f"import os, subprocess, sys; late = {late!r}.replace('FIRST', str(os.getpid()))"
    start += "; subprocess.Popen([sys.executable, '-c', late], start_new_session=True)"
    store = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}  # nobody listens there any more
    rank = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}  # for its logs
    subprocess.run([sys.executable, "-c", start], env=os.environ | store | rank | path, check=True)
    until = time.monotonic() + 120
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.1)
    parent, _, why = told.read_text().partition(" ")
    assert parent == "1" and "torchrun has ended" in why


def test_weights_shared_out_learn_the_same_and_go_on_after_a_kill(asked, tmp_path):
    full = STEADY | {"method": "full", "learning_rate": 1e-3, "weight_decay": 0.01, "epochs": 4}
    one = asked(tmp_path / "one", **full)
    execute(one)
    two = asked(tmp_path / "two", **full, processes=2, strategy="fsdp")
    with pytest.raises(InputError, match="process 2 of 2 was killed"):
        run(two, after=3)
    assert any("continues from epoch" in s for s in run(two))
    assert_agree(one, two)


def test_a_diverging_run_is_one_message_of_all_processes(asked, tmp_path):
    job = asked(tmp_path, **STEADY | {"learning_rate": 1e9, "method": "full", "clip": 1e9}, processes=2)
    with pytest.raises(InputError, match="last good checkpoint is kept"):
        run(job)


def test_the_number_of_processes_is_asserted(asked, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="2 processes are asked for, and 1 started"):
        execute(asked(tmp_path, **STEADY, processes=2))
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="1 process is asked for, and 3 started"), team(1):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 9, "processes": 2}, "9 cannot be divided by processes = 2; take 8 or 10"),
        ({"batch_size": 1, "processes": 2}, "take 2"),
        ({"batch_size": 8, "processes": 2, "accumulate": 5}, "accumulate cannot be more than batch_size of each"),
        ({"batch_size": 8, "processes": 2, "strategy": "fsdp"}, 'fsdp" is for method = "full"'),
        ({"method": "full", "strategy": "fsdp"}, "set processes = 2 or more"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_what_to_do(changes, message):
    with pytest.raises(ValidationError, match=re.escape(message)):
        TuningSpec.model_validate(RECIPE.model_dump() | changes)


@pytest.mark.parametrize("count", [2, 3, 40])
def test_facts_are_shared_out_whole_and_evenly(count, asked, tokenizer, tmp_path):
    facts = from_arrow(read_table(asked(tmp_path).facts))
    parts = shares(encode_probes(tokenizer, facts, ProbeSpec(examples=2)), count)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(facts)))
    sizes = [len(part) for part in parts]
    assert len(parts) == count and max(sizes) <= len(facts) / count + 2
