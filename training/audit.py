"""The exact probe against real decoding: greedy `generate` and real samples on a random subset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats as distributions
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from training.encoding import encode_probes
from training.gather import gather
from training.models import load
from training.prepared import prepared_model
from training.probe import Sampling, probe
from training.prompts import Encoded
from training.spec import FactsSpec, ModelSpec, ProbeSpec

# A correct probe fails the sampling test once in a thousand audits.
LEVEL = 1e-3


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    facts, samples : int
        Facts compared, real samples drawn of each.
    greedy_disagreements : int
        Facts whose greedy decoding and exact probe differ on recall.
    hits, expected : float
        Real samples that were exactly the target, and what the exact probabilities expect.
    p : float
        Two-sided p-value of the total number of hits under the exact (Poisson-binomial) variance, and
        of the chi-square over facts, the smaller one doubled (Bonferroni).
    """

    facts: int
    samples: int
    greedy_disagreements: int
    hits: int
    expected: float
    p: float

    @property
    def agrees(self) -> bool:
        return self.greedy_disagreements == 0 and self.p > LEVEL

    def text(self) -> str:
        return (
            f"greedy: {self.greedy_disagreements} disagreements in {self.facts} facts\n"
            f"sampling: {self.hits} hits in {self.facts} × {self.samples} real samples, "
            f"{self.expected:.1f} expected (p = {self.p:.3g})\n"
            f"{'the exact probe agrees with real decoding' if self.agrees else 'THEY DISAGREE'}"
        )


def audit(
    facts_spec: FactsSpec,
    model_spec: ModelSpec,
    spec: ProbeSpec,
    facts: int,
    samples: int,
    seed: int,
    say: Callable[[str], None] = print,
) -> Audit:
    """Audit a study's probe on its model before fine-tuning."""
    fact_set = gather(facts_spec).facts
    folder, _ = prepared_model(model_spec, facts_spec, say)
    model, tokenizer = load(model_spec.model_copy(update={"name": folder}), say)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[arg-type]
    encoded = encode_probes(tokenizer, fact_set, spec)
    for notice in encoded.notices:
        say(notice)
    chosen = np.random.default_rng(seed).permutation(len(encoded))[:facts]
    say(f"decoding {len(chosen)} facts, {samples} samples each")
    sampling = Sampling(spec.temperature, spec.top_k, spec.top_p)
    return compare(model, tokenizer, subset(encoded, chosen), sampling, samples, seed)


def subset(encoded: Encoded, chosen: np.ndarray) -> Encoded:
    """Some of the facts."""
    tokens = tuple(encoded.tokens[i] for i in chosen)
    return Encoded(tokens, encoded.target_start[chosen], encoded.terminators, encoded.terminator)


def compare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: Encoded,
    sampling: Sampling,
    samples: int,
    seed: int,
) -> Audit:
    """Decode for real and compare; the samples are independent of the exact probabilities."""
    exact = probe(model, encoded, (sampling,))
    greedy = np.array([decode(model, encoded, i, None, 1, seed)[0] for i in range(len(encoded))])
    drawn = np.array([decode(model, encoded, i, sampling, samples, seed + i).sum() for i in range(len(encoded))])
    p = exact.p[0]
    expected, variance = samples * p, samples * p * (1 - p)
    # Facts whose hits are all but certain one way or the other have no chi-square; they count in the total.
    usable = variance > 0.5
    z = (drawn.sum() - expected.sum()) / np.sqrt(max(variance.sum(), 1e-12))
    chi_square = float(((drawn - expected)[usable] ** 2 / variance[usable]).sum())
    total, spread = 2 * distributions.norm.sf(abs(z)), distributions.chi2.sf(chi_square, max(usable.sum(), 1))
    return Audit(
        facts=len(encoded),
        samples=samples,
        greedy_disagreements=int((greedy != exact.recalled).sum()),
        hits=int(drawn.sum()),
        expected=float(expected.sum()),
        p=float(min(1.0, 2 * min(total, spread if usable.any() else 1.0))),
    )


def decode(
    model: PreTrainedModel, encoded: Encoded, fact: int, sampling: Sampling | None, times: int, seed: int
) -> np.ndarray:
    """Decode one fact ``times`` times with `generate`: is the answer exactly the target, then ended? bool (times,)."""
    start = int(encoded.target_start[fact])
    prompt, wanted = encoded.tokens[fact][:start], encoded.tokens[fact][start:]
    how = {"do_sample": False} if sampling is None else {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }  # fmt: skip
    config = GenerationConfig(
        max_new_tokens=len(wanted) + 1,
        num_return_sequences=times,
        eos_token_id=encoded.terminators.tolist(),
        pad_token_id=int(encoded.terminators[0]),
        **how,
    )
    ids = torch.from_numpy(prompt)[None].to(model.device)
    gpus = [ids.device] if ids.is_cuda else []
    with torch.random.fork_rng(gpus), torch.inference_mode():  # generate draws from the global generator
        torch.manual_seed(seed)
        out = model.generate(  # type: ignore[operator]
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    answers = out[:, start:].cpu().numpy()
    if answers.shape[1] < len(wanted) + 1:  # every sequence ended early
        return np.zeros(times, dtype=bool)
    exact = (answers[:, : len(wanted)] == wanted).all(axis=1)
    return exact & np.isin(answers[:, len(wanted)], encoded.terminators)
