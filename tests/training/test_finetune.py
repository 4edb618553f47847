"""Fine-tuning: a fixed trajectory, exposures that add up, and clear ends when it diverges."""

import copy

import numpy as np
import pytest
import torch
from peft.tuners.lora import Linear

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded, encode
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.models.lora_product import PlainLora
from factsurv.training.models.tunable import tunable
from factsurv.training.probing.probe import probe
from factsurv.training.spec import TuningSpec
from tests.training.conftest import FACTS


@pytest.fixture(scope="module")
def forms(tokenizer):
    """The first 20 facts in three prompt forms, each alone."""
    made = []
    for r, s in list(FACTS)[:20]:
        texts = [f"The {r} of {s} is", f"The number of {s} the {r} is", f"The {r} is"]
        made.append([encode(tokenizer, [t], [FACTS[r, s]], [s]) for t in texts])
    return made


def losses(model, forms, tuning, seed=1):
    steps = list(Finetuning(tunable(copy.deepcopy(model), tuning, seed), forms, tuning, seed))
    return steps, [s.loss for s in steps]


QUICK = TuningSpec(epochs=3, batch_size=4, learning_rate=5e-3, rank=4, alpha=8)


def test_same_seed_same_trajectory_bit_for_bit(tiny_models, forms):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one, two = (losses(tiny_models["llama"], forms, QUICK)[1] for _ in range(2))
        other = losses(tiny_models["llama"], forms, QUICK, seed=2)[1]
    finally:
        torch.set_num_threads(threads)
    assert one == two
    assert one != other


def test_the_clock_and_the_exposures_add_up(tiny_models, forms):
    for templates, per_epoch in (("rotate", 20), ("probe", 20), ("all", 60)):
        tuning = QUICK.model_copy(update={"templates": templates})
        steps, _ = losses(tiny_models["llama"], forms, tuning)
        seen = np.bincount(np.concatenate([s.facts for s in steps]), minlength=20)
        assert (seen == 3 * per_epoch // 20).all()
        last = steps[-1]
        assert (last.epoch, last.examples, last.ends_epoch) == (3.0, 3 * per_epoch, True)
        assert sum(s.ends_epoch for s in steps) == 3
        assert last.step == 3 * per_epoch // 4


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_it_learns(method, schedule, tiny_models, forms):
    # Few facts, many passes: so small a model stays on its plateau for long when there are more.
    forms = forms[:4]
    changes = {"method": method, "schedule": schedule, "epochs": 40, "warmup": 0.1, "templates": "probe"}
    tuning = QUICK.model_copy(update=changes)
    model = tunable(copy.deepcopy(tiny_models["llama"]), tuning, 1)
    before = np.mean([probe(model, f[0]).logp[0] for f in forms])
    rates = [s.learning_rate for s in Finetuning(model, forms, tuning, 1)]
    after = np.mean([probe(model, f[0]).logp[0] for f in forms])
    assert after > before + 0.3
    assert rates[0] == 0 and max(rates) == pytest.approx(tuning.learning_rate)
    assert rates[-1] == (
        tuning.learning_rate if schedule == "constant" else pytest.approx(0, abs=tuning.learning_rate / 10)
    )


def test_lora_leaves_the_base_weights_alone(tiny_models, forms):
    model = tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1)
    frozen = {n: w.clone() for n, w in model.named_parameters() if not w.requires_grad}
    list(Finetuning(model, forms, QUICK, 1))
    after = dict(model.named_parameters())
    assert frozen and all(torch.equal(w, after[n]) for n, w in frozen.items())


def test_loss_is_the_cross_entropy_of_target_and_terminator_only(tiny_models, forms):
    """By hand: minus the log probability of the taught sequence, per predicted token."""
    model = copy.deepcopy(tiny_models["llama"])
    tuning = QUICK.model_copy(update={"epochs": 1, "batch_size": 1, "templates": "probe", "learning_rate": 1e-12})
    steps = list(Finetuning(tunable(model, tuning, 1), forms, tuning, 1))
    for step in steps:
        e = forms[step.facts[0]][0]
        taught = Encoded(e.tokens, e.target_start, np.array([e.terminator]), e.terminator)
        by_hand = -probe(tiny_models["llama"], taught).logp[0] / (e.target_tokens[0] + 1)
        # The learning rate is 1e-12, so only fp32 kernels differ.
        assert step.loss == pytest.approx(by_hand, abs=4e-5)


def test_a_loss_that_is_not_a_number_stops_with_its_place(tiny_models, forms):
    model = copy.deepcopy(tiny_models["llama"])
    tuning = QUICK.model_copy(update={"method": "full"})
    steps = Finetuning(tunable(model, tuning, 1), forms, tuning, 1)
    next(steps)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="the loss is nan at step 2"):
        next(steps)


def test_unknown_lora_targets_are_refused(tiny_models):
    with pytest.raises(InputError, match="tuning.targets"):
        tunable(copy.deepcopy(tiny_models["llama"]), QUICK.model_copy(update={"targets": ["no_such"]}), 1)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_recomputing_really_happens_and_learns_the_same(method, tiny_models, forms):
    trajectories = []
    for recompute in (False, True):
        tuning = QUICK.model_copy(update={"method": method, "recompute": recompute, "dropout": 0.1, "epochs": 1})
        model = tunable(copy.deepcopy(tiny_models["llama"]), tuning, 1)
        passes = []  # begun: what is done again stops as soon as it has what it needs
        layer = next(m for n, m in model.named_modules() if n.endswith("layers.0.mlp"))
        steps = Finetuning(model, forms, tuning, 1)
        layer.register_forward_pre_hook(lambda *_, seen=passes: seen.append(1))
        trajectories.append([s.loss for s in steps])
        assert len(passes) == 5 * (1 + recompute)
    np.testing.assert_allclose(*trajectories, rtol=1e-5)


def test_accumulation_is_the_same_step_in_parts(tiny_models, forms):
    whole, _ = losses(tiny_models["llama"], forms, QUICK)
    parts, _ = losses(tiny_models["llama"], forms, QUICK.model_copy(update={"accumulate": 3}))
    np.testing.assert_allclose([s.loss for s in parts], [s.loss for s in whole], rtol=1e-4)
    assert [(s.step, s.examples, s.tokens) for s in parts] == [(s.step, s.examples, s.tokens) for s in whole]


def test_the_trajectory_is_hf_trainers_on_the_same_batches(tiny_models, forms, tmp_path):
    """An independent loop: padded rows, peft's own layers, torch's unfused AdamW, labels of its own making."""
    from torch.utils.data import DataLoader
    from transformers import Trainer, TrainingArguments

    tuning = QUICK.model_copy(update={"weight_decay": 0.01, "clip": 0.5})  # clipping bites at this learning rate
    steps, ours = losses(tiny_models["llama"], forms, tuning)
    # Which form of a fact comes in which epoch is `rotate`'s rule.
    taught = [forms[f][(int(s.epoch - 1e-9) + f) % 3] for s in steps for f in s.facts]
    rows = [[*e.tokens[0].tolist(), e.terminator] for e in taught]
    labels = [[-100] * int(e.target_start[0]) + r[int(e.target_start[0]) :] for e, r in zip(taught, rows, strict=True)]

    def collate(chosen):
        width = max(len(rows[i]) for i in chosen)

        def padded(lists, fill):
            return torch.tensor([lists[i] + [fill] * (width - len(lists[i])) for i in chosen])

        return {"input_ids": padded(rows, 0), "labels": padded(labels, -100)}

    class InOurOrder(Trainer):
        def get_train_dataloader(self):
            return DataLoader(range(len(rows)), batch_size=tuning.batch_size, collate_fn=collate)

        def training_step(self, *args, **kwargs):
            seen.append(float(super().training_step(*args, **kwargs)))
            return torch.tensor(seen[-1])

    seen: list[float] = []
    model = tunable(copy.deepcopy(tiny_models["llama"]), tuning, 1)
    for module in model.modules():
        if type(module) is PlainLora:
            module.__class__ = Linear
    asked = TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=1, per_device_train_batch_size=tuning.batch_size, use_cpu=True,
        learning_rate=tuning.learning_rate, lr_scheduler_type="constant", weight_decay=tuning.weight_decay,
        max_grad_norm=tuning.clip, optim="adamw_torch", save_strategy="no", report_to=[], disable_tqdm=True,
    )  # fmt: skip
    InOurOrder(model, asked, train_dataset=range(len(rows))).train()
    # Rounding grows over the steps: 1e-5 at the first, below a thousandth at the last.
    np.testing.assert_allclose(seen[:3], ours[:3], rtol=1e-4)
    np.testing.assert_allclose(seen, ours, rtol=1e-3)
