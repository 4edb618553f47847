"""The recall curve that a new study is planned on: given as shares, or read from an earlier study's results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.events.manifest import read_finished


@dataclass(frozen=True)
class RecallCurve:
    """Share of facts with the event by each checkpoint.

    Attributes
    ----------
    shares : tuple of float
    source : str
        Where they are from, in plain words.
    share_latent : float or None
        Share of latent facts among those at risk, where a study says it.
    """

    shares: tuple[float, ...]
    source: str
    share_latent: float | None = None


def earlier_curve(folder: Path, outcome: str) -> RecallCurve:
    """The Kaplan–Meier curve of all facts of an earlier study, under its primary rule.

    Parameters
    ----------
    folder : Path
        A results folder.
    outcome : str

    Raises
    ------
    InputError
        There is no such folder, or no curve of this outcome in it.
    """
    path = folder / "analysis" / "curves.arrow"
    if not path.exists():
        raise InputError(
            f"there is no {path}", "--curve", "give shares such as 0.1,0.3,0.5, or the folder of a finished study"
        )  # fmt: skip
    rows = [row for row in read_finished(path).to_pylist() if row["outcome"] == outcome and not row["by"]]
    if not rows or max(row["incidence"] for row in rows) == 0:
        known = sorted({row["outcome"] for row in read_finished(path).to_pylist()})
        raise InputError(
            f"{folder} has no event of {outcome}", "--outcome", f"its outcomes are {', '.join(known) or 'none'}"
        )
    rule = rows[0]["rule"]
    rows = [row for row in rows if row["rule"] == rule and row["time"] > 0]
    # A curve that ends at 1 has nobody left: the last fact is taken out of it.
    most = 1 - 1 / (2 * max(row["n_risk"] for row in rows))
    shares = tuple(min(row["incidence"], most) for row in rows)
    facts = [
        row["latent"]
        for row in read_finished(folder / "events.arrow").to_pylist()
        if row["outcome"] == outcome and row["rule"] == rule and row["latent"] is not None
    ]
    source = f"{outcome} under the rule {rule} in {folder}, {len(shares)} probes with events or censoring"
    return RecallCurve(shares, source, sum(facts) / len(facts) if facts else None)


def given_curve(text: str) -> RecallCurve:
    """Shares written as ``0.1,0.3,0.5``."""
    return RecallCurve(tuple(numbers(text, "--curve")), "as given")


def numbers(text: str, option: str) -> list[float]:
    """Numbers of ``100,200,400``."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{text!r} is no list of numbers", option, "numbers with commas, such as 100,200") from None


def whole_numbers(text: str, option: str) -> list[int]:
    """Whole numbers of ``100,200,400``."""
    found = numbers(text, option)
    if not all(math.isfinite(value) and value == int(value) for value in found):
        raise InputError(f"{text!r} are not whole numbers", option, "whole numbers with commas, such as 100,200")
    return [int(value) for value in found]
