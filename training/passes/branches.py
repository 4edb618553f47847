"""Sequences that begin alike, read as trees: what they share is computed once, what a pass reads stays small.

Further passes of an instrument go on from prompts that recall has read: many beginnings of answers to the same fact
differ in their last tokens only. A tree stands behind a prefix; each of its tokens sees the prefix, those above it
and itself, and is where it would be in its sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from factsurv.training.facts.prompts import Encoded, some
from factsurv.training.passes.shared_prefix import Group, prefix_groups

TOKEN = 8  # bytes of a token
# Tokens of a tree, unless a single sequence has more: attention within it costs their square.
MOST = 64


@dataclass(frozen=True)
class Tree:
    """Sequences behind a prefix.

    Attributes
    ----------
    tokens, depth : int64 (t,)
        And how many tokens of the tree stand above each.
    seen : bool (t, t)
        Whom each token (rows) sees.
    members : int64 (n,)
        Numbers of the sequences.
    places : tuple of n int64 arrays
        Where in the tree the tokens of each are.
    """

    tokens: np.ndarray
    depth: np.ndarray
    seen: np.ndarray
    members: np.ndarray
    places: tuple[np.ndarray, ...]


def trees(encoded: Encoded, group: Group) -> Iterator[Tree]:
    """The group's sequences behind its prefix, those that begin alike together."""
    behind = {int(i): encoded.tokens[i][len(group.prefix) :].tolist() for i in group.members}
    held: list[int] = []
    at: dict[tuple[int, ...], int] = {}
    for i in sorted(behind, key=behind.__getitem__):
        own = [tuple(behind[i][: k + 1]) for k in range(len(behind[i]))]
        new = sum(begun not in at for begun in own)
        if held and (new == len(own) or len(at) + new > MOST):
            yield _tree(at, held, behind)
            held, at = [], {}
        held.append(i)
        for begun in own:
            at.setdefault(begun, len(at))
    yield _tree(at, held, behind)


def _tree(at: dict[tuple[int, ...], int], held: list[int], behind: dict[int, list[int]]) -> Tree:
    seen = np.eye(len(at), dtype=bool)
    for begun, place in at.items():  # those above come first
        if len(begun) > 1:
            seen[place] |= seen[at[begun[:-1]]]
    places = tuple(np.array([at[tuple(behind[i][: k + 1])] for k in range(len(behind[i]))]) for i in held)
    tokens = np.array([begun[-1] for begun in at], dtype=np.int64)
    return Tree(tokens, np.array([len(begun) - 1 for begun in at]), seen, np.array(held), places)


def packed(found: list[tuple[int, Tree]], batch_tokens: int) -> Iterator[list[tuple[int, Tree]]]:
    """Trees, each with the number of its prefix, of similar size together: at most ``batch_tokens`` padded tokens."""
    held: list[tuple[int, Tree]] = []
    for number, tree in sorted(found, key=lambda pair: len(pair[1].tokens)):
        if held and len(tree.tokens) * (len(held) + 1) > batch_tokens:
            yield sorted(held, key=lambda pair: pair[0])
            held = []
        held.append((number, tree))
    yield sorted(held, key=lambda pair: pair[0])


def groups_behind(encoded: Encoded, known: list[bytes]) -> list[Group]:
    """Sequences behind the longest ``known`` prefix that they begin with; the others in groups of their own."""
    known = sorted(known, key=len, reverse=True)
    members: dict[bytes, list[int]] = {}
    for i, (tokens, start) in enumerate(zip(encoded.tokens, encoded.target_start, strict=True)):
        before = tokens[: start - 1].tobytes()
        members.setdefault(next((k for k in known if before.startswith(k)), b""), []).append(i)
    rest = np.array(members.pop(b"", []), dtype=np.int64)
    found = [Group(np.frombuffer(key, dtype=np.int64), np.array(each)) for key, each in members.items()]
    own = prefix_groups(some(encoded, rest)) if len(rest) else []
    return found + [Group(group.prefix, rest[group.members]) for group in own]
