"""`FactProbe` inside a real Trainer: it changes nothing, and what it leaves behind is factsurv's."""

import copy

import numpy as np
import pyarrow as pa
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import Trainer, TrainingArguments

from events.errors import InputError
from events.files import Manifest, read_table
from events.schema import BASELINE, PROBES, TRAINING
from training.callback import FactProbe
from training.facts import FactSet
from training.probe import probe
from training.spec import ProbeSpec

SPEC = ProbeSpec(examples=0, schedule="steps", every=4)


def wrapped(model, method):
    """A copy with dropout, whose random numbers the probe must not take, and a module in evaluation mode of its own."""
    model = copy.deepcopy(model).requires_grad_(True)
    model.model.layers[0].mlp.eval()
    if method == "full":
        return model
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return get_peft_model(model, LoraConfig(r=4, lora_dropout=0.3, target_modules="all-linear"))


def trained(model, lessons, tokenizer, folder, callbacks, **changes):
    settings = {"num_train_epochs": 3, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    settings |= {"learning_rate": 5e-3, "seed": 5, "logging_steps": 1, "report_to": [], "save_strategy": "no"}
    settings |= {"use_cpu": True, "disable_tqdm": True}
    args = TrainingArguments(output_dir=str(folder), **settings | changes)
    Trainer(model, args, train_dataset=lessons, processing_class=tokenizer, callbacks=callbacks).train()
    return model


@pytest.mark.parametrize(("method", "precision"), [("full", {}), ("lora", {}), ("lora", {"bf16": True})])
def test_training_ends_with_the_same_weights_with_and_without_it(
    method, precision, tiny_models, lessons, tokenizer, facts, tmp_path
):
    base = tiny_models["llama"]
    plain = trained(wrapped(base, method), lessons, tokenizer, tmp_path / "t", [], **precision)
    callback = FactProbe(facts, tmp_path / "mine", SPEC, exposures_per_epoch=1, say=lambda _: None)
    model = trained(wrapped(base, method), lessons, tokenizer, tmp_path / "t", [callback], **precision)
    for (name, one), two in zip(plain.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(one, two), name
        assert one.requires_grad == two.requires_grad
    assert [m.training for m in plain.modules()] == [m.training for m in model.modules()]

    run = tmp_path / "mine" / "runs" / "main-5"
    tables = {n: read_table(run / f"{n}.arrow") for n in ("probes", "baseline", "training")}
    tempered = {f"p_at_{t:g}": pa.float64() for t in SPEC.temperatures}
    for name, columns in {"probes": PROBES, "baseline": BASELINE | tempered, "training": TRAINING}.items():
        assert {f.name: f.type for f in tables[name].schema} == columns
    assert SPEC.temperature == 1.0
    p = {t: np.array(tables["baseline"][f"p_at_{t:g}"].to_pylist()) for t in SPEC.temperatures}
    assert p[1.0].tolist() == tables["baseline"]["p"].to_pylist()
    assert not np.allclose(p[0.7], p[1.0], rtol=1e-3) and not np.allclose(p[1.3], p[1.0], rtol=1e-3)
    last = [r for r in tables["probes"].to_pylist() if r["step"] == 9]
    assert sorted(set(tables["probes"]["step"].to_pylist())) == [0, 4, 8, 9]
    assert (last[0]["epoch"], last[0]["examples"]) == (3.0, 72)
    assert [r["exposures"] for r in last[:4]] == [3, 3, 3, 0]
    assert tables["training"]["step"].to_pylist() == list(range(1, 10))
    # What was probed is the model that training ended with, in the precision of its weights.
    model.forward = type(model).forward.__get__(model)
    after = probe(model, callback.encoded)
    np.testing.assert_allclose([r["logp"] for r in last], after.logp, atol=1e-12)
    assert after.logp[:8].mean() > np.mean(tables["baseline"]["logp"].to_pylist()[:8])
    assert Manifest(tmp_path / "mine").verified("runs/main-5/probes.arrow")


def test_what_it_refuses(tiny_models, lessons, tokenizer, facts, tmp_path):
    base = wrapped(tiny_models["llama"], "full")
    with pytest.raises(InputError, match="lies after the end of training"):
        late = FactProbe(facts, tmp_path / "x", ProbeSpec(examples=0, schedule="list", at=[4.0]))
        trained(base, lessons, tokenizer, tmp_path, [late])
    with pytest.raises(InputError, match="has no tokenizer"):
        trained(base, lessons, None, tmp_path, [FactProbe(facts, tmp_path / "x", SPEC)])
    with pytest.raises(InputError, match="cannot be a study's name"):
        trained(base, lessons, tokenizer, tmp_path, [FactProbe(facts, tmp_path / "a b", SPEC)])
    say = {"say": lambda _: None}
    trained(base, lessons, tokenizer, tmp_path, [FactProbe(facts, tmp_path / "x", SPEC, **say)], num_train_epochs=1)
    with pytest.raises(InputError, match="holds the run main-5 already"):
        trained(base, lessons, tokenizer, tmp_path, [FactProbe(facts, tmp_path / "x", SPEC, **say)])
    other = FactSet(facts.table.slice(0, 8), facts.templates, {}, "other", ())
    with pytest.raises(InputError, match="holds runs of other facts"):
        trained(base, lessons, tokenizer, tmp_path, [FactProbe(other, tmp_path / "x", SPEC, **say)])
