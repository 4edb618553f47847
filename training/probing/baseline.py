"""What the model knew before training: `baseline.arrow`, with labels drawn from exact probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from factsurv.events.schema import BASELINE, at_temperature, build
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded
from factsurv.training.knowledge import drawn_labels
from factsurv.training.label import Label
from factsurv.training.probing.probe import Probed, Sampling, probe, probe_together
from factsurv.training.spec import ProbeSpec


def samplings(spec: ProbeSpec) -> tuple[Sampling, ...]:
    """How the baseline samples: the study's way, the SLiCK class's way, then the study's at other temperatures."""
    others = (Sampling(t, spec.top_k, spec.top_p) for t in spec.temperatures)
    return Sampling(spec.temperature, spec.top_k, spec.top_p), Sampling(temperature=spec.slick_temperature), *others


def other_prompts(spec: ProbeSpec) -> range:
    """Numbers of the few-shot prompts that only the SLiCK class needs; without examples there is one prompt."""
    return range(1, spec.slick_prompts if spec.examples else 1)


def other_prompts_encoded(tokenizer, facts: FactSet, spec: ProbeSpec) -> list[Encoded]:
    """The facts behind each of `other_prompts`."""
    return [encode_probes(tokenizer, facts, spec, k) for k in other_prompts(spec)]


def baseline_table(
    model,
    forms: Sequence[Encoded],
    facts: FactSet,
    spec: ProbeSpec,
    label: Label,
    encoded: Encoded,
    first: Probed,
    share_prefix: bool,
    look: Callable[..., Probed] = probe,
) -> pa.Table:
    """`baseline.arrow` (schema `BASELINE`) from the ``first`` probe and, for SLiCK, further prompts (``forms``).

    Behind the schema's columns stands one for each of ``spec.temperatures``. ``look`` probes, as `probe` does.
    Labels (latent, SLiCK) are drawn with the run's seed from exact probabilities.
    """
    others = probe_together(model, forms, samplings(spec)[1:2], spec.batch_tokens, share_prefix, look) if forms else []
    return _labelled(spec, label, facts, encoded, first, others)


def _labelled(
    spec: ProbeSpec, label: Label, facts: FactSet, encoded: Encoded, first: Probed, others: list[Probed]
) -> pa.Table:
    rng = np.random.default_rng([label.seed, 1])
    p = np.clip(first.p[0], 0.0, 1.0)
    drawn = drawn_labels(first.recalled, p, spec.samples, rng)
    slick = slick_class(
        np.stack([first.recalled, *(o.recalled for o in others)]),
        np.stack([first.p[1], *(o.p[0] for o in others)]),
        spec.slick_samples,
        rng,
    )
    data = (
        label.columns(len(facts))
        | {
            "fact_id": facts.column("fact_id"),
            "split": facts.column("split"),
            "recalled": first.recalled,
            "p": p,
            "logp": first.logp,
            "margin": first.margin,
            "slick": slick,
            "target_tokens": encoded.target_tokens,
        }
        | drawn
    )
    at = {at_temperature("p", t): first.p[2 + i] for i, t in enumerate(spec.temperatures)}
    return build(BASELINE | dict.fromkeys(at, pa.float64()), data | at)


def slick_class(greedy: np.ndarray, p: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """SLiCK class of each fact (Gekhman et al. 2024, section 3).

    Parameters
    ----------
    greedy : bool (P, F)
        Greedy recall behind each of P few-shot prompts.
    p : float64 (P, F)
        Probability that one sample at the SLiCK temperature is the target.
    samples : int
        Samples per prompt; their hits are drawn from the exact binomial.
    """
    hits = rng.binomial(samples, np.clip(p, 0, 1)).sum(axis=0)
    never = np.where(hits > 0, "WeaklyKnown", "Unknown")
    return np.where(greedy.all(axis=0), "HighlyKnown", np.where(greedy.any(axis=0), "MaybeKnown", never))
