"""Kernels that repeat themselves: only where they are asked for, and given up with a word where there is none."""

import copy
import os

import pytest
import torch

from factsurv.training.facts.prompts import encode
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.models.tunable import tunable
from factsurv.training.passes.same_bits import STEADY, WORKSPACE, can_be_asked, same_bits
from factsurv.training.run import main
from factsurv.training.spec import TuningSpec
from tests.training.conftest import FACTS

QUICK = TuningSpec(epochs=2, batch_size=4, learning_rate=5e-3, rank=4, alpha=8, dropout=0.2)


@pytest.fixture(scope="module")
def forms(tokenizer):
    return [[encode(tokenizer, [f"The {r} of {s} is"], [v], [s])] for (r, s), v in list(FACTS.items())[:10]]


def training(model, forms):
    return Finetuning(tunable(copy.deepcopy(model), QUICK, 1, 0), forms, QUICK, 1)


def put(*_):
    torch.zeros(3).put_(torch.tensor([1]), torch.tensor([1.0]))


def test_only_a_gpu_is_asked_and_only_with_cublas(monkeypatch):
    monkeypatch.setenv(WORKSPACE, STEADY[0])
    assert can_be_asked(torch.device("cuda")) and not can_be_asked(torch.device("cpu"))
    monkeypatch.delenv(WORKSPACE)
    assert not can_be_asked(torch.device("cuda"))  # torch would refuse every product


def test_the_setting_is_that_of_a_step_and_is_put_back(tiny_models, forms):
    """As on a GPU: the steps are those of the plain run, and torch's settings are what they were."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    plain = [step.loss for step in training(tiny_models["llama"], forms)]
    asked, seen = training(tiny_models["llama"], forms), []
    asked._asked = True
    asked._model.register_forward_pre_hook(lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()))
    assert [step.loss for step in asked] == plain
    assert asked.alike and all(seen) and len(seen) == asked.total
    assert (torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory) == before


def test_an_operation_without_such_a_kernel_is_no_end_of_training(tiny_models, forms):
    """`put_` has none on any device; the step is done over, with the same draws of dropout."""
    plain = [step.loss for step in training(tiny_models["llama"], forms)]
    asked = training(tiny_models["llama"], forms)
    asked._asked = True
    layer = asked._accelerator.unwrap_model(asked._model).get_output_embeddings()
    layer.register_forward_hook(put)
    with same_bits(), pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        put()
    assert [step.loss for step in asked] == plain
    assert not asked.alike


def test_a_run_asks_before_it_does_anything_else(tmp_path, monkeypatch):
    monkeypatch.setenv(WORKSPACE, "")  # so that it is put back afterwards
    monkeypatch.delenv(WORKSPACE)
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    with pytest.raises(FileNotFoundError):
        main(str(tmp_path / "none.json"))
    assert os.environ[WORKSPACE] == STEADY[0]
