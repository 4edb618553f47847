"""The steps of extractive scores: each pair of states of the weights, once the runs that it names have ended."""

from __future__ import annotations

import os
from typing import Any

from factsurv.events.files import read_table
from factsurv.events.reached_code import reached_code
from factsurv.events.schema import described, stack
from factsurv.events.score_means import score_means
from factsurv.flows.graft_names import end_of
from factsurv.flows.store import Store, written
from factsurv.training.surgery.spec import ScoresSpec
from factsurv.training.surgery.weight_sum import weight_sum


def make_scores(results: Store, models: dict[str, tuple[str, str]]) -> None:
    """`scores/<name>-<seed>/scores.arrow` of every pair and seed; `scores.arrow` and `score_means.arrow` of all."""
    pairs = [(f"{one.name}-{seed}", one, seed) for one in results.study.scores for seed in results.study.study.seeds]
    for name, one, seed in pairs:
        _make(results, name, one, seed, models)
    places = [f"scores/{name}/scores.arrow" for name, _, _ in pairs]
    key = {"inputs": results.inputs(*places), "code": reached_code("factsurv.events.score_means")}

    def make() -> dict[str, int | None]:
        if not places:  # an earlier study had some
            return {}
        whole = described(stack([results.table(place) for place in places]), "scores")
        return written(results, {"scores.arrow": whole, "score_means.arrow": score_means(whole)})

    results.step("scores", key, make)


def _make(results: Store, name: str, one: ScoresSpec, seed: int, models: dict[str, tuple[str, str]]) -> None:
    recipes = results.study.recipes()
    arms = list(dict.fromkeys([*weight_sum(one.old).arms, *weight_sum(one.new).arms])) or list(recipes)[:1]
    model, tuning = recipes[arms[0]]
    key: dict[str, Any] = {
        "spec": {
            "scores": one.model_dump(exclude={"name"}),
            "model": models[arms[0]][1],
            "precision": model.precision,
            "tuning": {arm: recipes[arm][1].model_dump() for arm in arms},
            "terminator": results.study.probe.terminator,
        },
        "inputs": results.inputs("facts.arrow", *(end_of(f"{arm}-{seed}") for arm in arms)),
        "code": reached_code("factsurv.training.scored"),
    }

    def make() -> dict[str, int | None]:
        from factsurv.flows.child import run_job
        from factsurv.training.scored import ScoresJob
        from factsurv.training.surgery.end_state import EndState

        states = {
            arm: EndState(path=results.folder / end_of(f"{arm}-{seed}"), tuning=recipes[arm][1], seed=seed)
            for arm in arms
        }
        job = ScoresJob(
            run=name, seed=seed, facts=results.folder / "facts.arrow", folder=results.folder / "scores" / name,
            model=model.model_copy(update={"name": models[arms[0]][0]}), scores=one, states=states,
            tuning=tuning.model_copy(update={"processes": 1, "strategy": "ddp"}), probe=results.study.probe,
            fact_seed=results.study.facts.seed, fresh=model.name == "scratch",
        )  # fmt: skip
        threads = os.cpu_count() or 1
        run_job(job, threads, results.progress, results.say, results.scratch, "factsurv.training.scored")
        place = f"scores/{name}/scores.arrow"
        return {place: read_table(results.folder / place).num_rows}

    results.step(f"scores {name}", key, make)
