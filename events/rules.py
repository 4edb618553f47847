"""From probes to event tables: risk sets, event rules, intervals and censoring.

Risk sets (baseline is checkpoint 0): a fact recalled at baseline is at risk of degradation only; one
not recalled is at risk of acquisition if it is trained and of generalisation if it is withheld.

Rules: *first* is the first checkpoint in the new state; *sustained m* the first of m successive ones.
*loss m* and *confident m* are the same of another sign of knowledge than recall (factsurv.events.signs).
The last checkpoint at which the start of m successive ones can be seen is the m-th from the end, so
every fact without the event is censored there (for *first*: at the last probe).

Intervals: the event happened in (left, right], left being the checkpoint before it; ``stop`` is right.

Exposures as the time axis: each trained fact has a clock of its own, which stands still between two
lessons. Of the checkpoints at which a fact had the same number of exposures the first one counts.
Withheld facts have no such clock: they are left out, and with them generalisation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401  (pa.compute)

from factsurv.events.checkpoints import visits
from factsurv.events.errors import InputError
from factsurv.events.keys import run_and_fact
from factsurv.events.schema import (
    BASELINE,
    EVENT_COUNTS,
    EVENTS,
    EXAMPLES,
    OUTCOMES,
    RECALL,
    build,
    described,
    levels_by_name,
    levels_of,
    of_facts,
)
from factsurv.events.times import resolution

TIMES = ("epoch", "step", "examples", "tokens", "exposures")


@dataclass(frozen=True)
class Spells:
    """One spell at risk per fact, from baseline on.

    Attributes
    ----------
    stop : float64 (F,)
        Checkpoint of the event or of censoring, in units of the time axis.
    event : bool (F,)
    left, right : float64 (F,)
        The event happened in (left, right]; ``right`` is NaN when censored.
    """

    stop: np.ndarray
    event: np.ndarray
    left: np.ndarray
    right: np.ndarray


def spells(reached: np.ndarray, times: np.ndarray, sustained: int = 1) -> Spells:
    """Event or censoring of facts that are not in the new state at baseline.

    Parameters
    ----------
    reached : bool (F, C)
        In the new state at checkpoint c; column 0 is the baseline.
    times : float64 (C,) or (F, C)
        Time of each checkpoint, strictly increasing, the first one the origin. NaN at the end of a row:
        that fact has no such checkpoint.
    sustained : int
        Successive checkpoints in the new state that make an event.

    Raises
    ------
    InputError
        If there are fewer than ``sustained`` checkpoints after the baseline, or times do not increase.
    """
    times = np.broadcast_to(times, reached.shape)
    last = last_checkpoint(times, sustained)
    reached = reached & ~np.isnan(times)
    starts = np.ones((len(reached), reached.shape[1] - sustained), dtype=bool)  # column j: at checkpoint j + 1
    for ahead in range(sustained):
        starts &= reached[:, 1 + ahead : 1 + ahead + starts.shape[1]]
    event = np.asarray(starts.any(axis=1))
    at = np.where(event, starts.argmax(axis=1) + 1, last)
    row = np.arange(len(reached))
    return Spells(
        stop=times[row, at],
        event=event,
        left=np.where(event, times[row, at - 1], times[row, at]),
        right=np.where(event, times[row, at], np.nan),
    )


def last_checkpoint(times: np.ndarray, sustained: int) -> np.ndarray:
    """Index, for each fact (F,), of the last checkpoint whose following m - 1 ones were seen.

    Parameters
    ----------
    times, sustained
        As in `spells`; times is (F, C).

    Raises
    ------
    InputError
        As `spells`.
    """
    seen = ~np.isnan(times)
    checkpoints = seen.sum(axis=1)  # (F,)
    if (checkpoints - 1 < sustained).any() or times.shape[1] - 1 < sustained:
        least = min(checkpoints, default=times.shape[1])
        raise InputError(
            f"the rule asks for {sustained} successive checkpoints, and only {least - 1} follow the baseline",
            "analysis.rules",
            "train for more epochs, probe more often, or ask for fewer",
        )
    if not np.all((np.diff(times) > 0) | ~seen[:, 1:]):
        raise InputError("checkpoints do not increase in time", "analysis.time", "use another time axis")
    if not np.all((np.diff(times) > resolution(times)) | ~seen[:, 1:]):
        raise InputError(
            f"checkpoints nearer to each other than {resolution(times):.2g} count as one in R's survival",
            "analysis.time",
            "use another time axis",
        )
    return np.asarray(checkpoints - sustained)


def by_exposure(reached: np.ndarray, exposures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checkpoints on each fact's own clock, its number of exposures.

    Parameters
    ----------
    reached : bool (F, C)
    exposures : float64 (F, C)
        Never decreasing along a row.

    Returns
    -------
    reached : bool (F, C)
        At the first checkpoint of each number of exposures, moved to the left.
    times : float64 (F, C)
        That number; NaN where a fact has no more checkpoints.
    """
    new = np.diff(exposures, axis=1, prepend=-1) > 0
    order = np.argsort(~new, axis=1, kind="stable")
    times = np.where(new, exposures, np.nan)
    return np.take_along_axis(reached & new, order, 1), np.take_along_axis(times, order, 1)


def sustained_of(rule: str) -> int:
    """The m of a rule's name: ``first`` and ``loss`` are 1, ``sustained3`` and ``loss3`` are 3.

    Raises
    ------
    InputError
        If there is no such rule.
    """
    return _parts(rule)[1]


def sign_of(rule: str) -> str:
    """What a rule goes by where that is not recall: ``loss`` or ``confident`` (`factsurv.events.signs`); else empty."""
    return _parts(rule)[0]


def shown_by(sign: str) -> str:
    """The column of probes that says whether a fact shows the sign."""
    return f"by_{sign}" if sign else "recalled"


def _parts(rule: str) -> tuple[str, int]:
    if rule == "first":
        return "", 1
    found = re.fullmatch(r"(?:sustained|(loss|confident)(?=[0-9]|$))([1-9][0-9]*)?", rule)
    if not found or (not found[1] and not found[2]):
        remedy = 'use "first" or "sustained2", "sustained3", …; or "loss", "loss2", "confident", "confident2", …'
        raise InputError(f"there is no rule {rule!r}", "analysis.rules", remedy)
    return found[1] or "", int(found[2] or 1)


def event_table(
    facts: pa.Table,
    baseline: pa.Table,
    probes: pa.Table,
    rules: Sequence[str],
    time: str = "epoch",
    known_in: Sequence[int] = (),
) -> pa.Table:
    """The event table of a study: every run, outcome and rule, with the covariates of each fact.

    Parameters
    ----------
    facts, baseline, probes : pa.Table
        As in `docs/tables.md`.
    rules : sequence of str
        The first one is the primary rule. Those of a sign (`sign_of`) need its column in ``probes``
        (`factsurv.events.signs.with_signs`).
    time : str
        Column of ``probes`` that is the time axis: one of `TIMES`.
    known_in : sequence of int
        Prompt forms: a fact that was recalled in none of them at the start is not at risk of acquisition and
        generalisation (what is known in one form and comes to be said in another).

    Returns
    -------
    pa.Table
        Schema `EVENTS`, `EXAMPLES`, the covariates of ``facts``, those that are `measured` in ``baseline``, and its p
        at other temperatures;
        metadata ``time`` and ``covariates``, and ``left_out`` (sentences) where the time axis is exposures.
    """
    if time not in TIMES:
        raise InputError(f"there is no time axis {time!r}", "analysis.time", f"use one of {', '.join(TIMES)}")
    covariates = of_facts(facts.column_names)
    by_fact = {n: np.array(facts[n].to_pylist(), dtype=object) for n in facts.column_names}
    row_of = {f: i for i, f in enumerate(by_fact["fact_id"])}
    tempered = [n for n in baseline.column_names if n.startswith("p_at_")]  # p at other temperatures
    own = measured(baseline)
    parts: list[dict[str, np.ndarray]] = []
    left_out: Counter[tuple[str, str]] = Counter()
    signs = dict.fromkeys(map(sign_of, rules))
    for run in baseline["run"].unique().to_pylist():
        start = of_run(baseline, run)
        fact = np.array([row_of[f] for f in start["fact_id"]])
        of_probes = of_run(probes, run)
        shown = {sign: recall_matrix(of_probes, start["fact_id"], time, shown_by(sign)) for sign in signs}
        trained = start["split"] == "trained"
        on_clock = np.ones(len(fact), dtype=bool)
        kept = np.ones(len(fact), dtype=bool)
        if known_in:
            of_forms = [start[f"recalled0_form{k}"] for k in known_in]  # None where a fact has no such form
            kept = np.any([[recalled is not None and bool(recalled) for recalled in form] for form in of_forms], axis=0)
        if time == "exposures":
            shown = {sign: by_exposure(*of_sign) for sign, of_sign in shown.items()}
            on_clock = trained
        for outcome in OUTCOMES:
            for rule in rules:
                reached, times = shown[sign_of(rule)]
                known = reached[:, 0]
                at_risk, new_state = {
                    "acquisition": (~known & trained & kept, reached),
                    "generalisation": (~known & ~trained & kept, reached),
                    "degradation": (known, ~reached),
                }[outcome]
                m = sustained_of(rule)
                mine = at_risk & on_clock
                if time == "exposures":
                    mine &= (~np.isnan(times)).sum(axis=1) > m
                left_out[outcome, rule] += int(at_risk.sum() - mine.sum())
                clock = times[mine] if times.ndim == 2 else times
                s = spells(new_state[mine], clock, m)
                parts.append(
                    {n: start[n][mine] for n in ("run", "arm", "seed", "fact_id", "latent", "split")}
                    | {"logp0": start["logp"][mine], "p0": start["p"][mine]}
                    | {n.replace("p_at_", "p0_at_", 1): start[n][mine] for n in tempered}
                    | {n: by_fact[n][fact][mine] for n in ("relation", "group", *covariates)}
                    | {n: start[n][mine] for n in own}
                    | {"outcome": np.full(mine.sum(), outcome), "rule": np.full(mine.sum(), rule)}
                    | {"start": np.full(mine.sum(), clock[..., 0]), "stop": s.stop, "event": s.event}
                    | {"left": s.left, "right": np.array([None if np.isnan(r) else r for r in s.right], object)}
                )
    parts.sort(key=lambda p: OUTCOMES.index(str(p["outcome"][0])) if len(p["outcome"]) else 9)
    data = {n: np.concatenate([p[n].astype(object) for p in parts]) for n in parts[0]}
    added = {n: facts.schema.field(n).type for n in covariates} | {n: baseline.schema.field(n).type for n in own}
    added |= {n.replace("p_at_", "p0_at_", 1): pa.float64() for n in tempered}
    columns = EVENTS | added
    levels = {"rule": list(rules), "outcome": OUTCOMES} | levels_by_name(facts, ["relation", "group", *covariates])
    notes = {"left_out": _left_out(left_out)} if time == "exposures" else {}
    table = on_examples(build(columns, data, levels), probes, time)
    table = table.select([*EVENTS, *EXAMPLES, *added])
    return described(table, "events", time=time, covariates=[*covariates, *own], **notes)


def measured(baseline: pa.Table) -> list[str]:
    """Columns of a baseline that are of its own kind of run: covariates of each fact and run."""
    return [n for n in baseline.column_names if n not in BASELINE and not n.startswith("p_at_")]


def on_examples(events: pa.Table, probes: pa.Table, time: str) -> pa.Table:
    """The table with the columns of `EXAMPLES`: its times are those of checkpoints, whose examples are known."""
    v = visits(events, probes, time)
    seen = probes["examples"].to_numpy().astype(float)
    for name, at in zip(EXAMPLES, (v.start, v.stop), strict=True):
        events = events.append_column(name, pa.array(seen[v.row[at]]))
    return events


def _left_out(counts: Mapping[tuple[str, str], int]) -> list[str]:
    return [
        f"{outcome} ({rule}): {n} facts and runs are left out: a withheld fact has no exposures"
        + ("" if outcome == "generalisation" else ", or a trained one had too few between probes for the rule")
        for (outcome, rule), n in counts.items()
        if n
    ]


def count_events(events: pa.Table) -> pa.Table:
    """Facts at risk, events and facts without one, for each outcome, rule, arm and run (schema `EVENT_COUNTS`)."""
    names = ["outcome", "rule", "arm", "run"]
    plain = events.select([*names, "fact_id", "event"])
    of_fact = plain.group_by([*names, "fact_id"], use_threads=False).aggregate([("event", "sum"), ("event", "any")])
    counts = [("fact_id", "count"), ("event_sum", "sum"), ("event_any", "sum")]
    counted = of_fact.group_by(names, use_threads=False).aggregate(counts)
    data: dict[str, object] = {n: counted[n] for n in names}
    at_risk, happened = counted["fact_id_count"].to_numpy(), counted["event_any_sum"].to_numpy()
    data |= {"at_risk": at_risk, "events": counted["event_sum_sum"].to_numpy(), "censored": at_risk - happened}
    levels = {n: levels_of(events[n]) for n in ("outcome", "rule")}
    return described(build(EVENT_COUNTS, data, levels), "event_counts")


def recall_curve(baseline: pa.Table, probes: pa.Table) -> pa.Table:
    """Share of facts recalled at each checkpoint of each run and split, with Wilson's 95 % interval."""
    split_of = dict(zip(run_and_fact(baseline), baseline["split"].to_pylist(), strict=True))
    split = pa.array([split_of[of] for of in run_and_fact(probes)])
    names = ["arm", "run", "split", "epoch"]
    plain = probes.select(["arm", "run", "epoch", "recalled"]).append_column("split", split)
    counted = plain.group_by(names, use_threads=False).aggregate([("recalled", "count"), ("recalled", "sum")])
    n, k = counted["recalled_count"].to_numpy(), counted["recalled_sum"].to_numpy()
    lower, upper = wilson(k, n)
    data = {name: counted[name] for name in names}
    data |= {"facts": n, "recalled": k, "proportion": k / n, "lower": lower, "upper": upper}
    return described(build(RECALL, data), "recall")


def wilson(k: np.ndarray, n: np.ndarray, z: float = 1.959963984540054) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of the proportion k / n (Wilson 1927, JASA 22:209)."""
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    return centre - half, centre + half


def of_run(table: pa.Table, run: str) -> Mapping[str, np.ndarray]:
    mine = table.filter(pa.compute.equal(table["run"].cast(pa.utf8()), run))
    return {n: mine[n].to_numpy(zero_copy_only=False) for n in mine.column_names}


def recall_matrix(
    probes: Mapping[str, np.ndarray], fact_ids: np.ndarray, time: str, column: str = "recalled"
) -> tuple[np.ndarray, np.ndarray]:
    """Recall (F, C) in the order of ``fact_ids``, and the time of each checkpoint (C,), or (F, C) of exposures."""
    checkpoints, place = np.unique(probes["checkpoint"], return_inverse=True)
    row_of = {f: i for i, f in enumerate(fact_ids)}
    row = np.array([row_of[f] for f in probes["fact_id"]])
    reached = np.full((len(fact_ids), len(checkpoints)), -1, dtype=np.int8)
    reached[row, place] = probes[column].astype(np.int8)
    if (reached < 0).any():
        fact, missing = np.argwhere(reached < 0)[0]
        raise InputError(
            f"fact {fact_ids[fact]} was not probed at checkpoint {checkpoints[missing]}",
            f"probes of run {probes['run'][0]}",
            "every fact is probed at every checkpoint: delete the run's folder and run again",
        )
    times = np.zeros(reached.shape)
    times[row, place] = probes[time].astype(float)
    return reached.astype(bool), times if time == "exposures" else times[0]
