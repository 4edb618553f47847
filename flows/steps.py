"""The steps of a study as plain functions. Where there is a Prefect server, its tasks are thin wrappers around these.

Each step asks the manifest whether its key is still what it was; if so it is skipped and the log says
so, otherwise the log says what changed. Everything that a step makes lies in the results folder.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
from pydantic import BaseModel

from events.errors import InputError
from events.files import atomic, digest, read_table, write_json, write_table
from events.history import history_table
from events.manifest import Manifest
from events.reached_code import reached_code
from events.rules import count_events, event_table, recall_curve
from events.schema import ANALYSIS, described, stack
from events.transitions import transition_table
from flows.study_file import StudyFile, read_study
from stats.kept_fits import Earlier
from stats.models import check_models
from stats.plan import plan, table_columns

ROOT = Path(__file__).resolve().parent.parent
KEYS = "analysis/keys.json"  # what each fit was made from
Say = Callable[[str], None]
Progress = Callable[[str, float, float, str], None]  # step, done, total, note
Spec = TypeVar("Spec", bound=BaseModel)


@dataclass
class Results(Generic[Spec]):
    """One results folder, with its manifest and what this command did in it.

    Attributes
    ----------
    folder : Path
    study : StudyFile or OwnPlan
    say : callable
        Takes one line for the person who waits.
    progress : callable (step, done, total, note)
        Told where a step stands.
    before : list of callable
        Checks, called once each before the next step that has something to do; what they raise ends the command.
    done, skipped : list of str
        Steps that ran and that did not need to.
    """

    folder: Path
    study: Spec
    say: Say = print
    progress: Progress = lambda *_: None
    before: list[Callable[[], object]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The lock dies with its process, so a killed run never blocks the next one.
            self._lock = (self.folder / ".lock").open("w")
        except OSError as error:
            why = "a file or a link to nowhere is in its way" if isinstance(error, FileExistsError) else error.strerror
            raise InputError(
                f"cannot be used as a results folder ({why})",
                str(self.folder),
                "name a folder that can be written to with --results",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                "another factsurv command is at work in this results folder",
                str(self.folder),
                "wait for it to end, or name another folder with --results",
            ) from error
        shutil.rmtree(self.scratch, ignore_errors=True)  # of a command that was killed together with its keeper
        self.manifest = Manifest(self.folder)
        if self.manifest.notice:
            self.say(self.manifest.notice)
            self.manifest.save()

    @property
    def scratch(self) -> Path:
        """Folder of what lasts as long as a command: copies for the report, R's temporary files."""
        return self.folder / ".scratch"

    def close(self) -> None:
        """Let another command work in this folder; everything done so far is recorded already."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._lock.close()

    def step(
        self,
        name: str,
        key: dict[str, Any],
        make: Callable[[], dict[str, int | None]],
        unfinished: Callable[[], list[str]] = list,
    ) -> None:
        """Run ``make`` unless its key is what it was; ``make`` returns the files it made and their rows.

        ``unfinished`` is asked after that why the step must run another time all the same.
        """
        key = as_kept(key)
        reasons = self.manifest.stale(name, key)
        if not reasons:
            self.skip(name)
            return
        while self.before:
            self.before.pop(0)()
        shown = "; ".join(reasons[:4]) + (f"; and {len(reasons) - 4} more" if len(reasons) > 4 else "")
        self.say(f"{name}: running ({shown})")
        began = time.monotonic()
        self.progress(name, 0, 1, "")
        try:
            made = make()
        finally:
            self.progress(name, 1, 1, "")
        seconds = time.monotonic() - began
        stamp = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
        self.manifest.record(name, key, made, seconds, stamp, unfinished())
        self.done.append(name)
        self.say(f"{name}: done in {seconds:.1f} s")

    def skip(self, name: str) -> None:
        """Note that a step is up to date."""
        self.skipped.append(name)
        self.progress(name, 1, 1, "")
        self.say(f"{name}: up to date, skipped")

    def inputs(self, *names: str) -> dict[str, str]:
        """Digests of artefacts, each verified against the manifest first."""
        return {name: digest(self.manifest.verified(name)) for name in names}

    def table(self, name: str) -> pa.Table:
        """One verified table."""
        return read_table(self.manifest.verified(name))


def expected(results: Results, names: Iterable[str]) -> dict[str, float | None]:
    """Steps that are to come, with the seconds that they took when they were last done."""
    return {name: results.manifest.steps.get(name, {}).get("seconds") for name in names}


def as_kept(key: dict[str, Any]) -> dict[str, Any]:
    """A step's key as it is read back from the manifest."""
    return json.loads(json.dumps(key, default=str))


def code(*patterns: str) -> dict[str, str]:
    """Digests of the project's own files that match, by path."""
    found = sorted({p for pattern in patterns for p in ROOT.glob(pattern) if p.is_file()})
    return {str(p.relative_to(ROOT)): digest(p) for p in found}


def open_results(
    path: Path, results: Path | None = None, say: Say = print, progress: Progress = lambda *_: None
) -> Results[StudyFile]:
    """Read the study file and open its results folder (``results/<name>`` unless said otherwise)."""
    study = read_study(path)
    store = Results((results or Path("results")) / study.study.name, study, say, progress)
    if "table" in _spec(store, "events"):
        store.close()
        raise InputError(
            "this results folder holds the analysis of a table, not a study",
            str(store.folder),
            "give the study another name",
        )
    understood = study.model_dump(mode="json") | {"arms": [a.model_dump() for a in study.arm]}
    understood.pop("arm")
    keep_spec(store, path, "study.toml", understood)
    return store


def keep_spec(results: Results, path: Path, name: str, understood: dict[str, Any]) -> None:
    """The file that was given, as ``name``, and how it was understood, as `study.json`, in the results folder."""
    given, read = results.folder / name, results.folder / "study.json"
    if not given.is_file() or given.read_bytes() != path.read_bytes():
        with atomic(given) as file:
            file.write(path.read_bytes())
    try:
        same = json.loads(read.read_bytes()) == understood
    except (OSError, ValueError):  # not there, or damaged
        same = False
    if not same:
        write_json(read, understood)


def refuse_foreign(results: Results) -> None:
    """Runs that another trainer did cannot be run: factsurv would train them anew over what is there.

    Raises
    ------
    InputError
    """
    foreign = [n for n in results.manifest.steps if n.startswith("run ") and "trainer" in _spec(results, n)]
    if foreign:
        raise InputError(
            f"{len(foreign)} run(s) here were trained outside factsurv (by FactProbe), and `run` would train them anew",
            str(results.folder),
            f"`factsurv analyze {results.folder / 'study.toml'} --results {results.folder.parent}` fits and reports "
            "them (so does `report`); to train with factsurv, give the study another name",
        )


def _spec(results: Results, step: str) -> dict[str, Any]:
    """What a step that was done had been asked; empty if it was not done."""
    return results.manifest.steps.get(step, {}).get("key", {}).get("spec", {})


def make_facts(results: Results) -> None:
    """`facts.arrow`: the facts, their covariates, split, prompts and examples."""
    from training.gather import gather, versions
    from training.stored_facts import to_arrow

    spec, model = results.study.facts, results.study.model
    pretraining = model.pretrain_steps * model.pretrain_batch
    key: dict[str, Any] = {"spec": spec.model_dump() | versions(spec)}
    if spec.source == "tiny-world":
        key["spec"]["pretraining sentences"] = pretraining
    key["inputs"] = {Path(spec.path).name: digest(Path(spec.path))} if spec.path else {}
    key["code"] = reached_code("training.gather")

    def make() -> dict[str, int | None]:
        facts = gather(spec, pretraining).facts
        for notice in facts.notices:
            results.say(f"facts: {notice}")
        if held_back := [f"{', '.join(s for s, _ in pairs)} ({r})" for r, pairs in facts.examples.items() if pairs]:
            results.say(f"facts: held back as solved examples for the prompts: {'; '.join(held_back)}")
        write_table(results.folder / "facts.arrow", to_arrow(facts))
        return {"facts.arrow": len(facts)}

    results.step("facts", key, make)
    told = check_plan(results)
    if told["models"]:  # R reads them, which takes seconds
        results.before.append(lambda: check_models(told["models"], told, table_columns(_covariates(results))))


def check_plan(results: Results) -> dict[str, Any]:
    """The analysis plan, checked against the facts before hours of training."""
    relations = len(results.table("facts.arrow")["relation"].unique())
    return plan(results.study.analysis, _covariates(results), relations)


def _covariates(results: Results) -> list[str]:
    return json.loads(results.table("facts.arrow").schema.metadata[b"factset"])["covariates"]


def run_names(study: StudyFile) -> list[tuple[str, str, int]]:
    """(run, arm, seed) of every run."""
    return [(f"{arm}-{seed}", arm, seed) for arm in study.recipes() for seed in study.study.seeds]


def make_models(results: Results) -> dict[str, tuple[str, str]]:
    """The model of each arm, see `make_model`."""
    results.progress("models", 0, 1, "")
    models = {arm: make_model(results, arm) for arm in results.study.recipes()}
    results.progress("models", 1, 1, "")
    return models


def make_model(results: Results, arm: str, verify: bool = False) -> tuple[str, str]:
    """Local folder (or hub name) and identity of an arm's model; converted or pretrained once, again if damaged."""
    from training.prepared import prepared_model

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(results.scratch / "torch"))  # else in /tmp, for ever
    return prepared_model(results.study.recipes()[arm][0], results.study.facts, results.say, verify)


def _run_key(results: Results, arm: str, seed: int, model: tuple[str, str]) -> dict[str, Any]:
    spec, tuning = results.study.recipes()[arm]
    return {
        "spec": {
            "seed": seed,
            "model": model[1],
            "precision": spec.precision,
            "tuning": tuning.model_dump(),
            "probe": results.study.probe.model_dump(),
        },
        "inputs": results.inputs("facts.arrow"),
        "code": reached_code("training.run"),
    }


def run_is_due(results: Results, run: str, arm: str, seed: int, model: tuple[str, str]) -> bool:
    """Whether `make_run` has something to do, a checkpoint to remove included."""
    return bool(
        results.manifest.stale(f"run {run}", as_kept(_run_key(results, arm, seed, model)))
        or list((results.folder / "runs" / run).glob("*checkpoint-*"))
    )


def make_run(
    results: Results, run: str, arm: str, seed: int, model: tuple[str, str], threads: int,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """`runs/<run>/…`: one run in a process of its own, which continues where it was killed."""
    from flows.child import run_job
    from training.checkpoint import discard
    from training.job import Job

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
    )

    def told(run: str, done: float, total: float, note: str) -> None:
        results.progress(f"run {run}", done, total, note)

    def make() -> dict[str, int | None]:
        make_model(results, arm, verify=True)
        run_job(job, threads, progress or told, results.say, results.scratch)
        names = [f"runs/{run}/{n}.arrow" for n in ("baseline", "probes", "training")]
        return {n: read_table(results.folder / n).num_rows for n in names}

    results.step(f"run {run}", _run_key(results, arm, seed, model), make)
    discard(folder)  # only now: until its tables were recorded the run could still have been killed


def make_events(results: Results) -> None:
    """`probes`, `baseline`, `training`, `events`, `history`, `transitions`, `event_counts`, `recall` of all runs."""
    runs = [run for run, _, _ in run_names(results.study)]
    analysis, samples = results.study.analysis, results.study.probe.samples
    latent: Any = {"samples": samples, "chance": analysis.latent_chance}
    key = {
        "spec": {"rules": analysis.rules, "time": analysis.time, "runs": runs, "latent": latent},
        "inputs": results.inputs("facts.arrow", *(f"runs/{r}/{n}.arrow" for r in runs for n in ("baseline", "probes"))),
        "code": reached_code("events.rules", "events.history", "events.transitions"),
    }

    def make() -> dict[str, int | None]:
        tables = {
            kind: described(stack([results.table(f"runs/{r}/{kind}.arrow") for r in runs]), kind)
            for kind in ("probes", "baseline", "training")
        }
        facts = results.table("facts.arrow")
        tables["events"] = event_table(facts, tables["baseline"], tables["probes"], analysis.rules, analysis.time)
        for sentence in json.loads(tables["events"].schema.metadata.get(b"left_out", b"[]")):
            results.say(f"events: {sentence}")
        tables["history"] = history_table(tables["events"], tables["probes"], analysis.time)
        tables["transitions"] = transition_table(
            facts, tables["baseline"], tables["probes"], analysis.rules, analysis.time, **latent
        )
        tables["event_counts"] = count_events(tables["events"])
        tables["recall"] = recall_curve(facts, tables["probes"])
        return written(results, {f"{n}.arrow": t for n, t in tables.items()})

    results.step("events", key, make)


def make_analysis(results: Results, told: dict[str, Any] | None = None) -> None:
    """`analysis/*.arrow` and `environment.json`: every fit of the plan (the study's own if none is told)."""
    from stats.analyse import analyse, r_packages
    from stats.kept_fits import around
    from stats.r_home import find_r

    told = told or check_plan(results)
    read = ["events", *(["history"] if told.get("history") else [])]  # a table of events alone has no probes
    read += ["transitions"] if "transitions.arrow" in results.manifest.steps["events"]["makes"] else []
    key: dict[str, Any] = {
        "spec": {
            "plan": told,
            "time_limit": results.study.analysis.time_limit,
            "R packages": {"R": find_r().version} | dict(sorted(r_packages().items())),
        },
        "inputs": results.inputs(*(f"{n}.arrow" for n in read)),
        "code": code("stats/R/*.R") | around(),
    }
    without: list[str] = []

    def fitted(done: int, of: int) -> None:
        results.progress("analysis", done, of, f"{done} of {of} fits")

    def make() -> dict[str, int | None]:
        from flows.doctor import environment

        given = {n: results.manifest.verified(f"{n}.arrow") for n in read}
        limit = results.study.analysis.time_limit
        done = analyse(given, key["spec"]["plan"], limit, results.say, results.scratch, _earlier(results), fitted)
        without.extend(f"{task} had no result ({why})" for task, why in done.unfinished.items())
        made = written(results, {f"analysis/{n}.arrow": t for n, t in done.tables.items()})
        write_json(results.folder / KEYS, done.keys)
        found = environment()
        for missing in found["missing"]:
            results.say(f"missing on this machine: {missing['what']}: {missing['cost']}")
        write_json(results.folder / "environment.json", found)
        return made | {KEYS: None, "environment.json": None}

    results.step("analysis", key, make, lambda: without)


def _earlier(results: Results) -> Earlier:
    """What the last analysis here left; nothing where a file of it is not what was written."""
    names = {n: f"analysis/{n}.arrow" for n in ANALYSIS}
    try:
        keys = json.loads(results.manifest.verified(KEYS).read_text("utf-8"))
        return Earlier(keys, {n: results.table(name) for n, name in names.items()})
    except InputError:
        return Earlier()


def without_result(report: Path) -> list[str]:
    """How many fits behind a report have no result and why: a line an outcome, for the end of a command."""
    from stats.kept_fits import without_result

    manifest = Manifest(report.parent)
    lines = without_result(read_table(manifest.verified("analysis/fits.arrow")))
    if again := manifest.steps.get("analysis", {}).get("unfinished"):
        lines.append(f"{len(again)} of them may get through another time: the same command tries them again")
    return lines


def make_report(results: Results) -> Path:
    """`report.html`: rendered from the artefacts, computing nothing."""
    from reports.render import render, renderer_name
    from stats.r_home import find_r

    shown = [n for n in results.manifest.artefacts if n.endswith((".arrow", ".json")) and n != KEYS]
    artefacts = [n for n in shown if not n.startswith("runs/")]
    key: dict[str, Any] = {
        # All of the study is printed: its title above, every setting below.
        "spec": json.loads((results.folder / "study.json").read_text("utf-8")) | {"renderer": renderer_name()},
        "inputs": results.inputs(*artefacts),
        "code": code("reports/**/*.*", "stats/R/*.R"),
    }
    # What Python and a rendering in place (RStudio's button) leave there is no part of the report.
    left = ("__pycache__", "reports/study.html", "reports/study_files")
    key["code"] = {n: d for n, d in key["code"].items() if not any(x in n for x in left)}

    def make() -> dict[str, int | None]:
        rendered = render(results.folder, r_environment=find_r().environment(), scratch=results.scratch)
        for warning in rendered.warnings:
            results.say(f"report: {warning}")
        return {"report.html": None}

    results.step("report", key, make)
    return results.folder / "report.html"


def written(results: Results, tables: dict[str, pa.Table]) -> dict[str, int | None]:
    """Write tables into the results folder; their names and rows, as a step returns them."""
    for name, table in tables.items():
        write_table(results.folder / name, table)
    return {name: table.num_rows for name, table in tables.items()}


def failures(errors: Iterable[tuple[str, BaseException]]) -> None:
    """Raise one error that names every run that failed; the others are kept."""
    errors = list(errors)
    if errors:
        told = "\n  ".join(f"{name}: {error}" for name, error in errors)
        raise InputError(
            f"{len(errors)} run(s) failed:\n  {told}", "runs", "correct the cause and run again: what is done is kept"
        )
