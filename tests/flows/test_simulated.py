"""A study whose runs are simulations: its file, its runs, and what goes on to events."""

from contextlib import closing
from pathlib import Path

import pyarrow.compute as pc
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows import steps
from factsurv.flows.check import check
from factsurv.flows.progress import Board
from factsurv.flows.rehearsal import rehearsal
from factsurv.flows.study import run_all
from factsurv.flows.study_file import read_study
from factsurv.flows.summary import summary

STUDY = """
[study]
name = "small"
seeds = [1, 2]
[simulation]
name = "one-layer"
subjects = 40
relations = 2
answers = 4
width = 16
pretrain_steps = 20
steps = 10
[simulation.sweep]
exponent = [0.5]
[[analysis.model]]
name = "own-clock"
outcome = "acquisition"
formula = "salience"
time = "exposures"
[[arm]]
name = "top"
simulation = { half = "top" }
[[arm]]
name = "bottom"
simulation = { half = "bottom" }
"""


def study(folder, text=STUDY):
    path = folder / "s.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[arm]]\nname = 'x'\nsimulation = { replay = 1.0 }\n", "arm 'x' (number 3), simulation.replay: unknown key"),
        ("[model]\nname = 'tiny'\n", "model: a study with a [simulation] trains no language model; take it away"),
        ("[probe]\nsamples = 3\n", "probe: a study with a [simulation]"),
        ("[[arm]]\nname = 'x'\nsimulation = { subjects = 80 }\n", "simulation.subjects says which facts there are"),
        ("[[arm]]\nname = 'x'\ntuning = { epochs = 3 }\n", "arm 'x': tuning.* is of a language model"),
        ("[[arm]]\nname = 'x'\nsimulation = { half = 'best' }\n", "'top', 'bottom', 'random' or 'whole'"),
        ("[analysis]\nrules = ['sustained3']\n", "sustained3 asks for 3 successive checkpoints, and arm 'top' has 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(more, said, tmp_path):
    with pytest.raises(InputError) as error:
        read_study(study(tmp_path, STUDY + more))
    assert said in str(error.value)


def test_a_simulation_of_an_arm_alone_is_refused(tmp_path):
    with pytest.raises(InputError, match="of a study with a .simulation., and there is none"):
        read_study(study(tmp_path, "[study]\nname = 'a'\n[[arm]]\nname = 'x'\nsimulation = { half = 'top' }\n"))
    with pytest.raises(InputError, match="no longer than its rehearsal"):
        rehearsal(study(tmp_path), tmp_path)


def test_its_tables_reach_events_and_comparisons_and_nothing_is_done_twice(tmp_path):
    checked = check(study(tmp_path))
    assert "arm top: 2 run(s) of 10 steps on top of the trained facts, probed 3 times" in "\n".join(
        summary(checked, tmp_path)
    )
    said: list[str] = []

    def through() -> Path:
        with Board() as board, closing(steps.open_results(tmp_path / "s.toml", tmp_path, said.append)) as store:
            steps.make_facts(store)
            run_all(store, steps.make_models(store), board, lambda name, step: step)
            steps.make_events(store)
            return store.folder

    folder = through()
    events, ends = (read_table(folder / f"{n}.arrow") for n in ("events", "ends"))
    assert {"popularity", "salience"} < set(events.column_names)
    acquired = events.filter(pc.equal(events["outcome"], "acquisition"))
    own_clock = read_table(folder / "exposures.arrow")  # every trained fact is taught once an epoch
    own_clock = own_clock.filter(pc.equal(own_clock["outcome"], "acquisition"))
    assert own_clock.num_rows == acquired.num_rows > 0 and own_clock["stop"].equals(acquired["stop"])
    assert ends.num_rows == 2 * 2 * (40 + 20) and set(ends["arm"].to_pylist()) == {"top", "bottom"}
    assert read_table(folder / "attention_ends.arrow").num_rows == ends.num_rows
    assert read_table(folder / "sweep.arrow").num_rows == 2 * 2 * 2 * 40
    assert "simulation" in (folder / "study.json").read_text() and "SmolLM2" not in (folder / "study.json").read_text()
    said.clear()
    through()
    assert len(said) == 6 and all(line.endswith("up to date, skipped") for line in said)
