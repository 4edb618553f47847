"""Counting 12,000 facts in a made corpus of 2 GB, with a kill -9 in the middle: `python bench/counts.py [FOLDER]`.

The corpus is one block of made text over and over: text, JSON lines (plain, gzip, zstd), parquet. So its counts
are those of the block so many times. One process; processor time, and the most that was resident of any process.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from bench.machine import machine, table, write
from factsurv.events.files import read_table
from factsurv.training.facts.corpus.documents import documents as read
from factsurv.training.facts.corpus.files import units_of
from factsurv.training.facts.corpus.names import Names
from factsurv.training.facts.counts import count_small, names_of
from factsurv.training.facts.fact_table import read_fact_table
from factsurv.training.facts.sources.tiny_world import invented_words
from factsurv.training.spec import CorpusSpec

FACTS, BLOCK, DOCUMENT, NAMED = 12_000, 20 << 20, 1500, 0.03
TIMES = {"a.txt": 20, "b.jsonl": 40, "c.jsonl.gz": 10, "d.jsonl.zst": 20, "e.parquet": 10}
COUNT = "from factsurv.flows.entry import main; import sys; sys.argv = ['factsurv', 'count', *sys.argv[1:]]; main()"
CODECS = {".gz": "gzip", ".zst": "zstd"}


def made(folder: Path) -> tuple[Path, list[str]]:
    """A study of made facts, and the block's documents."""
    rng = np.random.default_rng(1)
    firsts, seconds = invented_words(4000, rng)
    subjects = [f"{firsts[i % 4000].title()} {seconds[(7 * i) % 3989].title()}" for i in range(FACTS)]
    objects = [seconds[i].title() for i in rng.integers(4000, size=FACTS)]
    rows = dict(zip(subjects, objects, strict=True))
    (folder / "facts.csv").write_text("subject,object\n" + "".join(f"{s},{o}\n" for s, o in rows.items()))
    study = '[study]\nname = "bench"\n[facts]\nsource = "table"\npath = "facts.csv"\n'
    (folder / "bench.toml").write_text(study)
    words, names = [*firsts, *seconds], [*subjects, *objects]
    share = np.arange(1.0, len(words) + 1) ** -1.0
    count = BLOCK // 7
    text = np.array(words, object)[rng.choice(len(words), count, p=share / share.sum())]
    named = rng.random(count) < NAMED
    text[named] = np.array(names, object)[rng.integers(len(names), size=int(named.sum()))]
    whole = " ".join(text)
    return folder / "bench.toml", [whole[i : i + DOCUMENT] for i in range(0, len(whole), DOCUMENT)]


def filled(folder: Path, documents: list[str]) -> None:
    plain = ("\n".join(documents) + "\n").encode()
    lines = "".join(json.dumps({"id": i, "text": d}) + "\n" for i, d in enumerate(documents)).encode()
    for name, times in TIMES.items():
        path = folder / name
        if path.suffix == ".parquet":
            with pa.parquet.ParquetWriter(path, pa.schema({"text": pa.utf8()})) as writer:
                for _ in range(times):
                    writer.write_table(pa.table({"text": documents}))
            continue
        codec = CODECS.get(path.suffix)
        with pa.CompressedOutputStream(str(path), codec) if codec else path.open("wb") as file:
            for _ in range(times):
                file.write(lines if "jsonl" in name else plain)


class Most(threading.Thread):
    """The most that any process which counts has had resident."""

    def __init__(self):
        super().__init__(daemon=True)
        self.kilobytes, self.ended = 0, False
        self.start()

    def run(self):
        while not self.ended:
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    if b"factsurv.training.facts.corpus.parts" in (status.parent / "cmdline").read_bytes():
                        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
                        self.kilobytes = max(self.kilobytes, int(line.split()[1]))
                except (OSError, StopIteration):
                    continue
            time.sleep(0.2)


def counting(study: Path, corpus: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", COUNT, str(study), "--corpus", str(corpus), "--out", str(out), "--workers", "1"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def pace(facts, path: Path, times: int, documents: list[str]) -> str:
    """Megabytes of text a second of processor time, reading and unpacking included, without starting a process."""
    spec = CorpusSpec(path=str(path))
    names = Names(*names_of(facts, spec), spec.rule)
    began = time.process_time()
    for unit in units_of([path]):
        for part in read(unit, spec):
            names.count(part)
    return f"{times * sum(map(len, documents)) / 1e6 / (time.process_time() - began):.0f} MB"


def read_so_far(out: Path) -> int:
    parts = out.with_name(out.name + ".parts").glob("part-*.json")
    return sum(len(json.loads(p.read_bytes())["done"]) for p in parts)


def main(folder: Path) -> None:
    corpus, out = folder / "corpus", folder / "counts.arrow"
    corpus.mkdir(exist_ok=True)
    study, documents = made(folder)
    filled(corpus, documents)
    size = sum(f.stat().st_size for f in corpus.iterdir())
    text = sum(len(d) for d in documents) * sum(TIMES.values())
    watch, began = Most(), time.monotonic()
    first = counting(study, corpus, out)
    while first.poll() is None and read_so_far(out) < 4:
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept, middle = read_so_far(out), time.monotonic()
    time.sleep(1)
    said = counting(study, corpus, out).communicate()[0]
    watch.ended = True
    found = read_table(out)
    (folder / "block.txt").write_text("\n".join(documents) + "\n")
    facts = read_fact_table(folder / "facts.csv", "subject", "object")
    once = count_small(facts, CorpusSpec(path=str(folder / "block.txt")))
    times = sum(TIMES.values())
    exact = all(
        (found[n].to_numpy() == times * row).all()
        for n, row in zip(("n_subject", "n_object", "n_both"), once.numbers, strict=True)
    )
    paces = [[f"  {name}", pace(facts, corpus / name, times_, documents)] for name, times_ in TIMES.items()]
    rows = [
        ["facts", f"{len(facts):,}"],
        ["documents", f"{once.documents * times:,.0f}"],
        ["text / on the disk", f"{text / 1e9:.2f} GB / {size / 1e9:.2f} GB"],
        ["killed", f"after {middle - began:.0f} s, {kept} parts kept"],
        ["said on going on", next((x for x in said.splitlines() if "counted before" in x), "nothing")],
        ["text a second of one core, by kind", ""],
        *paces,
        ["most memory of a counting process", f"{watch.kilobytes / 1e3:.0f} MB"],
        [f"counts are {times} times those of the block", "yes" if exact else "NO"],
    ]
    told = f"{machine(['ahocorasick-rs', 'pyarrow', 'numpy'])}\n\n{table(['what', 'measured'], rows)}"
    write("counts", "Counting facts in a corpus", "python bench/counts.py", told)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
