"""An associative memory: one hidden layer of rectified units from a key to the logits of its class.

Zucchet et al. (arXiv 2503.21676), section 5: 256 units, 8,192 random keys, 30 classes, and then new pairs. The width of
the keys, rates, batches and numbers of steps are not in the notes we have of the paper: they are this project's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """Keys of length about 1, float32 (n, d), and the class of each, int64 (n,)."""

    keys: Tensor
    classes: Tensor


def draw_keys(classes: Tensor, width: int, generator: torch.Generator) -> Pairs:
    """Keys from N(0, 1/d)."""
    return Pairs(torch.randn(len(classes), width, generator=generator) / width**0.5, classes)


def untrained(width: int, units: int, classes: int, generator: torch.Generator) -> list[Tensor]:
    """Both layers' weights from N(0, 2/inputs) (He et al. 2015) and biases of 0: (d, h), (h,), (h, A), (A,)."""
    sizes = ((width, units), (units, classes))
    drawn = [torch.randn(size, generator=generator) * (2 / size[0]) ** 0.5 for size in sizes]
    return [drawn[0], torch.zeros(units), drawn[1], torch.zeros(classes)]


def logits(weights: list[Tensor], keys: Tensor) -> Tensor:
    """Of every class, (n, A)."""
    first, first_bias, second, second_bias = weights
    return torch.relu(keys @ first + first_bias) @ second + second_bias


def loss_of(weights: list[Tensor], pairs: Pairs, rows: Tensor) -> Tensor:
    """Mean cross-entropy of these pairs."""
    return torch.nn.functional.cross_entropy(logits(weights, pairs.keys[rows]), pairs.classes[rows])
