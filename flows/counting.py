"""`factsurv count`: a study's facts counted in a corpus, by processes that share it and can be killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from factsurv.events import children
from factsurv.events.errors import InputError, together
from factsurv.events.files import write_table
from factsurv.events.own_file import ARROWS
from factsurv.flows.child import PACKAGES, event_of
from factsurv.training.facts import counts
from factsurv.training.facts.corpus import parts
from factsurv.training.facts.corpus.files import Unit, corpus_files, units_of
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.spec import CorpusSpec

Say = Callable[[str], None]
Told = Callable[[float, float, str], None]  # bytes read, of all, and a note


@dataclass
class Heard:
    """What the processes have said so far."""

    read: float = 0.0
    broken: dict[str, InputError] = field(default_factory=dict)


def count_study(
    study: str, corpus: Sequence[str], merge: Sequence[Path], out: Path | None, workers: int | None, leave_out: bool,
    asked: dict[str, Any],
) -> list[str]:  # fmt: skip
    """Count, or add up what was counted; returns lines for the person who asked."""
    from factsurv.flows.progress import Board
    from factsurv.flows.study_file import find_study, read_study
    from factsurv.training.facts.gather import gather

    if bool(corpus) == bool(merge):
        raise InputError("what is to be counted?", "count", "give --corpus FILES, or --merge TABLES of counts")
    path = find_study(study)
    read = read_study(path, counted=False)
    given = read.facts.model_copy(update={"counts": None, "corpus": None})
    facts = gather(given, read.model.pretrain_steps * read.model.pretrain_batch).facts
    out = out or Path(read.facts.counts or f"{read.study.name}-counts.arrow")
    if out.suffix not in ARROWS:
        raise InputError("the table of counts is an Arrow file", str(out), f"name it {out.with_suffix('.arrow')}")
    if merge:
        tables = [counts.of_facts(counts.read_counts(table), facts, str(table)) for table in merge]
        found, lines = counts.merged(tables), counts.notices(counts.merged(tables))
        write_table(out, found.table(documents=found.documents, merged=[str(m) for m in merge]))
    else:
        spec = _spec(corpus, asked)
        lines = []
        with Board() as board:
            board.expect({"count": None})
            count_corpus(
                facts, spec, out, workers or len(os.sched_getaffinity(0)), lines.append,
                lambda done, of, note: board.progress("count", done, of, note), leave_out,
            )  # fmt: skip
    key = "" if read.facts.counts else f'; in {path.name}: [facts] counts = "{out}"'
    return [*lines, f"wrote {out}{key}"]


def _spec(corpus: Sequence[str], asked: dict[str, Any]) -> CorpusSpec:
    try:
        return CorpusSpec.model_validate({"path": list(corpus)} | asked)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(f"{wrong['msg']} (it is {wrong['input']!r})", f"--{wrong['loc'][0]}", "") from error


def count_corpus(
    facts: FactSet, spec: CorpusSpec, out: Path, workers: int, say: Say, told: Told, leave_out: bool = False
) -> counts.Counts:
    """Count a study's facts in a corpus and write the table ``out``.

    What is done lies in ``out``.parts until all of it is: the same command goes on from there.

    Parameters
    ----------
    leave_out : bool
        Write the counts without the files that are broken, and say which.

    Raises
    ------
    InputError
        If files are broken; those that are not stay counted.
    """
    units = units_of(corpus_files(spec.paths), spec.documents == "file")
    folder = out.with_name(out.name + ".parts")
    mine, names = counts.facts_of(facts), counts.names_of(facts, spec)
    whole = _continued(folder, mine, [names, spec.model_dump(exclude={"path"})], units, say)
    done = set(whole.done)
    left = [u for u in units if u.name not in done]
    total, heard = float(sum(u.share for u in units)), Heard()
    heard.read = total - sum(u.share for u in left)
    shares = _shared_out(left, workers)
    jobs = []
    for i, own in enumerate(shares):
        job = folder / f"job-{i}.json"
        free = next(n for n in range(10**6) if not (folder / f"part-{n}-{i}.json").exists())
        part = str(folder / f"part-{free}-{i}.json")
        facts_, (subjects, objects) = [list(f) for f in mine], [[list(n) for n in each] for each in names]
        parts.Job(part, spec.model_dump(), facts_, subjects, objects, [vars(u) for u in own]).write(job)
        jobs.append(job)
    _run(jobs, heard, total, told)
    whole = parts.together([parts.read_part(p, mine) for p in sorted(folder.glob("part-*.json"))], mine)
    missing = [u for u in units if u.name not in set(whole.done) and u.name not in heard.broken]
    if missing:
        raise InputError(f"{len(missing)} part(s) of the corpus were not counted", missing[0].path, "run it again")
    if heard.broken and not leave_out:
        remedy = "mend or replace these and run it again: all others are kept; or leave them out: --leave-out-broken"
        raise together(list(heard.broken.values()), "corpus", remedy)
    for error in heard.broken.values():
        say(f"left out: {error.line()}")
    counts.check_counts(whole.counts, "corpus")
    for notice in counts.notices(whole.counts):
        say(notice)
    kept = {"corpus": spec.model_dump(), "left_out": [e.where for e in heard.broken.values()]}
    write_table(out, whole.counts.table(documents=whole.counts.documents, **kept))
    shutil.rmtree(folder)
    return whole.counts


def _continued(
    folder: Path, facts: Sequence[tuple[str, str, str, str]], asked: list, units: Sequence[Unit], say: Say
) -> parts.Part:
    """What an earlier command has counted for the same question, if all of it is still there."""
    key = hashlib.sha256(json.dumps([facts, *asked], default=str).encode()).hexdigest()
    kept = folder / "key"
    if folder.exists() and (not kept.is_file() or kept.read_text() != key):
        say(f"what was counted before is of other facts or rules, and is counted anew ({folder})")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole = parts.together([parts.read_part(p, facts) for p in sorted(folder.glob("part-*.json"))], facts)
    if lost := set(whole.done) - {u.name for u in units}:
        say(f"{len(lost)} part(s) that were counted before have changed or are gone: all is counted anew")
        shutil.rmtree(folder)
        folder.mkdir()
        whole = parts.together([], facts)
    kept.write_text(key)
    if whole.done:
        say(f"{len(whole.done)} of {len(units)} parts of the corpus were counted before, and are not counted again")
    return whole


def _shared_out(units: Sequence[Unit], workers: int) -> list[list[Unit]]:
    """The units dealt out so that all have about as much to read: the largest first, each to whoever has least."""
    shares: list[list[Unit]] = [[] for _ in range(workers)]
    sizes = [0] * workers
    for unit in sorted(units, key=lambda u: -u.share):
        least = sizes.index(min(sizes))
        shares[least].append(unit)
        sizes[least] += unit.share + 1
    return [sorted(own, key=lambda u: (u.path, u.start)) for own in shares if own]


def _run(jobs: Sequence[Path], heard: Heard, total: float, told: Told) -> None:
    """One process a job; returns when all have ended."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PACKAGES), os.environ.get("PYTHONPATH", "")])}
    failed: list[InputError] = []

    def listen(job: Path) -> None:
        command = [sys.executable, "-m", parts.__name__, str(job)]
        log = job.with_suffix(".log")
        with log.open("w") as errors:
            child = children.start(command, environment, stdout=subprocess.PIPE, stderr=errors, text=True)
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    event = event_of(line)
                    if "broken" in event:
                        heard.broken[event["unit"]] = InputError(*event["broken"])
                    heard.read += event.get("read", 0.0)
                    told(heard.read, total, f"{heard.read / 1e6:,.0f} of {total / 1e6:,.0f} MB read")
                status = child.wait()
            finally:
                children.end(child)
        if status:
            tail = "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-6:])
            failed.append(
                InputError(f"a counting process ended with status {status}\n{tail}", str(job), "run it again")
            )

    threads = [threading.Thread(target=listen, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise together(failed, "corpus", "run the same command again: what is counted is kept")
