"""What follows from what: the role of each fact, and the facts that an implication follows from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from factsurv.events import schema


def resolved(
    links: Sequence[Sequence[str]], ids: Sequence[str], subjects: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[tuple[int, str]]]:
    """Links by fact id or subject (F lists) as fact ids, and what cannot be followed: its row and why."""
    known = set(ids)
    of_subject: dict[str, list[str]] = {}
    for fact, subject in zip(ids, subjects, strict=True):
        of_subject.setdefault(subject, []).append(fact)
    found: list[tuple[str, ...]] = []
    wrong: list[tuple[int, str]] = []
    for i, names in enumerate(links):
        followed = []
        for name in names:
            facts = [name] if name in known else of_subject.get(name, [])
            if len(facts) == 1:
                followed.append(facts[0])
            elif facts:
                wrong.append((i, f"{name!r} is the subject of {len(facts)} facts; name one: {', '.join(facts[:3])}"))
            else:
                wrong.append((i, f"{name!r} is neither the id nor the subject of a fact"))
        found.append(tuple(dict.fromkeys(followed)))
    return found, wrong


def link_problems(
    ids: Sequence[str], roles: Sequence[str], links: Sequence[Sequence[str]]
) -> Iterator[tuple[int, str, str]]:
    """What is wrong with roles and links by fact id: the fact's row, what, and what to do."""
    known = set(ids)
    in_circle = _circle(dict(zip(ids, links, strict=True)))
    for i, (fact, role, follows) in enumerate(zip(ids, roles, links, strict=True)):
        if role not in schema.ROLES:
            yield i, f"the role is {role!r}", f"Write {' or '.join(schema.ROLES)}."
        elif follows and role != "implication":
            yield i, "it has links and is no implication", "Give it the role implication, or take the links away."
        for name in follows:
            if name == fact:
                yield i, "it follows from itself", "Name the facts that it follows from."
            elif name not in known:
                yield i, f"it follows from {name!r}, which is no fact", "Name the id of a fact."
            elif {fact, name} <= in_circle:
                yield i, f"it follows from {name!r}, and in the end from itself", "Take one link of the circle away."


def _circle(follows: Mapping[str, Sequence[str]]) -> set[str]:
    """Facts that follow, one from the other, in a circle: the first one that is found."""
    try:
        TopologicalSorter({fact: [n for n in names if n != fact] for fact, names in follows.items()}).prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()
