"""Which GPUs a run gets: those that the fewest other runs of this command use."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

DEVICES = ("nvidia[0-9]*", "dxg", "kfd")  # NVIDIA's, the same under Windows' Linux, AMD's
_users: Counter[str] = Counter()
_lock = threading.Lock()


def visible() -> list[str]:
    """Names of the GPUs that this command may use, as ``CUDA_VISIBLE_DEVICES`` writes them; empty without any."""
    # Without a driver's device there is nothing to ask torch for: to import it takes seconds.
    if not any(path for pattern in DEVICES for path in Path("/dev").glob(pattern)):
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    named = [n.strip() for n in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if n.strip()]
    return named or [str(i) for i in range(torch.cuda.device_count())]


@contextmanager
def taken(count: int, names: Sequence[str] | None = None) -> Iterator[dict[str, str]]:
    """Environment of a child process that sees ``count`` GPUs and no others, for as long as this lasts.

    More runs than GPUs (``study.workers``) share them. Without a GPU nothing is set.
    """
    names = visible() if names is None else names
    with _lock:
        mine = sorted(names, key=lambda name: (_users[name], names.index(name)))[:count]
        _users.update(mine)
    try:
        yield {"CUDA_VISIBLE_DEVICES": ",".join(mine)} if mine else {}
    finally:
        with _lock:
            _users.subtract(mine)
