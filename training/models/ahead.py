"""The next checkpoint's files, read while the one before it is probed: downloaded, and in the system's memory."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.training.models.load import locate
from factsurv.training.passes import memory
from factsurv.training.spec import ModelSpec

CHUNK = 1 << 24
SHARE = 0.5  # of the free memory that may hold files of a model that nobody uses yet
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt"]


class Ahead:
    """Reads one checkpoint's files in a thread of its own.

    Only files: loading a model beside another one would change torch's default type under it.
    """

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    def read(self, spec: ModelSpec | None) -> None:
        """Begin; None: there is nothing to read."""
        self.thread = threading.Thread(target=_read, args=(spec,), daemon=True) if spec else None
        if self.thread:
            self.thread.start()

    def wait(self) -> None:
        """Until all is read: two downloads of one file would wait for each other all the same."""
        if self.thread:
            self.thread.join()


def _read(spec: ModelSpec) -> None:
    with contextlib.suppress(Exception):  # who loads it says what is wrong
        for path in _files(spec):
            if path.stat().st_size < SHARE * memory.machine_free():
                with path.open("rb") as file:
                    while file.read(CHUNK):
                        pass


def _files(spec: ModelSpec) -> list[Path]:
    try:
        source = locate(spec)
    except InputError:
        return []
    if not source.identity.startswith("hub:"):
        folder = Path(source.location)
        return [folder / source.gguf_file] if source.gguf_file else sorted(folder.glob("*.safetensors"))
    import huggingface_hub as hub

    return sorted(Path(hub.snapshot_download(spec.name, revision=spec.revision, allow_patterns=WANTED)).rglob("*.s*s"))
