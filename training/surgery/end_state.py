"""The weights that a run ended with, and sums of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from peft.tuners.lora import LoraLayer
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.models.tunable import tunable
from factsurv.training.spec import TuningSpec
from factsurv.training.surgery.weight_sum import BASE, WeightSum

FILE = "end.safetensors"
ADAPTED = "base_model.model."


class EndState(BaseModel):
    """Where a run's trained weights lie, and how it was tuned (its adapters are read as their products)."""

    path: Path
    tuning: TuningSpec
    seed: int


def weights_file(checkpoint: int) -> str:
    """Name of the file with a run's trained weights at a checkpoint."""
    return f"weights-{checkpoint:06d}.safetensors"


def save_end(folder: Path, weights: Mapping[str, torch.Tensor], name: str = FILE) -> None:
    """Write a run's trained weights under their own names."""
    held = {name: weight.detach().cpu().contiguous().clone() for name, weight in weights.items()}
    unfinished = folder / f".{name}"
    try:
        save_file(held, unfinished)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        what = f"the weights that the run ended with cannot be written: {str(error).splitlines()[0]}"
        raise InputError(what, str(folder), "free some space and run the same command again") from error
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, folder / name)


def ended_with(model: PreTrainedModel, state: EndState) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and fp32 values of the weights that the run trained; ``model`` is the base and stays as it is."""
    if state.tuning.method == "full":
        with safe_open(state.path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  (no mapping)
                yield name, file.get_tensor(name).float()
        return
    yield from _products(model, state).items()


def _products(model: PreTrainedModel, state: EndState) -> dict[str, torch.Tensor]:
    """W + s B A of each adapted weight, as peft merges it."""
    trained = {name: w.requires_grad for name, w in model.named_parameters()}
    adapted = tunable(model, state.tuning, state.seed, 0)
    own, found = dict(adapted.named_parameters()), {}
    with torch.no_grad(), safe_open(state.path, "pt") as file:
        for name in file.keys():  # noqa: SIM118
            own[name].copy_(file.get_tensor(name))
        for name, layer in adapted.named_modules():
            if isinstance(layer, LoraLayer):
                weight = layer.get_base_layer().weight
                before: torch.Tensor = weight.data  # type: ignore[assignment]
                weight.data = before.float().clone()
                layer.merge()  # type: ignore[operator]
                found[f"{name.removeprefix(ADAPTED)}.weight"] = weight.data
                weight.data = before
                layer.merged_adapters.clear()
    adapted.unload()  # type: ignore[operator]
    for name, weight in model.named_parameters():
        weight.requires_grad_(trained[name])
    return found


@torch.no_grad()
def put(model: PreTrainedModel, state: EndState) -> None:
    """Give the base model the weights of a run."""
    weights = dict(model.named_parameters())
    for name, weight in ended_with(model, state):
        weights[name].copy_(weight)


@torch.no_grad()
def put_sum(model: PreTrainedModel, total: WeightSum, states: Mapping[str, EndState], at: set[str]) -> None:
    """Turn the base model into W_first + Σ c (W_arm − W_base), the sum only ``at`` weights of these names.

    What is added are changes, summed in fp32: they are exact where they are small, and nothing where two arms ended
    alike, so that W + (A − A) is W bit for bit. A weight that two layers share has one name and is added once.
    """
    base: dict[str, torch.Tensor] = dict(model.named_parameters())
    changes: dict[str, torch.Tensor] = {}
    for arm, factor in total.others.items():
        for name, weight in ended_with(model, states[arm]):
            if name in at:
                change = factor * (weight.to(base[name].device) - base[name].float())
                changes[name] = changes[name] + change if name in changes else change
    for name, weight in ended_with(model, states[total.first]) if total.first != BASE else ():
        here = weight.to(base[name].device)
        base[name].copy_(here + changes.pop(name) if name in changes else here)
    for name, change in changes.items():  # of weights that the first arm did not train
        base[name].copy_(base[name].float() + change)


def sum_bytes(model: PreTrainedModel, total: WeightSum, states: Mapping[str, EndState], at: set[str]) -> int:
    """What `put_sum` holds beside the model: the changes, and the products of one arm's adapters, in fp32."""
    sizes = {name: 4 * weight.numel() for name, weight in model.named_parameters()}
    second = sum(size for name, size in sizes.items() if name in at) if total.others else 0
    adapted = any(state.tuning.method != "full" for state in states.values())
    return second + (sum(sizes.values()) if adapted else max(sizes.values()))


@torch.no_grad()
def put_back(model: PreTrainedModel, state: EndState, at: set[str]) -> None:
    """Turn the base model into the run's end state, but ``at`` weights of these names."""
    weights = dict(model.named_parameters())
    for name, weight in ended_with(model, state):
        if name not in at:
            weights[name].copy_(weight)
