"""A model from random weights: an architecture of transformers in any size, and a vocabulary made from the facts.

Each run draws the weights anew with its own seed (`initialise`): what is kept is the configuration and the tokenizer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.models.load import cache_folder, keep, kept
from factsurv.training.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

SPECIAL = ["<eos>", "<unk>", "\n"]
PUNCTUATION = r"[\n.,;:?!]"
TRAINED_SIZE = 4096  # of a vocabulary of parts of words, where nothing else is said
LEAST = 300  # of them: each byte, so that all text can be spelled, and some to be learned


def scratch_model(facts: FactSet, spec: ModelSpec, say: Callable[[str], None] = print, verify: bool = False) -> Path:
    """Folder of the model's configuration, tokenizer and some random weights; made once for each vocabulary and size.

    ``verify``: the kept one is read whole and compared with its digests.
    """
    texts = list(texts_of(facts))
    shape = {k: getattr(spec, k) for k in ("architecture", "width", "layers", "heads", "inner", "context")}
    shape |= {
        "spread": spec.spread,
        "tied": spec.tied,
        "vocabulary": spec.vocabulary,
        "vocabulary_size": spec.vocabulary_size,
    }
    identity = json.dumps([shape, hashlib.sha256(json.dumps(texts).encode()).hexdigest()], sort_keys=True)
    folder = cache_folder() / f"scratch-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not kept(folder, say, verify):
        from transformers import AutoModelForCausalLM

        tokenizer = VOCABULARIES[spec.vocabulary](texts, spec.vocabulary_size)
        config = scratch_config(spec, len(tokenizer))
        config.eos_token_id = config.pad_token_id = tokenizer.eos_token_id
        config.bos_token_id = None
        say(f"a {spec.architecture} model with a vocabulary of {len(tokenizer):,} (kept in {folder})")
        keep(folder, AutoModelForCausalLM.from_config(config, trust_remote_code=False), tokenizer)
    return folder


def initialise(model: PreTrainedModel, seed: int) -> None:
    """Draw all weights anew, as transformers does for a model of this configuration."""
    import torch

    from factsurv.training.passes.random_states import devices

    with torch.random.fork_rng(devices()):
        torch.manual_seed(seed)
        drawn = type(model)(model.config)
    model.load_state_dict(drawn.state_dict())


def check_scratch(spec: ModelSpec) -> None:
    """Refuse an architecture that is none, or that cannot have this size.

    Raises
    ------
    InputError
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = scratch_config(spec, LEAST)
    try:
        with torch.device("meta"):
            AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        what = f"{spec.architecture!r} of this size cannot be made ({why})"
        raise InputError(what, "model.architecture", "take another width, or another architecture") from error


def check_vocabulary(facts: FactSet, spec: ModelSpec) -> None:
    """Refuse a vocabulary of words that has no room for all of them.

    Raises
    ------
    InputError
    """
    if spec.vocabulary != "words" or spec.vocabulary_size is None:
        return
    words = _words(list(texts_of(facts)))
    room = spec.vocabulary_size - len(SPECIAL)
    if room < len(words):
        without = set(words[room:])
        value = next((o for o in facts.column("object") if without.intersection(o.split())), None)
        cannot = f"it cannot spell {value!r}" if value else "it cannot spell all names"
        what = f"the facts have {len(words):,} words, and the vocabulary has room for {room:,}: {cannot}"
        raise InputError(what, "model.vocabulary_size", 'take it away, or set model.vocabulary = "bpe"')


def scratch_config(spec: ModelSpec, vocabulary: int) -> PretrainedConfig:
    """The configuration of the architecture in this size."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    from factsurv.training.models.small_model import sized

    if spec.architecture not in KNOWN:
        near = get_close_matches(spec.architecture, KNOWN, 1, cutoff=0)[0]
        what = f"transformers has no language model {spec.architecture!r}; the nearest is {near!r}"
        raise InputError(what, "model.architecture", "name one by its model_type")
    width, inner = spec.width, spec.inner or 4 * spec.width
    each = width // spec.heads
    sizes: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": width, "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.heads, "head_dim": each, "rotary_dim": each, "word_embed_proj_dim": width,
        **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"), inner),
        **dict.fromkeys(("max_position_embeddings", "n_positions"), spec.context),
        "tie_word_embeddings": spec.tied,
    }  # fmt: skip
    config = sized(AutoConfig.for_model(spec.architecture), sizes, spec.layers, spec.heads)
    if spec.spread is not None:
        config.initializer_range = spec.spread
    for name, value in list(vars(config).items()):  # trained from nothing without dropout, as language models are
        if isinstance(value, float) and name.endswith(("dropout", "pdrop", "dropout_prob")):
            setattr(config, name, 0.0)
    return config


def texts_of(facts: FactSet) -> Iterator[str]:
    """What a vocabulary is made from: every form, subject and answer once."""
    for relation in facts.relations:
        yield from (text.replace("{subject}", " ") for text in facts.templates[relation])
    yield from dict.fromkeys(facts.column("subject"))
    yield from dict.fromkeys(facts.column("object"))
    for pairs in facts.examples.values():
        yield from (text for pair in pairs for text in pair)
    for several in ("aliases", "options"):
        yield from dict.fromkeys(text for each in facts.several(several) for text in each)


def _split():
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split(Regex(PUNCTUATION), "isolated")]
    )


def _words(texts: list[str]) -> list[str]:
    split = _split()
    return sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)} - set(SPECIAL))


def of_words(texts: list[str], size: int | None) -> PreTrainedTokenizerFast:
    """One token a word; numbers are words."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *_words(texts)]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words[:size])}, unk_token="<unk>"))
    inner.pre_tokenizer = _split()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", unk_token="<unk>", pad_token="<eos>")


def of_parts(texts: list[str], size: int | None) -> PreTrainedTokenizerFast:
    """Byte-level BPE, trained on the texts: it can spell everything."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size or TRAINED_SIZE,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([f" {text}\n" for text in texts], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<eos>")


VOCABULARIES: dict[str, Callable[[list[str], int | None], PreTrainedTokenizerFast]] = {
    "words": of_words,
    "bpe": of_parts,
}
