"""The libraries' own bars and remarks are off unless asked for; what they find wrong is an error all the same."""

from __future__ import annotations

import os

QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}


def quiet() -> None:
    """To be called before any of them is imported: they read these when they are."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
