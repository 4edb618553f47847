"""The steps of a study as plain functions. Where there is a Prefect server, its tasks are thin wrappers around these.

Everything that a step makes lies in the results folder (factsurv.flows.store), which knows what need not be done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factsurv.events.accuracy import accuracy_table
from factsurv.events.ends import attention_ends, ends_table, sweep_table
from factsurv.events.errors import InputError
from factsurv.events.files import digest, read_table, write_json
from factsurv.events.forms import counted, stored, stored_columns
from factsurv.events.frequency import with_frequency, with_number
from factsurv.events.history import history_table
from factsurv.events.implied import implied_tables
from factsurv.events.measured import measured_means
from factsurv.events.origin import from_origin
from factsurv.events.pools import pool_means
from factsurv.events.ranks import Ranked, ranks_table
from factsurv.events.reached_code import reached_code
from factsurv.events.rules import count_events, event_table, recall_curve, sign_of
from factsurv.events.schema import ARM_NUMBER, FREQUENCY, INSTRUMENTS, POOL_SETS, described, of_facts, stack
from factsurv.events.signs import with_signs
from factsurv.events.transitions import transition_table
from factsurv.flows import followed, simulated
from factsurv.flows.contradictions import NOT_SIMULATED
from factsurv.flows.graft_names import as_their_runs, end_of, graft_names, weights_at
from factsurv.flows.store import Progress, Say, Store, as_kept, asked, keep_spec, written
from factsurv.flows.study_file import StudyFile, read_study
from factsurv.stats.claims import told_claims
from factsurv.stats.models import check_models
from factsurv.stats.plan import EXPOSURES, plan, run_covariates, table_columns
from factsurv.training.surgery.weight_sum import weight_sum

SIZE = "model.json"  # of a run whose facts were counted
PROBED = ("probes", "baseline", "training")  # tables of every run
# What `make_events` computes with.
EVENTS = (
    "origin", "forms", "frequency", "rules", "signs", "history", "transitions", "ends", "measured", "pools", "accuracy",
    "ranks", "implied",
)  # fmt: skip


def open_results(
    path: Path, results: Path | None = None, say: Say = print, progress: Progress = lambda *_: None
) -> Store[StudyFile]:
    """Read the study file and open its results folder (``results/<name>`` unless said otherwise)."""
    study = read_study(path)
    store = Store((results or Path("results")) / study.study.name, study, say, progress)
    if "table" in asked(store, "events"):
        store.close()
        raise InputError(
            "this results folder holds the analysis of a table, not a study",
            str(store.folder),
            "give the study another name",
        )
    understood = study.model_dump(mode="json") | {"arms": [a.model_dump() for a in study.arm]}
    understood.pop("arm")
    unused = (
        NOT_SIMULATED if study.simulation else ("simulation", *(followed.UNUSED if followed.follows(study) else ()))
    )
    for name in unused:
        understood.pop(name)
    keep_spec(store, path, "study.toml", understood)
    return store


def refuse_foreign(results: Store) -> None:
    """Runs that another trainer did cannot be run: factsurv would train them anew over what is there.

    Raises
    ------
    InputError
    """
    foreign = [n for n in results.manifest.steps if n.startswith("run ") and "trainer" in asked(results, n)]
    if foreign:
        raise InputError(
            f"{len(foreign)} run(s) here were trained outside factsurv (by FactProbe), and `run` would train them anew",
            str(results.folder),
            f"`factsurv analyze {results.folder / 'study.toml'} --results {results.folder.parent}` fits and reports "
            "them (so does `report`); to train with factsurv, give the study another name",
        )


def make_facts(results: Store) -> None:
    """`facts.arrow`: the facts, their covariates, split, prompts and examples."""
    if results.study.simulation:
        simulated.make_facts(results)
    else:
        _gathered(results)
    check_asked(results)


def _gathered(results: Store) -> None:
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
            results.say(f"facts: held back as solved examples for the prompts: {'; '.join(held_back)}")
        tables = {"facts.arrow": to_arrow(facts)} | ({"counts.arrow": found.counts.table()} if found.counts else {})
        return written(results, tables)

    results.step("facts", key, make)


def check_asked(results: Store) -> None:
    """Let models and claims be checked before the next step that has something to do: R reads them in seconds."""
    told, claims = check_plan(results), told_claims(results.study.claim)
    if told["models"] or claims:
        columns = table_columns(_columns(results), [n for n in measured_tables(results) if n in INSTRUMENTS])
        results.before.append(lambda: check_models(told["models"], told, columns, claims))


def check_plan(results: Store) -> dict[str, Any]:
    """The analysis plan, checked against the facts before hours of training."""
    relations = len(results.table("facts.arrow")["relation"].unique())
    covariates = _covariates(results)
    further = [n for n in _columns(results) if n not in covariates]
    return plan(results.study.analysis, covariates, relations, further, not followed.follows(results.study))


def _covariates(results: Store) -> list[str]:
    of_facts = json.loads(results.table("facts.arrow").schema.metadata[b"factset"])["covariates"]
    return [*of_facts, *(simulated.measured(results.study) if results.study.simulation else ())]


def _columns(results: Store) -> list[str]:
    """What every row of a fact carries of it: role, sets, covariates, and what its other prompt forms said at first."""
    facts = results.table("facts.arrow")
    templates = json.loads(facts.schema.metadata[b"factset"])["templates"]
    own = simulated.measured(results.study) if results.study.simulation else ()
    forms = told_of_forms(results.study, max(map(len, templates.values())))
    return [*of_facts(facts.column_names), *own, *forms, *run_covariates(results.study.analysis)]


def told_of_forms(study: StudyFile, most: int) -> list[str]:
    """Columns of the prompt forms that are measured beside the first one, of ``most`` that a relation has."""
    asked = study.probe.forms
    numbers = range(1, most + 1) if asked == "all" else [] if asked == "first" else sorted(asked)
    return stored_columns(k for k in numbers if k > 1)


def run_names(study: StudyFile) -> list[tuple[str, str, int]]:
    """(run, arm, seed) of every run."""
    return [(f"{arm}-{seed}", arm, seed) for arm in study.recipes() for seed in study.study.seeds]


def make_models(results: Store) -> dict[str, tuple[str, str]]:
    """The model of each arm, see `make_model`; a simulation has none to make."""
    if results.study.simulation:
        return dict.fromkeys(results.study.recipes(), ("", ""))
    results.progress("models", 0, 1, "")
    models = {arm: make_model(results, arm) for arm in results.study.recipes()}
    results.progress("models", 1, 1, "")
    return models


def make_model(results: Store, arm: str, verify: bool = False) -> tuple[str, str]:
    """Local folder (or hub name) and identity of an arm's model; converted or pretrained once, again if damaged."""
    from factsurv.training.models.prepared import prepared_model

    if followed.follows(results.study):
        return followed.make_model(results, arm, verify)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(results.scratch / "torch"))  # else in /tmp, for ever
    return prepared_model(results.study.recipes()[arm][0], results.study.facts, results.say, verify)


def _run_key(results: Store, arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
    if results.study.simulation:
        return simulated.run_key(results, arm, seed)
    if followed.follows(results.study):
        return followed.run_key(results, arm, seed, model)
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


def run_is_due(results: Store, run: str, arm: str, seed: int, model: tuple[str, str]) -> bool:
    """Whether `make_run` has something to do, a checkpoint to remove included."""
    return bool(
        results.manifest.stale(f"run {run}", as_kept(_run_key(results, arm, seed, model)))
        or list((results.folder / "runs" / run).glob("*checkpoint-*"))
    )


def make_run(
    results: Store, run: str, arm: str, seed: int, model: tuple[str, str], threads: int,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """`runs/<run>/…`: one run in a process of its own, which continues where it was killed."""
    if results.study.simulation:
        return simulated.make_run(results, run, arm, seed)
    if followed.follows(results.study):
        tables = [*PROBED, *measured_tables(results)]
        size = SIZE if _counted(results) else None
        return followed.make_run(results, run, arm, seed, model, threads, tables, progress, size)
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
        run_job(job, threads, progress or told, results.say, results.scratch)
        names = [f"runs/{run}/{n}.arrow" for n in (*PROBED, *measured_tables(results))]
        made: dict[str, int | None] = {n: read_table(results.folder / n).num_rows for n in names}
        if _counted(results):
            write_json(folder / SIZE, {"parameters": parameters(model[0], spec.revision)})
            made[f"runs/{run}/{SIZE}"] = None
        made |= {weights_at(run, checkpoint): None for checkpoint in job.keep_at}
        return made | ({end_of(run): None} if job.keep_end else {})

    results.step(f"run {run}", _run_key(results, arm, seed, model), make)
    discard(folder)  # only now: until its tables were recorded the run could still have been killed
    return None


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
    patterns = results.study.recipes()[arm][1].patterns if not results.study.simulation else None
    return weights_at(f"{patterns.of}-{seed}", patterns.checkpoint) if patterns else None


def _reference(results: Store, arm: str, seed: int) -> Any:
    from factsurv.training.surgery.end_state import EndState

    recipes, path = results.study.recipes(), patterns_of(results, arm, seed)
    if path is None:
        return None
    of = recipes[arm][1].patterns.of  # type: ignore[union-attr]
    return EndState(path=results.folder / path, tuning=recipes[of][1], seed=seed)


def make_events(results: Store) -> None:
    """The tables of all runs, and what is made from them: `events`, `history`, `transitions`, `recall`, `ends` …"""
    further = run_covariates(results.study.analysis)
    own_clock = any(model.time for model in results.study.analysis.model)
    trained = [run for run, _, _ in run_names(results.study)]
    runs = [*trained, *(run for run, _, _ in graft_names(results.study))]
    analysis, samples, numbers = results.study.analysis, results.study.probe.samples, results.study.numbers()
    latent: Any = {"samples": samples, "chance": analysis.latent_chance}
    read = ("baseline", "probes", *measured_tables(results))
    counts = ["counts.arrow"] if _counted(results) else []
    sized = {run: f"runs/{run}/{SIZE}" for run in trained if counts}
    key = {
        "spec": {
            "rules": analysis.rules, "time": analysis.time, "origin": analysis.origin, "runs": runs, "latent": latent,
            "followed": analysis.followed,
            "recall": analysis.recall, "known_in": analysis.known_in,
            **({EXPOSURES: True} if own_clock else {}),
            **({"covariates": further} if further else {}),
            **({"numbers": numbers} if numbers else {}),
            **({"limits": [analysis.loss_margin, analysis.confident]} if any(map(sign_of, analysis.rules)) else {}),
        },
        "inputs": results.inputs(
            "facts.arrow", *(f"runs/{r}/{n}.arrow" for r in runs for n in read), *counts, *sized.values()
        ),
        "code": reached_code(*(f"factsurv.events.{module}" for module in EVENTS)),
    }  # fmt: skip

    def make() -> dict[str, int | None]:
        kinds = (*PROBED, *measured_tables(results))
        of_runs = {
            kind: [results.table(f"runs/{r}/{kind}.arrow") for r in (trained if kind == "training" else runs)]
            for kind in kinds
        }
        both = list(zip(of_runs["baseline"], of_runs["probes"], strict=True))
        followed = from_origin(both[: len(trained)], analysis.origin, analysis.followed == "all")
        followed += as_their_runs(results.study, dict(zip(trained, followed, strict=True)), both[len(trained) :])
        for run, own in zip(runs, followed, strict=True):
            if own.left_out:
                results.say(f"events: run {run}: {own.left_out} facts are left out, which only other runs teach")
        of_rank = zip(of_runs.get("rank", []), followed, strict=False)  # before the origin too
        ranked = [Ranked(table, own.probes, own.first) for table, own in of_rank]
        for kind in measured_tables(results):
            of_runs[kind] = [own.follow(table) for own, table in zip(followed, of_runs[kind], strict=True)]
        own_tables = [(r.baseline, r.probes) for r in followed]
        if analysis.recall != "first":
            own_tables = [
                counted(*own, forms, analysis.recall) for own, forms in zip(own_tables, of_runs["forms"], strict=True)
            ]
        if "forms" in of_runs:
            own_tables = [
                (stored(baseline, forms), probes)
                for (baseline, probes), forms in zip(own_tables, of_runs["forms"], strict=True)
            ]
        if FREQUENCY in further:
            own_tables = [(with_frequency(*own), own[1]) for own in own_tables]
        if ARM_NUMBER in further:
            own_tables = [(with_number(own[0], numbers), own[1]) for own in own_tables]
        of_runs |= {"baseline": [b for b, _ in own_tables], "probes": [p for _, p in own_tables]}
        tables = {kind: described(stack(of_runs[kind]), kind) for kind in kinds}
        whole, facts = tables, results.table("facts.arrow")
        if len(runs) > len(trained):  # a graft has no time at which anything happens
            tables = {kind: described(stack(of_runs[kind][: len(trained)]), kind) for kind in kinds}
        limits = {"loss": analysis.loss_margin, "confident": analysis.confident}
        signed = with_signs(tables["probes"], tables, analysis.rules, limits)
        tables["events"] = event_table(
            facts, tables["baseline"], signed, analysis.rules, analysis.time, analysis.known_in
        )
        if own_clock:
            arguments = (facts, tables["baseline"], signed, analysis.rules, EXPOSURES, analysis.known_in)
            tables[EXPOSURES] = event_table(*arguments)
        for sentence in json.loads(tables["events"].schema.metadata.get(b"left_out", b"[]")):
            results.say(f"events: {sentence}")
        tables["history"] = history_table(tables["events"], tables["probes"], analysis.time, tables.get("attention"))
        of_recall = [rule for rule in analysis.rules if not sign_of(rule)]
        tables["transitions"] = transition_table(
            facts, tables["baseline"], tables["probes"], of_recall, analysis.time, **latent
        )
        ranks = tables.get("rank")
        implied = implied_tables(facts, tables["baseline"], tables["probes"], ranks, of_recall, analysis.time)
        tables |= implied | {"event_counts": count_events(tables["events"])} | whole
        tables["recall"] = recall_curve(tables["baseline"], tables["probes"])
        if len(results.study.recipes()) > 1 and "popularity" in facts.column_names:
            tables["ends"] = ends_table(facts, tables["baseline"], tables["probes"])
            if "attention" in kinds:
                tables["attention_ends"] = attention_ends(facts, tables["baseline"], tables["attention"])
        if ranked:
            tables["ranks"] = ranks_table(facts, ranked)
        if "sweep" in kinds:
            tables["sweep"] = sweep_table(facts, tables["sweep"])
        if instruments := {name: tables[name] for name in INSTRUMENTS if name in kinds}:
            tables["measured"] = measured_means(tables["baseline"], instruments)
        else:  # an earlier study had some
            (results.folder / "measured.arrow").unlink(missing_ok=True)
        if counts:
            sizes = {run: json.loads((results.folder / path).read_bytes())["parameters"] for run, path in sized.items()}
            given = (results.table("counts.arrow"), tables["probes"], tables.get("forms"), sizes)
            tables["accuracy"] = accuracy_table(facts, *given)
        if POOL_SETS[0] in facts.column_names:
            tables["pools"] = pool_means(facts, tables["probes"], instruments, numbers)
        return written(results, {f"{n}.arrow": t for n, t in tables.items()})

    results.step("events", key, make)


def _counted(results: Store) -> bool:
    """Whether the facts were counted in a corpus."""
    return "counts.arrow" in results.manifest.steps.get("facts", {}).get("makes", {})


def measured_tables(results: Store) -> list[str]:
    """Tables of what is measured beside recall in the probe form."""
    if results.study.simulation:
        return simulated.tables(results.study)
    probe, own = results.study.probe, ["series"] * followed.follows(results.study)
    return [spec.name for spec in probe.instruments] + ["forms"] * (probe.forms != "first") + own


def failures(errors: Iterable[tuple[str, BaseException]]) -> None:
    """Raise one error that names every run that failed; the others are kept."""
    errors = list(errors)
    if errors:
        told = "\n  ".join(f"{name}: {error}" for name, error in errors)
        raise InputError(
            f"{len(errors)} run(s) failed:\n  {told}", "runs", "correct the cause and run again: what is done is kept"
        )
