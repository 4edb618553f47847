"""Attention taken from another model, in every family that the probe is tested on."""

import copy

import numpy as np
import pytest
import torch

from factsurv.events.files import read_table
from factsurv.training.passes.full_precision import layers_of
from factsurv.training.run import execute
from factsurv.training.surgery.attention_patterns import attend_as
from factsurv.training.surgery.end_state import EndState, weights_file
from factsurv.training.surgery.places import part_of_layer
from tests.training.conftest import FAMILIES
from tests.training.test_resume import stopped

IDS = torch.tensor([[5, 17, 3, 60, 9, 2, 2, 31, 44, 8, 70, 1]])  # longer than the sliding windows
NEAR = 2e-5  # of fp32 logits between kernels that sum in another order


def made(family, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = FAMILIES[family](90).eval()
        for weight in model.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
    return model


def logits(model):
    return model(input_ids=IDS, use_cache=False).logits


@pytest.mark.parametrize("family", list(FAMILIES))
def test_with_its_own_patterns_a_model_says_the_same(family):
    model = made(family, 3)
    before = logits(model).detach()
    patched, reference = copy.deepcopy(model), copy.deepcopy(model)
    attend_as(patched, reference)
    torch.testing.assert_close(logits(patched).detach(), before, atol=NEAR, rtol=NEAR)
    torch.testing.assert_close(logits(model).detach(), before, atol=0, rtol=0)  # others attend as ever
    logits(patched).sum().backward()
    attention = part_of_layer(layers_of(patched)[0], "attention")
    with torch.no_grad():  # the reference's weights decide, the model's own do not
        for of in (patched, reference):
            part = part_of_layer(layers_of(of)[0], "attention")
            asks = [w for n, w in part.named_parameters() if "q_" in n]
            for weight in asks:
                weight.mul_(-3)
            if asks and of is patched:
                assert all(weight.grad is None or not weight.grad.any() for weight in asks)
                torch.testing.assert_close(logits(patched), before, atol=NEAR, rtol=NEAR)
    assert any(w.grad is not None and w.grad.any() for w in attention.parameters())
    if asks:
        assert (logits(patched) - before).abs().max() > 100 * NEAR


def test_a_patched_run_goes_on_after_a_kill_with_the_same_bytes(asked, tmp_path):
    sparse = {"every": 2}
    reference = asked(tmp_path / "reference", sparse, method="full", epochs=4, dropout=0.0, learning_rate=1e-3)
    execute(reference.model_copy(update={"keep_at": [0, 2]}))

    def patched(name, checkpoint):
        job = asked(tmp_path / name, sparse, epochs=4)
        path = reference.folder / weights_file(checkpoint)
        return job.model_copy(update={"patterns": EndState(path=path, tuning=reference.tuning, seed=1)})

    whole, killed, early = patched("whole", 2), patched("killed", 2), patched("early", 0)
    execute(whole)
    stopped(killed, 1)
    said = []
    execute(killed, said.append)
    assert any("continues from" in event.get("say", "") for event in said)
    for name in ("baseline", "probes", "training"):
        assert (whole.folder / f"{name}.arrow").read_bytes() == (killed.folder / f"{name}.arrow").read_bytes()
    execute(early)
    tables = [read_table(job.folder / "probes.arrow") for job in (early, reference, whole)]
    first = [table["logp"].to_numpy()[:32] for table in tables]
    np.testing.assert_allclose(first[0], first[1], atol=1e-4)  # patterns of one's own beginning change nothing then
    assert np.abs(first[2] - first[1]).max() > 1e-3
