"""One page that leads to the reports of several studies: what each is about, and the first thing it found.

python -m factsurv.reports.gallery FOLDER STUDY...    # reports of results/STUDY, copied into FOLDER beside index.html
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.reports.render import HERE

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reports of factsurv</title>
<style>
{css}
body {{ font: 17px system-ui, sans-serif; margin: 0; }}
main {{ max-width: 47rem; margin: 0 auto; padding: 1rem 1.2rem; }}
h2 {{ font-size: 1.2rem; }}
</style>
</head>
<body>
<main>
<h1>Reports of factsurv</h1>
{studies}
</main>
</body>
</html>
"""


def gallery(folder: Path, reports: dict[str, Path]) -> Path:
    """Copy reports into ``folder`` and write its ``index.html``; returns that page.

    Parameters
    ----------
    folder : Path
    reports : dict of str to Path
        Finished pages by the names of their studies, in the order of the index.

    Raises
    ------
    InputError
        If one of them is not there.
    """
    for name, report in reports.items():
        if not report.is_file():
            raise InputError("there is no report", str(report), f"run the study first: factsurv run {name}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, report in reports.items():
        shutil.copyfile(report, folder / f"{name}.html")
    css = (HERE / "theme.css").read_text("utf-8")
    studies = "\n".join(_entry(name, report.read_text("utf-8")) for name, report in reports.items())
    index = folder / "index.html"
    index.write_text(_PAGE.format(css=css, studies=studies), "utf-8")
    return index


def _entry(name: str, page: str) -> str:
    """Title, what was studied, and the first finding, as the report has them."""
    title = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    start = page.find('id="summary"')
    studied = re.search(r"<p>(.*?)</p>", page[start:], re.DOTALL)
    found = re.search(r"<p>(<strong>.*?)</p>", page[start:], re.DOTALL)
    said = [_words(x.group(1)) for x in (studied, found) if x]
    link = f'<h2><a href="{name}.html">{html.escape(_words(title.group(1)) if title else name)}</a></h2>'
    return "\n".join([link, *(f"<p>{html.escape(x)}</p>" for x in said), f"<p><code>{name}</code></p>"])


def _words(markup: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", markup))).strip()


if __name__ == "__main__":
    out, *names = sys.argv[1:]
    print("gallery:", gallery(Path(out), {name: Path("results") / name / "report.html" for name in names}))
