"""Events of one's own that repeat, compete or change a state: every row at risk, with the state before and after it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from factsurv.events.own_rows import plural, rows_of
from factsurv.events.schema import CENSORED, OWN_TRANSITIONS

AT_RISK, EVENT = "at risk", "event"  # states where no column names them
# What a table with such events is analysed with, beside the models of one event.
REPEATED, COMPETING, STATES = ("andersen-gill", "pwp"), ("competing-risks",), ("multi-state",)


def ordinal(group: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of the event that each row is at risk of (1: the first), and the time since the one before it.

    Parameters
    ----------
    group : int (R,)
        One history: id, run, outcome and rule.
    start, stop : float64 (R,)
    event : bool (R,)

    Returns
    -------
    enum : int (R,)
    gap : float64 (R,)
        At ``stop``, since the history was first at risk after its last event (or at all).
    """
    order = np.lexsort((stop, start, group))
    first = np.concatenate([[True], group[order][1:] != group[order][:-1]])
    after = np.concatenate([[False], event[order][:-1]]) & ~first
    earlier = np.cumsum(after)
    episode = np.maximum.accumulate(np.where(first | after, np.arange(len(order)), 0))
    enum, gap = np.empty(len(order), dtype=int), np.empty(len(order))
    enum[order] = 1 + earlier - np.maximum.accumulate(np.where(first, earlier, 0))
    gap[order] = stop[order] - start[order][episode]
    return enum, gap


def states_of(
    before: pa.DictionaryArray | None, cause: pa.DictionaryArray | None, event: np.ndarray
) -> dict[str, pa.DictionaryArray]:
    """The columns ``from`` and ``to``; without a column of the table's, from "at risk" to "event".

    Levels are in the order of the table's rows; of ``to``, censoring is the first one.
    """
    rows = len(event)
    came = _texts(before) if before is not None else np.full(rows, AT_RISK, dtype=object)
    went = _texts(cause) if cause is not None else np.full(rows, EVENT, dtype=object)
    went = np.where(event, went, CENSORED)
    states = list(dict.fromkeys([*came.tolist(), *went[event].tolist()]))
    return {
        "from": _coded(came, [s for s in states if s in set(came)]),
        "to": _coded(went, [CENSORED, *(s for s in states if s in set(went) and s != CENSORED)]),
    }


def check_states(
    names: Mapping[str, str], before: pa.DictionaryArray | None, cause: pa.DictionaryArray | None, event: np.ndarray
) -> list[str]:
    """What is wrong with the causes and the states; ``names``: the table's column of each role."""
    problems = []
    if cause is not None:
        lacking = event & cause.is_null().to_numpy(zero_copy_only=False)
        if lacking.any():
            problems.append(f"{names['cause']}: missing in {rows_of(lacking)}, where an event happened")
        happened = set(_texts(cause)[event & ~lacking].tolist())
        if event.any() and len(happened) < 2 and before is None:
            told = f"every event is {next(iter(happened))!r}" if happened else "no event has one"
            problems.append(f"{names['cause']}: {told}, so that nothing competes; leave events.cause out")
        if CENSORED in happened:
            problems.append(f"{names['cause']}: {CENSORED!r} is no event: say under events.event_is which values are")
    if before is not None and cause is not None:
        stays = event & (_texts(before) == _texts(cause))
        if stays.any():
            problems.append(f"{names['origin']} and {names['cause']} are the same state in {rows_of(stays)}: no event")
    return problems


def several(repeated: bool, origin: bool, cause: bool) -> tuple[str, ...]:
    """Kinds of models for such a table; none for events that happen once and alone."""
    return STATES if origin else COMPETING if cause else REPEATED if repeated else ()


def first_note(event: np.ndarray, enum: np.ndarray, kinds: tuple[str, ...]) -> str:
    """In a sentence, what the models of one event take of such a table."""
    if kinds == COMPETING:
        return (
            "events have several causes: models of one event count any of them; what drives each cause, and the share "
            "that ends in it, stands in the part on competing causes"
        )
    what = "state changes" if kinds == STATES else "the event repeats"
    used, all_of_them = int((event & (enum == 1)).sum()), plural(int(event.sum()), "event", "events")
    return (
        f"{what}: models of one event take the first of each id ({used:,} of {all_of_them}) "
        "and the rows up to it; all of them are in the models of repeated events or of states"
    )


def own_transitions(
    spells: Mapping[str, pa.Array], states: Mapping[str, pa.Array], enum: np.ndarray, gap: np.ndarray
) -> dict[str, pa.Array]:
    """The columns of `OWN_TRANSITIONS`."""
    made = {**spells, **states, "enum": pa.array(enum, pa.int32()), "gap": pa.array(gap)}
    return {name: made[name] for name in OWN_TRANSITIONS}


def _texts(column: pa.DictionaryArray) -> np.ndarray:
    return np.array(column.to_pylist(), dtype=object)


def _coded(values: np.ndarray, levels: list[str]) -> pa.DictionaryArray:
    place = {level: i for i, level in enumerate(levels)}
    return pa.DictionaryArray.from_arrays(pa.array([place[v] for v in values], pa.int32()), pa.array(levels, pa.utf8()))
