"""The exact probe against decoding and against lm-evaluation-harness, on the world facts with SmolLM2-135M.

Run from the repository: python bench/probe.py [--repeats N] [--facts N] [--peers] [--instruments]

All ways answer for the same facts with the same weights in fp32. Sampling is so slow that it runs on a few
facts; the table says on how many. ``--peers`` installs lm-evaluation-harness into build/bench-peers; ``--instruments``
measures, instead, recall with each instrument beside recall alone.
The ceiling is the time of the model's matrix products alone, of the shapes that the facts need when no token
is computed twice; attention's own products are not counted. Processor time of one thread, median of interleaved
repeats.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one thread of a processor; bench/gpu.py measures a GPU
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import DynamicCache, GenerationConfig  # noqa: E402

from bench.machine import clock, interleaved, machine, peers, table, write  # noqa: E402
from factsurv.training.facts.encoding import encode_probes  # noqa: E402
from factsurv.training.facts.gather import gather  # noqa: E402
from factsurv.training.models.load import load  # noqa: E402
from factsurv.training.models.pretrain import pretrained  # noqa: E402
from factsurv.training.passes.shared_prefix import prefix_groups  # noqa: E402
from factsurv.training.probing.audit import decode  # noqa: E402
from factsurv.training.probing.instruments import REGISTRY  # noqa: E402
from factsurv.training.probing.measure import Asked  # noqa: E402
from factsurv.training.probing.probe import Sampling, probe, some  # noqa: E402
from factsurv.training.spec import FactsSpec, InstrumentSpec, ModelSpec, ProbeSpec  # noqa: E402

K = 20


def world():
    """Model, tokenizer, facts and the encoded facts of studies/world-facts.toml."""
    study = tomllib.loads((ROOT / "studies" / "world-facts.toml").read_text("utf-8"))
    model, tokenizer = load(ModelSpec(**study["model"]))
    facts = gather(FactsSpec(**study["facts"])).facts
    return model, tokenizer, facts, encode_probes(tokenizer, facts, ProbeSpec(**study["probe"]))


def tiny():
    """Model, tokenizer, facts and how they are probed, of studies/tiny-world.toml."""
    study = tomllib.loads((ROOT / "studies" / "tiny-world.toml").read_text("utf-8"))
    asked = ModelSpec(**study["model"])
    gathered = gather(FactsSpec(**study["facts"]), asked.pretrain_steps * asked.pretrain_batch)
    model, tokenizer = pretrained(gathered.world, asked, 1)
    return model, tokenizer, gathered.facts, study["probe"]


INSTRUMENTS = {
    "confidence, first token": {"name": "confidence", "answers": "first"},
    "rank, first tokens": {"name": "rank", "answers": "first-only"},
    "attention": {"name": "attention"},
    "confidence": {"name": "confidence"},
    "rank": {"name": "rank"},
}


def instruments(models: dict, count: int | None, repeats: int, command: str) -> None:
    """What each instrument costs beside recall: recall with it against recall alone, in the same repeat."""
    parts = [machine(["torch", "transformers"])]
    for title, (model, tokenizer, facts, keys) in models.items():
        parts += [f"## {title}", *beside_recall(model.eval(), tokenizer, facts, keys, count, repeats)]
    parts.append(
        f"Median processor time of {repeats} interleaved repeats. What is not known costs whole answers most: an exact "
        "rank reads a token at least of every other answer that is likelier than the right one, and of every beginning "
        "that many of them share. The last tokens of prompts are read again: keys and values are kept of prefixes "
        "alone, since those of all facts have no bound."
    )
    write("instruments", "Instruments", command, "\n\n".join(parts))


def beside_recall(model, tokenizer, facts, keys: dict, count: int | None, repeats: int) -> list[str]:
    """Paragraphs on one model."""
    spec = ProbeSpec(**keys | {"instruments": [{"name": name} for name in REGISTRY]})
    encoded = encode_probes(tokenizer, facts, spec)
    chosen = np.random.default_rng(1).permutation(len(encoded))[:count]
    asked = Asked(tokenizer, model, facts, encoded, spec, True)
    whole = {way: REGISTRY[keys["name"]].of(asked, InstrumentSpec(**keys)) for way, keys in INSTRUMENTS.items()}
    made, encoded = {way: measure.some(chosen) for way, measure in whole.items()}, some(encoded, chosen)
    found = {way: probe(model, encoded, instruments={way: measure}).measured[way] for way, measure in made.items()}
    ways = {"recall": lambda: probe(model, encoded)}
    ways |= {way: lambda m=measure: probe(model, encoded, instruments={"it": m}) for way, measure in made.items()}
    seconds = interleaved(ways, repeats)
    recall, n = seconds["recall"], len(encoded)
    rows = [["recall alone", f"{1e3 * recall / n:.3g}", "", ""]]
    for way in [w for w in seconds if w != "recall"]:
        more = f"{(seconds[way] - recall) / recall:+.1%}"
        rows.append([f"with {way}", f"{1e3 * seconds[way] / n:.3g}", more, found[way].note])
    known, tokens = probe(model, encoded).recalled.mean(), sum(needed(encoded)[0])
    said = not_read(tokenizer, encoded, found["confidence"].values["answer"])
    ahead, options = int(found["rank"].values["rank"].sum()), found["rank"].values["options"].mean()
    return [
        f"{n} facts, {known:.0%} of them known, {options:.0f} options a fact on average, fp32.",
        table(["way", "ms a fact", "beside recall", "note"], rows),
        f"Recall reads {tokens} tokens. What the model says instead of right answers has {said} more, and {ahead} "
        "other answers are ahead of right ones, each with a token of its own: whatever the way, whole answers cost at "
        f"least {said / tokens:+.0%} (confidence) and {ahead / tokens:+.0%} (rank) of recall's tokens.",
    ]


def not_read(tokenizer, encoded, answers) -> int:
    """Tokens of the answers given that recall has not read: those from where they leave the right ones."""
    count = 0
    for tokens, start, answer in zip(encoded.tokens, encoded.target_start, answers, strict=True):
        right, said = tokens[start:].tolist(), tokenizer(f" {answer}", add_special_tokens=False)["input_ids"]
        same = next((k for k, pair in enumerate(zip(right, said, strict=False)) if pair[0] != pair[1]), len(right))
        count += max(len(said) - same, 0)
    return count


def generation(encoded, new: int, **how) -> GenerationConfig:
    ends = encoded.terminators.tolist()
    return GenerationConfig(max_new_tokens=new, eos_token_id=ends, pad_token_id=ends[0], **how)


@torch.inference_mode()
def greedy(model, encoded, batch: int = 32) -> np.ndarray:
    """Greedy `generate`, left-padded batches of similar length: recalled, bool (F,)."""
    recalled = np.zeros(len(encoded), bool)
    order = np.argsort([len(t) for t in encoded.tokens], kind="stable")
    for part in np.split(order, range(batch, len(order), batch)):
        starts = encoded.target_start[part]
        width, new = int(starts.max()), int(encoded.target_tokens[part].max()) + 1
        ids = torch.full((len(part), width), int(encoded.terminators[0]))
        mask = torch.zeros_like(ids)
        for row, (i, n) in enumerate(zip(part, starts, strict=True)):
            ids[row, width - n :] = torch.from_numpy(encoded.tokens[i][:n])
            mask[row, width - n :] = 1
        out = model.generate(
            input_ids=ids, attention_mask=mask, generation_config=generation(encoded, new, do_sample=False)
        )[:, width:].numpy()
        for row, i in enumerate(part):
            wanted = encoded.tokens[i][encoded.target_start[i] :]
            answer = out[row]
            recalled[i] = (
                len(answer) > len(wanted)
                and np.array_equal(answer[: len(wanted)], wanted)
                and np.isin(answer[len(wanted)], encoded.terminators)
            )
    return recalled


@torch.inference_mode()
def sampling(model, encoded, reuse: bool) -> None:
    """K samples of each fact: in one call (the prompt is read once), or in K calls as usually written."""
    for i in range(len(encoded)):
        if reuse:
            start, new = int(encoded.target_start[i]), int(encoded.target_tokens[i]) + 1
            ids = torch.from_numpy(encoded.tokens[i][:start])[None]
            cache = DynamicCache(config=model.config)
            if start > 1:
                model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache.batch_repeat_interleave(K)
            rows = ids.expand(K, -1)
            config = generation(encoded, new, do_sample=True, top_k=0, top_p=1.0, temperature=1.0)
            model.generate(
                input_ids=rows, attention_mask=torch.ones_like(rows), past_key_values=cache, generation_config=config
            )
        else:
            for k in range(K):
                decode(model, encoded, i, Sampling(), 1, k)


def needed(encoded) -> tuple[list[int], int]:
    """Tokens of the two passes (prefixes, facts) and predicting positions when nothing is computed twice."""
    groups = prefix_groups(encoded)
    prefixes = sum(len(g.prefix) for g in groups)
    rest = sum(len(encoded.tokens[i]) - len(g.prefix) for g in groups for i in g.members)
    return [prefixes, rest], int(encoded.target_tokens.sum() + len(encoded))


@torch.inference_mode()
def ceiling(model, encoded) -> None:
    """Only the matrix products: every linear layer on as many rows as the facts have tokens, and the head."""
    passes, positions = needed(encoded)
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    for tokens in passes:
        rows = {width: torch.randn(tokens, width) for width in {m.in_features for m in linear}}
        for m in linear:
            torch.nn.functional.linear(rows[m.in_features], m.weight)
    torch.nn.functional.linear(torch.randn(positions, head.in_features), head.weight)


HARNESS = """
import json, sys, time, torch
from lm_eval.models.huggingface import HFLM
from lm_eval.api.instance import Instance
job = json.load(open(sys.argv[1]))
lm = HFLM(pretrained=job["model"], dtype="float32", device="cpu", batch_size=32)
requests = [Instance("loglikelihood", {}, (c, t), i) for i, (c, t) in enumerate(job["pairs"])]
times = []
for _ in range(job["repeats"]):
    began = time.process_time()
    answers = lm.loglikelihood(requests, disable_tqdm=True)
    times.append(time.process_time() - began)
print(json.dumps({"seconds": sorted(times)[len(times) // 2], "answers": [[float(a), bool(b)] for a, b in answers]}))
"""


def harness(model, tokenizer, encoded, repeats: int) -> dict:
    """lm-evaluation-harness in its own process: it scores the target without terminator."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    python, job = peers(["lm-eval"]), folder / "bench-harness.json"
    pairs = [
        (tokenizer.decode(t[:s]), tokenizer.decode(t[s:]))
        for t, s in zip(encoded.tokens, encoded.target_start, strict=True)
    ]
    job.write_text(json.dumps({"model": model.name_or_path, "pairs": pairs, "repeats": repeats}))
    run = subprocess.run(
        [str(python), "-c", HARNESS, str(job)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if run.returncode:
        raise SystemExit(run.stderr[-2000:])
    return json.loads(run.stdout.strip().splitlines()[-1])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--facts", type=int, default=None, help="only the first of a random order")
    options.add_argument("--few", type=int, default=8, help="facts on which sampling is measured")
    options.add_argument("--peers", action="store_true")
    options.add_argument("--instruments", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model, tokenizer, facts, encoded = world()
    model.eval()
    command = " ".join(["python", "bench/probe.py", *sys.argv[1:]])
    order = np.random.default_rng(1).permutation(len(encoded))
    if chosen.instruments:
        studied = {
            "SmolLM2-135M before training, world facts behind six examples": (model, tokenizer, facts, {}),
            "Tiny model of half a million parameters, its invented world": tiny(),
        }
        instruments(studied, chosen.facts, chosen.repeats, command)
        return
    encoded = some(encoded, order[: chosen.facts])
    few = some(encoded, np.arange(min(chosen.few, len(encoded))))
    exact = probe(model, encoded)  # also the warm-up
    began = clock()
    disagree = int((greedy(model, encoded) != exact.recalled).sum())
    print(f"greedy generate takes {clock() - began:.0f} s and disagrees on {disagree} facts", file=sys.stderr)
    n, m = len(encoded), len(few)
    seconds = interleaved(
        {
            "ours": lambda: probe(model, encoded),
            "truncated": lambda: probe(model, encoded, (Sampling(0.7, 50, 0.9),)),
            "ceiling": lambda: ceiling(model, encoded),
            "plain": lambda: probe(model, encoded, share_prefix=False),
            "greedy": lambda: greedy(model, encoded),
            "reuse": lambda: sampling(model, few, reuse=True),
            "usual": lambda: sampling(model, few, reuse=False),
        },
        chosen.repeats,
    )
    ours = seconds["ours"] / n
    ways = {
        "truncated": ("the same, top-k 50 and top-p 0.9", n),
        "plain": ("the same without a shared prefix", n),
        "greedy": ("generate, greedy, batch 32", n),
        "reuse": (f"generate, {K} samples, prompt cache reused", m),
        "usual": (f"generate, {K} samples as usually written", m),
    }
    rows = [["ours: greedy, log p and sampling probability", n, f"{1e3 * ours:.1f}", "1.0"]]
    for way, (words, facts) in ways.items():
        each = seconds[way] / facts
        rows.append([words, facts, f"{1e3 * each:.1f}", f"{each / ours:.1f}"])
    note = "lm-evaluation-harness: skipped, --peers installs and measures it"
    if chosen.peers:
        found = harness(model, tokenizer, encoded, chosen.repeats)
        each = found["seconds"] / n
        rows.append(["lm-evaluation-harness loglikelihood, batch 32", n, f"{1e3 * each:.1f}", f"{each / ours:.1f}"])
        note = "lm-evaluation-harness scores the target without its end; it ran after the others, in its own process"
    tokens, positions = needed(encoded)
    body = [
        machine(["torch", "transformers"]),
        "",
        f"{n} world facts behind six examples, fp32, {sum(tokens)} tokens and {positions} predicting positions when no"
        " token is computed twice.",
        "",
        table(["way", "facts", "ms a fact", "relative"], rows),
        "",
        f"- share of the matrix-product ceiling: {seconds['ceiling'] / seconds['ours']:.0%}",
        f"- greedy generate and the probe disagree on {disagree} of {n} facts",
        f"- {note}",
        f"- median processor time of {chosen.repeats} interleaved repeats",
    ]
    write("probe", "Probing", command, "\n".join(body))


if __name__ == "__main__":
    main()
