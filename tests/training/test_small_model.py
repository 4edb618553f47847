"""The small model of a rehearsal: another one's architecture and tokenizer, in a size that trains in seconds."""

import pytest
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from factsurv.events.errors import InputError
from factsurv.training.models.small_model import shrunk, small_model
from factsurv.training.spec import ModelSpec

# Each has something that the others have not: shared keys, a kind of layer each, experts, sizes of its own, positions.
KINDS = ("llama", "gpt2", "gpt_neox", "gemma2", "mixtral", "qwen3_moe", "falcon", "opt", "gptj", "deepseek_v3", "olmo2")


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_an_architecture_become_small(kind):
    config = shrunk(AutoConfig.for_model(kind))
    config.vocab_size = 32
    model = AutoModelForCausalLM.from_config(config)
    assert type(model.config) is type(AutoConfig.for_model(kind))
    assert sum(w.numel() for w in model.parameters()) < 2e6
    assert model(input_ids=model.dummy_inputs["input_ids"] % 32).logits.isfinite().all()


def test_tokenizer_and_rules_of_decoding_are_the_models_own(tiny_models, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("FACTSURV_CACHE", str(tmp_path / "cache"))
    model = tiny_models["llama"]
    model.save_pretrained(tmp_path / "model")
    GenerationConfig(repetition_penalty=1.2).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    folder, told = small_model(ModelSpec(name=str(tmp_path / "model")))
    assert told == []
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == tokenizer.get_vocab()
    assert GenerationConfig.from_pretrained(folder).repetition_penalty == 1.2
    with pytest.raises(InputError, match="is no name of a hub model"):
        small_model(ModelSpec(name="no model of this name/ at all"))
