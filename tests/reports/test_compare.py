"""Two studies on one page: every number of both, and what differs."""

import re

import pytest

from factsurv.events.errors import InputError
from factsurv.reports.compare import compare
from tests.reports.reading import section, text_of
from tests.reports.test_study_report import ratio, rows


def test_hazard_ratios_of_both_stand_side_by_side(results, disguised, environment, tmp_path):
    done = compare([results, disguised], tmp_path / "both.html", environment)
    page = done.path.read_text("utf-8")
    said = text_of(page)
    for folder in (results, disguised):
        for row in rows(folder / "analysis" / "coefficients.arrow", model="cox", rule="first", outcome="acquisition"):
            if " * " not in row["term"]:  # that one is of a model with a name of its own
                assert ratio(row["hr"]) in said and row["unit"].split(" (")[0] in said
    assert "synthetic (2)" in said and "facts.seed" in section(page, "differs")
    assert re.search(r"Compared with synthetic: of the \d+ trained facts shared with synthetic \(2\), .*\d", said)
    assert not done.warnings


def test_a_comparison_needs_two(results, tmp_path):
    with pytest.raises(InputError, match="two results folders or more"):
        compare([results, results], tmp_path / "one.html")
