"""How many layers a model has, from its configuration, before it is loaded."""

from __future__ import annotations

from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.training.models.load import locate
from factsurv.training.spec import ModelSpec, layer_numbers


def lacking(layers: str, count: int) -> str:
    """What is wrong with these layers in a model that has ``count``; empty if nothing is."""
    most = max(layer_numbers(layers))
    return f"{layers!r} names layer {most}, and the model has {count}: 0 to {count - 1}" if most >= count else ""


def layer_count(spec: ModelSpec) -> int | None:
    """Layers of the model; None where its configuration is not at hand (a hub model that was never downloaded)."""
    if spec.name == "tiny":
        return spec.layers
    from transformers import AutoConfig  # torch takes seconds to import, and most studies name no layers
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    try:
        source = locate(spec)
        if source.gguf_file is not None:
            config = load_gguf_checkpoint(Path(source.location) / source.gguf_file)["config"]
            return int(config["num_hidden_layers"])
        config = AutoConfig.from_pretrained(
            source.location, revision=spec.revision or "main", trust_remote_code=False, local_files_only=True
        )
    except (InputError, OSError, ValueError, KeyError):  # told where the model is checked
        return None
    from factsurv.training.passes.memory import first_size

    return first_size(config.get_text_config(decoder=True), "num_hidden_layers", "n_layer") or None
