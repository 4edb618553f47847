"""Render the report of a results folder: by Quarto where it is installed, else by knitr and pandoc."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.events.files import atomic
from factsurv.reports.inputs import copy_inputs
from factsurv.reports.page import faults, remarks

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "study.qmd"
_PARTS = ("*.css", "*.lua", "*.R", "page.html", "after.html", "R/*.R", "outcome/*.qmd", "probed/*.qmd")
# R's error with the lines that belong to it.
_SAID = re.compile(
    r"^(?:\S+ )?(?:Error\b.*|! .*)$(?:\n(?!Calls:|Backtrace|Quitting|Execution|Warning).*\S.*$)*", re.MULTILINE
)


@dataclass(frozen=True)
class Rendered:
    """A finished report.

    Attributes
    ----------
    path : Path
        The page, one file that needs no network.
    renderer : str
        What made it: ``quarto 1.7.31`` or ``knitr + pandoc``.
    seconds : float
    warnings : tuple of str
        What R and the renderer warned of, and images without alt text.
    """

    path: Path
    renderer: str
    seconds: float
    warnings: tuple[str, ...]


class RenderError(InputError):
    """The report could not be made; an older one is left as it was.

    Attributes
    ----------
    chunk : str
        Label or lines of the chunk that failed; empty if it was not a chunk.
    message : str
        What R, the filter or the check said.
    log : str
        Everything that was printed.
    """

    def __init__(self, message: str, chunk: str = "", log: str = ""):
        self.message, self.chunk, self.log = message, chunk, log
        super().__init__(f"the chunk {chunk} failed: {message}" if chunk else message)

    def __reduce__(self):
        return type(self), (self.message, self.chunk, self.log)


def renderer_name(environment: Mapping[str, str] | None = None) -> str:
    """``quarto 1.7.31`` where Quarto is on PATH, else ``knitr + pandoc``."""
    quarto = which("quarto", environment or os.environ)
    if not quarto:
        return "knitr + pandoc"
    printed = children.run([quarto, "--version"], environment)
    return f"quarto {printed.stdout.strip()}".strip()


def render(
    results: Path,
    output: Path | None = None,
    source: Path | None = None,
    r_environment: Mapping[str, str] | None = None,
    time_limit: float = 900.0,
    scratch: Path | None = None,
) -> Rendered:
    """Render a report and put it in place, whole or not at all. Several may run at once.

    Parameters
    ----------
    results : Path
        A results folder as `docs/tables.md` describes it.
    output : Path, optional
        The page; default ``report.html`` in the results folder.
    source : Path, optional
        Another .qmd; default this room's ``study.qmd``. It may use the files in ``R/`` and ``outcome/``.
    r_environment : mapping, optional
        Environment variables for R, such as ``R_LIBS``, on top of this process's own.
    time_limit : float
        Seconds for each program that is started.
    scratch : Path, optional
        Where the copy that is rendered lies meanwhile; default: the system's temporary folder.

    Raises
    ------
    InputError
        If an artefact or a program that is needed is missing.
    RenderError
        If a chunk fails, something in the source cannot be rendered, or the page is not what it should be.
    """
    began = time.monotonic()
    results = Path(results).resolve()
    output = Path(output).resolve() if output else results / "report.html"
    source = Path(source).resolve() if source else SOURCE
    if not source.is_file():
        raise InputError("there is no such document", str(source))
    with children.scratch(scratch) as folder:
        work, environment, title = prepared(results, source, folder, r_environment)
        name = json.loads((folder / "results" / "study.json").read_text("utf-8"))["study"]["name"]
        expected = [title, str(name)] if source == SOURCE else [title]
        return finished(source, output, expected, work, environment, began, time_limit)


def finished(
    source: Path,
    output: Path,
    expected: list[str],
    work: Path,
    environment: Mapping[str, str],
    began: float,
    time_limit: float = 900.0,
) -> Rendered:
    """Render the copy that `prepared` made; the page is checked for ``expected`` texts before it is put in place."""
    renderer = renderer_name(environment)
    commands = _quarto(source.name) if renderer.startswith("quarto") else _plain(source.name, environment)
    log = "".join(run(command, work, environment, time_limit) for command in commands)
    page = (work / "page-out.html").read_text("utf-8")
    wrong = faults(page, expected)
    if wrong:
        raise RenderError("the page is not what it should be: " + "; ".join(wrong), log=log)
    with atomic(output) as file:
        file.write(page.encode())
    return Rendered(output, renderer, round(time.monotonic() - began, 2), (*_warnings(log), *remarks(page)))


def prepared(
    results: Path, source: Path, folder: Path, r_environment: Mapping[str, str] | None
) -> tuple[Path, dict[str, str], str]:
    """Copy the document and what it reads into ``folder``.

    Returns
    -------
    The copy's folder, the environment for the programs that render it, and the study's title.
    """
    environment = _environment(r_environment, folder)
    by = _stamp(environment)
    work = _private_copy(source, folder)
    data = folder / "results"
    title = copy_inputs(results, data, as_csv=not _has_nanoarrow(environment))
    # JSON strings are YAML strings: quoted, so that an id such as 029 stays what it is.
    (work / "parameters.yml").write_text(f"results: {json.dumps(str(data))}\n", "utf-8")
    environment["FACTSURV_RENDERER"] = by  # no parameter: Quarto refuses those that a document does not declare
    return work, environment, title


def _environment(given: Mapping[str, str] | None, folder: Path) -> dict[str, str]:
    environment = {**os.environ, **(given or {})}
    environment.setdefault("HOME", str(folder))  # Quarto and R refuse to start without
    environment.setdefault("R_ENABLE_JIT", "0")  # a page calls its functions a few times: compiling them takes longer
    characters = next((environment[k] for k in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(k)), "")
    if not re.search("utf-?8", characters, re.IGNORECASE):
        environment.pop("LC_ALL", None)
        environment["LC_CTYPE"] = "C.UTF-8"  # R would write <U+2013> instead of a dash
    return environment


def _private_copy(source: Path, folder: Path) -> Path:
    """The room as it is on disk, beside the statistics' reader of tables; then the document and its own neighbours."""
    work, statistics = folder / "reports", HERE.parent / "stats" / "R"
    if not (statistics / "read_table.R").is_file():
        raise InputError("is missing, and the report reads its tables with it", str(statistics / "read_table.R"))
    for room in dict.fromkeys([HERE, source.parent]):
        for part in [p for pattern in _PARTS for p in room.glob(pattern)]:
            _copy(part, work / part.relative_to(room))
    _copy(source, work / source.name)
    for part in statistics.glob("*.R"):
        _copy(part, folder / "stats" / "R" / part.name)
    return work


def _copy(part: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(part, to)


def _quarto(name: str) -> list[list[str]]:
    parameters = ["--execute-params", "parameters.yml"]
    return [["quarto", "render", name, "--to", "html", *parameters, "--output", "page-out.html"]]


def _plain(name: str, environment: Mapping[str, str]) -> list[list[str]]:
    """Knit, then let pandoc and the filter make one page of it."""
    embed = "--embed-resources" if pandoc_version(environment) >= (2, 19) else "--self-contained"
    return [
        knit(name, environment),
        ["pandoc", "knitted.md", "--from=markdown", "--to=html5", "--standalone", embed, "--template=page.html",
         "--mathml", "--toc", "--toc-depth=3", "--css=theme.css", "--css=layout.css", "--include-after-body=after.html",
         "--lua-filter=terms.lua", "--lua-filter=folds.lua", "--lua-filter=unbroken.lua",
         "--lua-filter=without-quarto.lua", "--lua-filter=narrow.lua", "--output=page-out.html"],
    ]  # fmt: skip


def knit(name: str, environment: Mapping[str, str]) -> list[str]:
    """The command that makes ``knitted.md`` of the document."""
    return [rscript(environment), "--no-init-file", "knit.R", name, "parameters.yml", "knitted.md"]


def pandoc_version(environment: Mapping[str, str]) -> tuple[int, ...]:
    pandoc = which("pandoc", environment)
    if not pandoc:
        raise InputError(
            "neither Quarto nor pandoc is installed", remedy="install Quarto, or pandoc (apt-get install pandoc)"
        )
    asked = children.run([pandoc, "--version"], environment)
    return tuple(int(x) for x in re.findall(r"\d+", asked.stdout.split("\n")[0]))


def _stamp(environment: Mapping[str, str]) -> str:
    """What the footer says made the page."""
    name = renderer_name(environment)
    if name.startswith("quarto"):
        return name
    return f"{name} {'.'.join(map(str, pandoc_version(environment)))} (Quarto is not installed)"


def run(command: Sequence[str], work: Path, environment: Mapping[str, str], time_limit: float) -> str:
    try:
        done = children.run(command, environment, time_limit, within=work.parent, cwd=work)
    except subprocess.TimeoutExpired as error:
        raise RenderError(f"{command[0]} was still running after {time_limit:.0f} s and was stopped") from error
    log = done.stdout + done.stderr
    if done.returncode:
        raise _failure(command[0], log)
    return log


def _failure(program: str, log: str) -> RenderError:
    """The chunk that failed and what R said, out of everything that was printed, without its colours."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log)
    chunk = re.search(r"Quitting from (?:lines? )?(?:(\S+\.qmd:)?([\d-]+))?(?: \[([^\]]+)\])?", log)
    where = (chunk[3] or f"at line {chunk[2]}") if chunk else ""
    said = _SAID.search(log)
    lines = [line.strip() for line in (said[0] if said else log[-2000:]).splitlines() if line.strip()]
    message = " ".join(lines) or f"{program} stopped without a word"
    return RenderError(re.sub(r"stack traceback:.*", "", message).strip(), where, log)


def _warnings(log: str) -> tuple[str, ...]:
    found = re.findall(r"^(?:Warning|\[WARNING\]|WARN).*(?:\n[ \t]+\S.*)*", log, re.MULTILINE)
    return tuple(dict.fromkeys(" ".join(text.split()) for text in found))


def _has_nanoarrow(environment: Mapping[str, str]) -> bool:
    ask = [rscript(environment), "--vanilla", "-e", 'cat(requireNamespace("nanoarrow", quietly = TRUE))']
    return "TRUE" in children.run(ask, environment).stdout


def rscript(environment: Mapping[str, str]) -> str:
    """The Rscript of the R that the caller chose, else the one on PATH."""
    chosen = Path(environment["R_HOME"], "bin", "Rscript") if environment.get("R_HOME") else None
    found = str(chosen) if chosen and chosen.is_file() else which("Rscript", environment)
    if not found:
        raise InputError("Rscript is not installed", remedy="install R (apt-get install r-base-core)")
    return found


def which(program: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(program, path=environment.get("PATH"))
