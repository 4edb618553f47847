"""The memory plan: sizes of every family, batches that shrink until they fit, and a message instead of a kill."""

import copy
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Others, encode
from factsurv.training.models.tunable import tunable
from factsurv.training.passes import memory
from factsurv.training.probing.probe import agrees_with_plain_path, probe
from factsurv.training.spec import TuningSpec
from tests.training.conftest import FACTS, FAMILIES


@pytest.fixture(scope="module")
def encoded(tokenizer):
    """All facts behind one shared prefix."""
    prompts = [f"The {r} of {s} is" for r, s in FACTS]
    context = "The number of Other is 12\n" * 4
    return encode(tokenizer, prompts, list(FACTS.values()), prompts, contexts=[context] * len(prompts))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_has_its_sizes(family, tiny_models, tokenizer):
    shape = memory.shape_of(tiny_models[family])
    attention = 64 if family == "gemma4" else 32  # of the wider one of its layers
    assert (shape.layers, shape.width, shape.attention, shape.bytes) == (2, 32, attention, 4)
    assert shape.keys == {"gemma": 8, "gemma4": 32, "gpt2": 32, "neox": 32, "phi": 32}.get(family, 16)
    assert shape.inner == (128 if family == "gpt2" else 48)
    assert shape.vocabulary == len(tokenizer)


def test_batches_are_those_of_the_probe(tiny_models, encoded):
    seen = []
    model = tiny_models["llama"]
    hook = model.register_forward_pre_hook(lambda m, a, k: seen.append(tuple(k["input_ids"].shape)), with_kwargs=True)
    probe(model, encoded, batch_tokens=64)
    hook.remove()
    batches = memory.probe_batches(encoded, True, 64)
    assert [(b.rows, b.tokens) for b in batches] == seen
    assert sum(b.positions for b in batches) == (encoded.target_tokens + 1).sum()


def test_the_logits_of_one_pass_are_gone_before_the_next(tiny_models, encoded):
    """The plan counts one pass; held together, two of them were 3 % more than planned on SmolLM2."""
    model, made, alive = tiny_models["llama"], [], []
    hooks = [
        model.register_forward_pre_hook(lambda *_: alive.append(sum(ref() is not None for ref in made))),
        model.lm_head.register_forward_hook(lambda module, inputs, out: made.append(weakref.ref(out))),
    ]
    for share_prefix in (True, False):
        probe(model, encoded, batch_tokens=64, share_prefix=share_prefix)
    for hook in hooks:
        hook.remove()
    assert len(alive) > 6 and set(alive) == {0}


def test_the_plan_counts_what_bf16_holds_twice(tiny_models):
    """Embeddings, norm, head and one layer, 4 bytes each; nothing in fp32."""
    model = copy.deepcopy(tiny_models["llama"])
    assert memory.shape_of(model).widened == 0
    layer = sum(w.numel() for w in model.model.layers[0].parameters())
    every = sum(w.numel() for w in model.parameters())
    assert memory.shape_of(model.bfloat16()).widened == 4 * (every - 2 * layer + layer)


def test_batches_shrink_until_they_fit_and_then_it_is_refused(tiny_models, encoded):
    shape = memory.shape_of(tiny_models["llama"])
    most, need = memory.fitting_batch_tokens(shape, encoded, True, 4096, 10**12)
    assert most == 4096
    less, smaller = memory.fitting_batch_tokens(shape, encoded, True, 4096, need - 1)
    assert less < most and smaller < need
    with pytest.raises(InputError, match="probing one fact at a time takes .* are free"):
        memory.fitting_batch_tokens(shape, encoded, True, 4096, 1000)
    # Other right answers, twice as long, are what has to fit.
    long = replace(encoded, tokens=tuple(np.concatenate([t, t]) for t in encoded.tokens))
    with_others = replace(encoded, others=Others(long, np.arange(len(encoded))))
    assert memory.fitting_batch_tokens(shape, with_others, True, 4096, 10**12)[1] > need


def test_a_step_that_does_not_fit_is_refused_with_what_to_do():
    tuning = TuningSpec(method="full")
    shape = memory.Shape(32, 4096, 14336, 4096, 1024, 128256, 2)
    need = memory.training_bytes(shape, 8_000_000_000, 8, 30, 60, tuning)
    assert 8e9 * 16 < need < 8e9 * 17
    with pytest.raises(InputError, match="set tuning.recompute = true, take tuning.method = .lora."):
        memory.check_training(need, 80_000_000_000, tuning)
    less = memory.training_bytes(shape, 0, 8, 300, 60, tuning.model_copy(update={"recompute": True}))
    assert less < memory.training_bytes(shape, 0, 8, 300, 60, tuning) / 10
    memory.check_training(need, 140_000_000_000, tuning)


def test_a_step_is_split_until_it_fits():
    tuning = TuningSpec(batch_size=24, accumulate=3, processes=2)
    need = lambda parts: 1200 // parts  # noqa: E731
    assert [memory.fitting_parts(need, tuning, free) for free in (400, 399, 200, 199, 100, 50)] == [3, 6, 6, 12, 12, 12]


def test_free_memory_is_shared_between_runs():
    assert 0 < memory.free_bytes() < 1e13
    two = TuningSpec(batch_size=4, accumulate=2)
    assert memory.largest_lessons([5, 9, 7], [1, 1, 3], two) == (2, 10, 6)
    assert memory.largest_lessons([5, 9, 7], [1, 1, 3], two, pack=12) == (1, 12, 6)
    assert memory.largest_lessons([5, 9, 7], [1, 1, 3], two.model_copy(update={"processes": 2})) == (1, 10, 4)
    assert memory.size(1.25e9) == "1.2 GB" and memory.size(3e6) == "3 MB"
    assert np.isfinite(memory.USABLE)


@pytest.mark.parametrize(("method", "recompute"), [("lora", False), ("lora", True), ("full", False)])
def test_the_plan_counts_the_copies_that_autocast_makes(method, recompute, tokenizer):
    """fp32 weights trained in bf16: the copy of each matrix is kept until the backward pass; counted here."""
    small = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **small))
    tuning = TuningSpec(method=method, recompute=recompute, precision="bf16")
    shape = memory.shape_of(model)
    sizes = [shape, replace(shape, matrices=0)]
    counted, without = (memory.training_bytes(s, 0, 1, 9, 1, tuning) for s in sizes)
    least = min(w.numel() for n, w in model.named_parameters() if "proj" in n)
    model = tunable(model, tuning, 1, 0).train()
    held = {}

    def keep(tensor):
        if tensor.dtype == torch.bfloat16 and tensor.ndim == 2 and tensor.numel() >= least:
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t), torch.autocast("cpu", dtype=torch.bfloat16):
        model(input_ids=torch.arange(9)[None], use_cache=False)
    # All matrices but the embedding, which is looked up, and where only adapters learn what no gradient passes through.
    if recompute:
        assert counted == without and sum(held.values()) < 0.2 * 2 * shape.matrices
    else:
        assert 0.7 * (counted - without) < sum(held.values()) < counted - without


def test_what_torch_keeps_of_a_gpu_for_itself_is_free(monkeypatch):
    """The one thing here that is not real is the GPU: 80 GB, 30 in tensors, 20 more that are gone but kept by torch."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (30_000_000_000, 80_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 50_000_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 30_000_000_000)
    assert memory.free_bytes() == memory.USABLE * 50_000_000_000


def test_memory_that_runs_out_in_spite_of_the_plan_is_a_message():
    with pytest.raises(InputError, match="memory ran out in spite of the plan") as error, memory.explained():
        torch.empty(1 << 60)
    assert "tuning.accumulate" in error.value.remedy
    with pytest.raises(InputError, match="ran out"), memory.explained():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
    with pytest.raises(RuntimeError, match="another"), memory.explained():
        raise RuntimeError("another")


def test_a_lack_of_memory_is_not_taken_for_an_architecture(tiny_models, encoded, monkeypatch):
    """It would be said that the model cannot share a prefix, and the plain path would need more."""
    model = tiny_models["llama"]
    monkeypatch.setattr("factsurv.training.probing.measure.shared_passes", lambda *_: torch.empty(1 << 60))
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        agrees_with_plain_path(model, encoded)
