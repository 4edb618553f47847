"""The libraries' own bars and remarks are off unless asked for; what they find wrong is an error all the same.

Their threads sleep while they wait for each other: those that spin make a small model's pretraining seven times as long
where other processes want the cores as well.
"""

from __future__ import annotations

import os

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
THREADS = {"OMP_WAIT_POLICY": "passive"}


def quiet() -> None:
    """To be called before any of them is imported: they read these when they are."""
    for name, value in (QUIET | THREADS).items():
        os.environ.setdefault(name, value)
