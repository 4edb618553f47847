"""From the Arrow file to the coefficient table: ours, R's coxph, lifelines, statsmodels, scikit-survival; and coxme.

Run from the repository: python bench/survival.py [--write] [--rows N ...] [--ways WAY ...] [--limit SECONDS]

Every way fits the same Efron model to the same generated rows: facts in 20 runs, three covariates (five
coefficients), times grouped to 20 epochs, everybody at risk from 0. Ours maps the Arrow file, prepares it, fits and
returns the tables of `run_fit` (the concordance and its error included), in the process of R. coxph and the Python
packages start from a data frame that is in memory already. lifelines, statsmodels and scikit-survival get durations
and not (start, stop], which is quicker for them. Processor time with one thread; the peers are installed into
build/bench-peers. R compiles functions while it first runs them: what runs in R has three calls on 20,000 rows before
it is timed, as in a worker that has fitted something already. A way that needs more than the limit is stopped, not
tried on more rows.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

ROWS = (1_000, 10_000, 100_000, 1_000_000)
PEERS = {"lifelines": "lifelines", "statsmodels": "statsmodels", "scikit-survival": "scikit-survival"}
IN_R = {"ours": "ours", "coxph": "R coxph", "ours by cluster": "ours, robust by fact", "coxph by cluster": "R, robust"}
RUNS, EPOCHS = 20, 20
COVARIATES = ["latent", "relation", "exposure"]


def generate(rows: int, path: Path) -> None:
    """An event table of known effects (log HR 0.7, 0.3, -0.3, 0.1, 0.1) as an Arrow file."""
    rng = np.random.default_rng(1)
    facts = rows // RUNS
    latent, relation, exposure = rng.random(facts) < 0.3, rng.integers(0, 4, facts), rng.integers(0, 10, facts) / 3
    risk = np.exp(0.7 * latent + np.array([0, 0.3, -0.3, 0.1])[relation] + 0.1 * exposure)
    fact, run = np.tile(np.arange(facts, dtype=np.int32), RUNS), np.repeat(np.arange(RUNS, dtype=np.int32), facts)
    times = np.ceil(rng.exponential(size=rows) / (0.08 * risk[fact]))
    stop, event = np.minimum(times, EPOCHS), times <= EPOCHS
    none = np.zeros(rows, np.int32)

    def levels(codes, names):
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names))

    relations = [f"r{k}" for k in range(4)]
    columns = {
        "run": levels(run, [f"arm-{k}" for k in range(RUNS)]), "arm": levels(none, ["arm"]), "seed": pa.array(run),
        "fact_id": levels(fact, [f"f{k}" for k in range(facts)]), "outcome": levels(none, ["acquisition"]),
        "rule": levels(none, ["first"]), "start": np.zeros(rows), "stop": stop, "event": event, "left": stop - 1,
        "right": pa.array(stop, mask=~event), "split": levels(none, ["trained"]),
        "relation": levels(relation[fact], relations), "group": levels(relation[fact], relations),
        "latent": latent[fact], "logp0": np.zeros(rows), "p0": np.zeros(rows), "exposure": exposure[fact],
    }  # fmt: skip
    data = pa.table(columns)
    with pa.ipc.new_file(path, data.schema) as file:
        file.write_table(data)


def repeated(action: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Median processor seconds, and the last value."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        value = action()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds), value


def embedded_r():
    """R in this process, with stats/R and bench/survival.R."""
    from factsurv.stats.r_home import find_r
    from factsurv.stats.worker import EmbeddedR

    if "R_HOME" not in os.environ or "FACTSURV_BENCH" not in os.environ:  # the libraries are read when R is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], find_r().environment() | {"FACTSURV_BENCH": "1"})
    folder = Path(tempfile.mkdtemp())
    for file in [*(ROOT / "stats" / "R").glob("*.R"), ROOT / "bench" / "survival.R"]:
        (folder / file.name).symlink_to(file)
    return EmbeddedR(str(folder))


def in_r(way: str, path: Path, times: int) -> dict[str, Any]:
    """Ours or coxph: seconds, and estimate and error by coefficient."""
    r = embedded_r()
    cluster = "fact_id" if "cluster" in way else ""
    warm = path.with_name("warm.arrow")
    if not warm.exists():
        generate(20_000, warm)
    args = {"covariates": COVARIATES, "strata": [], "cluster": cluster, "ties": "efron", "conf": 0.95}
    task = {"id": "bench", "fn": "cox_univariable", "outcome": "acquisition", "rule": "first", "model": "cox",
            "name": "", "table": "events", "args": args}  # fmt: skip

    def action(source):
        if way.startswith("ours"):
            r._kept.clear()  # the file is read every time
            return r.answer("run_fit", (), {"task": task}, {"events": source})
        return r.answer("peer_coxph", (), {"cluster": cluster}, {"events": source})

    for _ in range(3):
        action(("file", str(warm), 0, 0, 0))
    source = ("file", str(path), 0, 0, 0)
    r._table(source)
    seconds, result = repeated(lambda: action(source), times)
    if result.error:
        raise SystemExit(result.error.message)
    table = result.value["coefficients"] if way.startswith("ours") else result.value
    engine = result.value["fits"]["engine"][0].as_py() if way.startswith("ours") else ""
    return {"seconds": seconds, "estimate": table["estimate"].to_pylist(), "se": table["se"].to_pylist(), "by": engine}


def in_python(way: str, path: Path, times: int) -> dict[str, Any]:
    frame = pa.ipc.open_file(path).read_all().select([*COVARIATES, "stop", "event"]).to_pandas()
    for k in range(1, 4):
        frame[f"r{k}"] = (frame["relation"] == f"r{k}").astype(float)
    frame = frame.drop(columns="relation").astype(float)
    frame = frame[["latent", "r1", "r2", "r3", "exposure", "stop", "event"]]
    x = frame.iloc[:, :5]
    if way == "lifelines":
        from lifelines import CoxPHFitter

        seconds, fit = repeated(lambda: CoxPHFitter().fit(frame, "stop", "event"), times)
        return {"seconds": seconds, "estimate": list(fit.params_), "se": list(fit.standard_errors_)}
    if way == "statsmodels":
        from statsmodels.duration.hazard_regression import PHReg

        seconds, fit = repeated(lambda: PHReg(frame["stop"], x, status=frame["event"], ties="efron").fit(), times)
        return {"seconds": seconds, "estimate": list(fit.params), "se": list(fit.bse)}
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(frame["event"] > 0, frame["stop"])
    seconds, fit = repeated(lambda: CoxPHSurvivalAnalysis(ties="efron", tol=1e-12).fit(x, y), times)
    return {"seconds": seconds, "estimate": list(fit.coef_), "se": None}


def measured(python: Path, way: str, path: Path, rows: int, limit: int) -> dict[str, Any] | str:
    """One way in a process of its own, or why there is no number."""
    command = [str(python), __file__, "--way", way, "--file", str(path), "--limit", str(limit)]
    command += ["--times", str(5 if rows < 1_000_000 or way in IN_R else 1)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if run.returncode < 0:
        return f"> {limit} s" if run.returncode in (-24, -9) else f"died of signal {-run.returncode}"
    return run.stderr.strip().splitlines()[-1] if run.returncode else json.loads(run.stdout.splitlines()[-1])


def compared(ways: list[str], sizes: list[int], limit: int) -> list[str]:
    """Lines of the report: seconds, ratios and agreement of every way."""
    from bench.machine import peers, table

    python = peers([*PEERS.values(), "pandas"])
    slow: dict[str, str] = {}
    seconds: list[list[str]] = []
    worst: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / f"{rows}.arrow"
            generate(rows, path)
            found = {}
            for way in ways:
                interpreter = python if way in PEERS else Path(sys.executable)
                found[way] = slow.get(way) or measured(interpreter, way, path, rows, limit)
                if isinstance(found[way], str):
                    slow[way] = found[way]
                print(rows, way, found[way], file=sys.stderr, flush=True)
            line = [f"{rows:,}"]
            for way, result in found.items():
                base = found["ours by cluster" if "cluster" in way else "ours"]
                if isinstance(result, str):
                    line.append(result)
                elif way.startswith("ours"):
                    line.append(f"{result['seconds']:.3f} s")
                else:
                    line.append(f"{result['seconds']:.3f} s ({result['seconds'] / base['seconds']:.1f} x)")
                    apart = np.abs(np.array(result["estimate"]) - base["estimate"]) / np.array(base["se"])
                    worst[way] = max(worst.get(way, 0.0), float(apart.max()))
            seconds.append([*line, found["ours"]["by"]])
    head = ["rows", *(IN_R.get(way, way) for way in ways), "engine of ours"]
    agree = ", ".join(f"{way} {value:.1e}" for way, value in worst.items())
    return [
        "Processor seconds, and how many times as long as ours, from one run:", "", table(head, seconds), "",
        f"- largest distance of a coefficient from ours, in standard errors: {agree}",
        f"- all with Efron ties; a way that needs more than {limit} s of processor time for its repeats is stopped and",
        "  not tried on more rows",
    ]  # fmt: skip


def mixed(designs: list[tuple[int, int]]) -> list[str]:
    from bench.machine import table

    def start(engine: str, facts: int, runs: int) -> subprocess.Popen:
        command = [sys.executable, __file__, "--way", engine, "--design", str(facts), str(runs)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)

    lines = []
    for facts, runs in designs:
        found = {}
        for engine in ("coxme", "fast"):  # one after the other: side by side they would disturb each other
            found[engine] = json.loads(start(engine, facts, runs).communicate()[0].splitlines()[-1])
        fast, slow = found["fast"], found["coxme"]
        apart = [abs(a - b) / s for a, b, s in zip(fast["estimate"][:2], slow["estimate"], slow["se"], strict=False)]
        variances = [f"{a:.4f}/{b:.4f}" for a, b in zip(fast["estimate"][2:], slow["estimate"][2:], strict=True)]
        lines.append([f"{fast['rows']:,}", f"{facts} x {runs}", f"{slow['seconds']:.2f} s", f"{fast['seconds']:.2f} s",
                      f"{slow['seconds'] / fast['seconds']:.1f} x", f"{max(apart):.4f}", *variances])  # fmt: skip
        print(lines[-1], file=sys.stderr, flush=True)
    head = ["rows", "facts x runs", "coxme", "ours", "ratio", "coefficients apart (SE)", "var fact", "var run"]
    return ["", "Crossed random intercepts, (1 | fact) + (1 | run), Efron, one fit from one start (ours/coxme):", "",
            table(head, lines)]  # fmt: skip


def one(options: argparse.Namespace) -> None:
    limit = 3600 if options.design else options.limit
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    if options.design:
        facts, runs = options.design
        r = embedded_r()
        result = r.answer("timed_mixed", (options.way, facts, runs), {}, {})
        if result.error:
            raise SystemExit(result.error.message)
        columns = result.value.to_pydict()
        print(json.dumps(columns | {"seconds": columns["seconds"][0], "rows": columns["rows"][0]}))
        return
    fit = in_python if options.way in PEERS else in_r
    print(json.dumps(fit(options.way, options.file, options.times)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rows", type=lambda text: int(float(text)), nargs="+", default=list(ROWS))
    parser.add_argument("--limit", type=int, default=120)
    ways = [*IN_R, *PEERS, "mixed", "mixed-large"]
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways, help="mixed-large takes coxme minutes")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=3, help=argparse.SUPPRESS)
    parser.add_argument("--design", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        one(options)
        return
    from bench.machine import machine, write

    chosen = [way for way in ways if way in {"ours", "ours by cluster", *options.ways}]
    lines = compared([w for w in chosen if not w.startswith("mixed")], options.rows, options.limit)
    designs = [(100, 8), (1000, 5)] * ("mixed" in chosen) + [(1000, 20)] * ("mixed-large" in chosen)
    if designs:
        lines += mixed(designs)
    if left := [way for way in ways if way not in chosen]:
        lines += ["", f"- not run this time (--ways): {', '.join(left)}"]
    body = "\n".join([machine(["pyarrow"]), "", *lines])
    if options.write:
        write("survival", "Survival models", " ".join(["python", "bench/survival.py", *sys.argv[1:]]), body)
    else:
        print(body)


if __name__ == "__main__":
    main()
