"""Names of a model's weights by layer and part, whatever its family calls them."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.models.depth import lacking
from factsurv.training.passes.full_precision import layers_of
from factsurv.training.spec import layer_numbers
from factsurv.training.surgery.spec import Where

# What transformers' families call them.
PARTS = {
    "attention": ("self_attn", "attn", "attention", "self_attention"),
    "mlp": ("mlp", "feed_forward", "ffn", "block_sparse_moe"),
}


def part_of_layer(layer: nn.Module, part: str) -> nn.Module:
    """The attention or the feed-forward part of a layer.

    Raises
    ------
    InputError
        If it has none that is known.
    """
    found = [module for name, module in layer.named_children() if name in PARTS[part]]
    if len(found) != 1:
        there = ", ".join(name for name, _ in layer.named_children())
        raise InputError(
            f"a layer of this model has no {part} by a known name ({there})", "parts", "name layers without parts"
        )
    return found[0]


def weights_at(model: PreTrainedModel, where: Where) -> set[str]:
    """Names of the weights of a place.

    Raises
    ------
    InputError
        If the model has no such layer or part.
    """
    layers = layers_of(model)
    if where.layers == "all" and where.parts is None:
        return {name for name, _ in model.named_parameters()}
    if where.layers != "all" and (problem := lacking(where.layers, len(layers))):
        raise InputError(problem, "graft.layers", "name layers that the model has")
    numbers = range(len(layers)) if where.layers == "all" else layer_numbers(where.layers)
    chosen = [layers[n] for n in numbers]
    modules = chosen if where.parts is None else [part_of_layer(layer, p) for layer in chosen for p in where.parts]
    inside = {id(weight) for module in modules for weight in module.parameters()}
    return {name for name, weight in model.named_parameters() if id(weight) in inside}
