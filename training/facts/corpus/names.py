"""Which documents name which subjects and objects: Aho-Corasick over bytes, and what counts as a name."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ahocorasick_rs
import numpy as np

from factsurv.training.facts.corpus.documents import Documents

_WORD = np.array([chr(b).isalnum() or chr(b) == "_" for b in range(128)] + [True] * 128)


@dataclass(frozen=True)
class Found:
    """Of one part of a corpus: documents that are not empty, and of F facts float64 (3, F): those of them with the
    subject, the object, both."""

    documents: int
    numbers: np.ndarray


class Names:
    """The names of F facts, ready to be looked for.

    Parameters
    ----------
    subjects, objects : sequences of F tuples of str
        All names of each; one of them in a document is enough.
    rule : str
        Of `RULES`.
    """

    def __init__(self, subjects: Sequence[tuple[str, ...]], objects: Sequence[tuple[str, ...]], rule: str):
        things = {names: i for i, names in enumerate(dict.fromkeys((*subjects, *objects)))}
        self._subject = np.array([things[names] for names in subjects])
        self._object = np.array([things[names] for names in objects])
        self._things, self._matches = len(things), RULES[rule]
        owners: dict[str, list[int]] = {}
        for names, thing in things.items():
            for name in names:
                owners.setdefault(name, []).append(thing)
        self._owner_start = np.cumsum([0, *map(len, owners.values())])
        self._owners = np.array([t for each in owners.values() for t in each])
        self._automaton = ahocorasick_rs.BytesAhoCorasick([n.encode() for n in owners])
        order = np.argsort(self._subject, kind="stable")
        self._facts, self._first = order, np.searchsorted(self._subject[order], np.arange(self._things + 1))

    def count(self, part: Documents) -> Found:
        """In how many of these documents each fact's subject, its object, and both are named."""
        found = self._automaton.find_matches_as_indexes(part.data.data, overlapping=True)
        flat = np.fromiter(itertools.chain.from_iterable(found), np.int64, 3 * len(found)).reshape(-1, 3)
        name, start, stop = flat.T
        document = np.searchsorted(part.offsets, start, "right") - 1
        begin, end = part.offsets[document], part.offsets[document + 1]
        kept = stop <= end  # else it runs from one document into the next
        kept &= self._matches(part.data, start, stop, begin, end)
        document, thing = _spread(document[kept], self._owner_start, name[kept])
        named = np.unique(document * self._things + self._owners[thing])
        of_thing = np.bincount(named % self._things, minlength=self._things).astype(float)
        document, fact = _spread(named // self._things, self._first, named % self._things)
        fact = self._facts[fact]
        wanted = document * self._things + self._object[fact]
        at = np.searchsorted(named, wanted)
        there = named[np.minimum(at, len(named) - 1)] == wanted if len(named) else np.zeros(0, bool)
        both = np.bincount(fact[there], minlength=len(self._subject)).astype(float)
        return Found(part.count, np.stack([of_thing[self._subject], of_thing[self._object], both]))


def _spread(value: np.ndarray, first: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``value`` repeated for each of the places first[of], …, first[of + 1] - 1, and these places."""
    many = first[of + 1] - first[of]
    ends = np.cumsum(many)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - many, many)
    return np.repeat(value, many), np.repeat(first[of], many) + within


Matches = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _word(data: np.ndarray, start: np.ndarray, stop: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Neither the sign before nor the one after belongs to a word, in any alphabet."""
    free = np.ones(len(start), bool)
    inside = np.flatnonzero(start > begin)
    free[inside] = ~_WORD[data[start[inside] - 1]]
    for i in inside[data[start[inside] - 1] >= 128].tolist():
        free[i] = not _of_word(_last(data[max(begin[i], start[i] - 4) : start[i]].tobytes()))
    inside = np.flatnonzero((stop < end) & free)
    free[inside] = ~_WORD[data[stop[inside]]]
    for i in inside[data[stop[inside]] >= 128].tolist():
        free[i] = not _of_word(data[stop[i] : min(end[i], stop[i] + 4)].tobytes().decode("utf-8", "ignore")[:1])
    return free


def _last(before: bytes) -> str:
    return before.decode("utf-8", "ignore")[-1:]


def _of_word(sign: str) -> bool:
    return sign.isalnum() or (sign != "" and unicodedata.combining(sign) > 0)


def _paper(data: np.ndarray, start: np.ndarray, stop: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """`" " + name in " " + document` (Jiang et al. 2025): a space before, anything after, as Niger in Nigeria."""
    free = start == begin
    inside = np.flatnonzero(~free)
    free[inside] = data[start[inside] - 1] == 32
    return free


def _anywhere(data: np.ndarray, start: np.ndarray, stop: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.ones(len(start), bool)


RULES: dict[str, Matches] = {"word": _word, "paper": _paper, "anywhere": _anywhere}
