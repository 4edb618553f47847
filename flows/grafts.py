"""The steps of grafts: each is made and probed once the runs that it names have ended."""

from __future__ import annotations

import os
from typing import Any

from factsurv.events.reached_code import reached_code
from factsurv.flows.graft_names import end_of, graft_names, taken_after
from factsurv.flows.run_files import instrument_tables, rows_of
from factsurv.flows.store import Store
from factsurv.training.surgery.spec import GraftSpec


def make_grafts(results: Store, models: dict[str, tuple[str, str]]) -> None:
    """`runs/<graft>-<seed>/…` of every graft, one after another."""
    for run, graft, seed in graft_names(results.study):
        _make_graft(results, run, graft, seed, models)


def _make_graft(results: Store, run: str, graft: GraftSpec, seed: int, models: dict[str, tuple[str, str]]) -> None:
    after = taken_after(results.study, graft, seed)
    arm, arms = after.removesuffix(f"-{seed}"), graft.sum.arms
    recipes, tables = results.study.recipes(), ("baseline", "probes", *instrument_tables(results.study))
    key: dict[str, Any] = {
        "spec": {
            "graft": graft.model_dump(exclude={"name"}),
            "model": models[arm][1],
            "precision": recipes[arm][0].precision,
            "tuning": {name: recipes[name][1].model_dump() for name in arms},
            "probe": results.study.probe.model_dump(),
        },
        "inputs": results.inputs(
            "facts.arrow", *(end_of(f"{name}-{seed}") for name in arms), *(f"runs/{after}/{n}.arrow" for n in tables)
        ),
        "code": reached_code("factsurv.training.graft"),
    }

    def make() -> dict[str, int | None]:
        from factsurv.flows.child import run_job
        from factsurv.training.graft import GraftJob
        from factsurv.training.surgery.end_state import EndState

        folder, tuning = results.folder / "runs" / run, recipes[arm][1]
        alone = tuning.model_copy(update={"processes": 1, "strategy": "ddp"})
        states = {
            name: EndState(path=results.folder / end_of(f"{name}-{seed}"), tuning=recipes[name][1], seed=seed)
            for name in arms
        }
        job = GraftJob(
            run=run, seed=seed, facts=results.folder / "facts.arrow", folder=folder,
            model=recipes[arm][0].model_copy(update={"name": models[arm][0]}), tuning=alone,
            probe=results.study.probe,
            graft=graft, states=states, fact_seed=results.study.facts.seed,
            fresh=recipes[arm][0].name == "scratch", after=results.folder / "runs" / after,
        )  # fmt: skip
        cores = os.cpu_count() or 1
        run_job(job, cores, results.progress, results.say, results.scratch, "factsurv.training.graft")
        kept = sorted((folder / "model").rglob("*")) if graft.keep else []
        made: dict[str, int | None] = {str(p.relative_to(results.folder)): None for p in kept if p.is_file()}
        return made | rows_of(results, run, tables)

    results.step(f"graft {run}", key, make)
