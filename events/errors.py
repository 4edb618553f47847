"""Errors that are for people: what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Something that the user gave cannot be used. The command ends with exit code 2.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    where : str
        File, key or row.
    remedy : str
        What to do about it.
    """

    def __init__(self, what: str, where: str = "", remedy: str = ""):
        self.what, self.where, self.remedy = what, where, remedy
        self.parts: Sequence[InputError] = ()  # of an error that tells several
        parts = [f"{where}: {what}" if where else what]
        if remedy:
            parts.append(f"What to do: {remedy}")
        super().__init__("\n".join(parts))

    def __reduce__(self):
        return type(self), (self.what, self.where, self.remedy)

    def line(self) -> str:
        """All of it on one line, for a list of several."""
        return (f"{self.where}: " if self.where else "") + self.what + (f" ({self.remedy})" if self.remedy else "")


def together(found: Sequence[InputError], where: str, remedy: str) -> InputError:
    """What was found as one error: a single one as it is, several as lines with a place and a remedy each."""
    if len(found) == 1:
        return found[0]
    parts = [part for error in found for part in error.parts or [error]]
    joined = InputError("\n  ".join([f"{len(parts)} problems:", *(e.line() for e in parts)]), where, remedy)
    joined.parts = parts
    return joined


class Problems:
    """What is wrong with one file, collected so that it is told all at once."""

    def __init__(self, path: object):
        self.path, self.found = str(path), list[InputError]()

    def add(self, what: str, where: str = "", remedy: str = "") -> None:
        """``where`` is a place in the file: a key or rows."""
        self.found.append(InputError(what, where, remedy))

    def tell(self) -> None:
        """Raise InputError if anything was added."""
        if len(self.found) == 1:
            only = self.found[0]
            raise InputError(only.what, f"{self.path}, {only.where}" if only.where else self.path, only.remedy)
        if self.found:
            raise together(self.found, self.path, "correct these; nothing was started")
