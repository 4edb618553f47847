"""The memory plan against what is measured: `python bench/memory.py [MODEL_FOLDER WHAT SIZE]`.

Without arguments: the default study's model, every WHAT at one size, into bench/results. WHAT is
`probe`, `probe-truncated` (top_p = 0.9), `lora` or `full`; SIZE is probe.batch_tokens or tuning.batch_size. The
peak of the resident memory is read every millisecond (Linux); one line is printed.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # resident memory is that of the processor

import torch

from factsurv.training.facts.encoding import encode_lessons, encode_probes
from factsurv.training.facts.gather import gather
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.models.load import load
from factsurv.training.models.tunable import tunable
from factsurv.training.passes import memory
from factsurv.training.probing.probe import Sampling, probe
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec, TuningSpec

STEPS = 12


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Peak(threading.Thread):
    """The most that was resident since it was made, above what was then."""

    def __init__(self):
        super().__init__(daemon=True)
        self.before = self.most = resident()
        self.ended = False
        self.start()

    def run(self):
        while not self.ended:
            self.most = max(self.most, resident())
            time.sleep(0.001)

    def stop(self) -> int:
        self.ended = True
        self.join()
        return self.most - self.before


def main(folder: str, what: str, size: int) -> None:
    torch.set_num_threads(1)
    model, tokenizer = load(ModelSpec(name=folder), print)
    for weight in model.parameters():
        weight.data = weight.data.clone()  # read from the disk now, not when it is first used
    invented = len(tokenizer) < 1000
    world = FactsSpec(source="world", per_relation={"capital": 150, "currency": 100})
    facts = gather(FactsSpec(source="tiny-world", world_facts=300, count=90) if invented else world).facts
    shape = memory.shape_of(model)
    if what.startswith("probe"):
        encoded = encode_probes(tokenizer, facts, ProbeSpec(examples=0 if invented else 6))
        truncated = what == "probe-truncated"
        expected = max(memory.probe_bytes(shape, b, truncated) for b in memory.probe_batches(encoded, True, size))
        peak = Peak()
        probe(model, encoded, (Sampling(top_p=0.9 if truncated else 1.0),), size)
    else:
        tuning = TuningSpec(method=what, batch_size=size, epochs=1)
        forms = encode_lessons(tokenizer, facts, "\n")
        lengths = [len(form.tokens[0]) for fact in forms for form in fact]
        targets = [int(form.target_tokens[0]) for fact in forms for form in fact]
        model = tunable(model, tuning, 1)
        trainable = sum(w.numel() for w in model.parameters() if w.requires_grad)
        peak = Peak()
        training = Finetuning(model, forms, tuning, 1)
        largest = memory.largest_lessons(lengths, targets, tuning, training.pack_tokens)
        expected = memory.training_bytes(shape, trainable, *largest, tuning)
        for _ in zip(range(STEPS), training, strict=False):
            pass
    found = peak.stop()
    print(
        f"{what} {size}: estimated {expected / 1e6:.0f} MB, measured {found / 1e6:.0f} MB, ratio {expected / found:.2f}"
    )


def every() -> None:
    """All of it for the default model, each in a process of its own, since a peak is that of a process."""
    from bench.machine import machine, write

    lines = []
    for what, size in {"probe": 4096, "probe-truncated": 4096, "lora": 8, "full": 4}.items():
        command = [sys.executable, __file__, ModelSpec().name, what, str(size)]
        lines.append(
            subprocess.run(
                command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
            ).stdout.splitlines()[-1]
        )
    body = "\n".join([machine(["torch", "transformers", "peft"]), "", *(f"- {line}" for line in lines)])
    write("memory", "The memory plan", "python bench/memory.py", body)


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        every()
