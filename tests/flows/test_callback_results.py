"""What `FactProbe` leaves behind goes through the analysis in R and into the report like a study of factsurv's own."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.flows import fitted, steps
from factsurv.flows.study import study
from factsurv.training.callback import FactProbe
from factsurv.training.facts.gather import gather
from factsurv.training.models.prepared import prepared_model
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of a plain Trainer on a tiny pretrained model, in one results folder."""
    spec = FactsSpec(source="tiny-world", world_facts=200, count=60, withheld=0.3)
    facts = gather(spec, 60 * 64).facts
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACTSURV_CACHE", str(tmp_path_factory.mktemp("cache")))
        tiny = ModelSpec(name="tiny", width=64, layers=2, pretrain_steps=60, pretrain_batch=64)
        location, _ = prepared_model(tiny, spec)
    tokenizer = AutoTokenizer.from_pretrained(location)
    rows = []
    for relation, subject, answer, split in zip(
        *(facts.column(n) for n in ("relation", "subject", "object", "split")), strict=True
    ):
        if split == "trained":
            rows.append(tokenizer(facts.templates[relation][0].format(subject=subject) + f" {answer}\n")["input_ids"])
    lessons = [{"input_ids": r, "labels": r} for r in rows]
    out = tmp_path_factory.mktemp("results") / "mine"
    for seed in (1, 2):
        settings = {"num_train_epochs": 10, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 8}
        settings |= {"learning_rate": 3e-3, "seed": seed, "report_to": [], "save_strategy": "no", "use_cpu": True}
        args = TrainingArguments(output_dir=str(out.parent / "trainer"), logging_steps=2, **settings)
        model = AutoModelForCausalLM.from_pretrained(location)
        probe = FactProbe(facts, out, ProbeSpec(examples=0), exposures_per_epoch=1)
        with torch.random.fork_rng():
            Trainer(model, args, train_dataset=lessons, processing_class=tokenizer, callbacks=[probe]).train()
    return out


def test_run_would_train_them_anew_and_refuses(folder):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
    with pytest.raises(InputError, match="trained outside factsurv") as caught:
        study(folder / "study.toml", folder.parent)
    assert f"factsurv analyze {folder / 'study.toml'}" in str(caught.value) and "report" in caught.value.remedy
    assert all(p.read_bytes() == data for p, data in before.items())


@pytest.mark.parametrize("time", ["epoch", "exposures"])
def test_events_fits_and_report(folder, time):
    study = folder / "study.toml"
    written = study.read_text()
    try:
        # Without random effects and states: half of the seconds, and nothing of theirs depends on who trained.
        plan = f'[analysis]\ntime = "{time}"\nrules = ["first"]\nrandom = []\nstates = false\n'
        study.write_text(f"{written}\n{plan}")
        said = []
        results = steps.open_results(study, folder.parent, said.append)
        steps.make_events(results)
        fitted.make_analysis(results)
        if time == "epoch":
            assert "Trained outside factsurv" in fitted.make_report(results).read_text()
    finally:
        study.write_text(written)
    events = read_table(folder / "events.arrow").to_pylist()
    assert {r["run"] for r in events} == {"main-1", "main-2"}
    states = read_table(folder / "transitions.arrow").to_pylist()
    assert {r["run"] for r in states} == {"main-1", "main-2"} and {"unknown", "known"} <= {r["from"] for r in states}
    assert {r["split"] for r in states} == ({"trained", "withheld"} if time == "epoch" else {"trained"})
    fits = {r["task"]: r for r in read_table(folder / "analysis" / "fits.arrow").to_pylist()}
    assert fits["acquisition/first/cox"]["status"] in ("ok", "warning"), fits["acquisition/first/cox"]
    assert not [t for t, r in fits.items() if r["status"] == "failed" and r["outcome"] == "acquisition"]
    assert any(t.startswith("generalisation") for t in fits) == (time == "epoch")
    assert any("withheld fact has no exposures" in s for s in said) == (time == "exposures")
