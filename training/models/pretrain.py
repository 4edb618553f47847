"""A tiny Llama, pretrained on the spot in an invented world: no download, known exposures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

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


def pretrained(world: World, spec: ModelSpec, seed: int) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A tiny model that has read the world, and its tokenizer."""
    tokenizer = word_tokenizer(list(world.vocabulary))
    return _pretrain(world, spec, tokenizer, seed), tokenizer


def _pretrain(world: World, spec: ModelSpec, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
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
    optimizer = torch.optim.AdamW(model.parameters(), lr=spec.pretrain_learning_rate, weight_decay=0.01)
    warmup = max(1, spec.pretrain_steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / warmup))
    newline = tokenizer.convert_tokens_to_ids("\n")
    for _ in range(spec.pretrain_steps):
        sentences = tokenizer(world.sample(rng, spec.pretrain_batch))["input_ids"]
        lengths = torch.tensor([len(s) + 1 for s in sentences])
        ids = torch.zeros(len(sentences), int(lengths.max()), dtype=torch.long)
        for i, sentence in enumerate(sentences):
            ids[i, : len(sentence) + 1] = torch.tensor([*sentence, newline])
        logits = model(input_ids=ids).logits[:, :-1]  # (B, T-1, V)
        seen = torch.arange(1, ids.shape[1])[None] < lengths[:, None]  # by length: pad may be any token
        loss = F.cross_entropy(logits[seen], ids[:, 1:][seen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return model.eval()
