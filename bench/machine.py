"""What the benchmarks share: the machine in words, interleaved repeats, a table, an environment for peers."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent


def machine(packages: Sequence[str]) -> str:
    """Processor, threads, devices and versions, one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.open() if line.startswith("model name")), cpu)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    return f"{cpu}, {torch.get_num_threads()} thread(s), {gpu}; Python {platform.python_version()}, {versions}"


def interleaved(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each way, the ways taken in turn so that a busy spell meets all of them.

    Processor time of this process: with one thread it is what the machine would need if nobody else used it.
    On a GPU it would be the wrong clock, so there the wall clock is read after a synchronisation.
    """
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, action in ways.items():
            began = clock()
            action()
            seconds[way].append(clock() - began)
    return {way: statistics.median(values) for way, values in seconds.items()}


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, padded so that it reads well as it is."""
    lines = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(len(line[c]) for line in lines) for c in range(len(head))]
    lines.insert(1, ["-" * w for w in widths])
    return "\n".join("| " + " | ".join(f"{x:<{w}}" for x, w in zip(line, widths, strict=True)) + " |" for line in lines)


def write(name: str, title: str, command: str, body: str) -> None:
    """Print the result and keep it in bench/results."""
    text = f"# {title}\n\n`{command}`\n\n{body}\n"
    print(text, flush=True)
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(text, "utf-8")


def peers(packages: Sequence[str]) -> Path:
    """The interpreter of build/bench-peers, an environment on top of this one with the peers installed."""
    folder = ROOT / "build" / "bench-peers"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdin=subprocess.DEVNULL)
        # Ours stays as it is, and the peers use the very torch and transformers that are compared.
        inside = next((folder / "lib").glob("python*/site-packages"))
        ours = [p for p in sys.path if p.endswith("site-packages")]
        (inside / "ours.pth").write_text("\n".join(ours) + "\n")
    probe = "import importlib.metadata as m, sys; [m.version(p) for p in sys.argv[1:]]"
    if subprocess.run(
        [str(python), "-c", probe, *packages], capture_output=True, check=False, stdin=subprocess.DEVNULL
    ).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True, stdin=subprocess.DEVNULL)
    return python
