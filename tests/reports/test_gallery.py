"""The page that leads to reports."""

import pytest

from factsurv.events.errors import InputError
from factsurv.reports.gallery import gallery
from tests.reports.reading import text_of


def test_it_leads_to_each_report_and_says_what_it_is_about(rendered, tmp_path):
    index = gallery(tmp_path / "out", {"one": rendered.path, "two": rendered.path})
    page = index.read_text("utf-8")
    assert [name for name in ("one", "two") if f'<a href="{name}.html">' in page] == ["one", "two"]
    assert (index.parent / "two.html").read_bytes() == rendered.path.read_bytes()
    assert "Learned. Recall of the trained facts went from" in text_of(page)


def test_a_study_without_a_report_is_named(tmp_path):
    with pytest.raises(InputError, match="factsurv run absent"):
        gallery(tmp_path / "out", {"absent": tmp_path / "absent" / "report.html"})
    assert not (tmp_path / "out").exists()
