"""Where checkpoints that somebody else made stand in their training: read from their names, or given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from factsurv.events.errors import InputError

_NUMBER = r"(\d+(?:\.\d+)?)[ _-]?([kmbt]?)(?![a-z0-9])"
# By the unit that they count: step1000 and checkpoint-500 of transformers, step-50K, step1000-tokens4B of OLMo.
PATTERNS = {
    "step": rf"(?:step|iter|iteration|checkpoint|ckpt)s?[ _-]?{_NUMBER}",
    "token": rf"tokens?[ _-]?{_NUMBER}",
    "epoch": rf"epochs?[ _-]?{_NUMBER}",
}
TIMES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
PLAIN = r"^(\d+(?:\.\d+)?)$"


@dataclass(frozen=True)
class Positions:
    """Position of each checkpoint, and what one unit of it is called."""

    unit: str
    at: tuple[float, ...]


def positions_of(names: Sequence[str], pattern: str | None = None, unit: str | None = None) -> Positions:
    """Read the positions from names.

    Parameters
    ----------
    names : sequence of str
    pattern : str, optional
        A regular expression whose first group is the number, and its second, if there is one, k, M, B or T.
        Default: the first of `PATTERNS` that every name has, or names that are numbers.
    unit : str, optional
        What is counted; without a pattern, one of `PATTERNS`.

    Raises
    ------
    InputError
        If a name has no position, or the pattern is no regular expression with a group.
    """
    if pattern is not None:
        tried = {unit or "step": pattern}
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise InputError(f"is no regular expression ({error})", "pattern", "correct it") from error
        if not groups:
            raise InputError("has no group for the number", "pattern", r'write one in brackets: "step(\d+)"')
    else:
        tried = {u: p for u, p in PATTERNS.items() if unit in (None, u)} or PATTERNS
        tried = {**tried, "": PLAIN}
    lacking: list[str] = []
    for of, sought in tried.items():
        found = [_position(name, sought) for name in names]
        at = tuple(p for p in found if p is not None)
        if len(at) == len(names):
            return Positions(unit or of or "step", at)
        lacking = lacking or [n for n, p in zip(names, found, strict=True) if p is None]
    shown = ", ".join(repr(n) for n in lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
    raise InputError(
        f"no position can be read from {shown}", "pattern",
        r'say where the number stands, as in pattern = "ck(\d+)", or give the positions',
    )  # fmt: skip


def _position(name: str, pattern: str) -> float | None:
    found = re.findall(pattern, name, re.IGNORECASE)
    if not found:
        return None
    number, *times = found[-1] if isinstance(found[-1], tuple) else (found[-1],)
    try:
        return float(number) * TIMES.get((times[0] if times else "").lower(), 1.0)
    except ValueError:
        return None


def without_position(name: str, pattern: str | None = None) -> str:
    """The name without its position: what checkpoints of one training have in common."""
    for sought in [pattern] if pattern else PATTERNS.values():
        name = re.sub(sought, "", name, flags=re.IGNORECASE)
    return name.strip(" _-@/")


def check_increasing(names: Sequence[str], at: Sequence[float], where: str) -> None:
    """Refuse positions that do not increase, and a series of one.

    Raises
    ------
    InputError
    """
    if len(at) < 2:
        raise InputError(
            f"a series of {'one checkpoint' if len(at) else 'no checkpoint'} has nothing that could happen in it",
            where, "give two or more",
        )  # fmt: skip
    for (a, p), (b, q) in zip(zip(names, at, strict=True), zip(names[1:], at[1:], strict=True), strict=False):
        if q <= p:
            raise InputError(
                f"positions do not increase: {b!r} (at {q:g}) comes after {a!r} (at {p:g})", where,
                "put the checkpoints into the order of their training, each position once",
            )  # fmt: skip
