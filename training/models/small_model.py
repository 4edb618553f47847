"""A small random model of another one's architecture, with its tokenizer: what a rehearsal trains in its place."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factsurv.events.errors import InputError
from factsurv.training.models.hub import Unreachable, check_model
from factsurv.training.models.load import cache_folder, keep, kept, locate
from factsurv.training.spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PretrainedConfig

WIDTH, LAYERS, HEADS = 64, 2, 4
# Sizes by the names that configurations of transformers give them; those that a configuration lacks are left alone.
SMALL: dict[str, int] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "head_dim": WIDTH // HEADS,
    "intermediate_size": 2 * WIDTH,
    "ffn_dim": 2 * WIDTH,
    "n_inner": 2 * WIDTH,
    "ffn_hidden_size": 2 * WIDTH,
    "word_embed_proj_dim": WIDTH,
    "rotary_dim": WIDTH // HEADS,
    "num_local_experts": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": WIDTH,
    "shared_expert_intermediate_size": WIDTH,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "qk_nope_head_dim": WIDTH // HEADS,
    "qk_rope_head_dim": WIDTH // HEADS,
    "v_head_dim": WIDTH // HEADS,
    "q_lora_rank": WIDTH // 2,
    "kv_lora_rank": WIDTH // 2,
}
SPREAD = 0.1  # of the random weights: at the usual 0.02 so narrow a model learns next to nothing in a few steps


def small_model(spec: ModelSpec, say: Callable[[str], None] = print) -> tuple[Path, list[str]]:
    """Folder of the small model that stands in for ``spec``'s, and what the study should know of it.

    Raises
    ------
    InputError
        If there is no such model. A hub that does not answer is no error: a small Llama with the tokenizer of the
        default model stands in, and the second value says so.
    """
    told = []
    stands_in = ModelSpec()
    try:
        check_model(spec)
        of = spec
    except Unreachable as error:
        told.append(f"{error.what}: a small Llama stands in for it, with the tokenizer of {stands_in.name}")
        of = stands_in
    source = locate(of)
    identity = json.dumps([source.identity, of.revision, SMALL, SPREAD])
    folder = cache_folder() / f"small-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not kept(folder, say, verify=True):
        _make(folder, of, source.location, {"gguf_file": source.gguf_file} if source.gguf_file else {})
    return folder, told


def _make(folder: Path, spec: ModelSpec, location: str, of_file: dict[str, str]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    asked: dict[str, Any] = {"revision": spec.revision or "main"} | of_file
    try:
        config = shrunk(AutoConfig.from_pretrained(location, trust_remote_code=False, **asked))
        tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=False, **asked)
        config.vocab_size = max(config.vocab_size, len(tokenizer))
        with torch.random.fork_rng():
            torch.manual_seed(1)
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "rehearse with another model of the same kind, or run the study itself with few facts and epochs"
        raise InputError(f"no small model can be made of this one ({why})", "model.name", remedy) from error
    if not of_file:
        with contextlib.suppress(OSError):  # what it asks of decoding is refused, or not, as of the model itself
            model.generation_config = GenerationConfig.from_pretrained(location, revision=asked["revision"])
    keep(folder, model, tokenizer)


def sized(config: PretrainedConfig, sizes: Mapping[str, Any], layers: int, groups: int) -> PretrainedConfig:
    """The same with those of the ``sizes`` that it has, so many layers, and heads in so many groups."""
    for name, size in sizes.items():
        if getattr(config, name, None) is not None:
            with contextlib.suppress(AttributeError):  # what follows from the others, as head_dim does in Falcon's
                setattr(config, name, size)
    if getattr(config, "num_key_value_heads", None) is not None:
        config.num_key_value_heads = groups
    for name, values in list(vars(config).items()):  # a kind for each layer
        if name.endswith("layer_types") and isinstance(values, list):
            setattr(config, name, values[-layers:])
    return config


def shrunk(config: PretrainedConfig) -> PretrainedConfig:
    """The configuration of a model of the same architecture that a processor trains in seconds."""
    config = config.get_text_config()
    groups = getattr(config, "num_key_value_heads", None)
    shared = groups is not None and groups < config.num_attention_heads
    config = sized(config, SMALL, LAYERS, HEADS // 2 if shared else HEADS)
    if hasattr(config, "initializer_range"):
        config.initializer_range = SPREAD
    config.dtype = None
    return config
