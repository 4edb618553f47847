"""Counting in several processes that can be killed: each keeps what it has counted in a part of its own.

A part is one small file: the sum of the counts of its units, and which these are. It is written anew after some seconds
of counting, so that a kill costs seconds; parts add up, so that any number of processes goes on from them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from factsurv.events.errors import InputError
from factsurv.events.files import atomic, write_json
from factsurv.training.facts.corpus.documents import documents
from factsurv.training.facts.corpus.files import Unit
from factsurv.training.facts.corpus.names import Names
from factsurv.training.facts.counts import Counts, nothing
from factsurv.training.spec import CorpusSpec

EVERY = 5.0  # seconds of counting that a kill may cost


@dataclass(frozen=True)
class Job:
    """What one process counts, as JSON on the disk."""

    part: str
    spec: dict[str, Any]
    facts: list[list[str]]
    subjects: list[list[str]]
    objects: list[list[str]]
    units: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))


@dataclass
class Part:
    """What is counted so far, of units that have these names."""

    counts: Counts
    done: list[str]

    def write(self, path: Path) -> None:
        kept = {"numbers": self.counts.numbers.tolist(), "documents": self.counts.documents, "done": self.done}
        with atomic(path) as file:
            file.write(json.dumps(kept).encode())


def read_part(path: Path, facts: Sequence[tuple[str, str, str, str]]) -> Part:
    """A part that `Part.write` wrote."""
    kept = json.loads(path.read_bytes())
    return Part(Counts(tuple(facts), np.array(kept["numbers"], float), kept["documents"]), kept["done"])


def together(parts: Iterable[Part], facts: Sequence[tuple[str, str, str, str]]) -> Part:
    """All parts as one."""
    whole = Part(nothing(facts), [])
    for part in parts:
        whole = Part(whole.counts.plus(part.counts), [*whole.done, *part.done])
    return whole


def work(job: Path) -> None:
    """Count the units of a job; what a line of JSON on stdout says is `read` (bytes), `done` or `broken`."""
    told = json.loads(job.read_bytes())
    spec, facts = CorpusSpec.model_validate(told["spec"]), [tuple(f) for f in told["facts"]]
    names = Names([tuple(s) for s in told["subjects"]], [tuple(o) for o in told["objects"]], spec.rule)
    part, path, kept = Part(nothing(facts), []), Path(told["part"]), time.monotonic()
    for unit in (Unit(**u) for u in told["units"]):
        try:
            found = _counted(unit, spec, names, part.counts)
        except InputError as error:
            _say(broken=[error.what, error.where, error.remedy], unit=unit.name)
            continue
        part = Part(found, [*part.done, unit.name])
        if time.monotonic() - kept > EVERY:
            part.write(path)
            kept = time.monotonic()
    part.write(path)


def _counted(unit: Unit, spec: CorpusSpec, names: Names, so_far: Counts) -> Counts:
    """The counts so far and those of this unit, or the error that it raised and nothing of it."""
    numbers, whole, read = so_far.numbers.copy(), so_far.documents, 0.0

    def told(share: float) -> None:
        nonlocal read
        _say(read=(share - read) * unit.share)
        read = share

    for part in documents(unit, spec, told):
        found = names.count(part)
        numbers += found.numbers
        whole += found.documents
    told(1.0)
    return Counts(so_far.facts, numbers, whole)


def _say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
