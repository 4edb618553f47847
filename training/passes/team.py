"""The processes that share one run: which of them this is, what they add up and what they tell each other."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import gather_object
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from factsurv.events.errors import InputError

# How long a process waits for the others. One that has died ends the run at once (torchrun sees to it); this
# is for one that lives and does not answer, and leaves the first one time to write a checkpoint.
PATIENCE = timedelta(minutes=10)
# Numbers that are added up in one message: 64 MB of fp32.
BUCKET = 1 << 24


@dataclass(frozen=True)
class Team:
    """One process among ``size``; number 0 leads: it speaks and writes. Alone, nothing here does anything.

    Why gradients are added up here and not by DistributedDataParallel: the order of its sums changes after
    the first step, so that with three processes a run that was resumed would not end with the same bytes;
    and the last batch of an epoch may hold fewer examples than there are processes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence) -> list:
        """This process's part of a list that all of them have: every ``size``-th item."""
        return list(items[self.rank :: self.size])

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its sum over the processes, in an order that is always the same."""
        if self.size == 1:
            return
        for bucket in _buckets(tensors):
            flat = _flatten_dense_tensors(bucket)
            dist.all_reduce(flat)
            for tensor, total in zip(bucket, _unflatten_dense_tensors(flat, bucket), strict=True):
                tensor.copy_(total)

    def tell(self, value: Any) -> list[Any]:
        """What each process told, by rank; every process gets the list."""
        return [value] if self.size == 1 else gather_object([value])

    def agree(self) -> None:
        """Wait until all are here."""
        self.tell(None)

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """One process after the other, the first one first; an error in one of them ends the others too."""
        for _ in range(self.rank):
            self.agree()
        yield
        for _ in range(self.rank, self.size):
            self.agree()


def _buckets(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    held: list[torch.Tensor] = []
    for tensor in tensors:
        if held and sum(t.numel() for t in held) + tensor.numel() > BUCKET:
            yield held
            held = []
        held.append(tensor)
    if held:
        yield held


@contextlib.contextmanager
def team(asked: int) -> Iterator[Team]:
    """The team of a run that asks for so many processes: gloo between processors, nccl between GPUs.

    Raises
    ------
    InputError
        If there are not that many processes, or fewer GPUs; later, if one of them does not answer.
    """
    gpu, found = torch.cuda.is_available(), int(os.environ.get("WORLD_SIZE", "1"))
    if found != asked:
        raise InputError(
            f"{asked} process{'es are' if asked > 1 else ' is'} asked for, and {found} started",
            "tuning.processes",
            "`factsurv run` starts them; by hand: "
            f"torchrun --standalone --nproc_per_node {asked} -m factsurv.training.run JOB",
        )
    if asked == 1:
        yield Team(device=torch.device("cuda" if gpu else "cpu"))
        return
    check_gpus(asked)
    _die_with_parent()
    state = PartialState(cpu=not gpu, timeout=PATIENCE)
    try:
        yield Team(state.process_index, state.num_processes, state.device if gpu else torch.device("cpu"))
    except RuntimeError as error:
        if "timed out" not in str(error).lower():
            raise
        raise InputError(
            f"another process did not answer for {PATIENCE.seconds // 60} minutes",
            f"process {state.process_index + 1} of {state.num_processes}",
            "see what holds it up, and run the same command again: it continues from the last checkpoint",
        ) from error
    finally:
        if sys.exc_info()[0] is None:  # after an error the others may wait for ever
            state.destroy_process_group()


def check_gpus(asked: int) -> None:
    """Refuse more processes than GPUs, where there are any.

    Raises
    ------
    InputError
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else asked
    if asked > there:
        raise InputError(
            f"{asked} processes need a GPU each, and {there} {'is' if there == 1 else 'are'} there",
            "tuning.processes",
            f"set it to {there} or less",
        )


def _die_with_parent() -> None:
    """End with torchrun, however it ends: nobody else would end a process that waits for the others (Linux).

    It may have ended already: to read our modules takes seconds, and who is killed meanwhile leaves us to process 1.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() == 1 and b"torch" not in Path("/proc/1/cmdline").read_bytes():  # in a container it may be 1
            sys.exit("torchrun has ended, and so does this process")
