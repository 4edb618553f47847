"""From probes to the states of knowledge that each fact passes through.

At a checkpoint a fact is recalled, or *latent* (not recalled, yet K samples would hit at least once with a
chance of `chance` or more), or neither. Its state is *unknown* or *latent* until it is recalled for the first
time, *known* from then on, *forgotten* when it is no longer recalled, *reacquired* when it is recalled again,
and it can be forgotten again. Latent is computed from the exact p here, while the baseline's column `latent`
is drawn, so the two differ for facts whose chance is near neither 0 nor 1.

Rules: under *sustained m* a state is entered at the first of m successive checkpoints that show it; what
lasts less is a flicker and leaves the state as it was. All facts are followed to the m-th checkpoint from
the end, as in `factsurv.events.rules`, so that acquisition, generalisation and degradation are the same events in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from factsurv.events.rules import by_exposure, last_checkpoint, measured, of_run, recall_matrix, sustained_of
from factsurv.events.schema import CENSORED, STATES, TRANSITIONS, build, described, levels_by_name, of_facts

UNKNOWN, LATENT, KNOWN, FORGOTTEN, REACQUIRED = range(len(STATES))


@dataclass(frozen=True)
class Sojourns:
    """Stays in one state, in order of fact and time; a stay of length zero at the end has no row.

    Attributes
    ----------
    row : int (N,)
        Index of the fact.
    start, stop : float64 (N,)
        Time at which the state was entered, and left or last seen; units of the time axis.
    origin : int (N,)
        The state, an index of `STATES`.
    target : int (N,)
        The state that followed, -1 when censored.
    enum : int (N,)
        1 + the number of times that the fact was forgotten before: the forgetting it is at risk of, or comes to be.
    """

    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    enum: np.ndarray


def sojourns(recalled: np.ndarray, latent: np.ndarray, times: np.ndarray, sustained: int = 1) -> Sojourns:
    """The states of facts that are probed at the same checkpoints.

    Parameters
    ----------
    recalled, latent : bool (F, C)
        At checkpoint c; column 0 is the baseline, whose state needs no confirmation.
    times : float64 (C,) or (F, C)
        As in `factsurv.events.rules.spells`.
    sustained : int
        Successive checkpoints that make a change of state.

    Raises
    ------
    InputError
        As `factsurv.events.rules.spells`.
    """
    times = np.broadcast_to(times, recalled.shape)
    last = last_checkpoint(times, sustained)
    hidden = latent & ~recalled
    shown = {"recalled": recalled, "lost": ~recalled, "latent": hidden, "unknown": ~recalled & ~hidden}
    state = np.where(recalled[:, 0], KNOWN, np.where(hidden[:, 0], LATENT, UNKNOWN))
    entered = np.zeros(len(recalled), dtype=int)
    forgotten = np.zeros(len(recalled), dtype=int)
    rows: list[tuple[np.ndarray, ...]] = []

    def leave(who: np.ndarray, at: np.ndarray | int, target: np.ndarray) -> None:
        start, stop = times[who, entered[who]], times[who, at]
        rows.append((who, start, stop, state[who], target, forgotten[who] + 1))

    for c in range(1, recalled.shape[1] - sustained + 1):
        now = {name: seen[:, c : c + sustained].all(axis=1) for name, seen in shown.items()}
        target = _next(state, now)
        who = np.flatnonzero((target != state) & (c <= last))
        leave(who, c, target[who])
        state[who], entered[who] = target[who], c
        forgotten[who] += target[who] == FORGOTTEN
    still = np.flatnonzero(entered < last)
    leave(still, last[still], np.full(len(still), -1))
    joined = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return Sojourns(*(column[order] for column in joined))


def _next(state: np.ndarray, now: Mapping[str, np.ndarray]) -> np.ndarray:
    """The state after a checkpoint, given what it and its m - 1 followers all show."""
    never = (state == UNKNOWN) | (state == LATENT)
    out = state.copy()
    out[(state == UNKNOWN) & now["latent"]] = LATENT
    out[(state == LATENT) & now["unknown"]] = UNKNOWN
    out[never & now["recalled"]] = KNOWN
    out[((state == KNOWN) | (state == REACQUIRED)) & now["lost"]] = FORGOTTEN
    out[(state == FORGOTTEN) & now["recalled"]] = REACQUIRED
    return out


def transition_table(
    facts: pa.Table,
    baseline: pa.Table,
    probes: pa.Table,
    rules: Sequence[str],
    time: str,
    samples: int,
    chance: float = 0.5,
) -> pa.Table:
    """The states of a study: every run and rule, with the covariates of each fact.

    Parameters
    ----------
    facts, baseline, probes, rules, time
        As in `factsurv.events.rules.event_table`.
    samples : int
        K of the latent label.
    chance : float
        A fact that is not recalled is latent where 1 - (1 - p)^K is at least this.

    Returns
    -------
    pa.Table
        Schema `TRANSITIONS`, the covariates of ``facts`` and those measured in ``baseline``; metadata ``time``,
        ``covariates``, ``samples`` and ``latent_chance``. With exposures as the time axis: trained facts only.
    """
    covariates = of_facts(facts.column_names)
    own = measured(baseline)
    by_fact = {n: np.array(facts[n].to_pylist(), dtype=object) for n in facts.column_names}
    row_of = {f: i for i, f in enumerate(by_fact["fact_id"])}
    parts: list[dict[str, np.ndarray]] = []
    for run in baseline["run"].unique().to_pylist():
        start, mine = of_run(baseline, run), of_run(probes, run)
        fact = np.array([row_of[f] for f in start["fact_id"]])
        reachable = -np.expm1(samples * np.log1p(-np.minimum(mine["p"], 1 - 1e-16))) >= chance
        recalled, times = recall_matrix(mine, start["fact_id"], time)
        latent, _ = recall_matrix({**mine, "recalled": reachable}, start["fact_id"], time)
        of_fact = {n: start[n] for n in ("run", "arm", "seed", "fact_id", "latent", "split")}
        of_fact |= {"logp0": start["logp"], "p0": start["p"]}
        of_fact |= {n: by_fact[n][fact] for n in ("relation", "group", *covariates)}
        of_fact |= {n: start[n] for n in own}
        if time == "exposures":
            latent, _ = by_exposure(latent, times)
            recalled, times = by_exposure(recalled, times)
        for rule in rules:
            m = sustained_of(rule)
            chosen = np.arange(len(fact))
            if time == "exposures":
                follows = (~np.isnan(times)).sum(axis=1) > m
                chosen = np.flatnonzero((of_fact["split"] == "trained") & follows)
            clock = times[chosen] if times.ndim == 2 else times
            s = sojourns(recalled[chosen], latent[chosen], clock, m)
            names = np.array([*STATES, CENSORED], dtype=object)
            parts.append(
                {n: column[chosen[s.row]] for n, column in of_fact.items()}
                | {"rule": np.full(len(s.row), rule), "start": s.start, "stop": s.stop, "gap": s.stop - s.start}
                | {"from": names[s.origin], "to": names[s.target], "enum": s.enum}
            )
    data = {n: np.concatenate([p[n].astype(object) for p in parts]) for n in parts[0]}
    columns = TRANSITIONS | {n: facts.schema.field(n).type for n in covariates}
    columns |= {n: baseline.schema.field(n).type for n in own}
    levels = {"rule": list(rules), "from": STATES, "to": (CENSORED, *STATES)}
    levels |= levels_by_name(facts, ["relation", "group", *covariates])
    notes = {"time": time, "covariates": [*covariates, *own], "samples": samples, "latent_chance": chance}
    return described(build(columns, data, levels), "transitions", **notes)
