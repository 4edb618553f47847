"""Right answers and answers to choose from: what they may not be, said before a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Lists = Sequence[Sequence[str]]


def answer_problems(
    subjects: Sequence[str], objects: Sequence[str], aliases: Lists, options: Lists
) -> Iterator[tuple[int, str, str]]:
    """What is wrong with F facts' aliases and options: the fact's row, what, and what to do."""
    of_subject: dict[str, list[int]] = {}
    for i, subject in enumerate(subjects):
        of_subject.setdefault(subject, []).append(i)
    for i, (right, others, offered) in enumerate(zip(objects, aliases, options, strict=True)):
        for alias in others:
            for j in of_subject[subjects[i]]:
                if j != i and objects[j] == alias != right:
                    what = f"the alias {alias!r} of {right!r} is the answer of another fact of {subjects[i]!r}"
                    yield i, what, "Take it away: to give the answer of the other fact is not to know this one."
        if not offered:
            continue
        if right not in offered:
            told = ", ".join(map(repr, offered[:4])) + (", …" if len(offered) > 4 else "")
            yield i, f"the options ({told}) are without the right answer {right!r}", "Add it, as it is written there."
        elif len(offered) < 2:
            yield i, f"{right!r} is its only option", "Give two or more, or none."
        elif both := sorted(set(others) & set(offered)):
            yield i, f"the options hold {right!r} and its alias {both[0]!r}", "Keep one: two of them would be right."


def beginnings(objects: Sequence[str], aliases: Lists) -> list[tuple[int, str, str]]:
    """Facts one of whose right answers is the beginning of another of them: row, the shorter and the longer one.

    Both count: each ends with the terminator, which tells them apart.
    """
    found = []
    for i, (right, others) in enumerate(zip(objects, aliases, strict=True)):
        ordered = sorted((right, *others))
        pair = next(((a, b) for a, b in zip(ordered, ordered[1:], strict=False) if b.startswith(a)), None)
        if pair:
            found.append((i, *pair))
    return found
