"""The renderer on small documents: what fails is named, what was there before stays."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from factsurv.events.errors import InputError
from factsurv.reports.page import faults, remarks
from factsurv.reports.render import RenderError, _failure, render
from tests.reports.make_results import make_results
from tests.reports.reading import text_of

HEADER = """---
title: >-
  `r jsonlite::read_json(file.path(params$results, "study.json"))$study$title`
lang: en
engine: knitr
params:
  results: "nowhere"
format:
  html:
    fig-width: 4
execute:
  echo: false
---
"""


def document(tmp_path, body):
    folder = tmp_path / "document"
    folder.mkdir(exist_ok=True)
    source = folder / "own.qmd"
    source.write_text(HEADER + body, "utf-8")
    return source


def test_a_document_of_ones_own(results, environment, tmp_path):
    body = """
See @tbl-one, @fig-dots and [@fig-dots; @tbl-one].

```{r}
#| label: fig-dots
#| fig-cap: !expr paste("Dots", "and more")
#| fig-alt: "Ten dots on a rising line."
plot(1:10)
```

```{r}
#| label: tbl-one
#| tbl-cap: "One row."
knitr::kable(data.frame(a = 1), format = "pipe")
```

::: {.panel-tabset}
## First tab

one

## Second tab
two
:::

::: {.callout-tip collapse="true"}
## Folded
inside
:::

::: {.callout-note title="By attribute"}
$x^2$
:::
"""
    body += "\nIts parameters: `r names(params)`; made by `r Sys.getenv('FACTSURV_RENDERER')`.\n"
    page = render(results, tmp_path / "own.html", document(tmp_path, body), environment).path.read_text("utf-8")
    said = text_of(page)
    # Quarto refuses parameters that a document does not declare: it gets the one that every document has.
    assert "Its parameters: results; made by knitr + pandoc" in said
    assert "See Table 1 , Figure 1 and Figure 1 , Table 1 ." in said
    assert "Figure 1: Dots and more" in said and "Table 1: One row." in said
    assert '<details class="callout callout-tip">' in page and "By attribute" in said
    assert page.count('type="radio"') == 2 and "<math" in page


@pytest.mark.parametrize(
    ("body", "chunk", "message"),
    [
        ("```{r}\n#| label: broken\nstop('the well is dry')\n```\n", "broken", "the well is dry"),
        ("Text `r nothing_of_that_name` here.\n", "line", "nothing_of_that_name"),
        ("::: {.column-margin}\nlost\n:::\n", "", ".column-margin"),
        ("::: {#aside}\nlost\n:::\n", "", "#aside"),
        ("{{< video a.mp4 >}}\n", "", "shortcode"),
        ("See @fig-nowhere.\n", "", "@fig-nowhere"),
        ('<img src="https://example.org/a.png" alt="x">\n', "", ""),
    ],
    ids=["chunk", "inline", "div", "div-id", "shortcode", "reference", "network"],
)
def test_what_fails_is_named_and_the_old_report_stays(results, environment, tmp_path, body, chunk, message):
    output = tmp_path / "report.html"
    output.write_text("the old report")
    with pytest.raises(RenderError) as caught:
        render(results, output, document(tmp_path, body), environment)
    assert message in caught.value.message
    assert chunk in caught.value.chunk and bool(chunk) == bool(caught.value.chunk)
    assert output.read_text() == "the old report"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["document", "report.html"]


def test_a_figure_of_a_draft_may_lack_its_alt_text_and_is_remarked_on(results, environment, tmp_path):
    body = "```{r}\n#| label: fig-mute\n#| fig-cap: 'x'\nplot(1)\n```\n"
    body += "```{r}\n#| label: fig-said\n#| fig-cap: 'y'\n#| fig-alt: 'A dot.'\nplot(1)\n```\n"
    body += "\n# Afterwards\n\n```{r}\nplot(2)\n```\n"
    done = render(results, tmp_path / "own.html", document(tmp_path, body), environment)
    assert done.path.is_file()
    assert [re.search(r"without alt text \(at #(\S+)\)", w)[1] for w in done.warnings] == ["fig-mute", "afterwards"]


def test_the_message_of_r_has_no_colours():
    error = _failure("Rscript", "Quitting from lines 3-4 [well]\n\x1b[1m\x1b[33mError\x1b[39m in x():\x1b[22m\n! dry\n")
    assert "\x1b" not in str(error) and "dry" in error.message and error.chunk == "well"


def test_two_at_once_from_one_source(results, environment, tmp_path):
    other = make_results(tmp_path / "029", seed=8, events=False, facts=40)
    study = json.loads((other / "study.json").read_text())
    study["study"]["title"] = "The other one"
    (other / "study.json").write_text(json.dumps(study))
    count = "nrow(jsonlite::read_json(file.path(params$results, 'study.json'), TRUE)$arms)"
    body = f"Folder `r params$results`, `r {count}` arms.\n"
    source = document(tmp_path, body)
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda r: render(r, tmp_path / f"{r.name}.html", source, environment), [results, other]))
    first, second = (text_of(p.path.read_text("utf-8")) for p in pages)
    assert "SYNTHETIC" in first and "SYNTHETIC" not in second
    assert "The other one" in second and "2 arms" in second
    assert [p.name for p in source.parent.iterdir()] == ["own.qmd"]


@pytest.mark.parametrize("name", ["study.json", "recall.arrow", "analysis/fits.arrow"])
def test_a_missing_artefact_is_named_before_r_starts(results, tmp_path, name):
    folder = shutil.copytree(results, tmp_path / "part")
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        render(folder)


def test_a_changed_artefact_is_refused(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "part")
    data = bytearray((folder / "recall.arrow").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "recall.arrow").write_bytes(data)
    with pytest.raises(InputError, match="differs"):
        render(folder)


def test_no_such_folder(tmp_path):
    with pytest.raises(InputError, match="no such results folder"):
        render(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>Name</p>", None),
        ('<p>Name <a href="https://example.org">a link</a></p>', None),
        ("<p>other</p>", "'Name' is not on the page"),
        ("<p>Name ?@fig-x</p>", "broken reference"),
        ("<p>Name @tbl-x</p>", "unresolved reference @tbl-x"),
        ('<p>Name <a href="#fig-x">Figure 1</a></p>', "leads nowhere"),
        ('<p>Name</p><script src="//cdn.example.org/x.js"></script>', "loads //cdn"),
        ('<link rel="stylesheet" href="http://example.org/x.css"><p>Name</p>', "loads http://"),
        ("<style>@import url(https://example.org/f.css);</style><p>Name</p>", "loads https://"),
        ("<p>Name ::: {.callout-note}</p>", "raw markup"),
        ("<p>Name {{< video x >}}</p>", "raw markup"),
    ],
)
def test_faults_of_a_page(html, fault):
    found = faults(html, ["Name"])
    assert any(fault in text for text in found) if fault else not found, found


def test_remarks_on_a_page():
    assert remarks('<p>Name<img src="data:," alt="A dot."></p>') == []
    assert "at the top" in remarks('<p>Name<img src="data:," alt=" "></p>')[0]
