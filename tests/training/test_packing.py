"""Packed lessons and the short LoRA product give the same step as padded rows and peft's own layer."""

import copy

import numpy as np
import pytest
import torch
from peft.tuners.lora import Linear

from factsurv.training.facts.prompts import encode
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.lessons.lesson_loss import packed_loss, packs, packs_agree, padded_loss
from factsurv.training.lessons.lesson_tree import drops_out, tree_of
from factsurv.training.models.lora_product import PlainLora, use_lora_product
from factsurv.training.models.tunable import tunable
from factsurv.training.spec import TuningSpec
from tests.training.conftest import FACTS, FAMILIES

QUICK = TuningSpec(epochs=1, batch_size=6, learning_rate=5e-3, rank=4, alpha=8, templates="probe")


@pytest.fixture(scope="module")
def lessons(tokenizer):
    facts = list(FACTS.items())[:12]
    return [(i, encode(tokenizer, [f"The {r} of {s} is"], [v], [s])) for i, ((r, s), v) in enumerate(facts)]


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}


def close(one, other):
    # fp32 sums of some hundred terms in another order: 1e-4 of the largest gradient is rounding, a wrong mask is not.
    assert one.keys() == other.keys() and one
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-3, atol=1e-4 * float(other[name].abs().max()) + 1e-8)


def test_tree_by_hand():
    """abc→d, abe→f, gh→i: c and e share ab; the last token of a lesson predicts its end."""
    made = [_lesson([1, 2, 3, 4], 3), _lesson([1, 2, 5, 6], 3), _lesson([7, 8, 9], 2)]
    tree = tree_of(made)
    assert tree.ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert tree.depths.tolist() == [0, 1, 2, 3, 2, 3, 0, 1, 2]
    assert tree.places.tolist() == [2, 3, 4, 5, 7, 8]
    assert tree.targets.tolist() == [4, 99, 6, 99, 9, 99]
    seen = [np.flatnonzero(row).tolist() for row in tree.visible]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 4, 5], [6], [6, 7], [6, 7, 8]]
    assert len(tree_of(made, share=False).ids) == 11


def _lesson(ids, start):
    from factsurv.training.facts.prompts import Encoded

    return Encoded((np.array(ids),), np.array([start]), np.array([99]), 99)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packed_batch_has_the_loss_and_the_gradients_of_a_padded_one(family, tiny_models, lessons):
    model = copy.deepcopy(tiny_models[family]).eval().requires_grad_(True)
    assert packs_agree(model, lessons)
    padded = padded_loss(model, model, lessons)
    wanted = gradients(model, padded)
    for share in (True, False):
        packed = packed_loss(model, model, lessons, share)
        torch.testing.assert_close(packed, padded, rtol=1e-5, atol=1e-5)
        close(gradients(model, packed), wanted)
    sizes = [len(tree_of([e for _, e in lessons], share).ids) for share in (True, False)]
    assert sizes[0] < 0.8 * sizes[1]


@pytest.mark.parametrize("family", ["mistral", "gemma2", "gemma3"])
def test_lessons_longer_than_a_sliding_window_are_padded(family, tiny_models, tokenizer):
    """The windows of these models hold 8 tokens, and a packed lesson would see beyond them."""
    facts = list(FACTS.items())[:6]
    forms = [[encode(tokenizer, [f"The {r} of {s} is " * 3 + "so"], [v], [s])] for (r, s), v in facts]
    steps = Finetuning(copy.deepcopy(tiny_models[family]), forms, QUICK.model_copy(update={"method": "full"}), 1)
    assert not steps.packed
    assert next(steps).loss > 0


def test_a_step_in_several_packs_is_the_same_step(tiny_models, lessons):
    trajectories = []
    for limit in (10_000, 20):
        steps = Finetuning(tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1), [[e] for _, e in lessons], QUICK, 1)
        steps.pack_tokens = limit
        trajectories.append([s.loss for s in steps])
    assert len(list(packs(lessons, 20))) == 4 and [x for p in packs(lessons, 20) for x in p] == lessons
    np.testing.assert_allclose(*trajectories, rtol=1e-5)


def test_with_dropout_nothing_is_shared(tiny_models):
    assert not drops_out(tiny_models["llama"])
    assert drops_out(tiny_models["gpt2"])  # as its configuration comes
    assert drops_out(tunable(copy.deepcopy(tiny_models["llama"]), QUICK.model_copy(update={"dropout": 0.1}), 1))


@pytest.mark.parametrize("room", [0, 10**9])
@pytest.mark.parametrize("family", ["llama", "qwen2", "neox"])  # without and with a bias; one packed product of q, k, v
def test_the_short_lora_product_is_pefts(room, family, tiny_models, lessons, monkeypatch):
    monkeypatch.setattr("factsurv.training.models.tunable.COPIES", 0)
    model = tunable(copy.deepcopy(tiny_models[family]).eval(), QUICK, 1)
    with torch.no_grad():  # an adapter fresh from peft adds nothing
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    layers = [m for m in model.modules() if isinstance(m, PlainLora)]
    for layer in layers:
        layer.__class__ = Linear
    plain = padded_loss(model, model, lessons)
    wanted = gradients(model, plain)
    size = use_lora_product(model, room)
    assert (size > 0) == (room > 0) and len(layers) > 7
    short = padded_loss(model, model, lessons)
    assert short.grad_fn is not None and type(layers[0]) is PlainLora
    torch.testing.assert_close(short, plain, rtol=1e-5, atol=1e-6)
    close(gradients(model, short), wanted)


@pytest.mark.parametrize("change", [{"method": "dora"}, {"dropout": 0.2}])
def test_what_the_short_product_cannot_do_is_left_to_peft(change, tiny_models, lessons, monkeypatch):
    taken = []
    from factsurv.training.models.lora_product import LoraProduct

    real = LoraProduct.apply
    monkeypatch.setattr(LoraProduct, "apply", lambda *a: taken.append(1) or real(*a))
    for tuning in (QUICK, QUICK.model_copy(update=change)):
        model = tunable(copy.deepcopy(tiny_models["llama"]), tuning, 1).train()
        taken.clear()
        padded_loss(model, model, lessons[:2])
        assert bool(taken) == (tuning is QUICK)
