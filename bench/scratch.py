"""Reading biographies from random weights, against a plain training loop of the same model on the same rows.

Run from the repository: python bench/scratch.py [--steps N] [--width W] [--people N] [--batch N]

Both take one thread, the same optimiser and clip, and the same texts; counted are tokens without pads per second of
processor time, in turns of ten steps so that what else the machine does meets both. The plain loop has its rows ready
before the clock starts: what drawing, putting together and laying out texts takes is part of our way alone. The losses
must agree.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from bench.machine import clock  # noqa: E402
from factsurv.training.facts.gather import gather  # noqa: E402
from factsurv.training.facts.sentences import Sentences  # noqa: E402
from factsurv.training.lessons.finetune import Finetuning  # noqa: E402
from factsurv.training.lessons.lesson_loss import IGNORED, rows_of  # noqa: E402
from factsurv.training.lessons.stages import drawn_groups, plan_stages  # noqa: E402
from factsurv.training.models.scratch_model import initialise, of_words, scratch_config, texts_of  # noqa: E402
from factsurv.training.spec import FactsSpec, ModelSpec, TuningSpec  # noqa: E402
from factsurv.training.stage_spec import StageSpec  # noqa: E402

TURN = 10


def plain(model, rows, tuning):
    """A training loop as anybody writes it: one step each time it is asked."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=tuning.learning_rate, weight_decay=0.1, fused=True)
    model.train()
    for ids, targets in rows:
        logits = model(input_ids=torch.from_numpy(ids), use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=IGNORED)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), tuning.clip)
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in {"steps": 60, "width": 64, "layers": 2, "people": 512, "batch": 16, "length": 128}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    facts = gather(FactsSpec(source="biographies", individuals=asked.people)).facts
    words = of_words(list(texts_of(facts)), None)
    config = scratch_config(ModelSpec(name="scratch", width=asked.width, layers=asked.layers), len(words))
    tuning = TuningSpec(method="full", batch_size=asked.batch, learning_rate=1e-3, weight_decay=0.1)
    spec = StageSpec(name="reading", steps=asked.steps, lesson="group", loss="text", length=asked.length)
    stages, _ = plan_stages(facts, tuning, [spec], 1)
    sentences = Sentences(words, facts, stages[0].rows, "\n")
    models = [AutoModelForCausalLM.from_config(config, trust_remote_code=False) for _ in range(2)]
    for model in models:
        initialise(model, 1)
    ours = Finetuning(models[0], [], tuning, 1, stages=stages, sentences=sentences)
    rng, batches = np.random.default_rng(1), []
    while len(batches) < asked.steps:
        lessons = drawn_groups(stages[0], rng)
        batches += [lessons[i : i + asked.batch] for i in range(0, len(lessons), asked.batch)]
    texts = [[sentences.lesson(drawn) for drawn in batch] for batch in batches[: asked.steps]]
    rows = [rows_of([np.append(e.tokens[0], e.terminator) for e in each], asked.length) for each in texts]
    usual = plain(models[1], rows, tuning)
    seconds, losses, tokens = {"ours": 0.0, "plain": 0.0}, {"ours": [], "plain": []}, 0
    for _ in range(asked.steps // TURN):
        for name, steps in (("ours", ours), ("plain", usual)):
            began = clock()
            found = [next(steps) for _ in range(TURN)]
            seconds[name] += clock() - began
            losses[name] += [s if name == "plain" else s.loss for s in found]
            tokens = found[-1].tokens if name == "ours" else tokens
    assert np.allclose(losses["ours"], losses["plain"], rtol=1e-3), (losses["ours"][-3:], losses["plain"][-3:])
    places = sum(ids.size for ids, _ in rows)
    ratio = seconds["plain"] / seconds["ours"]
    print(f"{tokens:,} tokens in {len(losses['ours'])} steps; pads: {1 - tokens / places:.1%} of the places")
    print(f"ours {tokens / seconds['ours']:,.0f} tokens a second, plain {tokens / seconds['plain']:,.0f}: {ratio:.3f}")


if __name__ == "__main__":
    main()
