"""A tiny Llama, pretrained on the spot in an invented world: no download, known exposures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from factsurv.training.facts.sources.tiny_world import World
from factsurv.training.spec import ModelSpec


def word_tokenizer(vocabulary: list[str]) -> PreTrainedTokenizerFast:
    """One token a word, a digit or a newline; the world's vocabulary is closed."""
    special = ["<eos>", "<unk>", "\n"]
    words = special + [w for w in dict.fromkeys(vocabulary) if w not in special]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split(Regex(r"\n|\d|\."), "isolated")]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", unk_token="<unk>", pad_token="<eos>")


Keep = Callable[[int, PreTrainedModel, PreTrainedTokenizerBase], None]


def pretrained(
    world: World, spec: ModelSpec, seed: int, at: Collection[int] = (), keep: Keep = lambda *_: None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A tiny model that has read the world, and its tokenizer; ``keep`` is given it after each of the steps ``at``."""
    tokenizer = word_tokenizer(list(world.vocabulary))
    return _pretrain(world, spec, tokenizer, seed, at, keep), tokenizer


def _pretrain(
    world: World, spec: ModelSpec, tokenizer: PreTrainedTokenizerFast, seed: int, at: Collection[int], keep: Keep
) -> LlamaForCausalLM:
    rng = np.random.default_rng(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=spec.width,
        intermediate_size=4 * spec.width,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.heads,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    reading = (spec.pretrain_steps, spec.pretrain_learning_rate, at, keep)
    steps = itertools.count()
    read(model, tokenizer, lambda: world.batch(rng, spec.pretrain_batch, next(steps)), *reading)
    return model.eval()


def read(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentences: Callable[[], list[str]], steps: int,
    rate: float, at: Collection[int] = (), keep: Keep = lambda *_: None,
) -> None:  # fmt: skip
    """Train all weights on ``sentences()``, new ones for each of the ``steps``; each ends with a newline."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    warmup = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / warmup))
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    if 0 in at:
        keep(0, model, tokenizer)
    for step in range(1, steps + 1):
        told = tokenizer(sentences())["input_ids"]
        lengths = torch.tensor([len(s) + 1 for s in told])
        ids = torch.zeros(len(told), int(lengths.max()), dtype=torch.long)
        for i, sentence in enumerate(told):
            ids[i, : len(sentence) + 1] = torch.tensor([*sentence, newline])
        logits = model(input_ids=ids).logits[:, :-1]  # (B, T-1, V)
        seen = torch.arange(1, ids.shape[1])[None] < lengths[:, None]  # by length: pad may be any token
        loss = F.cross_entropy(logits[seen], ids[:, 1:][seen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step in at:
            keep(step, model, tokenizer)
