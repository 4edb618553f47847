"""A tiny Llama, pretrained on the spot in an invented world: no download, known exposures."""

from __future__ import annotations

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
from factsurv.training.passes.forward import head_at
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
    newline = int(tokenizer.convert_tokens_to_ids("\n"))  # type: ignore[arg-type]  # of one token, one number

    def told(step: int) -> list[list[int]]:
        sentences: list[list[int]] = tokenizer(world.batch(rng, spec.pretrain_batch, step))["input_ids"]
        return [s + [newline] for s in sentences]

    reading = (spec.pretrain_steps, spec.pretrain_learning_rate)
    read(model, told, *reading, at, lambda step: keep(step, model, tokenizer))
    return model.eval()


def read(
    model: PreTrainedModel,
    told: Callable[[int], list[list[int]]],
    steps: int,
    rate: float,
    at: Collection[int] = (),
    keep: Callable[[int], None] = lambda _: None,
    last: int | None = None,
) -> None:
    """Train all weights on the sequences of tokens that are ``told`` at each step; ``keep`` comes after those ``at``.

    Steps count from 0 where they are told, and from 1 where they are kept; 0 is before the first. ``last``: only so
    many tokens at the end of each sequence are taught, and seen by the output head.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    warmup = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / warmup))
    if 0 in at:
        keep(0)
    for step in range(1, steps + 1):
        sentences = told(step - 1)
        lengths = torch.tensor([len(s) for s in sentences])
        ids = torch.zeros(len(sentences), int(lengths.max()), dtype=torch.long)
        for i, sentence in enumerate(sentences):
            ids[i, : len(sentence)] = torch.tensor(sentence)
        place = torch.arange(1, ids.shape[1])[None]
        seen = place < lengths[:, None]  # by length: pad may be any token
        if last is None:
            logits = model(input_ids=ids).logits[:, :-1][seen]  # (N, V) of (B, T-1, V)
        else:
            seen &= place >= lengths[:, None] - last
            with head_at(model, *torch.nonzero(seen, as_tuple=True)):
                logits = model(input_ids=ids).logits
        loss = F.cross_entropy(logits, ids[:, 1:][seen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step in at:
            keep(step)
