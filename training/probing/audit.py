"""The exact probe against real decoding: greedy `generate` and real samples on a random subset."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.gather import gather
from factsurv.training.facts.prompts import Encoded, some
from factsurv.training.models.load import load
from factsurv.training.models.prepared import prepared_model, prepared_series
from factsurv.training.probing.probe import Sampling, probe
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec

# A correct probe fails the sampling test once in a thousand audits.
LEVEL = 1e-3
# Samples that are decoded side by side, at most: each keeps the prompt's keys and values.
ROWS = 100
SOME = 20  # samples of a fact that are decoded far beyond the answer


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    facts, samples : int
        Facts compared, real samples drawn of each.
    within, held, drawn : int
        New tokens of further samples (0: none were drawn), those that hold an answer anywhere, and all of them: how
        Jiang et al. (2025) measure accuracy, in 32 tokens.
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
    within: int = 0
    held: int = 0
    drawn: int = 0

    @property
    def agrees(self) -> bool:
        return self.greedy_disagreements == 0 and self.p > LEVEL

    def text(self) -> str:
        told = (
            f"greedy: {self.greedy_disagreements} disagreements in {self.facts} facts\n"
            f"sampling: {self.hits} hits in {self.facts} × {self.samples} real samples, "
            f"{self.expected:.1f} expected (p = {self.p:.3g})\n"
            f"{'the exact probe agrees with real decoding' if self.agrees else 'THEY DISAGREE'}"
        )
        if not self.drawn:
            return told
        exact = self.expected / (self.facts * self.samples)
        return told + (
            f"\nanywhere within {self.within} new tokens: {self.held} of {self.drawn} samples hold the answer "
            f"({self.held / self.drawn:.1%}); exactly the answer and no more is {exact:.1%}. The probe does not count "
            "what is in between"
        )


def audit(
    facts_spec: FactsSpec,
    model_spec: ModelSpec,
    spec: ProbeSpec,
    facts: int,
    samples: int,
    seed: int,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], None] = lambda *_: None,
    within: int = 0,
) -> Audit:
    """Audit a study's probe on its model before fine-tuning, or at the last checkpoint of its series.

    ``progress`` is told facts done and all of them. ``within``: new tokens of `SOME` samples of each fact more, in
    which its answer is looked for anywhere; 0 for none.
    """
    fact_set = gather(facts_spec).facts
    if model_spec.series is None:
        at_hand = model_spec.model_copy(update={"name": prepared_model(model_spec, facts_spec, say)[0]})
    else:
        last = prepared_series(model_spec, facts_spec, say).members[-1]
        at_hand = last.model
        say(f"of the series the last checkpoint is audited: {last.name}")
    model, tokenizer = load(at_hand, say)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[arg-type]
    encoded = encode_probes(tokenizer, fact_set, spec)
    for notice in encoded.notices:
        say(notice)
    chosen = np.random.default_rng(seed).permutation(len(encoded))[:facts]
    say(f"decoding {len(chosen)} facts, {samples} samples each")
    sampling = Sampling(spec.temperature, spec.top_k, spec.top_p)
    found = compare(model, tokenizer, some(encoded, chosen), sampling, samples, seed, progress)
    if not within:
        return found
    say(f"decoding {len(chosen)} facts again, {SOME} samples of {within} tokens each")
    held = 0
    for done, i in enumerate(chosen.tolist(), 1):
        answers = [
            str(tokenizer.decode(tokens)).strip() for tokens in _answers(encoded, i)
        ]  # as what is said is decoded
        prompt = encoded.tokens[i][: int(encoded.target_start[i])]
        texts = continued(model, tokenizer, prompt, sampling, SOME, within, seed + i)
        held += sum(any(answer in text for answer in answers) for text in texts)
        progress(done, len(chosen))
    return replace(found, within=within, held=held, drawn=SOME * len(chosen))


def continued(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: np.ndarray, sampling: Sampling, times: int,
    tokens: int, seed: int,
) -> list[str]:  # fmt: skip
    """What the model says after a prompt, ``times`` times: so many new tokens, or up to its end."""
    config = GenerationConfig(
        max_new_tokens=tokens, do_sample=True, temperature=sampling.temperature, top_k=sampling.top_k,
        top_p=sampling.top_p, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    ids = torch.from_numpy(prompt)[None].to(model.device).repeat(times, 1)
    with torch.random.fork_rng([ids.device] if ids.is_cuda else []), torch.inference_mode():
        torch.manual_seed(seed)
        out = model.generate(  # type: ignore[operator]
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    return tokenizer.batch_decode(out[:, len(prompt) :], skip_special_tokens=True)


def compare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoded: Encoded,
    sampling: Sampling,
    samples: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Audit:
    """Decode for real and compare; the samples are independent of the exact probabilities."""
    exact = probe(model, encoded, (sampling,))
    greedy, drawn = np.zeros(len(encoded), dtype=bool), np.zeros(len(encoded), dtype=int)
    for i in range(len(encoded)):
        greedy[i] = decode(model, encoded, i, None, 1, seed)[0]
        drawn[i] = decode(model, encoded, i, sampling, samples, seed + i).sum()
        progress(i + 1, len(encoded))
    p = exact.p[0]
    expected, variance = samples * p, samples * p * (1 - p)
    # Facts whose hits are all but certain one way or the other have no chi-square; they count in the total.
    usable = variance > 0.5
    z_square = (drawn.sum() - expected.sum()) ** 2 / max(variance.sum(), 1e-12)
    chi_square = ((drawn - expected)[usable] ** 2 / variance[usable]).sum()
    total, spread = above(z_square, 1), above(chi_square, max(usable.sum(), 1))
    return Audit(
        facts=len(encoded),
        samples=samples,
        greedy_disagreements=int((greedy != exact.recalled).sum()),
        hits=int(drawn.sum()),
        expected=float(expected.sum()),
        p=float(min(1.0, 2 * min(total, spread if usable.any() else 1.0))),
    )


def above(chi_square: float, df: int) -> float:
    """Probability that a chi-square of ``df`` degrees of freedom is larger."""
    half = torch.tensor([df, chi_square], dtype=torch.float64) / 2
    return float(torch.special.gammaincc(half[0], half[1]))


def decode(
    model: PreTrainedModel, encoded: Encoded, fact: int, sampling: Sampling | None, times: int, seed: int,
    reuse: bool = True,
) -> np.ndarray:  # fmt: skip
    """Decode one fact ``times`` times with `generate`: is the answer exactly a right one, then ended? bool (times,).

    The prompt passes through the model once, however often it is continued, and decoding ends where no row can still
    be the target; ``reuse = False`` passes each row whole, to its end.
    """
    start = int(encoded.target_start[fact])
    prompt, wanted = encoded.tokens[fact][:start], _answers(encoded, fact)
    how = {"do_sample": False} if sampling is None else {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }  # fmt: skip
    config = GenerationConfig(
        max_new_tokens=max(map(len, wanted)) + 1,
        eos_token_id=encoded.terminators.tolist(),
        pad_token_id=int(encoded.terminators[0]),
        **how,
    )
    ids = torch.from_numpy(prompt)[None].to(model.device).repeat(times, 1)
    gpus = [ids.device] if ids.is_cuda else []
    with torch.random.fork_rng(gpus), torch.inference_mode():  # generate draws from the global generator
        torch.manual_seed(seed)
        cache = _prompt(model, ids) if reuse else None
        hits = []
        for rows in ids.split(ROWS):
            kept: dict[str, Any] = {}
            if reuse:
                kept["stopping_criteria"] = StoppingCriteriaList(
                    [Missed(start, [torch.from_numpy(answer).to(ids.device) for answer in wanted])]
                )
            if cache is not None:
                kept["past_key_values"] = copy.deepcopy(cache)
                kept["past_key_values"].batch_repeat_interleave(len(rows))
            out = model.generate(  # type: ignore[operator]
                input_ids=rows, attention_mask=torch.ones_like(rows), generation_config=config, **kept
            )
            said = out[:, start:].cpu().numpy()
            hits.append(np.any([_hits(said, answer, encoded.terminators) for answer in wanted], axis=0))
    return np.concatenate(hits)


def _answers(encoded: Encoded, fact: int) -> list[np.ndarray]:
    """Tokens of all right answers."""
    found = [encoded.tokens[fact][encoded.target_start[fact] :]]
    if encoded.others is not None:
        others = encoded.others.encoded
        found += [others.tokens[j][others.target_start[j] :] for j in np.flatnonzero(encoded.others.fact == fact)]
    return found


class Missed(StoppingCriteria):
    """Ends a row whose tokens from ``start`` on begin no answer of ``wanted``: it is no hit, whatever follows."""

    def __init__(self, start: int, wanted: list[torch.Tensor]):
        self.start, self.wanted = start, wanted

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # type: ignore[override]
        said = input_ids[:, self.start :]
        return torch.stack([self._missed(said[:, : len(answer)], answer) for answer in self.wanted]).all(dim=0)

    @staticmethod
    def _missed(said: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        return (said != answer[: said.shape[1]]).any(dim=1)


def _hits(answers: np.ndarray, wanted: np.ndarray, terminators: np.ndarray) -> np.ndarray:
    """Rows (times, T) that are the target and then end. bool (times,)."""
    if answers.shape[1] < len(wanted) + 1:  # every row ended early
        return np.zeros(len(answers), dtype=bool)
    exact = (answers[:, : len(wanted)] == wanted).all(axis=1)
    return exact & np.isin(answers[:, len(wanted)], terminators)


def _prompt(model: PreTrainedModel, ids: torch.Tensor) -> Any:
    """What the model keeps of the prompt that all rows share, but for its last token; None: it cannot be continued."""
    if ids.shape[1] < 2:
        return None
    cache = getattr(model(input_ids=ids[:1, :-1], use_cache=True), "past_key_values", None)
    return cache if hasattr(cache, "batch_repeat_interleave") else None  # attention's keys and values, that is
