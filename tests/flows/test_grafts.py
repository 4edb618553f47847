"""Grafts as steps of a study: killed between a run and its graft nothing is lost, and a copy of a run is that run."""

import pyarrow.compute as pc
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows import grafts, steps
from factsurv.flows.study_file import read_study
from factsurv.training.graft import GraftJob, execute
from tests.flows.test_end_to_end import start, until
from tests.flows.test_study_file import GOOD, problems

STUDY = """
[study]
name = "grafted"
[facts]
source = "tiny-world"
world_facts = 120
count = 30
withheld = 0.3
[model]
name = "tiny"
width = 32
layers = 2
pretrain_steps = 20
pretrain_batch = 32
[tuning]
method = "full"
epochs = 3
learning_rate = 3e-3
[probe]
examples = 0
instruments = [{ name = "rank", answers = "first" }]
[analysis]
rules = ["first"]
[[arm]]
name = "a"
[[graft]]
name = "copy"
weights = "a"
keep = true
"""


def test_a_killed_study_goes_on_with_its_graft(tmp_path, monkeypatch):
    monkeypatch.setenv("FACTSURV_CACHE", str(tmp_path / "cache"))
    (tmp_path / "g.toml").write_text(STUDY)
    until("graft copy-1: running", start("run", "g.toml", folder=tmp_path))
    said = []
    store = steps.open_results(tmp_path / "g.toml", tmp_path / "results", said.append)
    steps.make_facts(store)
    models = steps.make_models(store)
    assert not steps.run_is_due(store, "a-1", "a", 1, models["a"])
    grafts.make_grafts(store, models)
    steps.make_events(store)
    grafts.make_grafts(store, models)
    assert sum("up to date, skipped" in line for line in said if line.startswith("graft")) == 1
    tables = {n: read_table(store.folder / f"{n}.arrow") for n in ("probes", "rank", "events", "recall", "baseline")}
    store.close()
    for name in ("probes", "rank"):
        table = tables[name]

        def rows(run, checkpoint, table=table, name=name):
            of = table.filter(pc.and_(pc.equal(table["run"], run), pc.equal(table["checkpoint"], checkpoint)))
            values = ("recalled", "logp", "exposures") if name == "probes" else ("rank_first",)
            return [of[n].to_pylist() for n in values]

        last = pc.max(table.filter(pc.equal(table["run"], "a-1"))["checkpoint"]).as_py()
        assert rows("copy-1", 1) == rows("a-1", last) and rows("copy-1", 0) == rows("a-1", 0)
        assert rows("a-1", last) != rows("a-1", 0)
    assert set(tables["events"]["run"].to_pylist()) == {"a-1"}
    for name in ("recall", "baseline"):
        assert set(tables[name]["run"].to_pylist()) == {"a-1", "copy-1"}
    assert (store.folder / "runs" / "copy-1" / "model" / "model.safetensors").is_file()
    job = GraftJob.model_validate_json((store.folder / "runs" / "copy-1" / "job.json").read_text("utf-8"))
    monkeypatch.setattr("factsurv.training.passes.memory.free_bytes", lambda: 1000)
    with pytest.raises(InputError, match="a second set of weights takes about .* are free"):
        execute(job)


ARMS = '[[arm]]\nname = "a"\n[[arm]]\nname = "b"\n[[graft]]\nname = "g"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARMS + 'weights = "a + b - c"\n', "graft 'g': there is no arm 'c'; the nearest is"),
        (ARMS + 'weights = "a + b"\n', "graft[1].weights: adds 2 times"),
        (ARMS + 'weights = "a"\nrevert = { layers = "0" }\nof = "a"\n', "one of the two"),
        (ARMS + 'revert = { layers = "0" }\n', "revert and of belong together"),
        (ARMS.replace('"g"', '"A"') + 'weights = "a"\n', "an arm or another graft has this name"),
        (
            ARMS.replace('"b"\n', '"b"\nmodel = { name = "x/y" }\n') + 'weights = "a + b - base"\n',
            "'a' and 'b' begin with different models",
        ),
    ],
)
def test_grafts_that_cannot_be(text, message, tmp_path):
    assert message in problems(tmp_path, GOOD + text)
    (tmp_path / "ok.toml").write_text(GOOD + ARMS + 'weights = "a + b - base"\nlayers = "0-1"\nparts = ["mlp"]\n')
    assert read_study(tmp_path / "ok.toml").graft[0].sum.arms == ["a", "b"]
