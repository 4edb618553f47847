"""A model ready to be tuned: what of it is trained, and by which adapter."""

from __future__ import annotations

import re

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.models.depth import lacking
from factsurv.training.models.lora_product import use_lora_product
from factsurv.training.passes import memory
from factsurv.training.passes.full_precision import layers_of
from factsurv.training.passes.random_states import devices
from factsurv.training.spec import TuningSpec, layer_numbers

# Share of the free memory that transposed copies of frozen weights may take.
COPIES = 0.25


def tunable(model: PreTrainedModel, tuning: TuningSpec, seed: int, room: int | None = None) -> PreTrainedModel:
    """The model ready to be tuned: with a fresh adapter (LoRA, DoRA), or all weights trainable (full).

    ``room`` is what transposed copies of frozen weights may take (bytes; see `use_lora_product`). They round
    differently, so a run that is continued must have the room that it had.
    """
    if tuning.recompute:
        if not model.supports_gradient_checkpointing:
            raise InputError(
                f"{type(model).__name__} cannot recompute its activations", "tuning.recompute", "set it to false"
            )
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if tuning.method == "full":
        if tuning.layers is None:
            return model.requires_grad_(True)
        model.requires_grad_(False)
        for layer in chosen_layers(model, tuning.layers):
            layer.requires_grad_(True)
        return model
    config = LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        use_dora=tuning.method == "dora",
        target_modules=tuning.targets,
        exclude_modules=_outside(model, tuning.layers) if tuning.layers else None,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices()):  # peft draws from the global generator
        torch.manual_seed(seed)
        try:
            adapted = get_peft_model(model, config)
        except ValueError as error:
            raise InputError(str(error).splitlines()[0], "tuning.targets", 'use "all-linear"') from error
    use_lora_product(adapted, room_for_copies() if room is None else room)
    return adapted  # type: ignore[return-value]


def chosen_layers(model: PreTrainedModel, layers: str) -> list[nn.Module]:
    """The layers of these numbers.

    Raises
    ------
    InputError
        If the model has not so many.
    """
    there = layers_of(model)
    if problem := lacking(layers, len(there)):
        raise InputError(problem, "tuning.layers", "name layers that the model has")
    return [there[n] for n in layer_numbers(layers)]


def _outside(model: PreTrainedModel, layers: str) -> str:
    """A pattern of the names of all modules outside these layers."""
    chosen = chosen_layers(model, layers)
    names = "|".join(re.escape(name) for name, module in model.named_modules() if any(module is c for c in chosen))
    return rf"(?!({names})\.).*"


def room_for_copies() -> int:
    """What transposed copies may take of the memory that is free now, bytes."""
    return int(memory.free_bytes() * COPIES)
