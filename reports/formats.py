"""The report in other formats than a page: docx, gfm (for pull requests) and pdf, by pandoc from the same document.

They get the first screen and the questions with their figures; what the page folds, and its appendix, if asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.events.files import atomic
from factsurv.reports.render import SOURCE, knit, pandoc_version, prepared, run, which

FILTERS = ("unbroken.lua", "without-quarto.lua", "printed.lua")
TYPST = (3, 1, 2)  # the first pandoc that writes it
# Tables go on on the next page, and even margins would tear the intervals of narrow cells apart.
_TABLES = """#show figure.where(kind: table): set block(breakable: true)
#set table(inset: (x: 4pt, y: 5pt))
#show table: set par(justify: false)
#show table: it => {
  let wide = type(it.columns) == array and it.columns.len() > 8
  set text(size: if wide { 0.55em } else { 0.8em })
  it
}"""


def render_as(
    results: Path,
    to: str,
    output: Path | None = None,
    appendix: bool = False,
    source: Path = SOURCE,
    r_environment: Mapping[str, str] | None = None,
    scratch: Path | None = None,
    time_limit: float = 900.0,
) -> Path:
    """Render the report of a results folder in another format, whole or not at all; returns the file.

    Parameters
    ----------
    results : Path
    to : str
        One of `FORMATS`.
    output : Path, optional
        Default: ``report.docx``, ``report.md`` or ``report.pdf`` in the results folder. Figures of ``report.md`` lie
        beside it, in ``report_files``.
    appendix : bool
        With what the page folds, and its appendix.
    source, r_environment, scratch, time_limit
        As in `factsurv.reports.render.render`.

    Raises
    ------
    InputError
        If there is no such format, or a program that it needs is missing.
    RenderError
        If a chunk fails or the document cannot be converted.
    """
    check_format(to)
    suffix, made_by = FORMATS[to]
    results = Path(results).resolve()
    output = Path(output).resolve() if output else results / f"report.{suffix}"
    with children.scratch(scratch) as folder:
        work, environment, _ = prepared(results, Path(source).resolve(), folder, r_environment)
        environment["FACTSURV_FIGURES"] = "png"  # docx cannot hold SVG without another program
        for command in [knit(Path(source).name, environment), *made_by(environment, output)]:
            if "--from=markdown" in command and appendix:
                command = [*command, "--metadata=appendix:true"]
            run(command, work, environment, time_limit)
        made = (work / f"out.{suffix}").read_bytes()
        for figure in (work / f"{output.stem}_files").rglob("*.png"):  # of what is folded as well
            name = figure.relative_to(work)
            if str(name).encode() in made:
                (output.parent / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(figure, output.parent / name)
        with atomic(output) as file:
            file.write(made)
    return output


def check_format(to: str, appendix: bool = False, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a format that there is not, or whose programs are not here.

    Raises
    ------
    InputError
    """
    if to == "html" and not appendix:
        return
    if to == "html":
        raise InputError("the page always has its appendix", "--appendix", f"use it with --to {', '.join(FORMATS)}")
    if to not in FORMATS:
        raise InputError(f"there is no format {to!r}", "--to", f"choose among: html, {', '.join(FORMATS)}")
    FORMATS[to][1](environment, Path())


def _pandoc(to: str, out: str, *more: str) -> list[str]:
    filters = [f"--lua-filter={name}" for name in FILTERS]
    return ["pandoc", "knitted.md", "--from=markdown", f"--to={to}", *filters, *more, f"--output={out}"]


def _docx(environment: Mapping[str, str], output: Path) -> list[list[str]]:
    pandoc_version(environment)  # says what to install
    return [_pandoc("docx", "out.docx", "--standalone", "--toc", "--toc-depth=2")]


def _gfm(environment: Mapping[str, str], output: Path) -> list[list[str]]:
    pandoc_version(environment)
    return [_pandoc("gfm-raw_html", "out.md", "--wrap=none", f"--extract-media={output.stem}_files")]


def _pdf(environment: Mapping[str, str], output: Path) -> list[list[str]]:
    """By typst, alone or as Quarto brings it, which has a newer pandoc too."""
    quarto = [["quarto"]] if which("quarto", environment) else []
    own = pandoc_version(environment) if which("pandoc", environment) else ()
    pandoc = [[]] if own >= TYPST else quarto
    typst = [[]] if which("typst", environment) else quarto
    if not pandoc or not typst:
        lacking = [*([] if typst else ["typst"]), *([] if pandoc else ["pandoc 3.1.2 or newer"])]
        raise InputError(
            f"a PDF needs {' and '.join(lacking)}",
            "--to pdf",
            "install Quarto, which brings both, or typst and a newer pandoc; or take --to docx",
        )
    made = _pandoc(
        "typst", "out.typ", "--standalone", "--metadata=papersize:a4", f"--variable=header-includes:{_TABLES}"
    )
    return [[*pandoc[0], *made], [*typst[0], "typst", "compile", "out.typ", "out.pdf"]]


# By name: how its file ends, and the commands that make `out.…` of `knitted.md`.
FORMATS: dict[str, tuple[str, Callable[[Mapping[str, str], Path], list[list[str]]]]] = {
    "pdf": ("pdf", _pdf),
    "docx": ("docx", _docx),
    "gfm": ("md", _gfm),
}
