"""What is known before training, from exact probabilities: labels that a sample of answers would give."""

from __future__ import annotations

import numpy as np


def drawn_labels(recalled: np.ndarray, p: np.ndarray, samples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Columns `hits`, `latent`, `p_any` and `knowledge` of a baseline.

    Parameters
    ----------
    recalled : bool (F,)
    p : float64 (F,)
        That one sample is the answer, from 0 to 1.
    samples : int
        K; how many of them hit is drawn from the exact binomial.
    """
    hits = rng.binomial(samples, p)
    latent = ~recalled & (hits > 0)
    return {
        "hits": hits,
        "latent": latent,
        "p_any": -np.expm1(samples * np.log1p(-np.minimum(p, 1 - 1e-15))),
        "knowledge": np.where(recalled, "known", np.where(latent, "latent", "unknown")),
    }
