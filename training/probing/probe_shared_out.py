"""One probe by all processes of a run: each its share of the facts, every one of them gets the whole result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded
from factsurv.training.models.whole_weights import whole_weights
from factsurv.training.passes.shared_prefix import prefix_groups
from factsurv.training.passes.team import Team
from factsurv.training.probing.measure import Measure, Measured
from factsurv.training.probing.probe import Probed, probe, some
from factsurv.training.probing.score import Sampling


def probe_shared_out(
    team: Team,
    model,
    encoded: Encoded,
    samplings: Sequence[Sampling] = (Sampling(),),
    batch_tokens: int = 4096,
    share_prefix: bool = True,
    instruments: Mapping[str, Measure] | None = None,
) -> Probed:
    """As `probe`, with the same numbers in the same order, in a ``team.size``-th of the time.

    Raises
    ------
    InputError
        As `probe`; in every process what one of them met.
    """
    mine = shares(encoded, team.size)[team.rank]
    told: tuple[np.ndarray, Probed] | InputError | None = None
    with whole_weights(model):
        try:
            if len(mine):
                measures = {name: measure.some(mine) for name, measure in (instruments or {}).items()}
                how = (samplings, batch_tokens, share_prefix)
                told = mine, probe(model, some(encoded, mine), *how, instruments=measures)
        except InputError as error:
            told = error
    answers = team.tell(told)
    for problem in answers:
        if isinstance(problem, InputError):
            raise problem
    parts = [part for part in answers if part is not None]
    order = np.argsort(np.concatenate([facts for facts, _ in parts]))
    columns = {
        name: np.concatenate([getattr(probed, name) for _, probed in parts], axis=-1)[..., order]
        for name in ("recalled", "logp", "margin", "p", "rechecked")
    }
    found = [probed for _, probed in parts]
    measured = {name: _joined([p.measured[name] for p in found], order) for name in found[0].measured}
    return Probed(**columns, seconds=max(p.seconds for p in found), measured=measured)


def _joined(parts: Sequence[Measured], order: np.ndarray) -> Measured:
    values = {n: np.concatenate([part.values[n] for part in parts])[order] for n in parts[0].values}
    notes = "; ".join(part.note for part in parts if part.note)
    return Measured(values, max(part.seconds for part in parts), notes)


def shares(encoded: Encoded, count: int) -> list[np.ndarray]:
    """Facts of each of ``count`` processes, int64: neighbours by prefix together, about as many tokens each."""
    if count == 1:
        return [np.arange(len(encoded))]
    order, cost = [], []
    for group in prefix_groups(encoded):
        order.append(group.members)
        cost += [len(encoded.tokens[i]) - len(group.prefix) for i in group.members]
    middle = np.cumsum(cost) - np.array(cost) / 2
    share = (middle * count / sum(cost)).astype(int)
    facts = np.concatenate(order)
    return [facts[share == k] for k in range(count)]
