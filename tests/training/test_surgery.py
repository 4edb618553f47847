"""Weights put together by hand: identities that hold bit for bit, in every family that the probe is tested on."""

import copy

import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.training.models.tunable import tunable
from factsurv.training.spec import TuningSpec
from factsurv.training.surgery.end_state import EndState, ended_with, put_back, put_sum, save_end
from factsurv.training.surgery.places import weights_at
from factsurv.training.surgery.spec import Where
from factsurv.training.surgery.weight_sum import weight_sum
from tests.training.conftest import FAMILIES

TUNING = {
    "full": TuningSpec(method="full"),
    "lora": TuningSpec(rank=2, alpha=8),
    "dora": TuningSpec(method="dora", rank=2),
}


def test_sums_are_read():
    read = weight_sum("counterfactual + facts_implied - facts-only")
    assert (read.first, read.others) == ("counterfactual", {"facts_implied": 1, "facts-only": -1})
    assert weight_sum("a + b - b").others == {} and weight_sum("a + base - b").others == {"b": -1}
    assert weight_sum("a + b − base").others == {"b": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a + b", "adds 2 times"),
        ("a - b", "adds 0 times"),
        ("a+b-c", "'a\\+b-c' stands where a name should"),
        ("a + ", "a name is missing"),
        ("", "a name is missing"),
        ("a * b - c", "'\\*' stands where a sign should"),
        ("__import__('os') + a - b", "stands where a name should"),
    ],
)
def test_what_is_no_sum_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        weight_sum(text)


def ended(folder, model, name, seed):
    """A run that changed every weight it trains, and the model that it ended with."""
    tuned = tunable(copy.deepcopy(model), TUNING[name], seed, 0)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for weight in tuned.parameters():
            if weight.requires_grad:
                weight += 0.05 * torch.randn_like(weight)
    folder.mkdir()
    save_end(folder, {n: w for n, w in tuned.named_parameters() if w.requires_grad})
    merged = tuned if name == "full" else tuned.merge_and_unload()
    return EndState(path=folder / "end.safetensors", tuning=TUNING[name], seed=seed), merged


def bits(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize(
    ("family", "method"),
    [*((f, m) for f in FAMILIES for m in ("full", "lora")), ("llama", "dora"), ("gpt2", "dora")],
)
def test_identities_hold_bit_for_bit(family, method, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        base = FAMILIES[family](120)
    before = bits(base)
    state, after = ended(tmp_path / "a", base, method, 1)
    other, _ = ended(tmp_path / "b", base, "lora", 2)
    states = {"a": state, "b": other, "twin": other}
    everywhere = weights_at(base, Where())

    def summed(text, at=everywhere):
        made = copy.deepcopy(base)
        put_sum(made, weight_sum(text), states, at)
        return bits(made)

    assert not same(bits(after), before)
    assert same(summed("a"), bits(after))  # adapters are their products, as peft merges them
    assert same(summed("a + b - b"), bits(after)) and same(summed("a + b - twin"), bits(after))
    assert same(summed("base + a - a"), before) and same(summed("base"), before)
    apart = summed("a + b - base")
    for name, weight in ended_with(base, other):
        expected = bits(after)[name] + (weight - before[name])
        assert torch.equal(apart[name], expected) and not torch.equal(apart[name], bits(after)[name])
    reverted = copy.deepcopy(base)
    put_back(reverted, state, everywhere)
    assert same(bits(reverted), before) and same(bits(base), before)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_only_the_named_layers_and_parts_are_put_back(family, tmp_path):
    base = FAMILIES[family](120)
    state, after = ended(tmp_path / "a", base, "full", 1)
    before, late = bits(base), weights_at(base, Where(layers="1", parts=["mlp"]))
    assert late and all(".1." in name for name in late)
    assert not late & weights_at(base, Where(layers="1", parts=["attention"]))
    put_back(base, state, late)
    changed, end = bits(base), bits(after)
    assert all(torch.equal(changed[n], (before if n in late else end)[n]) for n in end)


def test_layers_that_are_not_there_are_named():
    with torch.device("meta"), pytest.raises(InputError, match="names layer 2, and the model has 2"):
        weights_at(FAMILIES["llama"](120), Where(layers="2"))
