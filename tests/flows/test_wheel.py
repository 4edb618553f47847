"""The built wheel works from any folder: R files, .qmd, lock file and example studies are inside it."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from factsurv.flows.study_file import BUNDLED
from tests.flows.test_end_to_end import LEAN, STUDY

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel; its dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    ).stdout.strip()
    # Behind the wheel's own packages; as a path entry only, so that this checkout's editable install stays out.
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (Path(site) / "zz_forget_editable.pth").write_text(
        f"import sys; sys.path[:] = [p for p in sys.path if p != {str(ROOT)!r}]\n"
    )
    return folder / "env" / "bin"


def factsurv(installed, *arguments, folder):
    env = os.environ | {"FACTSURV_R_LIBRARY": os.environ.get("FACTSURV_R_LIBRARY", "") or _library()}
    env = {k: v for k, v in env.items() if v and k != "PYTHONPATH"} | {"FACTSURV_CACHE": str(folder / "cache")}
    return subprocess.run(
        [installed / "factsurv", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=1800
    )


def _library():
    own = ROOT / ".r" / "library"
    return str(own) if own.is_dir() else ""


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    script = "import factsurv.flows, factsurv.stats; print(factsurv.flows.__file__, factsurv.stats.__file__)"
    said = subprocess.run([installed / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True).stdout
    assert str(ROOT) not in said
    assert said.count("site-packages") == 2


def test_every_file_of_the_rooms_is_in_it(installed):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    rooms = ("events", "training", "stats", "flows", "reports", "studies")
    ours = {f for f in tracked if f.startswith(tuple(f"{r}/" for r in rooms)) and not f.startswith("stats/tests/")}
    (site,) = installed.parent.glob("lib/python3*/site-packages")
    assert len(ours) > 100 and not [f for f in sorted(ours) if not (site / "factsurv" / f).is_file()]
    own = {p.name for p in site.iterdir() if p.suffix not in (".pth", ".dist-info")}
    assert own & {"factsurv", *rooms} == {"factsurv"}


@pytest.mark.parametrize("of", ["the wheel", "an editable install"])
def test_a_foreign_training_package_is_in_nobodys_way(installed, of, tmp_path):
    """Whoever trains has a folder `training` of their own; both can be had in one process, whichever comes first."""
    for name in ("training", "stats", "events"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n")
    python = installed / "python" if of == "the wheel" else sys.executable
    script = (
        "import training; from factsurv import FactProbe, Results, analyze, open_results, run; import stats, events\n"
        "print(training.MINE, stats.MINE, events.MINE, FactProbe.__module__, run.__module__)"
    )
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    said = subprocess.run([python, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert said.stdout.split() == [
        "training", "stats", "events", "factsurv.training.callback", "factsurv.flows.notebook"
    ], said.stderr  # fmt: skip


def test_doctor_and_a_small_study_from_another_folder(installed, tmp_path):
    said = factsurv(installed, "doctor", folder=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "R: 4." in said.stdout
    study = STUDY.replace("[1, 2]", "[1]").replace("epochs = 8", "epochs = 4").replace("steps = 120", "steps = 20")
    (tmp_path / "small.toml").write_text(study + LEAN)
    said = factsurv(installed, "run", "small.toml", folder=tmp_path)
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    assert (tmp_path / "results" / "small" / "report.html").stat().st_size > 100_000


def test_bundled_studies_are_found_by_name(installed, tmp_path):
    said = factsurv(installed, "run", "no-such-study", folder=tmp_path)
    assert said.returncode == 2
    assert f"bundled studies: {', '.join(sorted(p.stem for p in BUNDLED.glob('*.toml')))}\n" in said.stderr
