"""The steps of grafts: each is made and probed once the runs that it names have ended."""

from __future__ import annotations

from factsurv.events.reached_code import reached_code
from factsurv.flows.end_weights import EndWeights
from factsurv.flows.graft_names import graft_names, taken_after
from factsurv.flows.run_files import instrument_tables, rows_of
from factsurv.flows.store import Store
from factsurv.training.surgery.spec import GraftSpec


def make_grafts(results: Store, models: dict[str, tuple[str, str]]) -> None:
    """`runs/<graft>-<seed>/…` of every graft, one after another."""
    for run, graft, seed in graft_names(results.study):
        _make_graft(results, run, graft, EndWeights(results, seed, graft.sum.arms, models))


def _make_graft(results: Store, run: str, graft: GraftSpec, ends: EndWeights) -> None:
    after = taken_after(results.study, graft, ends.seed)
    tables = ("baseline", "probes", *instrument_tables(results.study))
    key = {
        "spec": {
            "graft": graft.model_dump(exclude={"name"}), **ends.spec(), "probe": results.study.probe.model_dump(),
        },
        "inputs": results.inputs("facts.arrow", *ends.files, *(f"runs/{after}/{n}.arrow" for n in tables)),
        "code": reached_code("factsurv.training.graft"),
    }  # fmt: skip

    def make() -> dict[str, int | None]:
        from factsurv.training.graft import GraftJob

        folder = results.folder / "runs" / run
        ends.run(GraftJob, run, folder, graft=graft, after=results.folder / "runs" / after)
        kept = sorted((folder / "model").rglob("*")) if graft.keep else []
        made: dict[str, int | None] = {str(p.relative_to(results.folder)): None for p in kept if p.is_file()}
        return made | rows_of(results, run, tables)

    results.step(f"graft {run}", key, make)
