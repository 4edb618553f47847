"""Probing and training where the weights are not on the CPU, as on a GPU: torch's ``meta`` device stands for it.

Nothing is computed there, and a tensor that was left on the CPU, or a product of two precisions, is an error as on a
GPU (but for products, `gather` and indices, which ``meta`` lets pass).
"""

import pytest
import torch
from transformers import masking_utils

from factsurv.training.facts.prompts import encode
from factsurv.training.lessons.lesson_loss import packed_loss, padded_loss
from factsurv.training.models.tunable import tunable
from factsurv.training.passes.forward import plain_passes, shared_passes
from factsurv.training.spec import TuningSpec
from tests.training.conftest import FACTS, FAMILIES


@pytest.fixture
def elsewhere(tokenizer, monkeypatch):
    """A function that makes a bf16 model of a family on ``meta``."""
    # It looks at values, which are not there, to tell packed sequences apart.
    monkeypatch.setattr(masking_utils, "find_packed_sequence_indices", lambda positions: None)

    def make(family):
        torch.set_default_dtype(torch.bfloat16)
        try:
            with torch.device("meta"):
                return FAMILIES[family](len(tokenizer)).eval()
        finally:
            torch.set_default_dtype(torch.float32)

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_left_on_the_cpu(family, elsewhere, tokenizer):
    model = elsewhere(family)
    prompts = [f"The {r} of {s} is" for r, s in list(FACTS)[:8]]
    answers = list(FACTS.values())[:8]
    contexts = ["The number of Other is 12\n"] * len(prompts)
    encoded = encode(tokenizer, prompts, answers, prompts, contexts=contexts)
    with torch.no_grad():
        for way in (shared_passes, plain_passes):
            scored = [logits for *_, logits in way(model, encoded, 64)]
            assert {(z.device.type, z.dtype) for z in scored} == {("meta", torch.bfloat16)}
            assert sum(len(z) for z in scored) == (encoded.target_tokens + 1).sum()
    lessons = [(i, encode(tokenizer, [p], [a], [p])) for i, (p, a) in enumerate(zip(prompts, answers, strict=True))]
    model = tunable(model, TuningSpec(rank=4), 1, 0)
    for loss in (packed_loss(model, model, lessons, True), padded_loss(model, model, lessons)):
        loss.backward()
        assert loss.device.type == "meta"
    assert all(w.grad is not None for w in model.parameters() if w.requires_grad)


def test_it_can_fail(elsewhere, tokenizer, monkeypatch):
    """Scores and a tensor on the CPU, as it would be without a device."""
    from factsurv.training.passes.shared_prefix import Rule

    monkeypatch.setattr(Rule, "capped", lambda self, scores: scores + torch.zeros(scores.shape))
    encoded = encode(tokenizer, ["The capital of Ostra is", "The capital of Zeel is"], ["Abor", "Dal"], ["a", "b"])
    with torch.no_grad(), pytest.raises(RuntimeError, match="not on the expected device"):
        list(shared_passes(elsewhere("llama"), encoded, 64))
