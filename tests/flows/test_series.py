"""A study that follows a series: nothing is trained, time is where a checkpoint stands, what is done is skipped."""

import json
from contextlib import closing

import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows import steps
from factsurv.flows.study_file import read_study
from factsurv.stats.plan import AnalysisSpec, plan

TEXT = """
[study]
name = "s"
[facts]
source = "tiny-world"
world_facts = 60
count = 24
[model]
name = "tiny"
width = 16
layers = 1
heads = 2
pretrain_steps = 40
pretrain_batch = 64
pretrain_learning_rate = 0.03
series = ["step0", "step20", "step40"]
[probe]
examples = 0
"""


def test_its_tables_are_those_of_a_run_and_it_is_done_once(tmp_path, monkeypatch):
    monkeypatch.setenv("FACTSURV_CACHE", str(tmp_path / "cache"))
    (tmp_path / "s.toml").write_text(TEXT)
    said: list[str] = []

    def followed():
        with closing(steps.open_results(tmp_path / "s.toml", tmp_path / "results", said.append)) as store:
            steps.make_facts(store)
            model = steps.make_models(store)["main"]
            steps.make_run(store, "main-1", "main", 1, model, 1)
            steps.make_events(store)
            return steps.check_plan(store)

    told = followed()
    folder = tmp_path / "results" / "s"
    assert told["outcomes"] == ["acquisition", "degradation"]
    assert told["covariates"]["acquisition"] == ["exposure", "structured"]  # nobody is latent at step 0
    assert "tuning" not in json.loads((folder / "study.json").read_text())
    events, probes = (read_table(folder / f"{n}.arrow") for n in ("events", "probes"))
    assert events.schema.metadata[b"time"] == b"step" and set(events["split"].to_pylist()) == {"trained"}
    assert {(r["checkpoint"], r["step"]) for r in probes.to_pylist()} == {(0, 0), (1, 20), (2, 40)}
    assert set(events["stop"].to_pylist()) <= {20.0, 40.0}
    assert read_table(folder / "series.arrow")["name"].to_pylist() == ["step0", "step20", "step40"]
    assert read_table(folder / "recall.arrow")["epoch"].to_pylist() == [0, 20, 40]
    said.clear()
    followed()
    assert [s for s in said if "skipped" not in s and "held back" not in s] == []
    (tmp_path / "s.toml").write_text(TEXT.replace('"step40"', '"step30", "step40"'))
    said.clear()
    followed()
    assert any(s.startswith("run main-1: running (model: series:") for s in said)
    assert sum("1 of its checkpoints are kept" in s for s in said) == 1  # the others were there


def test_its_curves_are_split_by_what_the_corpus_says_or_by_what_comes_first():
    def by(*covariates, **spec):
        return plan(AnalysisSpec(**spec), covariates, 1, trained=False)["curves_by"]["acquisition"]

    assert by("told", "log_both", "mi", "smi") == ["smi"]
    assert by("told", "other") == ["told"]
    assert by("told", "other", covariates={"acquisition": ["other", "told"]}) == ["other"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[probe]", '[tuning]\nmethod = "lora"\n[probe]', "tuning.method: a series is not trained"),
        ("[probe]", "[tuning]\nepochs = 3\n[probe]", "tuning.epochs: a series is not trained"),
        ("[probe]", '[[stage]]\nname = "a"\n[probe]', "stage: a series is not trained"),
        ('name = "s"', 'name = "s"\nseeds = [1, 2]', "study.seeds: a series has no repetitions"),
        ("[probe]", "[probe]\nevery = 2", "probe.every: each checkpoint of the series is probed"),
        ("[probe]", '[analysis]\ntime = "epoch"\n[probe]', 'analysis.time: a series has "step" or "tokens"'),
        ('"step40"]', '"step90"]', "step90 lies after the 40 steps of pretraining"),
        ('"step40"]', '"end"]', "'end' is no step of the tiny model"),
        ('series = ["step0", "step20", "step40"]', 'series = "all"', "name the steps that are kept"),
        ('series = ["step0", "step20", "step40"]', 'unit = "step"', "model.unit: is of a model.series"),
        (
            'series = ["step0", "step20", "step40"]', '[tuning]\nmethod = "none"',
            'tuning.method: "none" is of a study of a model.series',
        ),
        (
            "[probe]", '[[arm]]\nname = "a"\n[[arm]]\nname = "b"\nmodel.revision = "x"\n[probe]',
            "arm 'b': model.revision: the series names the revisions",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path, old, new, message):
    assert old in TEXT
    (tmp_path / "s.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_study(tmp_path / "s.toml")
    assert message in str(caught.value)
