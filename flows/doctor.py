"""What was found on this machine, each with its version and, if wrong, the remedy."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.flows.gpus import visible

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PACKAGES = (
    "torch", "transformers", "peft", "accelerate", "pyarrow", "prefect", "rpy2-rinterface",
)  # fmt: skip

# What a missing R package costs the reader of a report.
COSTS = {
    "survival": "no survival analysis at all",
    "coxme": "random effects of one grouping only, by survival in place of coxme, without test or interval",
    "bdsmatrix": "coxme does not load",
    "nanoarrow": "R reads tables as CSV copies instead of Arrow files (slower, the same numbers)",
    "patchwork": "figures with risk tables are not drawn",
    "ggplot2": "the report has no figures",
    "knitr": "there is no report",
    "rmarkdown": "Quarto cannot run the report's R code; knitr and pandoc are used instead",
    "jsonlite": "the report cannot read the study's settings",
}


@dataclass(frozen=True)
class Finding:
    """One line of `factsurv doctor`. ``level`` is ``ok``, ``note`` (works, with a cost) or ``wrong``."""

    what: str
    found: str
    level: str = "ok"
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything that a study needs, looked for in the places where it will be used."""
    return [*_python(), *_r(), *_tools(), *_machine()]


def environment() -> dict[str, Any]:
    """`environment.json`: versions, R packages, what is missing and what that costs, machine, renderer."""
    findings = examine()
    from factsurv.reports.render import renderer_name
    from factsurv.stats.analyse import r_packages

    packages = r_packages()
    locked = locked_packages()
    return {
        "versions": {f.what: f.found for f in findings if f.what.split(" (")[0] in ("Python", "R", *PYTHON_PACKAGES)}
        | {"factsurv": _version("factsurv")},
        "r_packages": {n: packages[n] for n in sorted(locked) if n in packages},
        "missing": [
            {"what": f.what, "cost": f.found, "remedy": f.remedy}
            for f in findings
            if f.level != "ok" and f.what != "GPU"
        ],
        "renderer": renderer_name(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_gpu() or 'no GPU'}",
    }


def locked_packages() -> dict[str, str]:
    """R package → version of `renv.lock` (beside the project, or inside the installed wheel)."""
    for place in (ROOT / "renv.lock", ROOT / "stats" / "renv.lock"):
        if place.is_file():
            packages = json.loads(place.read_text("utf-8"))["Packages"]
            return {name: entry["Version"] for name, entry in packages.items()}
    raise InputError("renv.lock is missing", str(ROOT), "install the project again")


def _python() -> list[Finding]:
    good = sys.version_info >= (3, 11)
    out = [Finding("Python", platform.python_version(), "ok" if good else "wrong", "" if good else "use Python ≥ 3.11")]
    for name in PYTHON_PACKAGES:
        found = _version(name)
        missing = found == "missing"
        out.append(Finding(name, found, "wrong" if missing else "ok", f"pip install {name}" if missing else ""))
    return out


def _r() -> list[Finding]:
    from factsurv.stats.r_home import find_r

    try:
        r = find_r()
    except InputError as error:
        return [Finding("R", error.what, "wrong", error.remedy)]
    from factsurv.stats.analyse import r_packages

    packages, locked = r_packages(), locked_packages()
    places = ", ".join(str(p) for p in r.libraries) or "R's default library"
    out = [Finding("R", r.version), Finding("R packages in", places)]
    for_quarto = () if shutil.which("quarto") else ("rmarkdown",)  # set-up builds it where there is Quarto
    absent = [n for n in locked if n in COSTS and n not in packages and n not in for_quarto]
    other = [f"{n} {packages[n]} (lock: {v})" for n, v in locked.items() if packages.get(n, v) != v]
    for name in absent:
        level = "wrong" if name in ("survival", "knitr", "ggplot2", "jsonlite") else "note"
        out.append(Finding(f"R package {name}", COSTS[name], level, _restore()))
    if other:
        shown = ", ".join(other[:6]) + (f" and {len(other) - 6} more" if len(other) > 6 else "")
        out.append(Finding("R packages of other versions", f"not those of renv.lock: {shown}", "note", _restore()))
    if not absent and not other:
        out.append(Finding("R packages", f"{sum(n in packages for n in locked)} of renv.lock, in its versions"))
    return out


def _restore() -> str:
    if (ROOT / ".r" / "fallback").is_file():
        return "remove the folder .r and run make setup, with CRAN or a cellar in reach"
    return "make setup, or renv::restore() from renv.lock"


def _tools() -> list[Finding]:
    quarto, pandoc = _tool("quarto", "--version"), _tool("pandoc", "--version")
    cost = "the same report is rendered by knitr and pandoc (its footer says so)"
    return [
        Finding("Quarto", quarto) if quarto else Finding("Quarto", cost, "note", "pip install quarto-cli"),
        Finding("pandoc", pandoc)
        if pandoc or quarto
        else Finding("pandoc", "neither Quarto nor pandoc: no report can be made", "wrong", "apt-get install pandoc"),
    ]


def _machine() -> list[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    little = free < 2
    return [
        Finding("GPU", _gpu() or "none: training and probing run on the processor"),
        Finding(
            "free disk",
            f"{free:.0f} GiB here ({Path.cwd()})",
            "wrong" if little else "ok",
            "free some space, a study needs about 2 GiB" if little else "",
        ),
    ]


def _gpu() -> str:
    if not visible():
        return ""
    import torch

    return torch.cuda.get_device_name(0)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _tool(name: str, flag: str) -> str:
    path = shutil.which(name)
    if path is None:
        return ""
    answer = children.run([path, flag], timeout=60)
    said = (answer.stdout or answer.stderr).splitlines() or ["found, and says no version"]
    return said[0].removeprefix(f"{name} ")
