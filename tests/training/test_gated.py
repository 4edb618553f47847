"""Feed-forward parts computed in place give the same bits, and are themselves again afterwards."""

import copy

import pytest
import torch

from factsurv.training.passes.gated import gates_in_place
from tests.training.conftest import FAMILIES

WITHOUT_GATES = ("gpt2", "neox", "phi")


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_same_logits_to_the_last_bit(family, tiny_models):
    model, ids = tiny_models[family], torch.arange(3, 40)[None]
    with torch.no_grad():
        before = model(input_ids=ids).logits
        with gates_in_place(model):
            assert torch.equal(model(input_ids=ids).logits, before)
            assert (replaced(model) > 0) == (family not in WITHOUT_GATES)
        assert replaced(model) == 0 and torch.equal(model(input_ids=ids).logits, before)


def test_a_part_that_computes_something_else_keeps_its_own_way(tiny_models):
    model = copy.deepcopy(tiny_models["llama"])
    first, second = model.model.layers[0].mlp, model.model.layers[1].mlp

    class Doubled(type(first)):
        def forward(self, x):
            return 2 * super().forward(x)

    first.__class__ = Doubled
    with torch.no_grad(), gates_in_place(model):
        assert "forward" not in first.__dict__ and "forward" in second.__dict__


def replaced(model):
    return sum("forward" in m.__dict__ for m in model.modules())
