"""A rehearsal: every bundled study at the size of a minute, apart from the real results, and marked on every page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows.check import check
from factsurv.flows.rehearsal import FACTS, biography_facts, rehearsal
from factsurv.flows.study_file import BUNDLED, read_study
from tests.flows.test_damage import STUDY
from tests.training.benchmark_files import write_all
from tests.training.go_database import write_genes, write_go

FACTSURV = Path(sys.executable).parent / "factsurv"
STUDIES = sorted(p.stem for p in BUNDLED.glob("*.toml"))


def go_database(path):
    """Terms and parents as Debian's GO.db has them, made up: a root, nine branches, 900 leaves."""
    root, branches = 1, range(2, 11)
    leaves = range(11, 911)
    terms = [(root, "GO:0005575", "cellular_component", "CC")]
    terms += [(i, f"GO:{i:07d}", f"place {i}", "CC") for i in (*branches, *leaves)]
    parents = [(i, root, "isa") for i in branches] + [(i, 2 + i % 9, "isa") for i in leaves]
    write_go(path, terms, parents)
    write_genes(path, [(1 + i % 7, f"GO:{i:07d}", "IDA") for i in leaves])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("FACTSURV_CACHE", str(folder))
        yield folder


@pytest.mark.parametrize("name", STUDIES)
def test_every_bundled_study_can_be_rehearsed(name, cache, tmp_path, monkeypatch):
    """Its facts and models are made small and what is left passes every check; a whole one is run below."""
    write_all(tmp_path)  # data sets that are not part of factsurv
    path = Path(shutil.copy(BUNDLED / f"{name}.toml", tmp_path))
    study = read_study(path)
    if study.simulation:
        with pytest.raises(InputError, match="no longer than its rehearsal"):
            rehearsal(path, tmp_path / "results")
        return
    if study.facts.database:  # of a Debian package that no test needs
        text = path.read_text().replace(study.facts.database, "go.sqlite").replace(study.facts.genes, "go.sqlite")
        go_database(tmp_path / "go.sqlite")
        monkeypatch.chdir(tmp_path)
        path = tmp_path / path.name
        path.write_text(text)
    small = rehearsal(path, tmp_path / "results")
    assert small == tmp_path / "results" / f"{name}-rehearsal" / "rehearsal.toml"
    found = check(small)
    assert len(found.facts) <= 2 * FACTS and found.study.recipes().keys() == study.recipes().keys()
    told = " ".join(found.study.report.rehearsal or [])
    whole = biography_facts(study.facts) if study.facts.source == "biographies" else len(read_whole(path))
    assert f"of {whole} facts" in told
    hub = ("meta-llama/", "mistralai/", "allenai/", "EleutherAI/", "google/", "Qwen/")
    assert ("stands in" in told) == study.model.name.startswith(hub)
    assert found.study.analysis == study.analysis  # rules, models and formulas are the study's own


def read_whole(path):
    from factsurv.training.facts.gather import gather

    return gather(read_study(path).facts).facts


def test_a_rehearsal_runs_to_a_report_that_says_so(cache, tmp_path):
    arms = '[[arm]]\nname = "slow"\n[[arm]]\nname = "whole"\ntuning.method = "full"\n'
    (tmp_path / "mine.toml").write_text(STUDY.replace('"kept"', '"mine"') + arms)
    done = subprocess.run(
        [FACTSURV, "run", "mine.toml", "--rehearse"], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["mine-rehearsal"]  # and nothing of the real one
    folder = tmp_path / "results" / "mine-rehearsal"
    assert {p.name for p in (folder / "runs").iterdir()} == {"slow-1", "whole-1"}
    assert read_table(folder / "runs" / "whole-1" / "probes.arrow").num_rows == 7 * 40
    page = (folder / "report.html").read_text()
    assert "<title>REHEARSAL of mine" in page and "REHEARSAL: no number here is a finding" in page
    assert ".rehearsal-mark" in page and "position: fixed" in page  # which browsers print on every page
    assert json.loads((folder / "study.json").read_text())["report"]["rehearsal"]


def test_results_of_another_kind_are_not_touched(tmp_path):
    shutil.copy(BUNDLED / "tiny-world.toml", tmp_path)
    taken = tmp_path / "results" / "tiny-world-rehearsal"
    taken.mkdir(parents=True)
    (taken / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="these results are no rehearsal's"):
        rehearsal(tmp_path / "tiny-world.toml", tmp_path / "results")
