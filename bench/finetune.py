"""Our fine-tuning loop against HF Trainer and TRL's SFTTrainer: same lessons, LoRA, precision, batch size, steps.

Run from the repository: python bench/finetune.py [--facts N] [--batches N …] [--repeats N] [--peers]

Each way takes a fresh LoRA on the same SmolLM2-135M and goes once through the same short world facts. Counted
are tokens without pads per second of processor time (one thread), from the first step to the last; the losses
of the pass must agree in level. The adapter of the others is peft's own, as their users have it; what ours makes of it
(`factsurv.training.models.lora_product`) is part of our way. ``--peers`` installs TRL into build/bench-peers and runs
all ways there.
"""

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import tomllib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one thread of a processor; bench/gpu.py measures a GPU
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import Trainer, TrainingArguments  # noqa: E402

from bench.machine import clock, machine, peers, table, write  # noqa: E402
from factsurv.training.facts.encoding import encode_lessons  # noqa: E402
from factsurv.training.facts.gather import gather  # noqa: E402
from factsurv.training.lessons.finetune import Finetuning  # noqa: E402
from factsurv.training.models.load import load  # noqa: E402
from factsurv.training.models.tunable import tunable  # noqa: E402
from factsurv.training.spec import FactsSpec, ModelSpec, TuningSpec  # noqa: E402


def ours(model, tokenizer, forms, tuning) -> tuple[float, float]:
    """Seconds and mean loss of one pass."""
    model = tunable(model, tuning, 1)
    began = clock()
    steps = list(Finetuning(model, forms, tuning, 1))
    return clock() - began, float(np.mean([s.loss for s in steps]))


def as_usual(model, tuning):
    """The model with the same adapter as peft itself makes it: what a user of the other trainers has."""
    config = LoraConfig(
        r=tuning.rank, lora_alpha=tuning.alpha, lora_dropout=tuning.dropout, target_modules=tuning.targets,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    torch.manual_seed(1)
    return get_peft_model(model, config)


def rows(forms) -> list[dict]:
    """The lessons as trainers take them: only the target and its end are labelled."""
    made = []
    for (lesson,) in forms:
        ids = [*lesson.tokens[0].tolist(), lesson.terminator]
        start = int(lesson.target_start[0])
        made.append({"input_ids": ids, "labels": [-100] * start + ids[start:]})
    return made


def collate(lessons: list[dict]) -> dict[str, torch.Tensor]:
    width = max(len(x["input_ids"]) for x in lessons)

    def padded(name, value):
        return torch.tensor([x[name] + [value] * (width - len(x[name])) for x in lessons])

    mask = torch.tensor([[1] * len(x["input_ids"]) + [0] * (width - len(x["input_ids"])) for x in lessons])
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", -100), "attention_mask": mask}


def arguments(kind, tuning, folder, **more):
    return kind(
        output_dir=folder, num_train_epochs=1, per_device_train_batch_size=tuning.batch_size, seed=1, report_to=[],
        learning_rate=tuning.learning_rate, lr_scheduler_type="constant", weight_decay=tuning.weight_decay,
        max_grad_norm=tuning.clip, save_strategy="no", logging_strategy="no", disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(), **more,
    )  # fmt: skip


def hf_trainer(model, tokenizer, forms, tuning) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            as_usual(model, tuning),
            arguments(TrainingArguments, tuning, folder),
            train_dataset=rows(forms),
            data_collator=collate,
        )
        return timed(trainer)


def trl_trainer(model, tokenizer, forms, tuning) -> tuple[float, float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    data = [
        {"input_ids": r["input_ids"], "completion_mask": [int(x != -100) for x in r["labels"]]} for r in rows(forms)
    ]
    with tempfile.TemporaryDirectory() as folder:
        # Its defaults would trade speed for memory or precision: the others do neither.
        config = arguments(
            SFTConfig, tuning, folder, bf16=False, gradient_checkpointing=False, completion_only_loss=True
        )
        trainer = SFTTrainer(
            as_usual(model, tuning), config, train_dataset=Dataset.from_list(data), processing_class=tokenizer
        )
        return timed(trainer)


def timed(trainer) -> tuple[float, float]:
    began = clock()
    with contextlib.redirect_stdout(io.StringIO()):
        loss = trainer.train().training_loss
    return clock() - began, loss


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--facts", type=int, default=96)
    options.add_argument("--batches", type=int, nargs="+", default=[8, 32], help="examples of one step")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--peers", action="store_true")
    chosen = options.parse_args()
    if chosen.peers:
        python = peers(["trl", "datasets"])
        if Path(sys.prefix) != python.parent.parent:
            os.execv(python, [str(python), *sys.argv])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    study = tomllib.loads((ROOT / "studies" / "world-facts.toml").read_text("utf-8"))
    model, tokenizer = load(ModelSpec(**study["model"]))
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    lessons = encode_lessons(tokenizer, gather(FactsSpec(**study["facts"])).facts, "\n")
    chosen_facts = np.random.default_rng(1).permutation(len(lessons))[: chosen.facts]
    forms = [lessons[i][:1] for i in chosen_facts]
    tokens = sum(len(form[0].tokens[0]) + 1 for form in forms)
    ways = {"ours": ours, "HF Trainer": hf_trainer}
    if chosen.peers:
        ways["TRL SFTTrainer"] = trl_trainer
    out = []
    for batch in chosen.batches:
        tuning = TuningSpec(**(study["tuning"] | {"epochs": 1, "templates": "probe", "batch_size": batch}))
        measured: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for repeat in range(chosen.repeats + 1):
            for way, train in ways.items():
                found = train(model, tokenizer, forms, tuning)
                model = strip(model)
                if repeat:  # the first round warms up
                    measured[way].append(found)
        # Each repeat is a ratio of its own: the machine's mood changes between repeats more than within one.
        for way, found in measured.items():
            seconds = statistics.median(s for s, _ in found)
            ratio = statistics.median(s / o for (s, _), (o, _) in zip(found, measured["ours"], strict=True))
            loss = np.mean([x for _, x in found])
            out.append([str(batch), way, f"{tokens / seconds:.0f}", f"{ratio:.2f}", f"{loss:.3f}"])
    packages = ["torch", "transformers", "peft", "accelerate", *(["trl"] if chosen.peers else [])]
    body = [
        machine(packages),
        "",
        f"{len(forms)} world facts, {tokens} tokens with the answers' ends, one pass, LoRA r = {tuning.rank}, fp32.",
        "",
        table(["examples a step", "way", "tokens a second", "ours is faster by", "mean loss of the pass"], out),
        "",
        *([] if chosen.peers else ["- TRL: skipped, --peers installs and measures it"]),
        f"- median processor time and median ratio of {chosen.repeats} interleaved repeats after one of warm-up",
        "- the losses differ because each way draws its own order; on the same batches in the same order every step's"
        " loss is the same (tests/training/test_finetune.py)",
    ]
    write("finetune", "Fine-tuning", " ".join(["python", "bench/finetune.py", *sys.argv[1:]]), "\n".join(body))


def strip(model):
    """The model without the adapter that a way put into it."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
    return model


if __name__ == "__main__":
    main()
