"""The steps of extractive scores: each pair of states of the weights, once the runs that it names have ended."""

from __future__ import annotations

from factsurv.events.files import read_table
from factsurv.events.reached_code import reached_code
from factsurv.events.schema import described, stack
from factsurv.events.score_means import score_means
from factsurv.flows.end_weights import EndWeights
from factsurv.flows.store import Store, written
from factsurv.training.surgery.spec import ScoresSpec
from factsurv.training.surgery.weight_sum import weight_sum

TABLES = ("scores", "score_facts")


def make_scores(results: Store, models: dict[str, tuple[str, str]]) -> None:
    """`scores/<name>-<seed>/…` of every pair and seed; those tables and `score_means.arrow` of all."""
    pairs = [(f"{one.name}-{seed}", one, seed) for one in results.study.scores for seed in results.study.study.seeds]
    for name, one, seed in pairs:
        arms = [*weight_sum(one.old).arms, *weight_sum(one.new).arms]
        _make(results, name, one, EndWeights(results, seed, list(dict.fromkeys(arms)), models))
    places = {kind: [f"scores/{name}/{kind}.arrow" for name, _, _ in pairs] for kind in TABLES}
    key = {
        "inputs": results.inputs(*(place for kind in TABLES for place in places[kind])),
        "code": reached_code("factsurv.events.score_means"),
    }

    def make() -> dict[str, int | None]:
        if not pairs:  # an earlier study had some
            return {}
        whole = {kind: described(stack([results.table(place) for place in places[kind]]), kind) for kind in TABLES}
        means = score_means(whole["scores"])
        return written(results, {f"{kind}.arrow": table for kind, table in (whole | {"score_means": means}).items()})

    results.step("scores", key, make)


def _make(results: Store, name: str, one: ScoresSpec, ends: EndWeights) -> None:
    key = {
        "spec": {
            "scores": one.model_dump(exclude={"name"}), **ends.spec(), "terminator": results.study.probe.terminator,
        },
        "inputs": results.inputs("facts.arrow", *ends.files),
        "code": reached_code("factsurv.training.scored"),
    }  # fmt: skip

    def make() -> dict[str, int | None]:
        from factsurv.training.scored import ScoresJob

        ends.run(ScoresJob, name, results.folder / "scores" / name, scores=one)
        made = [f"scores/{name}/{kind}.arrow" for kind in TABLES]
        return {place: read_table(results.folder / place).num_rows for place in made}

    results.step(f"scores {name}", key, make)
