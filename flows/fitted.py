"""The steps behind the tables of events, of a study or of one's own: fits, verdicts on claims, the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from factsurv.events.ends import COMPARED
from factsurv.events.errors import InputError
from factsurv.events.files import digest, read_table, write_json
from factsurv.events.manifest import Manifest
from factsurv.events.reached_code import reached_code
from factsurv.events.schema import ANALYSIS, EXPOSURES, described
from factsurv.flows.steps import check_plan
from factsurv.flows.store import Store, code, written
from factsurv.stats.claims import told_claims
from factsurv.stats.kept_fits import Earlier

KEYS = "analysis/keys.json"  # what each fit was made from


def make_analysis(results: Store, told: dict[str, Any] | None = None) -> None:
    """`analysis/*.arrow` and `environment.json`: every fit of the plan (the study's own if none is told)."""
    from factsurv.stats.analyse import analyse, r_packages
    from factsurv.stats.kept_fits import around
    from factsurv.stats.r_home import find_r

    told = told or check_plan(results)
    read = ["events", *(["history"] if told.get("history") else [])]  # a table of events alone has no probes
    made = {n for step in ("events", "scores") for n in results.manifest.steps.get(step, {}).get("makes", ())}
    read += [name for name in ("transitions", EXPOSURES) if f"{name}.arrow" in made]
    compared = [n for n in COMPARED if f"{n}.arrow" in made]
    read += compared
    key: dict[str, Any] = {
        "spec": {
            "plan": told | ({"comparisons": compared} if compared else {}),
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
        from factsurv.flows.doctor import environment

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


def make_claims(results: Store, told: dict[str, Any] | None = None, claims: list[dict[str, Any]] | None = None) -> None:
    """`claims.arrow`: R's verdicts on the claims, by the tables of fits; nothing where there never was a claim."""
    from factsurv.stats.claims import judge

    claims = told_claims(results.study.claim) if claims is None else claims
    if not claims and "claims" not in results.manifest.steps:
        return
    told = told or check_plan(results)
    tables = {Path(n).stem: n for n in results.manifest.artefacts if n.endswith(".arrow") and not n.startswith("runs/")}
    tables.pop("claims", None)
    key: dict[str, Any] = {
        "spec": {"claims": claims, "plan": told},
        "inputs": results.inputs(*tables.values()),
        "code": code("stats/R/*.R") | reached_code("factsurv.stats.claims"),
    }

    def make() -> dict[str, int | None]:
        verdicts = judge(claims, told, lambda name: results.folder / tables[name] if name in tables else None)
        return written(results, {"claims.arrow": described(verdicts, "claims")})

    results.step("claims", key, make)


def _earlier(results: Store) -> Earlier:
    """What the last analysis here left; nothing where a file of it is not what was written."""
    names = {n: f"analysis/{n}.arrow" for n in ANALYSIS}
    try:
        keys = json.loads(results.manifest.verified(KEYS).read_text("utf-8"))
        return Earlier(keys, {n: results.table(name) for n, name in names.items()})
    except InputError:
        return Earlier()


def last_lines(report: Path) -> list[str]:
    """What a command ends with: where the report is, and what is not in it."""
    return [f"report: {report}", *without_result(report)]


def without_result(report: Path) -> list[str]:
    """How many fits behind a report have no result and why: a line an outcome, for the end of a command."""
    from factsurv.stats.kept_fits import without_result

    manifest = Manifest(report.parent)
    lines = without_result(read_table(manifest.verified("analysis/fits.arrow")))
    if again := manifest.steps.get("analysis", {}).get("unfinished"):
        lines.append(f"{len(again)} of them may get through another time: the same command tries them again")
    return lines


def make_report(results: Store) -> Path:
    """`report.html`: rendered from the artefacts, computing nothing."""
    from factsurv.reports.inputs import SECTIONS
    from factsurv.reports.render import render, renderer_name
    from factsurv.stats.r_home import find_r

    shown = [n for n in results.manifest.artefacts if n.endswith((".arrow", ".json")) and n != KEYS]
    artefacts = [n for n in shown if not n.startswith("runs/")]
    key: dict[str, Any] = {
        # All of the study is printed: its title above, every setting below.
        "spec": json.loads((results.folder / "study.json").read_text("utf-8")) | {"renderer": renderer_name()},
        "inputs": results.inputs(*artefacts),
        "code": code("reports/**/*.*", "stats/R/*.R"),
    }
    own = {path.name: digest(path) for path in results.folder.glob(SECTIONS)}
    if own:
        key["sections"] = own
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
