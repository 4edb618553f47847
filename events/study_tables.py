"""All tables about the facts of a study, from the tables of its runs: from the origin on, then events, then means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from factsurv.events.accuracy import accuracy_table
from factsurv.events.ends import attention_ends, ends_table, sweep_table
from factsurv.events.forms import counted, stored
from factsurv.events.frequency import with_frequency, with_number
from factsurv.events.history import history_table
from factsurv.events.implied import implied_tables
from factsurv.events.measured import measured_means
from factsurv.events.origin import Run, as_another, from_origin
from factsurv.events.pools import pool_means
from factsurv.events.ranks import Ranked, ranks_table
from factsurv.events.rules import count_events, event_table, recall_curve, sign_of
from factsurv.events.schema import ARM_NUMBER, EXPOSURES, FREQUENCY, INSTRUMENTS, POOL_SETS, described, stack
from factsurv.events.signs import with_signs
from factsurv.events.transitions import transition_table

Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Asked:
    """What decides an event, and which tables there are beside the events.

    Attributes
    ----------
    rules, time, origin, followed, recall, known_in, loss_margin, confident
        As in `[analysis]`.
    samples : int
        Of a prompt, by which a state of knowledge is latent or not.
    latent_chance : float
        Of a hit in ``samples``: from here on a state is latent.
    covariates : list of str
        Of a run (its frequency, its arm's number) that join each fact's.
    numbers : dict of str to float
        The number of each arm that stands for one.
    own_clock : bool
        Whether events on the clock of each fact's own exposures are asked for beside those of ``time``.
    arms : int
        How many the study has.
    """

    rules: list[str]
    time: str
    samples: int
    latent_chance: float
    origin: str | None = None
    followed: str = "compared"
    recall: str = "first"
    known_in: list[int] = field(default_factory=list)
    loss_margin: float = 1.0
    confident: float = 0.5
    covariates: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    own_clock: bool = False
    arms: int = 1


def study_tables(
    asked: Asked,
    facts: pa.Table,
    runs: Mapping[str, Tables],
    grafts: Mapping[str, str] | None = None,
    counts: pa.Table | None = None,
    sizes: Mapping[str, int] | None = None,
) -> tuple[Tables, list[str]]:
    """Every table of `events` and beside it.

    Parameters
    ----------
    asked : Asked
    facts : pa.Table
        Schema `FACTS`.
    runs : mapping of str to tables
        Tables of each run and of each graft by kind: `baseline`, `probes`, of runs `training`, what else was measured.
    grafts : mapping of str to str, optional
        Of each graft among ``runs``, the run that it takes after: its facts are trained or withheld as they are there.
    counts : pa.Table, optional
        How often each fact is in a corpus.
    sizes : mapping of str to int, optional
        Parameters of each run's model.

    Returns
    -------
    tables, notes
        By name, and what was left out, in sentences.
    """
    grafts = grafts or {}
    from_there = _from_origin(asked, runs, grafts)
    notes = [f"run {n}: {own.left_out} facts are left out, which only other runs teach"
             for n, own in from_there.items() if own.left_out]  # fmt: skip
    own = {name: _of_run(asked, tables, from_there[name]) for name, tables in runs.items()}
    whole = _stacked(own.values())
    timed = _stacked(tables for name, tables in own.items() if name not in grafts) if grafts else whole
    events = _events(asked, facts, timed)  # a graft has no time at which anything happens
    notes += json.loads(events["events"].schema.metadata.get(b"left_out", b"[]"))
    of_rank = [Ranked(tables["rank"], from_there[n].probes, from_there[n].first)  # before the origin too
               for n, tables in runs.items() if "rank" in tables]  # fmt: skip
    ranks = {"ranks": ranks_table(facts, of_rank)} if of_rank else {}
    of_counts = (counts, whole["probes"], whole.get("forms"), sizes or {})
    last = "series" in whole
    accuracy = {"accuracy": accuracy_table(facts, *of_counts, last=last)} if counts is not None else {}
    return events | whole | _means(asked, facts, whole) | ranks | accuracy, notes


def _from_origin(asked: Asked, runs: Mapping[str, Tables], grafts: Mapping[str, str]) -> dict[str, Run]:
    both = {name: (tables["baseline"], tables["probes"]) for name, tables in runs.items()}
    trained = [name for name in runs if name not in grafts]
    found = from_origin([both[name] for name in trained], asked.origin, asked.followed == "all")
    of_runs = dict(zip(trained, found, strict=True))
    return of_runs | {name: as_another(*both[name], of_runs[of].baseline) for name, of in grafts.items()}


def _of_run(asked: Asked, tables: Tables, run: Run) -> Tables:
    """A run's tables from its origin on, with what of them is a fact's: how it was recalled, its covariates."""
    own = ("baseline", "probes", "training")
    of_origin = {kind: table if kind in own else run.follow(table) for kind, table in tables.items()}
    baseline, probes = run.baseline, run.probes
    if asked.recall != "first":
        baseline, probes = counted(baseline, probes, of_origin["forms"], asked.recall)
    if "forms" in of_origin:
        baseline = stored(baseline, of_origin["forms"])
    if FREQUENCY in asked.covariates:
        baseline = with_frequency(baseline, probes)
    if ARM_NUMBER in asked.covariates:
        baseline = with_number(baseline, asked.numbers)
    return of_origin | {"baseline": baseline, "probes": probes}


def _stacked(runs: Iterable[Tables]) -> Tables:
    runs = list(runs)
    kinds = dict.fromkeys(kind for tables in runs for kind in tables)
    return {kind: described(stack([t[kind] for t in runs if kind in t]), kind) for kind in kinds}


def _events(asked: Asked, facts: pa.Table, tables: Tables) -> Tables:
    """What happened to each fact, and when."""
    baseline, probes = tables["baseline"], tables["probes"]
    limits = {"loss": asked.loss_margin, "confident": asked.confident}
    signed = with_signs(probes, tables, asked.rules, limits)
    clocks = {"events": asked.time} | ({EXPOSURES: EXPOSURES} if asked.own_clock else {})
    found = {
        name: event_table(facts, baseline, signed, asked.rules, time, asked.known_in) for name, time in clocks.items()
    }
    of_recall = [rule for rule in asked.rules if not sign_of(rule)]
    states = transition_table(
        facts, baseline, probes, of_recall, asked.time, samples=asked.samples, chance=asked.latent_chance
    )
    return found | {
        "event_counts": count_events(found["events"]),
        "history": history_table(found["events"], probes, asked.time, tables.get("attention")),
        "transitions": states,
        **implied_tables(facts, baseline, probes, tables.get("rank"), of_recall, asked.time),
    }


def _means(asked: Asked, facts: pa.Table, tables: Tables) -> Tables:
    """Where runs ended and what was measured on the way, over facts."""
    baseline, probes = tables["baseline"], tables["probes"]
    instruments = {name: tables[name] for name in INSTRUMENTS if name in tables}
    found = {"recall": recall_curve(baseline, probes)}
    if asked.arms > 1 and "popularity" in facts.column_names:
        found["ends"] = ends_table(facts, baseline, probes)
        if "attention" in tables:
            found["attention_ends"] = attention_ends(facts, baseline, tables["attention"])
    if "sweep" in tables:
        found["sweep"] = sweep_table(facts, tables["sweep"])
    if instruments:
        found["measured"] = measured_means(baseline, instruments)
    if POOL_SETS[0] in facts.column_names:
        found["pools"] = pool_means(facts, probes, instruments, asked.numbers)
    return found
