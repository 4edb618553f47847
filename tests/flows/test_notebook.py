"""The example notebook runs from its first cell to its last, and each last line has something to show."""

import ast
import json
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.ipynb"


def test_the_example_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTSURV_CACHE", str(tmp_path / "cache"))
    cells = [c for c in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    assert not any(c["outputs"] or c["execution_count"] for c in cells)  # what is committed are no results
    names, shown = {}, []
    for cell in cells:  # as a kernel does: the statements, then the value of a last expression
        tree = ast.parse("".join(cell["source"]))
        *statements, last = tree.body
        exec(compile(ast.Module(statements, []), str(NOTEBOOK), "exec"), names)
        shown.append(eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names))
    results, counts, ratios, figures, picture, report, notices = shown
    assert counts.loc["acquisition", "sum"] > 0
    assert len(ratios) and (ratios["hr"].dropna() > 0).all()
    assert picture.data.startswith(b"<svg") and picture.name in figures
    assert report == results.report and report.is_file()
    assert isinstance(notices, tuple)
