"""Files that people could have written by mistake: read, or refused in one message, and never anything else.

Seeded: the same files in each run of the tests. `FACTSURV_FUZZ=5000` tries so many of each kind, other ones.
"""

import contextlib
import os
import string
import tempfile
from pathlib import Path

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed: pip install -e '.[dev]'")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from factsurv.events.errors import InputError  # noqa: E402
from factsurv.events.own_table import read_own_table  # noqa: E402
from factsurv.flows.own_plan import OwnPlan, guessed_plan, read_plan  # noqa: E402
from factsurv.flows.starter import write_study  # noqa: E402
from factsurv.flows.study_file import BUNDLED, StudyFile, read_study  # noqa: E402
from factsurv.stats.own_plan import own_plan  # noqa: E402
from tests.flows.test_impossible_values import as_file, keys, toml  # noqa: E402

ASKED = int(os.environ.get("FACTSURV_FUZZ", "0"))
FUZZ = settings(
    max_examples=ASKED or 150,
    derandomize=not ASKED,
    deadline=30_000,  # ms, of which a busy machine may need some: a file that keeps a reader busy is a fault too
    suppress_health_check=list(HealthCheck),
    database=None,
)
STUDY_KEYS, PLAN_KEYS = dict(keys(StudyFile)), dict(keys(OwnPlan))
WORDS = st.sampled_from(
    ["first", "sustained2", "latent", "acquisition", "tiny", "tiny-world", "table", "facts.csv", "subject", "epoch",
     "id", "stop", "event", "x", "", " ", "a" * 300, "../x", "package:../x", "~nobody/x", "x\0", "{subject} is",
     "\u202e", "ä/ö"]
)  # fmt: skip
PLAIN = (
    st.booleans() | st.integers(-3, 40) | st.integers() | st.just(10**30) | st.floats(width=32)
    | st.sampled_from([float("nan"), float("inf"), 0.5]) | WORDS | st.text(string.printable, max_size=8)
)  # fmt: skip
VALUES = (
    PLAIN | st.lists(PLAIN, max_size=4) | st.dictionaries(st.text(string.ascii_letters, max_size=4), PLAIN, max_size=2)
)


def merged(data: dict, more: dict) -> dict:
    """Two files as one; the second one's values count."""
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(data.get(key), dict)
        data[key] = merged(data[key], value) if both else value
    return data


@st.composite
def studies(draw, of: dict, needed: dict) -> dict:
    """A file with a few of its keys at values of any kind."""
    data: dict = dict(needed)
    for key in draw(st.lists(st.sampled_from(sorted(of)), min_size=1, max_size=6)):
        value = draw(VALUES)
        try:
            data = merged(data, as_file(key, value, of[key]))
        except (StopIteration, TypeError):
            continue
    return data


@st.composite
def damaged(draw, text: str) -> bytes:
    """A text with some of its bytes cut out, doubled or replaced."""
    raw = bytearray(text.encode())
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(raw)))
        length = draw(st.integers(0, 40))
        new = draw(
            st.binary(max_size=4) | st.sampled_from([b"[", b"]]", b'"', b"=", b"\n", b"[[arm]]\n", b"1e999", b"-"])
        )
        raw[at : at + length] = new if draw(st.booleans()) else bytes(raw[at : at + length]) * 2
    return bytes(raw)


def ends_well(read, *arguments) -> None:
    """Read, or refused with a message that says what is wrong and where."""
    try:
        read(*arguments)
    except InputError as error:
        assert error.what and str(error).strip()


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def written(folder: Path, name: str, data: dict | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else toml(data).encode("utf-8", "replace"))
    return path


@FUZZ
@given(data=studies(STUDY_KEYS, {"study": {"name": "s"}}))
def test_study_files_of_any_values(folder, data):
    ends_well(read_study, written(folder, "s.toml", data))


@FUZZ
@given(data=st.sampled_from(sorted(BUNDLED.glob("*.toml"))).flatmap(lambda p: damaged(p.read_text("utf-8"))))
def test_damaged_study_files(folder, data):
    ends_well(read_study, written(folder, "s.toml", data))


EVENTS = "id,stop,event,x,group\n" + "\n".join(f"f{i},{1 + i % 5},{int(i % 3 > 0)},{i % 7},g{i % 3}" for i in range(40))


def planned(table: Path, plan: Path) -> None:
    spec = read_plan(plan)
    own_plan(spec.analysis, read_own_table(table, spec.events.columns(), spec.analysis.asked()).events)


@FUZZ
@given(data=studies(PLAN_KEYS, {"study": {"name": "s"}}))
def test_plans_of_any_values(folder, data):
    ends_well(planned, written(folder, "t.csv", EVENTS.encode()), written(folder, "p.toml", data))


@FUZZ
@given(data=st.data())
def test_damaged_plans_and_tables(folder, data):
    table = written(folder, "t.csv", EVENTS.encode())
    plan = written(folder, "p.toml", data.draw(damaged(guessed_plan("s", table))))
    ends_well(planned, table, plan)
    ends_well(planned, written(folder, "t.csv", data.draw(damaged(EVENTS))), plan)


FACTS = "id,name,capital,era,size\n" + "\n".join(f"{i},Land {i},Town {i % 50},{'ab'[i % 2]},{i}.5" for i in range(60))


@FUZZ
@given(data=damaged(FACTS))
def test_damaged_tables_of_facts(folder, data):
    table, path = written(folder, "f.csv", data), folder / "of-facts.toml"
    with contextlib.chdir(folder):
        ends_well(write_study, path.stem, table)
    if path.exists():
        read_study(path)  # what was written can be read
        path.unlink()
