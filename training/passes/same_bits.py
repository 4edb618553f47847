"""Kernels that give the same bits every time: a processor's do, a GPU's only where they are asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
rules: Any = torch.utils.deterministic
# Without one of these cuBLAS may sum in another order from one call to the next.
STEADY = (":4096:8", ":16:8")


def ask_for_same_bits() -> None:
    """To be called before the first product on a GPU: cuBLAS reads its setting once."""
    os.environ.setdefault(WORKSPACE, STEADY[0])


def can_be_asked(device: torch.device) -> bool:
    """Whether there is something to ask for, and cuBLAS has been told to join in."""
    return device.type == "cuda" and os.environ.get(WORKSPACE) in STEADY


@contextmanager
def same_bits(wanted: bool = True) -> Iterator[None]:
    """Let torch take such kernels only; one that does not exist is a RuntimeError (see `missing`)."""
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fill = rules.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    rules.fill_uninitialized_memory = False  # nothing here reads what it has not written
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        rules.fill_uninitialized_memory = fill


def missing(error: RuntimeError) -> bool:
    """Whether torch says that an operation has no such kernel."""
    return "does not have a deterministic implementation" in str(error)
