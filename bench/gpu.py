"""Probing, training and a whole study of an 8-billion-parameter Llama with random weights on one GPU.

Run from the repository: python bench/gpu.py [--batches N …] [--facts N] [--epochs N] [--no-study]

Random weights are enough for speed. Facts are HPO terms in the tokens of SmolLM2, which is at hand without a download.
The share of the peak counts the products that are needed: 2 flops a weight and token forwards, as many backwards for
LoRA (frozen weights take no gradient), the head where something is predicted; tokens that facts share count once.
Without a GPU it says so and measures nothing. ``--tiny`` runs every part with a small Llama on whatever device there
is: it shows that the command works and is no measurement, so it writes no result.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402

from bench.machine import clock, machine, table, write  # noqa: E402
from factsurv.training.facts.encoding import encode_lessons, encode_probes  # noqa: E402
from factsurv.training.facts.gather import gather  # noqa: E402
from factsurv.training.lessons.finetune import Finetuning  # noqa: E402
from factsurv.training.models.prepared import prepared_model  # noqa: E402
from factsurv.training.models.tunable import tunable  # noqa: E402
from factsurv.training.passes.memory import size  # noqa: E402
from factsurv.training.passes.same_bits import ask_for_same_bits  # noqa: E402
from factsurv.training.passes.shared_prefix import prefix_groups  # noqa: E402
from factsurv.training.probing.probe import probe  # noqa: E402
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec, TuningSpec  # noqa: E402

LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192,
}  # fmt: skip
TINY = {
    "vocab_size": 49152, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip
# Dense bf16 products, Tflop a second, as the makers give them; of others, what a large product reaches.
PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362}
NONE = "No GPU was at hand, so nothing was measured. On a machine with one, this command writes the numbers here."


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--batches", type=int, nargs="+", default=[16, 64], help="examples of one training step")
    options.add_argument("--facts", type=int, default=800)
    options.add_argument("--epochs", type=int, default=20, help="of the study, which takes the last of --batches")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-study", action="store_true")
    options.add_argument("--tiny", action="store_true", help="a small Llama, on a CPU too: no measurement")
    chosen = options.parse_args()
    if not (torch.cuda.is_available() or chosen.tiny):
        found = ROOT / "bench" / "results" / "gpu.md"
        if not found.is_file() or NONE in found.read_text("utf-8"):  # numbers from another machine stay
            write("gpu", "On a GPU", "python bench/gpu.py", NONE)
        print(NONE)
        return
    ask_for_same_bits()  # as runs do
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    facts = gather(FactsSpec(source="hpo", count=chosen.facts, withheld=0.0)).facts
    folder, _ = prepared_model(ModelSpec(), FactsSpec())
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model = llama(TINY if chosen.tiny else LLAMA_8B, tokenizer, device)
    best, how = peak(device)
    body = [
        machine(["torch", "transformers", "peft", "accelerate"]),
        "",
        f"{sum(w.numel() for w in model.parameters()) / 1e9:.2f} billion random weights in bf16, {len(facts)} HPO terms"
        f" behind six examples; the peak is {best / 1e12:.3g} Tflop/s ({how}).",
        "",
        *probing(model, encode_probes(tokenizer, facts, ProbeSpec()), chosen.repeats, best),
        "",
        *training(model, encode_lessons(tokenizer, facts, "\n"), chosen.batches, best),
    ]
    if not chosen.no_study:
        body += ["", *study(model, tokenizer, chosen)]
    if chosen.tiny:
        print("\n".join(body), "\n\n--tiny: no measurement, nothing written")
    else:
        write("gpu", "On a GPU", " ".join(["python", "bench/gpu.py", *sys.argv[1:]]), "\n".join(body))


def llama(shape: dict, tokenizer, device: torch.device) -> LlamaForCausalLM:
    config = LlamaConfig(**shape, eos_token_id=tokenizer.eos_token_id, bos_token_id=None, dtype=torch.bfloat16)
    torch.manual_seed(1)
    with device:
        return LlamaForCausalLM._from_config(config, dtype=torch.bfloat16).eval()


def peak(device: torch.device) -> tuple[float, str]:
    """Flops a second, and where the number is from."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    for known, tera in PEAKS.items():
        if known in name:
            return tera * 1e12, "the maker's, dense bf16"
    n = 8192 if device.type == "cuda" else 512
    a = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    seconds = median(lambda: a @ a, 10)
    return 2 * n**3 / seconds, f"a product of {n} × {n} in bf16"


def median(action, repeats: int) -> float:
    """Seconds, after one time to warm up."""
    action()
    taken = []
    for _ in range(repeats):
        began = clock()
        action()
        taken.append(clock() - began)
    return statistics.median(taken)


def weights(model) -> tuple[int, int]:
    """Weights of the layers' products, and of the head's."""
    head = model.get_output_embeddings().weight.numel()
    layers = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    return layers - head, head


def peak_memory(device: torch.device) -> str:
    return size(torch.cuda.max_memory_allocated()) if device.type == "cuda" else "not measured"


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def probing(model, encoded, repeats: int, best: float) -> list[str]:
    """All facts at one checkpoint, for several sizes of a pass."""
    groups = prefix_groups(encoded)
    needed = sum(len(g.prefix) + sum(len(encoded.tokens[i]) - len(g.prefix) for i in g.members) for g in groups)
    layers, head = weights(model)
    flops = 2 * layers * needed + 2 * head * int(encoded.target_tokens.sum() + len(encoded))
    rows = []
    for tokens in (4096, 16384):
        forget_peak(model.device)
        seconds = median(lambda t=tokens: probe(model, encoded, batch_tokens=t), repeats)
        again = int(probe(model, encoded, batch_tokens=tokens).rechecked.sum())
        share = f"{flops / seconds / best:.0%}"
        rows.append([tokens, f"{seconds:.2f}", f"{needed / seconds:.0f}", share, again, peak_memory(model.device)])
    names = ["batch_tokens", "seconds, all facts", "tokens a second", "share of the peak", "in fp32 again", "memory"]
    return ["Probing at one checkpoint (aim: under 3 s)", "", table(names, rows)]


def training(model, forms, batches: list[int], best: float) -> list[str]:
    """Steps of LoRA, r = 16, as in studies/llama-hpo-go.toml."""
    rows = []
    for batch in batches:
        forget_peak(model.device)
        taken, seconds, tokens, flops = some_steps(model, forms, batch)
        mfu = f"{flops / seconds / best:.0%}"
        rows.append([batch, f"{1e3 * seconds / taken:.0f}", f"{tokens / seconds:.0f}", mfu, peak_memory(model.device)])
    names = ["examples a step", "ms a step", "lessons' tokens a second", "MFU", "memory"]
    return ["Training, LoRA r = 16, autocast in bf16 (aim: MFU of 40 %)", "", table(names, rows)]


def some_steps(model, forms, batch: int, warm: int = 3, steps: int = 20) -> tuple[int, float, int, int]:
    """Steps taken, seconds, tokens of their lessons, and flops that they need."""
    tuning = TuningSpec(precision="bf16", batch_size=batch, epochs=1 + (warm + steps) * batch // len(forms))
    layers, head = weights(model)
    adapted = tunable(model, tuning, 1)
    fine = Finetuning(adapted, forms, tuning, 1)
    passed: list[int] = []
    predicted: list[int] = []
    hooks = [
        model.register_forward_pre_hook(lambda _, a, k: passed.append(k["input_ids"].numel()), with_kwargs=True),
        model.get_output_embeddings().register_forward_hook(lambda _, i, o: predicted.append(o[..., 0].numel())),
    ]
    for _ in range(warm):
        next(fine)
    passed.clear()
    predicted.clear()
    began, tokens, taken = clock(), fine.tokens, fine.step
    for _ in zip(range(steps), fine, strict=False):
        pass
    seconds = clock() - began
    for hook in hooks:
        hook.remove()
    adapted.unload()
    return fine.step - taken, seconds, fine.tokens - tokens, 4 * layers * sum(passed) + 4 * head * sum(predicted)


def study(model, tokenizer, chosen) -> list[str]:
    """`factsurv run` from nothing: facts, baseline, training with a probe every epoch, events, analysis, report."""
    (ROOT / "build").mkdir(exist_ok=True)  # 16 GB, which a /tmp in memory has no room for
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        model.save_pretrained(Path(folder) / "model")
        tokenizer.save_pretrained(Path(folder) / "model")
        model.to("meta")  # the run needs the GPU's memory
        forget_peak(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        file = Path(folder) / "gpu.toml"
        file.write_text(
            f'[study]\nname = "gpu"\n[facts]\nsource = "hpo"\ncount = {chosen.facts}\nwithheld = 0.0\n'
            f'[model]\nname = "{folder}/model"\nprecision = "bf16"\n'
            f'[tuning]\nprecision = "bf16"\nepochs = {chosen.epochs}\nbatch_size = {chosen.batches[-1]}\n'
        )
        command = [sys.executable, "-m", "factsurv", "run", str(file), "--results", folder]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        began = time.perf_counter()
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": path}, cwd=folder, check=False, stdin=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"the study ended with {done.returncode}")
    told = f"{chosen.facts} facts × {chosen.epochs} epochs, {chosen.batches[-1]} examples a step, one seed"
    return [f"A whole study, from facts to report ({told}; aim: under 15 minutes): {seconds / 60:.1f} minutes"]


if __name__ == "__main__":
    main()
