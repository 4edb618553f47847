"""`FactProbe` inside a real Trainer: it changes nothing, and what it leaves behind is factsurv's."""

import copy
import tomllib

import numpy as np
import pyarrow as pa
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.events.manifest import Manifest
from factsurv.events.schema import BASELINE, INSTRUMENTS, PROBES, TRAINING
from factsurv.training.callback import FactProbe, weight_sums
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.probing.probe import probe
from factsurv.training.spec import ProbeSpec

SPEC = ProbeSpec(examples=0, schedule="steps", every=4, instruments=list(INSTRUMENTS))


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
    same = {"train_dataset": lessons, "eval_dataset": lessons[:4], "processing_class": tokenizer}
    Trainer(model, args, callbacks=callbacks, **same).train()
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
    for name, columns in INSTRUMENTS.items():
        table = read_table(run / f"{name}.arrow")
        assert table.column_names == list(columns) and sorted(set(table["step"].to_pylist())) == [0, 4, 8, 9]
    assert tomllib.loads((tmp_path / "mine" / "study.toml").read_text())["probe"]["instruments"] == [
        {"name": n} for n in INSTRUMENTS
    ]
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


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_every_changed_bit_of_a_weight_is_seen(kind):
    """Whatever its size, and where it begins in memory."""
    memory = torch.zeros(40, dtype=kind)
    for first, size in ((0, 1), (1, 7), (3, 20), (0, 0)):
        model = torch.nn.ParameterList([memory[first : first + size]])
        plain = weight_sums(model)
        for i in range(first, first + size):
            memory[i] = torch.finfo(kind).tiny
            assert weight_sums(model) != plain
            memory[i] = 0
        assert weight_sums(model) == plain


class Recorder(TrainerCallback):
    """Keeps the weights of every step; ``stop`` says at which hook and step training is told to stop."""

    def __init__(self, stop=("", 0), swap=False):
        self.weights, self.stop, self.swap = {}, stop, swap

    def on_step_end(self, args, state, control, model=None, **kwargs):
        self.weights[state.global_step] = {n: w.clone() for n, w in model.state_dict().items()}
        self._stop("on_step_end", state, control)

    def on_evaluate(self, args, state, control, **kwargs):
        self._stop("on_evaluate", state, control)

    def on_epoch_end(self, args, state, control, **kwargs):
        self._stop("on_epoch_end", state, control)

    def _stop(self, hook, state, control):
        if hook == self.stop[0] and state.global_step >= self.stop[1]:
            control.should_training_stop = True

    def on_train_end(self, args, state, control, model=None, **kwargs):
        if self.swap:  # as averages of weights do
            for weight in model.parameters():
                weight.data.copy_(weight.data * 0.5)


BEST = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": True}
BY_STEPS = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
BY_EPOCHS = {"eval_strategy": "epoch", "save_strategy": "epoch"}
# Of 9 steps in 3 epochs, probed at 4 and 8: what else the Trainer is told, when it stops, its last step, is it probed?
ENDS = {
    "to the end": (BEST | BY_STEPS, None, 9, True),
    "patience, by steps": (BEST | BY_STEPS, "patience", None, True),
    "patience, by epochs": (BEST | BY_EPOCHS, "patience", 6, True),
    "patience, saves better ones only": (
        BEST | BY_EPOCHS | {"save_strategy": "best"},
        "patience",
        6,
        "if it sees the stop",
    ),
    "told after a step": (BEST | BY_STEPS, ("on_step_end", 5), 5, True),
    "told at an evaluation": (BEST | BY_STEPS, ("on_evaluate", 6), 6, True),
    "told at the end of an epoch": (BEST | BY_EPOCHS, ("on_epoch_end", 6), 6, True),
    "nothing is put back": ({}, ("on_epoch_end", 6), 6, True),
    "a number of steps": ({"max_steps": 5, "num_train_epochs": 40}, None, 5, True),
    "an average at the end": ({"max_steps": 5}, "swap", 5, True),
    "an average at an early end": ({}, "swap at 6", 6, True),
}


@pytest.mark.parametrize("first", [True, False], ids=["probe first", "probe last"])
@pytest.mark.parametrize("case", list(ENDS))
def test_a_checkpoint_is_labelled_by_the_step_whose_weights_it_measures(
    case, first, tiny_models, lessons, tokenizer, facts, tmp_path
):
    """Whatever the Trainer, or another callback, puts into the model before training ends."""
    settings, how, end, probed_last = ENDS[case]
    stop = how if isinstance(how, tuple) else ("on_epoch_end", 6) if how == "swap at 6" else ("", 0)
    recorder, said = Recorder(stop, swap=str(how).startswith("swap")), []
    others = [recorder, *([EarlyStoppingCallback(1)] if how == "patience" else [])]
    probe_it = FactProbe(facts, tmp_path / "mine", SPEC, say=said.append)
    model = wrapped(tiny_models["llama"], "full")
    settings = {"learning_rate": 2e-3, "gradient_accumulation_steps": 2} | settings
    trained(
        model, lessons, tokenizer, tmp_path / "t", [probe_it, *others] if first else [*others, probe_it], **settings
    )

    ended = max(recorder.weights)
    assert end in (None, ended) and ended <= 9
    rows = read_table(tmp_path / "mine" / "runs" / "main-5" / "probes.arrow").to_pylist()
    steps = sorted({r["step"] for r in rows} - {0})
    told = [s for s in said if "is not probed" in s]
    assert set(steps) == {s for s in (4, 8) if s <= ended} | ({ended} if not told else set())
    assert bool(told) == (probed_last == "if it sees the stop" and first)
    assert all("which now are those of step 3; the last checkpoint is that of step 4" in s for s in told)
    fresh = copy.deepcopy(tiny_models["llama"])
    for step in steps:
        fresh.load_state_dict(recorder.weights[step])
        now = probe(fresh, probe_it.encoded)
        np.testing.assert_allclose([r["logp"] for r in rows if r["step"] == step], now.logp, atol=1e-12)
    told_epochs = tomllib.loads((tmp_path / "mine" / "study.toml").read_text())["tuning"]["epochs"]
    assert told_epochs == max(1, round(ended / 3))
