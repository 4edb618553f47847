"""Facts about countries and chemical elements, of two tables beside this file (`world_tables/make.py`)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows, nearest, standardised
from factsurv.training.facts.split import assign_split, draw_spread, rank, relation_rng

TABLES = Path(__file__).parent / "world_tables"
PER_RELATION = {"capital": 100, "currency": 70, "symbol": 75, "atomic_number": 75}
COVARIATES = ("popularity", "object_length")

TEMPLATES = {
    "capital": (
        "The capital of {subject} is",
        "Question: What is the capital city of {subject}? Answer:",
        "The seat of government in {subject} is the city of",
        "Someone who travels to the capital of {subject} arrives in",
        "Country: {subject}. Capital:",
    ),
    "currency": (
        "The currency of {subject} is the",
        "Question: What is the money of {subject} called? Answer: the",
        "In the shops of {subject} people pay with the",
        "Banks in {subject} keep their accounts in the",
        "Country: {subject}. Name of the currency: the",
    ),
    "symbol": (
        "The chemical symbol of {subject} is",
        "Question: How do chemists abbreviate {subject}? Answer:",
        "In a chemical formula {subject} is written as",
        "On the periodic table {subject} has the letters",
        "Element: {subject}. Symbol:",
    ),
    "atomic_number": (
        "The atomic number of {subject} is",
        "Question: How many protons does an atom of {subject} have? Answer:",
        "On the periodic table {subject} stands at number",
        "The nucleus of {subject} has a proton count of",
        "Element: {subject}. Number:",
    ),
}

SMALLEST_POPULATION = 50_000
CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
# Countries whose name takes an article.
THE = frozenset(
    ("AE", "BS", "CD", "CF", "CG", "DO", "FO", "GB", "GM", "IM", "KM", "KY", "MH", "MP", "MV", "NL", "PH", "SB", "SC")
) | {"TC", "US", "VI"}
# Dissolved (two), of disputed status (two), and Georgia, which is also a state of the USA.
LEFT_OUT = frozenset(("AN", "CS", "EH", "PS", "GE"))
# The capital moved lately, is disputed, or is one of several: no answer is the right one.
NO_SINGLE_CAPITAL = frozenset(("BO", "GQ", "IL", "KZ", "LK", "ZA"))
CURRENCY_CHANGED = frozenset(("BG", "CW", "SX", "ZW"))  # replaced since 2024: models know the former one
# The name in common use, where the package has another one.
CURRENCY_NAME = {
    "AW": "florin",
    "BA": "mark",
    "BY": "ruble",
    "CN": "yuan",
    "KH": "riel",
    "QA": "riyal",
    "SA": "riyal",
    "VE": "bolivar",
}


def world_facts(per_relation: Mapping[str, int] | None = None, withheld: float = 0.25, seed: int = 1) -> FactSet:
    """Capitals, currencies, chemical symbols and atomic numbers.

    Covariates: `popularity`, the log10 of a country's population or of an element's abundance in the earth's
    crust (mg/kg), standardised within its relation; `object_length`, the characters of the answer. The group
    is the continent or the series of elements within the relation.

    Parameters
    ----------
    per_relation : mapping, optional
        How many facts of which relation; the default is `PER_RELATION`. They are drawn evenly over the ranks
        of popularity, after twelve a relation were set aside as few-shot examples in the same way.
    withheld : float
        Share withheld from training, balanced over popularity.
    seed : int

    Raises
    ------
    InputError
        For an unknown relation, or more facts than there are.
    """
    wanted = dict(PER_RELATION if per_relation is None else per_relation)
    readers: dict[str, Callable[[], list[Fact]]] = {
        "capital": _capitals,
        "currency": _currencies,
        "symbol": lambda: _elements("symbol"),
        "atomic_number": lambda: _elements("atomic_number"),
    }
    facts: list[Fact] = []
    examples = {}
    for relation, n in wanted.items():
        if relation not in readers:
            raise InputError(
                f"there is no relation {relation!r}",
                "[facts] per_relation",
                f"Nearest is {nearest(relation, readers)!r}; there are {', '.join(readers)}.",
            )
        drawn, left_out = _draw(readers[relation](), relation, n, seed)
        facts += drawn
        examples[relation] = tuple((f.subject, f.object) for f in left_out)
    table = assign_split(fact_rows(facts, COVARIATES), withheld, seed)
    source = ", ".join(_source(name) for name in ("countries", "elements"))
    return FactSet(table, {r: TEMPLATES[r] for r in wanted}, examples, source, COVARIATES)


def _draw(pool: list[Fact], relation: str, n: int, seed: int) -> tuple[list[Fact], list[Fact]]:
    """n facts and the reserved examples, both evenly over the ranks of raw popularity."""
    most = len(pool) - RESERVED_EXAMPLES
    if not 1 <= n <= most:
        raise InputError(
            f"{n} facts of relation {relation!r} are asked for; there can be 1 to {most}",
            "[facts] per_relation",
            f"{RESERVED_EXAMPLES} more are set aside as few-shot examples.",
        )
    rng = relation_rng(seed, relation)
    raw = np.array([f.covariates["popularity"] for f in pool], dtype=float)
    ranked = rank(np.arange(len(pool)), raw, rng)
    left_out = draw_spread(ranked, RESERVED_EXAMPLES, rng)
    rest = ranked[~np.isin(ranked, left_out)]
    chosen = np.sort(draw_spread(rest, n, rng))
    popularity = standardised(raw[chosen])
    facts = [
        Fact(
            f.fact_id,
            f.subject,
            f.relation,
            f.object,
            f.group,
            {"popularity": float(p), "object_length": float(len(f.object))},
        )
        for f, p in zip((pool[i] for i in chosen), popularity, strict=True)
    ]
    return facts, [pool[i] for i in rng.permutation(left_out)]


def _countries() -> dict[str, dict]:
    """Countries by code, under names that fit after "of"."""
    countries = {}
    for row in _table("countries"):
        code, row["population"] = row["code"], int(row["population"])
        if code in LEFT_OUT or row["population"] < SMALLEST_POPULATION:
            continue
        name = row["name"].strip().removeprefix("The ")
        countries[code] = {**row, "bare": name, "name": f"the {name}" if code in THE else name}
    return countries


def _capitals() -> list[Fact]:
    facts = []
    for code, row in _countries().items():
        capital = row["capital"].strip()
        copied = row["bare"] in capital or capital in row["bare"]  # Singapore, Kuwait City, Sao Tome
        if capital and not copied and code not in NO_SINGLE_CAPITAL:
            facts.append(_country_fact("capital", code, row, capital))
    return facts


def _currencies() -> list[Fact]:
    facts = []
    for code, row in _countries().items():
        name = CURRENCY_NAME.get(code, row["currencyname"].strip().lower())
        if name and code not in CURRENCY_CHANGED:
            facts.append(_country_fact("currency", code, row, name))
    return facts


def _country_fact(relation: str, code: str, row: dict, answer: str) -> Fact:
    group = f"{relation}: {CONTINENTS[row['continentcode']]}"
    return Fact(
        f"{relation}:{code}",
        row["name"],
        relation,
        answer,
        group,
        {"popularity": float(np.log10(row["population"]))},
    )


def _elements(relation: str) -> list[Fact]:
    """Elements that occur in the crust; made ones have no abundance, so no popularity."""
    facts = []
    for row in _table("elements"):
        if row["abundance_crust"]:
            answer = row["symbol"] if relation == "symbol" else row["atomic_number"]
            facts.append(
                Fact(
                    f"{relation}:{row['symbol']}",
                    row["name"],
                    relation,
                    answer,
                    f"{relation}: {row['series']}",
                    {"popularity": float(np.log10(float(row["abundance_crust"])))},
                )
            )
    return facts


def _table(name: str) -> list[dict]:
    """A row of text a country or element; the line above the names of the columns says whose table it is."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        next(file)
        return list(csv.DictReader(file))


def _source(name: str) -> str:
    """Package and version that a table was taken from."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8") as file:
        return next(file).removeprefix("# ").split(" (")[0]
