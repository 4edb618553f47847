"""States of the generators that training draws from."""

from __future__ import annotations

import torch


def devices() -> list[int]:
    """The GPU of this process, if any: the others belong to other processes."""
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []


def random_states() -> list[torch.Tensor]:
    """Of torch's global generators: the processor's, then that of each of `devices`."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(i) for i in devices())]


def set_random_states(states: list[torch.Tensor]) -> None:
    """As `random_states` gave them."""
    torch.set_rng_state(states[0])
    for i, state in zip(devices(), states[1:], strict=True):
        torch.cuda.set_rng_state(state, i)
