"""What follows from facts: when an implication comes to be known after the facts from which it follows.

Followed are implications that a run does not teach, and whose facts it does (after the origin). Known is a right answer
that no other option outdoes (rank 0) where ranks were measured, else recall. An implication is at risk once all its
facts are known: its clock starts at the last probe at which they were not yet (the event is seen at the earliest at the
next one, together with the facts). One that is known before its facts is no event, nor are those whose facts were known
at the origin, where nobody saw for how long: they are counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from factsurv.events.rules import last_checkpoint, of_run, recall_matrix, sustained_of
from factsurv.events.schema import (
    CENSORED,
    IMPLIED,
    IMPLIED_COUNTS,
    IMPLIED_STATES,
    KNOWN_OF_BOTH,
    build,
    described,
    levels_by_name,
    of_facts,
)

# The clock starts at the fact's own event; or at the origin, and the implication enters when its fact is known.
AFTER, ENTERED, STATES = "implied", "implied-entry", "implied-states"


def implied_tables(
    facts: pa.Table,
    baseline: pa.Table,
    probes: pa.Table,
    rank: pa.Table | None,
    rules: Sequence[str],
    time: str,
) -> dict[str, pa.Table]:
    """Tables of what follows from facts; none where nothing does.

    Parameters
    ----------
    facts, baseline, probes, rules, time
        As in `factsurv.events.rules.event_table`; `time` is not `exposures`, which implications do not have.
    rank : pa.Table, optional
        Of the instrument, on the same clock.

    Returns
    -------
    dict
        `implied` (schema `IMPLIED` and the covariates; each implication at risk twice: outcome `AFTER` from its facts'
        own event on, outcome `ENTERED` on the study's clock from `entry` on), `implied_states` (stays in the states
        `KNOWN_OF_BOTH`) and `implied_counts`.
    """
    links = dict(_links(facts))
    if not links or time == "exposures":
        return {}
    rows: list[dict[str, Any]] = []
    stays: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    for run in baseline["run"].unique().to_pylist():
        ids, known, times = _known(run, probes, rank, time)
        start = of_run(baseline, run)
        at = {f: i for i, f in enumerate(ids)}
        of_start = {f: i for i, f in enumerate(start["fact_id"])}
        taught = at.keys() & set(start["fact_id"][start["split"] == "trained"])
        mine = [f for f in links if f in of_start and f in at and f not in taught and taught.issuperset(links[f])]
        if not mine:
            continue
        follows = np.array([known[[at[n] for n in links[f]]].all(axis=0) for f in mine])  # (I, C): all its facts
        itself = known[[at[f] for f in mine]]
        label = [{n: start[n][of_start[f]] for n in ("run", "arm", "seed", "latent", "split")} for f in mine]
        label = [
            {**own, "fact_id": f, "logp0": start["logp"][of_start[f]], "p0": start["p"][of_start[f]]}
            for own, f in zip(label, mine, strict=True)
        ]
        for rule in rules:
            m = sustained_of(rule)
            found, counted = _after(follows, itself, times, m)
            rows += [label[i] | {"rule": rule} | spell for i, spell in found]
            stays += [label[i] | {"rule": rule} | stay for i, stay in state_stays(follows + 2 * itself, times, m)]
            counts.append({"rule": rule, "arm": label[0]["arm"], "run": run} | counted)
    if not counts:
        return {}
    rows.sort(key=lambda r: r["outcome"])
    return {
        "implied": _table(facts, rows, IMPLIED, rules, "implied"),
        "implied_states": _table(facts, stays, IMPLIED_STATES, rules, "implied_states"),
        "implied_counts": described(
            build(IMPLIED_COUNTS, {n: [c[n] for c in counts] for n in IMPLIED_COUNTS}, {"rule": list(rules)}),
            "implied_counts",
        ),
    }


def _links(facts: pa.Table) -> list[tuple[str, list[str]]]:
    if "links" not in facts.column_names:
        return []
    pairs = zip(facts["fact_id"].to_pylist(), facts["links"].to_pylist(), strict=True)
    return [(fact, json.loads(links)) for fact, links in pairs if links]


def _known(run: str, probes: pa.Table, rank: pa.Table | None, time: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Facts (F,), whether each is known at each checkpoint (F, C), and the times of these (C,)."""
    mine = of_run(probes, run)
    if rank is not None:
        of_rank = of_run(rank, run)
        whole, first = (of_rank[n].astype(float) for n in ("rank", "rank_first"))
        right = np.where(np.isnan(whole), first, whole) == 0
        is_right = dict(zip(zip(of_rank["fact_id"], of_rank["checkpoint"], strict=True), right, strict=True))
        measured = [is_right.get(key) for key in zip(mine["fact_id"], mine["checkpoint"], strict=True)]
        kept = np.array([value is not None for value in measured])
        mine = {n: column[kept] for n, column in mine.items()}
        mine["recalled"] = np.array([value for value in measured if value is not None], dtype=bool)
    ids = np.array(list(dict.fromkeys(mine["fact_id"])), dtype=object)
    known, times = recall_matrix(mine, ids, time)
    return ids, known, times


def _after(
    follows: np.ndarray, itself: np.ndarray, times: np.ndarray, m: int
) -> tuple[list[tuple[int, dict[str, Any]]], dict[str, int]]:
    """Spells of the implications at risk (their row, and columns), and how many are what."""
    last = int(last_checkpoint(np.broadcast_to(times, itself.shape), m)[0])
    fact, own = _begins(follows, m), _begins(itself, m)  # checkpoint of the event; -1: none
    at_origin = fact == 0
    before = (own >= 0) & ((fact < 0) | (own < fact)) & ~at_origin
    at_risk = (fact > 0) & ~before
    found: list[tuple[int, dict[str, Any]]] = []
    for i in np.flatnonzero(at_risk).tolist():
        happened = own[i] >= 0
        entry, stop = times[fact[i] - 1], times[own[i]] if happened else times[last]
        left = times[own[i] - 1] if happened else stop
        for outcome, zero in ((AFTER, entry), (ENTERED, 0.0)):
            spell = {"outcome": outcome, "start": entry - zero, "stop": stop - zero, "event": bool(happened)}
            spell |= {"left": left - zero, "right": stop - zero if happened else None, "entry": entry}
            found.append((i, spell))
    counts = {"implications": len(itself), "fact_unknown": int(((fact < 0) & ~before).sum())}
    counts |= {"before": int(before.sum()), "at_origin": int(at_origin.sum()), "at_risk": int(at_risk.sum())}
    return found, counts | {"events": int((at_risk & (own >= 0)).sum())}


def _begins(known: np.ndarray, m: int) -> np.ndarray:
    """The first checkpoint of m successive ones that show it, (I,); 0 where the origin does, -1 where none."""
    starts = np.ones((len(known), known.shape[1] - m), dtype=bool)
    for ahead in range(m):
        starts &= known[:, 1 + ahead : 1 + ahead + starts.shape[1]]
    at = np.where(starts.any(axis=1), starts.argmax(axis=1) + 1, -1)
    return np.asarray(np.where(known[:, 0], 0, at))


def state_stays(state: np.ndarray, times: np.ndarray, m: int) -> list[tuple[int, dict[str, Any]]]:
    """Stays of each row in the states that it passes through; a change is m successive checkpoints that show it.

    Parameters
    ----------
    state : int (I, C)
        Index of `KNOWN_OF_BOTH` at each checkpoint; column 0 needs no confirmation.
    times : float64 (C,)

    Returns
    -------
    list of (row, columns of `IMPLIED_STATES`)
    """
    last = int(last_checkpoint(np.broadcast_to(times, state.shape), m)[0])
    found: list[tuple[int, dict[str, Any]]] = []

    def leave(i: int, now: int, entered: int, at: int, target: int | None, enum: int) -> None:
        stay = {"outcome": STATES, "start": times[entered], "stop": times[at], "event": target is not None}
        stay |= {"from": KNOWN_OF_BOTH[now], "to": CENSORED if target is None else KNOWN_OF_BOTH[target], "enum": enum}
        stay |= {"left": times[at - (target is not None)], "right": None if target is None else times[at]}
        found.append((i, stay | {"gap": times[at] - times[entered]}))

    for i, shown in enumerate(state.tolist()):
        now, entered, enum = shown[0], 0, 1
        for c in range(1, last + 1):
            if shown[c] != now and len(set(shown[c : c + m])) == 1:
                leave(i, now, entered, c, shown[c], enum)
                now, entered, enum = shown[c], c, enum + 1
        if entered < last:
            leave(i, now, entered, last, None, enum)
    return found


def _table(
    facts: pa.Table, rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pa.DataType], rules: Sequence[str],
    kind: str,
) -> pa.Table:  # fmt: skip
    covariates = of_facts(facts.column_names)
    of_fact = {n: dict(zip(facts["fact_id"].to_pylist(), facts[n].to_pylist(), strict=True)) for n in
               ("relation", "group", *covariates)}  # fmt: skip
    data = {n: [of_fact[n][r["fact_id"]] if n in of_fact else r[n] for r in rows] for n in (*schema, *covariates)}
    columns = {**schema, **{n: facts.schema.field(n).type for n in covariates}}
    levels: dict[str, Sequence[str]] = {"rule": list(rules)}
    if kind == "implied_states":
        levels |= {"from": KNOWN_OF_BOTH, "to": (CENSORED, *KNOWN_OF_BOTH)}
    levels |= levels_by_name(facts, ["relation", "group", *covariates])
    return described(build(columns, data, levels), kind, covariates=covariates)
