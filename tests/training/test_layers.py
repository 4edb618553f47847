"""Layers that alone are trained, in every family of models that the probe is tested on."""

import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.training.models.tunable import tunable
from factsurv.training.passes.full_precision import layers_of
from factsurv.training.spec import TuningSpec, layer_numbers
from tests.training.conftest import FAMILIES


def test_layers_are_written_as_ranges():
    assert layer_numbers("0-2, 5") == [0, 1, 2, 5]
    for wrong in ("", "3-1", "1,1-2", "-1", "all", "0-99999"):
        with pytest.raises(ValueError):
            layer_numbers(wrong)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_nothing_is_trained_outside_them(family, method):
    with torch.device("meta"):
        model = FAMILIES[family](300)
    inside = {id(module) for module in layers_of(model)[1].modules()}
    tuned = tunable(model, TuningSpec(method=method, layers="1", rank=2), 1, 0)
    owners = [m for m in tuned.modules() if any(w.requires_grad for w in m.parameters(recurse=False))]
    if method == "full":
        assert owners and all(id(m) in inside for m in owners)
    else:
        names = [n for n, w in tuned.named_parameters() if w.requires_grad]
        assert names and all(".1." in n for n in names)


def test_layers_that_a_model_lacks_are_named():
    with torch.device("meta"), pytest.raises(InputError, match="names layer 2, and the model has 2: 0 to 1"):
        tunable(FAMILIES["gpt2"](300), TuningSpec(layers="0-2"), 1, 0)
