"""The steps of a study that trains: its facts are gathered, its models prepared, each run a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from factsurv.events.files import digest, write_json
from factsurv.events.reached_code import reached_code
from factsurv.flows.graft_names import end_of, weights_at
from factsurv.flows.run_files import PROBED, are_counted, instrument_tables, parameters_of, rows_of
from factsurv.flows.store import Store, asked, written
from factsurv.flows.study_file import StudyFile
from factsurv.training.surgery.weight_sum import weight_sum

UNUSED = ("simulation",)  # section of a study file that is of another kind


def make_facts(results: Store) -> None:
    """`facts.arrow`, gathered from where the study says; with `counts.arrow` where they were counted."""
    from factsurv.training.facts.gather import gather, versions
    from factsurv.training.facts.stored_facts import to_arrow

    spec, model = results.study.facts, results.study.model
    pretraining = model.pretrain_steps * model.pretrain_batch
    key: dict[str, Any] = {"spec": spec.model_dump() | versions(spec)}
    if spec.source == "tiny-world":
        key["spec"]["pretraining sentences"] = pretraining
    key["inputs"] = {}
    for read in (Path(path) for path in (spec.path, spec.counts) if path):
        files = sorted(f for f in read.rglob("*") if f.is_file()) if read.is_dir() else [read]
        key["inputs"] |= {str(f.relative_to(read.parent)): digest(f) for f in files}
    key["code"] = reached_code("factsurv.training.facts.gather")

    def make() -> dict[str, int | None]:
        found = gather(spec, pretraining)
        facts = found.facts
        for notice in facts.notices:
            results.say(f"facts: {notice}")
        if held_back := [f"{', '.join(s for s, _ in pairs)} ({r})" for r, pairs in facts.examples.items() if pairs]:
            asked_for = " (probe.examples = 0 asks for none; the facts are the same whatever it asks)"
            why = "" if results.study.probe.examples else asked_for
            results.say(f"facts: held back as solved examples for the prompts{why}: {'; '.join(held_back)}")
        tables = {"facts.arrow": to_arrow(facts)} | ({"counts.arrow": found.counts.table()} if found.counts else {})
        return written(results, tables)

    results.step("facts", key, make)


def make_model(results: Store, arm: str, verify: bool = False) -> tuple[str, str]:
    """Local folder (or hub name) and identity of an arm's model; converted or pretrained once, again if damaged."""
    from factsurv.training.models.prepared import prepared_model

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(results.scratch / "torch"))  # else in /tmp, for ever
    return prepared_model(results.study.recipes()[arm][0], results.study.facts, results.say, verify)


def run_key(results: Store, arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
    """All that decides the tables of a run."""
    spec, tuning = results.study.recipes()[arm]
    stages = [stage.model_dump() for stage in results.study.stages()[arm]]
    return {
        "spec": {
            **({"stages": stages} if stages else {}),
            "seed": seed,
            "model": model[1],
            "precision": spec.precision,
            "tuning": tuning.model_dump(),
            "probe": results.study.probe.model_dump(),
            **({"end weights": "kept"} if keeps_end(results, arm, seed) else {}),
            **({"weights at": kept} if (kept := keeps_at(results, arm, seed)) else {}),
        },
        "inputs": results.inputs("facts.arrow", *([own] if (own := patterns_of(results, arm, seed)) else [])),
        "code": reached_code("factsurv.training.run"),
    }


def make_run(results: Store, run: str, arm: str, seed: int, model: tuple[str, str], threads: int) -> None:
    """`runs/<run>/…`: one run in a process of its own, which continues where it was killed."""
    from factsurv.flows.child import run_job
    from factsurv.training.job import Job
    from factsurv.training.lessons.checkpoint import discard
    from factsurv.training.models.size import parameters

    spec, tuning = results.study.recipes()[arm]
    folder = results.folder / "runs" / run
    job = Job(
        run=run,
        arm=arm,
        seed=seed,
        facts=results.folder / "facts.arrow",
        folder=folder,
        model=spec.model_copy(update={"name": model[0]}),
        tuning=tuning,
        probe=results.study.probe,
        stages=results.study.stages()[arm],
        fact_seed=results.study.facts.seed,
        keep_end=keeps_end(results, arm, seed),
        keep_at=keeps_at(results, arm, seed),
        patterns=_reference(results, arm, seed),
        fresh=spec.name == "scratch",
    )

    def told(run: str, done: float, total: float, note: str) -> None:
        results.progress(f"run {run}", done, total, note)

    def make() -> dict[str, int | None]:
        make_model(results, arm, verify=True)
        run_job(job, threads, told, results.say, results.scratch)
        made = rows_of(results, run, (*PROBED, *tables(results.study)))
        if are_counted(results):
            write_json(results.folder / parameters_of(run), {"parameters": parameters(model[0], spec.revision)})
            made[parameters_of(run)] = None
        made |= {weights_at(run, checkpoint): None for checkpoint in job.keep_at}
        return made | ({end_of(run): None} if job.keep_end else {})

    results.step(f"run {run}", run_key(results, arm, seed, model), make)
    discard(folder)  # only now: until its tables were recorded the run could still have been killed


def tables(study: StudyFile) -> list[str]:
    """Tables that a run has beside those of every run."""
    return instrument_tables(study)


def measured(study: StudyFile) -> tuple[str, ...]:
    """None: what a run measures before it begins is in its baseline."""
    return ()


def keeps_end(results: Store, arm: str, seed: int) -> bool:
    """Whether a run's end weights are for a graft; once kept they stay, so that no run is trained anew without one."""
    sums = [weight_sum(text) for scores in results.study.scores for text in (scores.old, scores.new)]
    needed = {name for one in [*(graft.sum for graft in results.study.graft), *sums] for name in one.arms}
    return arm in needed or "end weights" in asked(results, f"run {arm}-{seed}")


def keeps_at(results: Store, arm: str, seed: int) -> list[int]:
    """Checkpoints of a run whose weights other runs attend with, and those that were kept once."""
    asking = [t.patterns for _, t in results.study.recipes().values() if t.patterns and t.patterns.of == arm]
    return sorted({p.checkpoint for p in asking}.union(asked(results, f"run {arm}-{seed}").get("weights at", [])))


def patterns_of(results: Store, arm: str, seed: int) -> str | None:
    """The artefact with the weights whose attention a run has, if it has not its own."""
    patterns = results.study.recipes()[arm][1].patterns
    return weights_at(f"{patterns.of}-{seed}", patterns.checkpoint) if patterns else None


def _reference(results: Store, arm: str, seed: int) -> Any:
    from factsurv.training.surgery.end_state import EndState

    recipes, path = results.study.recipes(), patterns_of(results, arm, seed)
    if path is None:
        return None
    of = recipes[arm][1].patterns.of  # type: ignore[union-attr]
    return EndState(path=results.folder / path, tuning=recipes[of][1], seed=seed)
