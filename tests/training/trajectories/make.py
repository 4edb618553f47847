"""Loss of every step of a few small trainings: `python -m tests.training.trajectories.make` writes them anew.

The model is random (seeded), the facts are those of `tests/training/conftest.py`. Write them anew only
when training is meant to change, and say why in the commit.
"""

import json
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from factsurv.training.facts.gather import gather
from factsurv.training.facts.prompts import encode
from factsurv.training.facts.sentences import Sentences
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.lessons.stages import plan_stages
from factsurv.training.models.scratch_model import initialise, of_words, scratch_config, texts_of
from factsurv.training.models.tunable import tunable
from factsurv.training.spec import FactsSpec, ModelSpec, TuningSpec
from factsurv.training.stage_spec import StageSpec
from tests.training.conftest import FACTS, SMALL, make_tokenizer

HERE = Path(__file__).parent
BASE = {"epochs": 6, "batch_size": 6, "learning_rate": 3e-3, "rank": 4, "alpha": 8, "schedule": "cosine", "warmup": 0.1}
CASES = {
    "lora": BASE,
    "lora-dropout": BASE | {"dropout": 0.2},
    "dora": BASE | {"method": "dora"},
    "full": BASE | {"method": "full", "weight_decay": 0.01},
    "accumulate": BASE | {"accumulate": 4},
    "recompute": BASE | {"method": "full", "weight_decay": 0.01, "recompute": True},
    "scratch": BASE | {"method": "full", "weight_decay": 0.1},  # biographies read from random weights
}
PEOPLE = FactsSpec(source="biographies", individuals=24, names=6, values=4)


def losses(case: str, tokenizer) -> list[float]:
    """The trajectory of one case, on one thread."""
    tuning = TuningSpec(**CASES[case])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if case == "scratch":
            return [step.loss for step in reading(tuning)]
        with torch.random.fork_rng():
            torch.manual_seed(7)
            model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, **SMALL))
        forms = [
            [encode(tokenizer, [t], [value], [s]) for t in (f"The {r} of {s} is", f"{s} has the {r}")]
            for (r, s), value in list(FACTS.items())[:20]
        ]
        return [step.loss for step in Finetuning(tunable(model, tuning, 1), forms, tuning, 1)]
    finally:
        torch.set_num_threads(threads)


def reading(tuning: TuningSpec) -> Finetuning:
    """A small model that reads texts of several sentences each, laid in rows."""
    facts = gather(PEOPLE).facts
    words = of_words(list(texts_of(facts)), None)
    config = scratch_config(ModelSpec(name="scratch", width=32, layers=2, heads=4), len(words))
    with torch.random.fork_rng():
        model = AutoModelForCausalLM.from_config(config)
    initialise(model, 7)
    stage = StageSpec(name="reading", lesson="group", loss="text", length=200)
    stages, _ = plan_stages(facts, tuning, [stage], 1)
    return Finetuning(model, [], tuning, 1, stages=stages, sentences=Sentences(words, facts, stages[0].rows, "\n"))


def shown() -> dict:
    """All trajectories, and the vector instructions with which they were computed."""
    tokenizer = make_tokenizer()
    return {
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "losses": {case: losses(case, tokenizer) for case in CASES},
    }


def main() -> None:
    tokenizer = make_tokenizer()
    versions = {n: version(n) for n in ("torch", "transformers", "peft", "accelerate")}
    for case, tuning in CASES.items():
        told = {"tuning": tuning, "versions": versions, "losses": losses(case, tokenizer)}
        (HERE / f"{case}.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
