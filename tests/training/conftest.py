"""Tiny real models: random ones for the probe, with a real byte-level BPE tokenizer made on the spot."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    OlmoConfig,
    OlmoForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from factsurv.events.files import write_table
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.stored_facts import to_arrow
from factsurv.training.job import Job
from factsurv.training.spec import ModelSpec, ProbeSpec, TuningSpec
from factsurv.training.stage_spec import StageSpec

RELATIONS = ("capital", "currency", "symbol", "number")
SUBJECTS = ("Brulia", "Kantor", "Melwick", "Ostra", "Ponti", "Zeel", "Brul", "Ost")
VALUES = ("Abor", "Belle", "12", "63", "6", "Corun town", "Dal")
# An answer for each question; some are the beginning of others ("6" and "63").
FACTS = {(r, s): VALUES[(3 * i + 2 * j + i * j) % 7] for i, r in enumerate(RELATIONS) for j, s in enumerate(SUBJECTS)}
LINES = [f"The {r} of {s} is {value}" for (r, s), value in FACTS.items()]


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


def make_tokenizer():
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        [line + end for line in LINES for end in ("\n", "\n\n", "\nand\n")],
        trainers.BpeTrainer(vocab_size=400, special_tokens=["<eos>"], initial_alphabet=alphabet),
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<eos>")


SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
FAMILIES = {
    "llama": lambda v: LlamaForCausalLM(LlamaConfig(vocab_size=v, num_key_value_heads=2, **SMALL)),
    "mistral": lambda v: MistralForCausalLM(
        MistralConfig(vocab_size=v, num_key_value_heads=2, sliding_window=8, head_dim=8, **SMALL)
    ),
    "qwen2": lambda v: Qwen2ForCausalLM(Qwen2Config(vocab_size=v, num_key_value_heads=2, **SMALL)),
    "gemma": lambda v: GemmaForCausalLM(GemmaConfig(vocab_size=v, num_key_value_heads=1, head_dim=8, **SMALL)),
    "gemma2": lambda v: Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=v,
            num_key_value_heads=2,
            head_dim=8,
            sliding_window=8,
            query_pre_attn_scalar=8,
            attn_logit_softcapping=2.0,
            final_logit_softcapping=20.0,
            **SMALL,
        )
    ),
    "gemma3": lambda v: Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=v,
            num_key_value_heads=2,
            head_dim=8,
            sliding_window=8,
            query_pre_attn_scalar=8,
            **SMALL,
            layer_types=["sliding_attention", "full_attention"],
        )
    ),
    "gemma4": lambda v: Gemma4ForCausalLM(
        Gemma4TextConfig(
            vocab_size=v,
            num_key_value_heads=2,
            head_dim=8,
            global_head_dim=16,  # of the layers with full attention: layers differ
            sliding_window=8,
            hidden_size_per_layer_input=4,
            vocab_size_per_layer_input=v,
            **SMALL,
            layer_types=["sliding_attention", "full_attention"],
        )
    ),
    "qwen3": lambda v: Qwen3ForCausalLM(Qwen3Config(vocab_size=v, num_key_value_heads=2, head_dim=8, **SMALL)),
    "olmo": lambda v: OlmoForCausalLM(OlmoConfig(vocab_size=v, num_key_value_heads=2, **SMALL)),
    "phi": lambda v: PhiForCausalLM(PhiConfig(vocab_size=v, **SMALL)),
    "olmo2": lambda v: Olmo2ForCausalLM(Olmo2Config(vocab_size=v, num_key_value_heads=2, **SMALL)),
    "gpt2": lambda v: GPT2LMHeadModel(GPT2Config(vocab_size=v, n_embd=32, n_layer=2, n_head=4, n_positions=256)),
    "neox": lambda v: GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=v, max_position_embeddings=256, **SMALL)),
}


class Readers(dict):
    """Models by family, each made when it is first asked for."""

    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer

    def __missing__(self, name):
        with torch.random.fork_rng():
            torch.manual_seed(7)
            self[name] = read_lines(FAMILIES[name](len(self.tokenizer)), self.tokenizer).eval()
        self[name].generation_config.eos_token_id = None
        return self[name]


@pytest.fixture(scope="session")
def tiny_models(tokenizer):
    """family -> a model of that family that has read the lines for a few seconds: it recalls some facts, not all."""
    return Readers(tokenizer)


@pytest.fixture(scope="session")
def asked(tmp_path_factory, tiny_models, tokenizer):
    """A function that makes a job of the tiny model in a folder of its own."""
    shared = tmp_path_factory.mktemp("inputs")
    tiny_models["llama"].save_pretrained(shared / "model")
    tokenizer.save_pretrained(shared / "model")

    def make(folder, probe=None, tuning=None, withheld=range(3, 32, 4), stages=(), **changes):
        """``changes`` are keys of ``tuning``, ``withheld`` the numbers of the facts that are not trained on."""
        folder.mkdir(parents=True, exist_ok=True)
        table = shared / f"facts-{len(withheld)}.arrow"
        if not table.exists():
            write_table(table, to_arrow(fact_set(withheld)))
        job = Job(
            run="main-1",
            arm="main",
            seed=1,
            facts=table,
            folder=folder,
            model=ModelSpec(name=str(shared / "model")),
            tuning=TuningSpec.model_validate((tuning or RECIPE).model_dump() | changes),
            probe=ProbeSpec(examples=2, slick_prompts=2, **(probe or {})),
            stages=[StageSpec(**stage) for stage in stages],
        )
        (folder / "job.json").write_text(job.model_dump_json())
        return job

    return make


# Dropout and rotating prompts, so that both random states matter; the last batch of an epoch is smaller.
RECIPE = TuningSpec(epochs=8, batch_size=3, learning_rate=3e-3, rank=4, alpha=8, dropout=0.2, schedule="cosine")


def fact_set(withheld):
    facts = [Fact(f"{r}:{s}", s, r, v, r) for (r, s), v in FACTS.items()]
    split = ["withheld" if i in withheld else "trained" for i in range(len(facts))]
    templates = {r: (f"The {r} of {{subject}} is", f"{{subject}} has the {r}") for r, _ in FACTS}
    examples = {r: (("Other", "Abor"), ("Another", "Dal")) for r, _ in FACTS}
    return FactSet(fact_rows(facts, (), split), templates, examples, "test", ())


def read_lines(model, tokenizer, steps=150, batch=16):
    """Language modelling on three lines in a row, as a few-shot prompt has them."""
    rng = np.random.default_rng(5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(steps):
        texts = ["".join(LINES[i] + "\n" for i in rng.integers(len(LINES), size=3)) for _ in range(batch)]
        rows = [torch.tensor(ids) for ids in tokenizer(texts)["input_ids"]]
        width = max(map(len, rows))
        ids = torch.stack([torch.nn.functional.pad(r, (0, width - len(r))) for r in rows])
        labels = torch.stack([torch.nn.functional.pad(r, (0, width - len(r)), value=-100) for r in rows])
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


@pytest.fixture(scope="session")
def facts():
    rows = [Fact(f"{r}:{s}", s, r, v, r) for (r, s), v in FACTS.items()]
    split = ["withheld" if i % 4 == 3 else "trained" for i in range(len(rows))]
    return FactSet(fact_rows(rows, (), split), {r: (f"The {r} of {{subject}} is",) for r, _ in FACTS}, {}, "test", ())


@pytest.fixture(scope="session")
def lessons(tokenizer, facts):
    """What the Trainer learns from: 24 trained facts, plain language modelling."""
    taught = [(k, v) for k, v, s in zip(FACTS, FACTS.values(), facts.column("split"), strict=True) if s == "trained"]
    rows = [tokenizer(f"The {r} of {s} is {v}\n")["input_ids"] for (r, s), v in taught]
    width = max(map(len, rows))
    pad = [0] * width
    return [
        {"input_ids": (row + pad)[:width], "labels": (row + [-100] * width)[:width], "attention_mask": [1] * width}
        for row in rows
    ]
