"""How time and memory of each step grow with the number of rows, up to the report.

Run from the repository: python bench/scale.py [--rows N ...] [--format csv arrow] [--probes FACTS ...]
[--limit SECONDS] [--fit-limit SECONDS] [--no-report] [--write]

`own`: a table of events of somebody's own (two runs, two numbers, a category of three, fact groups of about 50 facts,
20 checkpoints, an eighth of the rows censored) through reading and checking, all fits of its plan, and the report.
`probes`: a study of facts x 20 checkpoints in two runs, whose probes are made up (`runs`: this bench's own work),
through its event tables, all its fits, and the report, whose page has so many MB. Every step runs in a process of its
own, start-up included. Processor seconds are those of the process and its children together, wall seconds hold for the
machine as busy as it was; memory is the peak of the process and its children (R's workers, of which there is one a
core) together, what they share counted once. The exponent of a step is the slope of log processor seconds on log rows
between the two largest sizes: 1 is linear, less where start-up still counts. For the
largest fits their own wall seconds are listed, where a second process disturbs. What needs longer than the limit is
stopped, and said; a fit that needs longer than `--fit-limit` as well.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
import pyarrow.csv  # noqa: E402

ROWS = (1_000, 10_000, 100_000, 1_000_000)
FACTS = (500, 2_000, 5_000, 50_000)
CHECKPOINTS = 20
PLAN = """[study]
name = "scale"
[events]
outcome = "loss"
[analysis]
time_limit = LIMIT
[analysis.covariates]
loss = ["kind", "x", "y"]
"""
STUDY = """[study]
name = "scale"
seeds = [1, 2]
[facts]
source = "tiny-world"
[probe]
samples = 20
[analysis]
time_limit = LIMIT
"""
FORMS = {f"r{k}": [f"The r{k} of {{subject}} is"] for k in range(4)}


def own_table(rows: int) -> pa.Table:
    """A table of events of known effects (log HR 0.5, -0.3 of a category, 0.3 and -0.2 of numbers)."""
    rng = np.random.default_rng(1)
    facts = max(rows // 2, 1)
    kind, x, y = rng.integers(0, 3, facts), rng.normal(size=facts), rng.gamma(2.0, size=facts)
    group = rng.integers(0, max(facts // 50, 2), facts)
    hazard = 0.1 * np.exp(
        np.array([0, 0.5, -0.3])[kind] + 0.3 * x - 0.2 * y + rng.normal(0, 0.3, group.max() + 1)[group]
    )
    fact, run = np.tile(np.arange(facts), 2), np.repeat([1, 2], facts)
    time_ = np.ceil(rng.exponential(size=2 * facts) / hazard[fact])
    return pa.table(
        {
            "id": [f"q{i}" for i in fact],
            "run": [f"seed-{r}" for r in run],
            "stop": np.minimum(time_, CHECKPOINTS),
            "event": (time_ <= CHECKPOINTS).astype(np.int32),
            "kind": np.array(["a", "b", "c"])[kind][fact],
            "x": x[fact].round(4),
            "y": y[fact].round(4),
            "group": [f"g{g}" for g in group[fact]],
        }
    )


def write_own(rows: int, folder: Path, form: str, fit_limit: int) -> Path:
    path, table = folder / f"t.{form}", own_table(rows)
    if form == "csv":
        pyarrow.csv.write_csv(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    (folder / "t.toml").write_text(PLAN.replace("LIMIT", str(fit_limit)))
    return path


def probed(facts: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Facts, their baseline and their probes at 20 checkpoints of two runs."""
    from factsurv.events.schema import BASELINE, PROBES, build, described
    from factsurv.events.schema import FACTS as COLUMNS

    rng = np.random.default_rng(2)
    names = [f"f{i}" for i in range(facts)]
    withheld = rng.random(facts) < 0.2
    told = {"fact_id": names, "subject": names, "object": names}
    told |= {
        "relation": [f"r{k}" for k in rng.integers(0, 4, facts)],
        "group": [f"g{k}" for k in rng.integers(0, 20, facts)],
    }
    told |= {"split": ["withheld" if w else "trained" for w in withheld]}
    table = build(COLUMNS, told).append_column("popularity", pa.array(rng.normal(size=facts)))
    table = described(table, "facts", factset={"covariates": ["popularity"], "templates": FORMS})
    learned = rng.geometric(np.where(withheld, 0.02, 0.1))
    known = rng.random(facts) < 0.15  # before training; a third of them are lost for some time
    lost = np.where(rng.random(facts) < 0.3, rng.integers(1, CHECKPOINTS, facts), 4 * CHECKPOINTS)
    base: dict[str, Any] = {n: [] for n in BASELINE}
    probes: dict[str, Any] = {n: [] for n in PROBES}
    for run in (1, 2):
        late = learned + rng.integers(0, 3, facts)
        same = {"run": [f"main-{run}"] * facts, "arm": ["main"] * facts, "seed": [run] * facts, "fact_id": names}
        p = rng.uniform(0, 0.3, facts)
        one = same | {n: [None] * facts for n in BASELINE if n not in same}
        one |= {"split": told["split"], "recalled": list(known), "latent": list(~known & (p > 0.2)), "p": p}
        one |= {
            "knowledge": np.where(known, "known", np.where(p > 0.2, "latent", "unknown")).tolist(),
            "logp": np.log(p),
        }
        for n, values in one.items():
            base[n] += list(values)
        for checkpoint in range(CHECKPOINTS + 1):
            kept = (late <= checkpoint) & (rng.random(facts) > 0.05) & (checkpoint > 0)
            recalled = np.where(known, checkpoint < lost, kept)
            one = same | {n: [None] * facts for n in PROBES if n not in same}
            for n in ("checkpoint", "epoch", "step", "examples", "tokens", "exposures"):
                one[n] = [checkpoint] * facts
            one |= {"recalled": list(recalled), "margin": np.where(recalled, 1.0, -1.0), "p": p, "logp": np.log(p)}
            for n, values in one.items():
                probes[n] += list(values)
    return table, described(build(BASELINE, base), "baseline"), described(build(PROBES, probes), "probes")


def step_own(step: str, folder: Path) -> dict[str, Any]:
    """One step of a table's analysis, in this process."""
    from contextlib import closing

    from factsurv.flows import fitted
    from factsurv.flows.own_events import make_events, open_results
    from factsurv.stats.own_plan import own_plan

    table = next(p for p in folder.iterdir() if p.stem == "t" and p.suffix != ".toml")
    with closing(open_results(folder / "t.toml", folder / "results", lambda line: None)) as store:
        if step == "events":
            make_events(store, table)
        elif step == "analysis":
            fitted.make_analysis(store, own_plan(store.study.analysis, store.table("events.arrow")))
            return {"fits": {f["task"]: fit_cell(f) for f in store.table("analysis/fits.arrow").to_pylist()}}
        else:
            return {"page": fitted.make_report(store).stat().st_size / 1e6}
    return {}


def step_probes(step: str, folder: Path) -> dict[str, Any]:
    """One step of a study whose runs are as if they had been probed, in this process."""
    from contextlib import closing

    from factsurv.flows import fitted, steps

    def silent(line: str) -> None:
        """Nothing: only seconds and memory are asked for."""

    with closing(steps.open_results(folder / "t.toml", folder / "results", silent)) as store:
        if step == "runs":
            record_runs(store, *probed(int((folder / "facts").read_text())))
        elif step == "events":
            steps.make_events(store)
        elif step == "analysis":
            fitted.make_analysis(store, steps.check_plan(store))
            return {"fits": {f["task"]: fit_cell(f) for f in store.table("analysis/fits.arrow").to_pylist()}}
        else:
            return {"page": fitted.make_report(store).stat().st_size / 1e6}
    return {}


def record_runs(store: Any, facts: pa.Table, baseline: pa.Table, probes: pa.Table) -> None:
    """The tables of facts and of two runs, as if the steps before the events had been done."""
    from factsurv.events.schema import TRAINING, build, described
    from factsurv.flows.store import written

    store.step("facts", {}, lambda: written(store, {"facts.arrow": facts}))
    for run in (1, 2):
        own = pc.equal(baseline["seed"], run), pc.equal(probes["seed"], run)
        tables = {"baseline": baseline.filter(own[0]), "probes": probes.filter(own[1])}
        told = {n: [0] * CHECKPOINTS for n in TRAINING}
        told |= {"run": [f"main-{run}"] * CHECKPOINTS, "arm": ["main"] * CHECKPOINTS, "seed": [run] * CHECKPOINTS}
        told |= {n: list(range(1, CHECKPOINTS + 1)) for n in ("step", "epoch")}
        tables["training"] = described(build(TRAINING, told), "training")
        (store.folder / "runs" / f"main-{run}").mkdir(parents=True)
        made = {f"runs/main-{run}/{n}.arrow": table for n, table in tables.items()}
        store.step(f"run main-{run}", {}, functools.partial(written, store, made))


STEPS = {"own": (step_own, ("events", "analysis", "report")),
         "probes": (step_probes, ("runs", "events", "analysis", "report"))}  # fmt: skip


def measured(what: str, step: str, folder: Path, limit: float) -> dict[str, Any]:
    """Seconds and peak memory of one step in a process of its own."""
    command = [sys.executable, __file__, "--one", what, step, str(folder)]
    began, mark, peak = time.monotonic(), uuid.uuid4().hex, 0.0
    with (folder / "said").open("w") as said, (folder / "wrong").open("w") as wrong:
        process = subprocess.Popen(
            command, stdout=said, stderr=wrong, cwd=folder, stdin=subprocess.DEVNULL, env=os.environ | {"MARK": mark}
        )
        while process.poll() is None:
            peak = max(peak, together(mark))
            if time.monotonic() - began > limit:
                process.kill()
                return {"stopped": f"stopped after {limit:.0f} s"}
            time.sleep(0.25)
    if process.returncode:
        return {"stopped": (folder / "wrong").read_text().strip()[-300:]}
    told = json.loads((folder / "said").read_text().splitlines()[-1])
    told["mib"] = max(told["mib"], peak)
    return {"wall": time.monotonic() - began} | told


def together(mark: str) -> float:
    """MiB of all processes with this mark in their environment; what they share counts once."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                lines = (process / "smaps_rollup").read_text().splitlines()
                found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:  # it has just ended
            continue
    return found / 1024


def one(what: str, step: str, folder: Path) -> None:
    """In the child: a step, its processor seconds, and its peak of memory."""
    told = STEPS[what][0](step, folder)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(u.ru_utime + u.ru_stime for u in used)
    print(json.dumps(told | {"seconds": seconds, "mib": max(u.ru_maxrss for u in used) / 1024}))


def fit_cell(fit: dict[str, Any]) -> dict[str, Any]:
    """Of a row of the table `fits`: seconds, or why there is no estimate."""
    if fit["status"] in ("ok", "warning"):
        return {"seconds": fit["seconds"] or 0.0}
    return {"stopped": f"{fit['status']}: {(fit['reason'] or '')[:80]}"}


def exponent(sizes: list[int], values: list[dict[str, Any]]) -> str:
    """Slope of log seconds on log size between the two largest sizes that have them."""
    known = [(n, v["seconds"]) for n, v in zip(sizes, values, strict=True) if v.get("seconds")]
    if len(known) < 2:
        return "–"
    (n, a), (m, b) = known[-2:]
    return f"{math.log(b / a) / math.log(m / n):.2f}"


def series(what: str, name: str, sizes: list[int], write: Any, limit: float, skip: tuple[str, ...]) -> list[str]:
    """All steps at all sizes; a table in Markdown."""
    steps = [s for s in STEPS[what][1] if s not in skip]
    found: dict[str, list[dict[str, Any]]] = {step: [] for step in steps}
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write(size, folder)
            for step in steps:
                result = measured(what, step, folder, limit)
                found[step].append(result)
                print(f"{name} {size:,} {step}: {cell(result)}", flush=True)
    lines = table(name, "step (processor s, wall s, peak)", sizes, found)
    fits = [result.get("fits", {}) for result in found.get("analysis", [])]
    if any(fits):
        slowest = sorted(fits[-1] or fits[0], key=lambda task: -fits[-1].get(task, {}).get("seconds", 0.0))[:8]
        of_task = {task: [of.get(task, {"stopped": "not reached"}) for of in fits] for task in slowest}
        lines += table("", "the slowest fits (wall s)", sizes, of_task)
    return lines


def table(name: str, first: str, sizes: list[int], found: dict[str, list[dict[str, Any]]]) -> list[str]:
    head = [f"### {name}", ""] if name else []
    head.append(f"| {first} | " + " | ".join(f"{n:,}" for n in sizes) + " | exponent |")
    head.append("|---|" + "---|" * (len(sizes) + 1))
    return [
        *head, *(f"| {s} | " + " | ".join(map(cell, v)) + f" | {exponent(sizes, v)} |" for s, v in found.items()), ""
    ]  # fmt: skip


def cell(result: dict[str, Any]) -> str:
    if "stopped" in result:
        return result["stopped"] or "ended without a word"
    if "mib" not in result:
        return f"{result['seconds']:.1f} s"
    page = f", page {result['page']:.1f} MB" if "page" in result else ""
    return f"{result['seconds']:.1f} s, {result['wall']:.0f} s, {result['mib']:,.0f} MiB{page}"


def write_probes(facts: int, folder: Path, fit_limit: int) -> None:
    (folder / "facts").write_text(str(facts))
    (folder / "t.toml").write_text(STUDY.replace("LIMIT", str(fit_limit)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS))
    parser.add_argument("--format", nargs="*", default=["csv", "arrow"], choices=["csv", "arrow"])
    parser.add_argument("--probes", type=int, nargs="*", default=list(FACTS))
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for one step")
    parser.add_argument("--fit-limit", type=int, default=600, help="seconds for one fit")
    parser.add_argument("--no-report", action="store_true")
    parser.add_argument("--write", action="store_true", help="write bench/results/scale.md")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], given.one[1], Path(given.one[2]))
        return
    skip = ("report",) if given.no_report else ()
    lines: list[str] = []
    for form in given.format if given.rows else []:
        name = f"own events, {form} (rows)"
        write = functools.partial(write_own, form=form, fit_limit=given.fit_limit)
        lines += series("own", name, given.rows, write, given.limit, skip)
    if given.probes:
        name = f"probes (facts x {CHECKPOINTS} checkpoints x 2 runs)"
        write_study = functools.partial(write_probes, fit_limit=given.fit_limit)
        lines += series("probes", name, given.probes, write_study, given.limit, skip)
    print("\n".join(lines))
    if given.write:
        from bench.machine import machine

        place = ROOT / "bench" / "results" / "scale.md"
        told = f"`python bench/scale.py {' '.join(sys.argv[1:])}`"
        place.write_text("\n".join(["# Growth", "", told, "", machine(["pyarrow"]), "", *lines]), "utf-8")


if __name__ == "__main__":
    main()
