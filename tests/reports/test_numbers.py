"""Every number in the prose is computed: on other data it is another one, or it stands in both studies' tables."""

import re
from collections import defaultdict
from html import unescape

import pyarrow as pa

from factsurv.events.files import read_table
from tests.reports.conftest import MARKUP
from tests.reports.reading import text_of

NUMBER = re.compile(r"(?<![\w./])[−-]?\d[\d,]*(?:\.\d+)?(?![\w])")
# What a method is called or defined by, and no result: the level of intervals, 1 as no difference, and where ratios are
# no longer told as numbers (R/words.R).
BY_DEFINITION = {"95", "1", "0", "0.05", "20", "0.001", "100"}


def sentences(page):
    """Numbers by the sentence that they stand in (# for each), of all paragraphs, list items and captions."""
    page = re.sub(r"<(table|nav|dl|svg|script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    for new, old in ((new, old) for old, new in MARKUP.items()):
        page = re.sub(rf"<span class=\"given[^>]*>\s*{re.escape(new)}\s*</span>", old, unescape(page))
    found = defaultdict(list)
    for block in re.findall(r"<(p|li|figcaption)\b[^>]*>(.*?)</\1>", page, re.DOTALL):
        for sentence in re.split(r"(?<=[.;:])\s+", text_of(block[1])):
            if re.search("dates from|Rendered by|January", sentence):
                continue  # dates of the made-up studies, which are the same
            found[NUMBER.sub("#", sentence)].append(NUMBER.findall(sentence))
    return {template: numbers[0] for template, numbers in found.items() if "#" in template and len(numbers) == 1}


def values_of(folder):
    """The numbers in a results folder's tables and settings."""
    values = set()
    for path in folder.rglob("*.arrow"):
        for column in read_table(path).columns:
            if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
                values |= {float(x) for x in column.to_pylist() if x is not None}
    values |= {float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", (folder / "study.json").read_text())}
    return {x for x in values if x == x and abs(x) < 1e7}


def forms(values):
    """What numbers read like, in every form that the report gives them: as they are, as percentages, turned round."""
    every = [y for x in values for y in (x, 100 * x, 1 / x if x else 0)]
    return {f"{abs(y):.{digits}f}" for y in every for digits in range(4)} | {f"{abs(y):.3g}" for y in every}


def test_no_number_in_the_prose_is_written_by_hand(page, results, disguised):
    one, other = sentences(page), sentences((disguised / "report.html").read_text("utf-8"))
    both = one.keys() & other.keys()
    assert len(both) > 80, "too few sentences are on both pages for this to say anything"
    changed = sum(one[s] != other[s] for s in both)
    assert changed > len(both) / 4  # the made-up tables have many values in common
    allowed = forms(values_of(results) & values_of(disguised)) | BY_DEFINITION
    allowed.add(str(read_table(results / "analysis/fits.arrow").num_rows))  # both studies have the same fits
    by_hand = {
        s: x
        for s in both
        for x, y in zip(one[s], other[s], strict=True)
        if x == y and x.strip("−-").replace(",", "") not in allowed
    }
    assert not by_hand
