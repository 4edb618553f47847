"""A sum of runs' end states, as it is written in a study file: read, never evaluated."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from factsurv.events.section import NAME

BASE = "base"  # the model before any training
SIGNS = {"+": 1, "-": -1, "−": -1}
REMEDY = 'write names of arms, or "base", with + and - between blanks: "counterfactual + joint - facts"'


@dataclass(frozen=True)
class WeightSum:
    """W = W_first + Σ c (W_arm − W_base).

    Attributes
    ----------
    first : str
        The arm whose weights stay where a graft is limited to some layers or parts.
    others : dict of str to int
        c of each further arm; those that are added and taken away again are none.
    """

    first: str
    others: dict[str, int]

    @property
    def arms(self) -> list[str]:
        """Every arm that it names, but for the base."""
        return [name for name in dict.fromkeys([self.first, *self.others]) if name != BASE]


def weight_sum(text: str) -> WeightSum:
    """Read ``"counterfactual + joint - facts"``.

    Raises
    ------
    ValueError
        If it is no sum of names, or as many are taken away as added: weights would then be none, or a multiple.
    """
    words = text.split()
    names, signs = words[::2], words[1::2]
    odd = next((w for w in names if not re.match(NAME, w)), next((w for w in signs if w not in SIGNS), None))
    if odd is not None or len(names) != len(signs) + 1:
        what = (
            f"{odd[:40]!r} stands where a {'sign' if odd in signs else 'name'} should" if odd else "a name is missing"
        )
        raise ValueError(f"is no sum of weights: {what}; {REMEDY}")
    total: Counter[str] = Counter()
    for sign, name in zip(signs, names[1:], strict=True):
        total[name] += SIGNS[sign]
    if sum(total.values()):
        times = 1 + sum(total.values())
        raise ValueError(f"adds {times} times the weights of a model: add and take away as many behind the first one")
    return WeightSum(names[0], {name: c for name, c in total.items() if c and name != BASE})
