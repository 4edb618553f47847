"""The report in formats without folds and scripts: what is there, what is left out, and what to install."""

import re
import zipfile

import pytest

from factsurv.events.errors import InputError
from factsurv.reports.formats import check_format, render_as
from tests.reports.test_render import document

BODY = """
## Found

[supported]{.verdict} A claim; see @fig-dots, @tbl-one and [the appendix](#deep). <svg>drawn</svg>

::: {.pictures}
<svg>a small picture</svg>
:::

```{r}
#| label: fig-dots
#| fig-cap: "Dots."
#| fig-alt: "Ten dots on a rising line."
plot(1:10)
```

::: {.fold}
## Numbers

```{r}
#| label: tbl-one
#| tbl-cap: "One row."
knitr::kable(data.frame(folded = 1), format = "pipe")
```
:::

## For statisticians {#deep .statistical}

Every fit.
"""


def test_markdown_for_pull_requests_has_what_is_unfolded(results, environment, tmp_path):
    source = document(tmp_path, BODY)
    made = render_as(results, "gfm", tmp_path / "short.md", source=source, r_environment=environment)
    said = made.read_text("utf-8")
    assert said.startswith("# SYNTHETIC study") and "## Found" in said
    assert "*supported*: A claim; see Figure 1, Table 1 and the appendix." in said.replace("\u00a0", " ")
    assert "**Figure 1:** Dots." in said.replace("\u00a0", " ")
    for gone in ("folded", "Every fit", "<svg", "small picture", ":::", "<div"):
        assert gone not in said, gone
    (figure,) = re.findall(r"!\[Ten dots on a rising line\.\]\((\S+)\)", said)
    assert (tmp_path / figure).is_file() and figure.startswith("short_files/")


def test_a_document_for_word_has_the_rest_on_demand(results, environment, tmp_path):
    source = document(tmp_path, BODY)
    whole = {"appendix": True, "source": source, "r_environment": environment}
    with zipfile.ZipFile(render_as(results, "docx", tmp_path / "whole.docx", **whole)) as packed:
        text = re.sub(r"<[^>]+>", "", packed.read("word/document.xml").decode())
        assert sum(name.endswith(".png") for name in packed.namelist()) == 1
    for there in ("SYNTHETIC study", "Numbers", "folded", "Every fit", "For statisticians"):
        assert there in text, there


def test_what_is_no_format_or_lacks_a_program_is_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match="choose among: html, pdf, docx, gfm"):
        check_format("word")
    with pytest.raises(InputError, match="always has its appendix"):
        check_format("html", appendix=True)
    with pytest.raises(InputError, match=r"a PDF needs typst and pandoc 3.1.2 or newer\nWhat to do: install Quarto"):
        check_format("pdf", environment={"PATH": str(tmp_path)})
