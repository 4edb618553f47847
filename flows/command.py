"""The `factsurv` command. Exit codes: 0 done, 2 something the user can correct, 130 interrupted, 1 a fault of ours."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from factsurv.events.errors import InputError
from factsurv.flows.quiet import quiet
from factsurv.flows.refused import as_message

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="When does a language model acquire, generalise and lose a fact?",
)


def _studies(typed: str) -> list[str]:
    """What a study's name may be completed to: bundled studies, and study files from here."""
    from factsurv.flows.study_file import BUNDLED

    here = [str(p) for p in Path().glob(f"{glob.escape(typed)}*") if p.suffix == ".toml" or p.is_dir()]
    return sorted([p.stem for p in BUNDLED.glob("*.toml") if p.stem.startswith(typed)] + here)


Study = Annotated[
    str, typer.Argument(help="A study file (TOML), or the name of a bundled one.", autocompletion=_studies)
]
Folder = Annotated[Path, typer.Option("--results", help="Folder that holds the results folders.")]
RESULTS = Path("results")
LARGEST = 2**31 - 1  # of a seed or a count, here and in R


@contextmanager
def _torch_files() -> Iterator[None]:
    """Where a command has no results folder: imported, torch makes a folder, which would else stay in /tmp for ever."""
    from factsurv.events import children

    with children.scratch() as folder:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
        yield


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"factsurv {version('factsurv')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """What holds for all commands."""


@app.command()
def run(
    study: Study,
    check: Annotated[bool, typer.Option("--check", help="Check everything and do nothing else.")] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="All of it in minutes: few facts and steps, small random models.")
    ] = False,
    results: Folder = RESULTS,
) -> None:
    """Run a study: facts, training and probing, events, analysis, report. What is done is skipped."""
    from factsurv.flows.server import address, check_server
    from factsurv.flows.study_file import find_study

    path = find_study(study)
    if check and rehearse:
        raise InputError("--check and --rehearse", "run", "ask for one of them: a rehearsal checks first")
    if check:
        from factsurv.flows.check import check as checked
        from factsurv.flows.summary import summary

        with _torch_files():
            print("\n".join(summary(checked(path), results)))
        return
    server = None if rehearse else address()
    if rehearse:
        from factsurv.flows.rehearsal import rehearsal

        path = rehearsal(path, results)
    if server is None:
        from factsurv.flows.study import study as run_study

        report = str(run_study(path, results))
    else:
        check_server(server)
        from factsurv.flows.tracked import tracked

        report = str(tracked(str(path), str(results)))
    _show_end(Path(report))


@app.command()
def analyze(
    what: Annotated[str, typer.Argument(help="A study, or a table of events of your own: csv, parquet or arrow.")],
    plan: Annotated[Path | None, typer.Option(help="For a table: the file that says which column is what.")] = None,
    check: Annotated[bool, typer.Option("--check", help="For a table: check it and do nothing else.")] = False,
    results: Folder = RESULTS,
) -> None:
    """Fit and report: a study's finished probes again, with the R files as they are now, or a table of events."""
    _analyze(what, plan, check, results)


def _analyze(what: str, plan: Path | None, check: bool, results: Path) -> Path:
    """Returns the report's path; of a check alone, the table's."""
    from factsurv.events.own_file import SUFFIXES

    if Path(what).suffix.lower() in SUFFIXES:
        return _analyze_table(Path(what), plan, check, results)
    if plan or check:
        raise InputError("--plan and --check are for tables of events", what, f"a table ends in {', '.join(SUFFIXES)}")
    from factsurv.flows import fitted, steps
    from factsurv.flows.progress import Board
    from factsurv.flows.store import expected
    from factsurv.flows.study import AFTER
    from factsurv.flows.study_file import find_study

    with (
        Board() as board,
        closing(steps.open_results(find_study(what), results, board.say, board.progress)) as store,
    ):
        board.expect(expected(store, AFTER))
        steps.check_asked(store)
        steps.make_events(store)
        fitted.make_analysis(store)
        fitted.make_claims(store)
        report = fitted.make_report(store)
    _show_end(report)
    return report


def _show_end(report: Path) -> None:
    from factsurv.flows.fitted import last_lines

    print("\n".join(last_lines(report)))


def _analyze_table(table: Path, plan: Path | None, check: bool, results: Path) -> Path:
    from factsurv.flows.own_events import analyse_table, check_table
    from factsurv.flows.own_plan import no_plan
    from factsurv.flows.progress import Board
    from factsurv.flows.study import AFTER

    if plan is None:
        raise no_plan(table)
    if check:
        print("\n".join(check_table(table, plan)))
        return table
    with Board() as board:
        board.expect(dict.fromkeys(AFTER))
        path = analyse_table(table, plan, results, board.say, board.progress)
    _show_end(path)
    return path


@app.command()
def report(
    what: Annotated[str, typer.Argument(help="A study, or a table of events of your own.")],
    plan: Annotated[Path | None, typer.Option(help="For a table: the file that says which column is what.")] = None,
    to: Annotated[str, typer.Option(help="html, docx, gfm (Markdown for pull requests) or pdf.")] = "html",
    appendix: Annotated[bool, typer.Option("--appendix", help="Not for html: with folds and appendix.")] = False,
    results: Folder = RESULTS,
) -> None:
    """Render a report again; what the edited R files or the .qmd change is done again first."""
    from factsurv.reports.formats import check_format, render_as
    from factsurv.stats.r_home import find_r

    check_format(to, appendix)
    page = _analyze(what, plan, False, results)
    if to != "html":
        other = render_as(page.parent, to, appendix=appendix, r_environment=find_r().environment())
        print(f"report as {to}: {other}")


@app.command()
def compare(
    studies: Annotated[
        list[str], typer.Argument(help="Studies, or their results folders; the first is the reference.")
    ],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("comparison.html"),
    results: Folder = RESULTS,
) -> None:
    """One report over finished studies: hazard ratios side by side, and how they differ."""
    from factsurv.flows.export import results_folder
    from factsurv.reports.compare import compare as render_comparison
    from factsurv.stats.r_home import find_r

    done = render_comparison([results_folder(s, results) for s in studies], out, find_r().environment())
    print("\n".join([*done.warnings, f"comparison: {done.path}"]))


@app.command()
def audit(
    study: Study,
    facts: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many random facts.")] = 40,
    samples: Annotated[int, typer.Option(min=1, max=LARGEST, help="Real samples drawn per fact.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Of the choice of facts and of the samples.")] = 1,
    within: Annotated[int, typer.Option(min=0, max=10_000, help="Also: is the answer in so many new tokens?")] = 0,
) -> None:
    """Compare the exact probe with real decoding (`generate`) on a random subset of a study's facts."""
    from factsurv.flows.progress import Board
    from factsurv.flows.study_file import find_study, read_study

    spec = read_study(find_study(study))
    with _torch_files(), Board() as board:
        board.expect({"audit": None})
        board.progress("audit", 0, 1, "the model is loaded")
        from factsurv.training.probing.audit import audit as compare

        def told(done: int, of: int) -> None:
            board.progress("audit", done, of, f"{done} of {of} facts decoded")

        found = compare(spec.facts, spec.model, spec.probe, facts, samples, seed, board.say, told, within)
    print(found.text())
    if not found.agrees:
        raise InputError(
            "the exact probe and real decoding disagree", study, "do not use this study's probes; report it"
        )


@app.command()
def count(
    study: Study,
    corpus: Annotated[
        list[str] | None, typer.Option(help="A file or folder: text, jsonl, parquet; or several.")
    ] = None,
    merge: Annotated[list[Path] | None, typer.Option(help="In place of a corpus: tables of counts to add up.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table; default: facts.counts, or NAME-counts.arrow.")] = None,
    rule: Annotated[str, typer.Option(help="word: no letter beside a name; paper: a space before; anywhere.")] = "word",
    documents: Annotated[str, typer.Option(help="Of plain text: each line is one, or each file.")] = "line",
    text: Annotated[str, typer.Option("--field", help="Where JSON and parquet have the text.")] = "text",
    aliases: Annotated[bool, typer.Option("--aliases", help="Further right answers count as the object.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, max=1000, help="Processes; default: one a core.")] = None,
    leave_out: Annotated[bool, typer.Option("--leave-out-broken", help="Count without files that are broken.")] = False,
) -> None:
    """Count a study's facts in a corpus: documents with the subject, the object, both, neither. Killed, it goes on."""
    from factsurv.flows.counting import count_study

    print("\n".join(count_study(
        study, corpus or [], merge or [], out, workers, leave_out,
        {"rule": rule, "documents": documents, "field": text, "aliases": aliases},
    )))  # fmt: skip


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the study: becomes NAME.toml.")],
    more: Annotated[list[str] | None, typer.Argument(help="With --lm-eval: further files.")] = None,
    facts: Annotated[Path | None, typer.Option(help="Your table of facts: csv, parquet or arrow.")] = None,
    events: Annotated[Path | None, typer.Option(help="Your table of events, from any trainer.")] = None,
    observations: Annotated[
        Path | None, typer.Option(help="Your table of observations: id, step, correct, and what may explain it.")
    ] = None,
    lm_eval: Annotated[
        str | None, typer.Option(help="Logs of single documents (samples_*.jsonl) of several checkpoints, or a folder.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="With --lm-eval or --series: where names have the step: 'ck(\\d+)'.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(help="With --facts: a folder of checkpoints or a hub repository, in place of a model.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="With --facts: hub name, folder or GGUF file.")] = None,
    subject: Annotated[str | None, typer.Option(help="With --facts: the column that is asked about.")] = None,
    object: Annotated[str | None, typer.Option(help="With --facts: the column that answers.")] = None,
    relation: Annotated[str | None, typer.Option(help="With --facts: the column of relations.")] = None,
) -> None:
    """Write a study file for a table of facts, checked as `run` will check it, or a plan for a table of one's own."""
    given = {"--facts": facts, "--events": events, "--observations": observations, "--lm-eval": lm_eval}
    if sum(value is not None for value in given.values()) != 1:
        raise InputError("it takes one table", "init", f"give one of {', '.join(given)}")
    if lm_eval is None and more:
        raise InputError("further files are for --lm-eval", "init", "leave them out")
    if pattern and not (lm_eval or series):
        raise InputError("a pattern is for --lm-eval or --series", "--pattern", "leave it out")
    if series and (model or facts is None):
        raise InputError("a series is asked for facts, in the place of a model", "--series", "give --facts, no --model")
    if facts is None:
        _init_plan(name, events, observations, [lm_eval, *(more or ())] if lm_eval else [], pattern)
        return
    from factsurv.flows.starter import write_study

    columns = {"subject": subject, "object": object, "relation": relation}
    path, found = write_study(name, facts, model, columns, series, pattern)
    for notice in found.notices:
        print(f"{facts}: {notice}")
    held = sum(len(pairs) for pairs in found.examples.values())
    kept = f" ({held} more are held back as solved examples for the prompts)" if held else ""
    print(f"wrote {path}: {len(found)} facts{kept}; read it, then `factsurv run {path}`")


def _init_plan(name: str, events: Path | None, observations: Path | None, logs: list[str], pattern: str | None) -> None:
    """A plan for a table of one's own."""
    from factsurv.flows.observed_plan import write_lm_eval_plan, write_observed_plan
    from factsurv.flows.own_plan import write_plan

    if logs:
        path, table, notices = write_lm_eval_plan(name, logs, pattern)
    else:
        table = events or observations or Path()
        path, notices = write_plan(name, table) if events else write_observed_plan(name, table)
    for notice in notices:
        print(f"{table}: {notice}")
    made = f"{path} and {table}" if logs else str(path)
    print(f"wrote {made}: read {path}, then `factsurv analyze {table} --plan {path}`")


@app.command()
def power(
    hr: Annotated[float, typer.Option(help="Hazard ratio to detect: of latent facts, or of recipe B against A.")],
    curve: Annotated[str, typer.Option(help="Share of facts with the event by each probe, or a results folder.")],
    facts: Annotated[str, typer.Option(help="Numbers of facts at risk to try.")] = "100,200,400,800",
    seeds: Annotated[str | None, typer.Option(help="Numbers of seeds to try; default 1,2,3, of arms 2,3,5.")] = None,
    compare: Annotated[str, typer.Option(help="latent: latent facts against others; arms: two recipes.")] = "latent",
    outcome: Annotated[str, typer.Option(help="Whose curve is taken from a results folder.")] = "acquisition",
    share_latent: Annotated[float | None, typer.Option(help="Of facts; default: the earlier study's, or 0.3.")] = None,
    frailty: Annotated[float, typer.Option(help="Variance of facts' log hazards beyond covariates.")] = 0.3,
    run_sd: Annotated[float, typer.Option(help="Standard deviation of the runs' log hazards.")] = 0.2,
    replicates: Annotated[int, typer.Option(help="Simulated studies for each design.")] = 500,
    alpha: Annotated[float, typer.Option(help="Level of the two-sided test.")] = 0.05,
    wanted: Annotated[float, typer.Option("--power", help="Power to aim at.")] = 0.8,
    seed: Annotated[int, typer.Option(min=1, max=2000, help="Of the simulation.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, max=1000, help="R processes; default: one a core.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for power.csv, power.svg and power.json.")] = Path("power"),
) -> None:
    """How many facts and seeds detect a given hazard ratio, by simulation: a table and a plot."""
    given = dict(locals())
    from factsurv.stats.power_study import power_study

    power_study(**given)


@app.command()
def schedule(
    study: Study,
    cron: Annotated[str, typer.Option(help="When, as cron says it: minute hour day month weekday.")],
    results: Folder = RESULTS,
) -> None:
    """Run a study on a schedule until interrupted, through the Prefect server that PREFECT_API_URL names."""
    from factsurv.flows.check import check
    from factsurv.flows.server import START, address, check_server
    from factsurv.flows.study_file import find_study

    path = find_study(study).resolve()
    server = address()
    if server is None:
        raise InputError("a schedule needs a Prefect server, and none is named", "PREFECT_API_URL", START)
    check_server(server)
    from factsurv.flows.tracked import check_cron, serve

    check_cron(cron)
    check(path)
    serve(path, results, cron, server)


@app.command()
def export(
    what: Annotated[str, typer.Argument(help="A study, a plan, or a results folder.", autocompletion=_studies)],
    to: Annotated[str, typer.Option(help="csv: tables; xlsx: a workbook; zip: all, report included.")] = "zip",
    out: Annotated[Path | None, typer.Option(help="Where to; default: NAME-csv, NAME.xlsx or NAME.zip, here.")] = None,
    results: Folder = RESULTS,
) -> None:
    """Write finished results for others: every table as CSV or in a workbook, or one zip of all, report included."""
    from factsurv.flows.export import export as write

    print(f"wrote {write(what, results, to, out)}")


@app.command()
def doctor() -> None:
    """Show what was found on this machine and, where something is wrong, the remedy."""
    from factsurv.flows.doctor import examine

    signs = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}
    findings = examine()
    for f in findings:
        print(f"{signs[f.level]}  {f.what}: {f.found}")
        if f.remedy:
            print(f"       → {f.remedy}")
    if any(f.level == "wrong" for f in findings):
        raise typer.Exit(2)


def _check_place() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise InputError(
            "the folder that you are in was deleted or moved", "", "change to one that is there"
        ) from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: problems that the user can correct are one message and exit code 2."""
    quiet()
    try:
        _check_place()
        app(args=list(arguments) if arguments is not None else None, prog_name="factsurv")
    except (InputError, OSError) as error:
        told = as_message(error)
        if told is None:
            raise
        print(f"factsurv: {told}", file=sys.stderr)
        sys.exit(2)
