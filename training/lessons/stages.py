"""What a run teaches, one stage after another: which facts, how often each is drawn, for how many steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from factsurv.events.errors import InputError
from factsurv.events.keys import texts
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.selection import numbers, select
from factsurv.training.spec import TuningSpec
from factsurv.training.stage_spec import ByRank, Mixed, StageSpec

# A fact's row, and the number of one of its prompt forms.
Drawn = tuple[int, int]
ROW_TOKENS = 512  # of a row of lessons that tell of groups
PLAIN = StageSpec(name="only")  # of a run without stages


@dataclass(frozen=True)
class Part:
    """One selection of a stage.

    Attributes
    ----------
    rows : int64 (R,)
        The facts' rows in the fact set.
    lessons : int
        Lessons drawn in an epoch; as many as `size` without `p` is each once.
    p : float64 (size,) or None
        Probability of each at a draw; None: each once, then each once more in another order.
    groups : tuple of int64 arrays, or None
        Rows of the facts that one lesson tells of; None: a fact is a lesson.
    """

    rows: np.ndarray
    lessons: int
    p: np.ndarray | None = None
    groups: tuple[np.ndarray, ...] | None = None

    @property
    def size(self) -> int:
        """Of how many things a lesson can be."""
        return len(self.rows if self.groups is None else self.groups)


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Attributes
    ----------
    name : str
        Empty where the study has no stages.
    tuning : TuningSpec
        Of this stage.
    parts : tuple of Part
    forms : tuple (F,) of tuples of int
        Numbers of the prompt forms in which each fact of the set may be taught, from 0.
    per_epoch, steps : int
        Optimiser steps of an epoch and of the whole stage.
    fresh, shuffled, whole_text : bool
        A new optimiser; lessons in random order; every token taught.
    length : int
        Tokens of a row of lessons that tell of groups; 0 where a fact is a lesson.
    """

    name: str
    tuning: TuningSpec
    parts: tuple[Part, ...]
    forms: tuple[tuple[int, ...], ...]
    per_epoch: int
    steps: int
    fresh: bool
    shuffled: bool
    whole_text: bool
    length: int = 0

    @property
    def rows(self) -> np.ndarray:
        """The facts that it teaches, int64, each once and as they stand."""
        return np.unique(np.concatenate([part.rows for part in self.parts]))


def one_stage(forms: Sequence[int], tuning: TuningSpec) -> Stage:
    """Every one of F facts, epoch after epoch; ``forms`` (F,) are the numbers of their prompt forms."""
    part = Part(np.arange(len(forms)), len(forms))
    return _stage("", tuning, (part,), tuple(tuple(range(n)) for n in forms), PLAIN)


def plan_stages(
    facts: FactSet, tuning: TuningSpec, asked: Sequence[StageSpec], seed: int, arm: str = ""
) -> tuple[tuple[Stage, ...], list[str]]:
    """The stages of an arm, and what its reader should know of them.

    Parameters
    ----------
    facts : FactSet
    tuning : TuningSpec
        Of the arm.
    asked : sequence of StageSpec
        None: one stage, which teaches all trained facts.
    seed : int
        Of random selections.
    arm : str
        For messages.

    Raises
    ------
    InputError
        If a selection is empty or impossible; it names the stage and the key.
    """
    known = [len(each) for each in facts.taught_forms]
    stages, notices = [], []
    for spec in asked or [PLAIN]:
        where = f"stage {spec.name!r}" + f" of arm {arm!r}" * bool(arm) if asked else "facts"
        mixed = spec.mix or [Mixed(select=spec.select, weight=spec.weight, share=1)]
        rows = [select(facts, m.select, f"{where}: select", seed) for m in mixed]
        _refuse_overlap(facts, rows, where)
        parts: list[Part] = []
        for m, mine in zip(mixed, rows, strict=True):
            groups = _groups(facts, mine) if spec.lesson == "group" else None
            of_first = parts[0].size if parts else len(mine if groups is None else groups)
            lessons = max(1, round(m.share / mixed[0].share * of_first))
            p = None if m.weight == "equal" else _weights(facts, mine, m.weight, f"{where}: weight")
            if groups is not None and p is not None:
                p = _of_groups(p, mine, groups)
            parts.append(Part(mine, lessons, p, groups))
        own = spec.tuning(tuning)
        forms = _forms(facts, known, spec, np.concatenate(rows), where)
        name = spec.name if asked else ""
        stages.append(_stage(name, own, tuple(parts), forms, spec))
        notices += [f"{where}: {told}" for part in parts for told in _seldom(facts, part, stages[-1])]
    return tuple(stages), notices


def _stage(
    name: str,
    tuning: TuningSpec,
    parts: tuple[Part, ...],
    forms: tuple[tuple[int, ...], ...],
    spec: StageSpec,
) -> Stage:
    lessons = sum(part.lessons for part in parts)
    if tuning.templates == "all" and spec.lesson == "fact":
        lessons = sum(len(forms[i]) for part in parts for i in part.rows)
    per_epoch = math.ceil(lessons / tuning.batch_size)
    length = 0 if spec.lesson == "fact" else spec.length or ROW_TOKENS
    how = (spec.optimizer == "fresh", spec.order == "shuffled", spec.loss == "text", length)
    return Stage(name, tuning, parts, forms, per_epoch, spec.steps or per_epoch * tuning.epochs, *how)


def _groups(facts: FactSet, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rows of each group, in the order in which the groups first stand."""
    code = texts(facts.table["group"]).dictionary_encode().indices.to_numpy()[rows]
    by_group = np.argsort(code, kind="stable")
    places = np.split(by_group, np.flatnonzero(np.diff(code[by_group])) + 1)
    return tuple(rows[each] for each in sorted(places, key=lambda each: int(each[0])))


def _of_groups(p: np.ndarray, rows: np.ndarray, groups: tuple[np.ndarray, ...]) -> np.ndarray:
    """Probabilities of groups: in proportion to the mean of their facts'."""
    of = dict(zip(rows.tolist(), p.tolist(), strict=True))
    mean = np.array([np.mean([of[row] for row in group.tolist()]) for group in groups])
    return np.asarray(mean / mean.sum())


def _refuse_overlap(facts: FactSet, rows: Sequence[np.ndarray], where: str) -> None:
    found, counts = np.unique(np.concatenate(rows), return_counts=True)
    if (counts > 1).any():
        twice = found[counts > 1]
        raise InputError(
            f"two selections of mix have {len(twice):,} facts in common (such as {facts.column('fact_id')[twice[0]]})",
            where,
            "a fact belongs to one of them, or its share is not what it says",
        )


def _weights(facts: FactSet, rows: np.ndarray, weight: str | ByRank, where: str) -> np.ndarray:
    """Probabilities (R,) of a draw."""
    name = weight if isinstance(weight, str) else weight.rank
    values = numbers(facts, name, where)[rows]
    least = "0 or more" if isinstance(weight, str) else "above 0"
    wrong = np.flatnonzero(np.isnan(values) | (values < 0 if isinstance(weight, str) else values <= 0))
    if len(wrong):
        each = ["no value" if np.isnan(values[i]) else f"{values[i]:g}" for i in wrong[:3]]
        named = ", ".join(
            f"{facts.column('fact_id')[rows[i]]} has {value}" for i, value in zip(wrong, each, strict=False)
        )
        raise InputError(f"{len(wrong)} of the facts have no {name!r} that is {least} ({named})", where, "correct them")
    if isinstance(weight, ByRank):
        values = np.exp(-weight.exponent * (np.log(values) - np.log(values.min())))  # the greatest is 1: no underflow
    if not values.sum() > 0:
        raise InputError(f"every {name!r} is 0, so that no fact can be drawn", where, "correct the column")
    return np.asarray(values / values.sum())


def _forms(
    facts: FactSet, known: Sequence[int], spec: StageSpec, rows: np.ndarray, where: str
) -> tuple[tuple[int, ...], ...]:
    """Of each fact of the set, the forms that the stage teaches."""
    if spec.forms is None:
        every = {n: tuple(range(n)) for n in set(known)}
        return tuple(every[n] for n in known)
    chosen = tuple(tuple(k - 1 for k in spec.forms or [] if k <= n) for n in known)
    without = [i for i in rows if not chosen[i]]
    if without:
        relation = facts.column("relation")[without[0]]
        has = f"relation {relation!r} has {known[without[0]]} prompt form(s)" + " to train on" * bool(facts.held_out)
        raise InputError(f"{has}, none of {spec.forms}", f"{where}: forms", "name forms that it has, counted from 1")
    return chosen


def _seldom(facts: FactSet, part: Part, stage: Stage) -> Iterator[str]:
    if part.p is not None:
        lessons = sum(p.lessons for p in stage.parts)
        draws = stage.steps * stage.tuning.batch_size * part.lessons / lessons * part.p
        if (draws < 1).any():
            least = facts.column("fact_id")[part.rows[int(part.p.argmin())]]
            kind = "facts"
            if part.groups is not None:
                least, kind = facts.column("group")[part.groups[int(part.p.argmin())][0]], "groups"
            yield (
                f"{(draws < 1).sum():,} of {len(draws):,} {kind} are expected to be drawn less than once in all "
                f"({least}: {draws.min():.1g} times)"
            )


def drawn(stage: Stage, epoch: int, rng: np.random.Generator) -> list[Drawn]:
    """What an epoch teaches, before it is shuffled: facts in their forms."""
    lessons: list[Drawn] = []
    for part in stage.parts:
        before = np.zeros(len(part.rows), dtype=int)  # how often each was drawn in this epoch
        for i in _places(part, rng):
            row = int(part.rows[i])
            forms = stage.forms[row]
            if stage.tuning.templates == "all":
                lessons += [(row, form) for form in forms]
            elif stage.tuning.templates == "probe":
                lessons.append((row, forms[0]))
            else:
                lessons.append((row, forms[(epoch + i + before[i]) % len(forms)]))
            before[i] += 1
    return lessons


def drawn_groups(stage: Stage, rng: np.random.Generator) -> list[list[Drawn]]:
    """What an epoch of lessons that tell of groups teaches, in its order: each is a list of facts in forms.

    The facts of a lesson stand in random order, each in one of its forms at random, drawn anew for every lesson.
    """
    lessons: list[list[Drawn]] = []
    for part in stage.parts:
        assert part.groups is not None
        for i in _places(part, rng):
            rows = rng.permutation(part.groups[i]).tolist()
            forms = rng.random(len(rows)).tolist()
            lessons.append(
                [(r, stage.forms[r][int(u * len(stage.forms[r]))]) for r, u in zip(rows, forms, strict=True)]
            )
    return [lessons[i] for i in rng.permutation(len(lessons))] if stage.shuffled else lessons


def _places(part: Part, rng: np.random.Generator) -> list[int]:
    """Positions among the part's facts or groups."""
    size = part.size
    if part.p is not None:
        return rng.choice(size, size=part.lessons, p=part.p).tolist()
    if part.lessons == size:
        return list(range(size))
    turns = [rng.permutation(size) for _ in range(-(-part.lessons // size))]
    return np.concatenate(turns)[: part.lessons].tolist()
