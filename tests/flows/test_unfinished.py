"""A fit that was killed is no finding: the next command tries it again, and every command ends with what is missing."""

import json
import shutil
from contextlib import closing

import pytest

from factsurv.events.files import read_table
from factsurv.flows import command, fitted
from factsurv.flows.own_events import make_events, open_results
from factsurv.stats import analyse as module
from factsurv.stats.bridge import R_FOLDER
from factsurv.stats.own_plan import own_plan

PLAN = (
    '[study]\nname = "t"\n[events]\noutcome = "loss"\n[analysis]\nstates = false\n[analysis.covariates]\nloss = ["x"]\n'
)


def test_a_killed_fit_is_tried_again_and_the_end_says_what_is_missing(tmp_path, capsys, monkeypatch):
    shutil.copytree(R_FOLDER, tmp_path / "R")
    monkeypatch.setattr(module, "R_FOLDER", tmp_path / "R")
    file = tmp_path / "R" / "score_test.R"
    ill = f'  if (file.exists("{tmp_path / "ill"}")) tools::pskill(Sys.getpid(), 9L)\n  groups <- grouped_by'
    file.write_text(file.read_text("utf-8").replace("  groups <- grouped_by", ill), "utf-8")
    (tmp_path / "ill").touch()
    rows = ["id,stop,event,x"] + [f"q{i},{1 + i * 7 % 10},{int(i % 5 > 0)},{i * i % 3}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "t.toml").write_text(PLAN)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        command.main(["analyze", "t.csv", "--plan", "t.toml"])
    assert not ended.value.code
    end = capsys.readouterr().out.strip().splitlines()[-3:]
    assert end[0] == "report: results/t/report.html"
    assert end[1].startswith("loss: 1 of ") and "R was ended by signal 9 (SIGKILL) (score)" in end[1]
    assert end[2] == "1 of them may get through another time: the same command tries them again"

    def once_more():
        said: list[str] = []
        with closing(open_results(tmp_path / "t.toml", tmp_path / "results", said.append)) as results:
            make_events(results, tmp_path / "t.csv")
            fitted.make_analysis(results, own_plan(results.study.analysis, results.table("events.arrow")))
        return [line for line in said if line.startswith("analysis")]

    (tmp_path / "ill").unlink()
    said = once_more()
    assert said[0].startswith("analysis: running (loss/as given/score/x had no result (R was ended by signal 9")
    assert said[1].startswith("analysis: 1 of ") and said[1].endswith(" kept")
    fits = {r["task"]: r["status"] for r in read_table(tmp_path / "results/t/analysis/fits.arrow").to_pylist()}
    assert fits["loss/as given/score/x"] == "ok"
    assert once_more() == ["analysis: up to date, skipped"]
    assert fitted.without_result(tmp_path / "results/t/report.html") == []

    # What the fits were made from is trusted only as it was written.
    keys = tmp_path / "results/t/analysis/keys.json"
    keys.write_text(json.dumps(json.loads(keys.read_text()) | {"around": {}}))
    said = once_more()
    assert "analysis/keys.json was changed after it was made" in said[0]
    assert said[1] == f"analysis: {len(fits)} fits"
