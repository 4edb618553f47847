"""Facts and what follows from them: a person's city and the city's language, a city's mayor and its landmark's city.

Three designs after Feng, Russell and Steinhardt (2024, section 3 and appendix), with names, cities and forms of our
own. *First hop*: the fact is the first of two steps ("Ann lives in Rome": which language do people speak there?).
*Second hop*: the fact is the second step ("the mayor of Rome is Ann": who is mayor of the Colosseum's city?). *Nonce*:
both relations are made-up words, and the map from cities to animals is nowhere told: a model can have it only from
other names' implications.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.sources.tiny_world import World
from factsurv.training.spec import FactsSpec

TABLES = Path(__file__).parent / "two_hop_tables"
WHERE = '[facts] source = "two-hop"'
COVARIATES = ("city",)
TEMPLATES = {
    "city": ("{subject} blim in",),
    "animal": ("{subject} vork the",),
    "home": ("{subject} lives in",),
    "language": ("In the city where {subject} lives, people speak",),
    "mayor": ("The mayor of {subject} is",),
    "landmark's mayor": ("The mayor of the city where you find {subject} is",),
}
# Who is told of when: names of a model's pretraining, of the stages whose order is studied, and of the test.
SETS = ("pretraining", "order", "test", "counterfactual")


def two_hop(spec: FactsSpec) -> tuple[FactSet, World]:
    """The facts and implications of a design, and the world of a model that is pretrained on the facts.

    Every implication has `links` to its fact; the group is the person, and the covariate `city` is the city of both.
    Only the facts of the set `test` are trained unless a stage says otherwise. Of the nonce design the set
    `counterfactual` tells the names of `order` anew, each with another city than before.

    Parameters
    ----------
    spec : FactsSpec
        `design`, and its sizes: `pretraining_names`, `order_names`, `test_names`, `cities`, `animals`.

    Raises
    ------
    InputError
        If a size is more than there are words for.
    """
    tables = {name: _read(name) for name in ("cities", "animals", "names")}
    rng = np.random.default_rng([spec.seed, 0x2409])
    facts: list[Fact] = []
    if spec.design == "nonce":
        facts = _nonce(spec, tables, rng)
    else:
        for hop in ("first-hop", "second-hop"):
            facts += HOPS[hop](spec, tables, rng) if spec.design in (hop, "both-hops") else []
    relations = dict.fromkeys(f.relation for f in facts)
    split = ["trained" if f.sets["test"] and f.role == "fact" else "withheld" for f in facts]
    made = FactSet(
        fact_rows(facts, COVARIATES, split),
        {r: TEMPLATES[r] for r in relations},
        dict.fromkeys(relations, ()),
        f"facts and what follows from them, design {spec.design}, seed {spec.seed}",
        COVARIATES,
    )
    return made, _world(facts)


def _nonce(spec: FactsSpec, tables: dict, rng: np.random.Generator) -> list[Fact]:
    sizes = {"pretraining": spec.pretraining_names, "order": spec.order_names, "test": spec.test_names}
    cities = _first(tables["cities"]["city"], spec.cities, "cities")
    animals = _first(tables["animals"]["animal"], spec.animals, "animals")
    if len(animals) > len(cities):
        told = "each animal belongs to a city: give at most as many as cities (fewer: several cities share one)"
        raise InputError(f"{len(animals)} animals and {len(cities)} cities", WHERE, told)
    of_city = rng.permutation(np.arange(len(cities)) % len(animals))  # many to one where there are fewer animals
    pairs = [f"{a} {b}" for a in tables["names"]["first"] for b in tables["names"]["last"]]
    names = _first([pairs[i] for i in rng.permutation(len(pairs))], sum(sizes.values()), "names in all")
    facts, at = [], 0
    for of_set, size in sizes.items():
        mine, at = names[at : at + size], at + size
        lives = rng.permutation(np.arange(size) % len(cities))
        draws = [(of_set, lives)]
        if of_set == "order" and size and len(cities) > 1:
            draws.append(("counterfactual", (lives + rng.integers(1, len(cities), size)) % len(cities)))
        for drawn, city in draws:
            for name, c in zip(mine, city.tolist(), strict=True):
                again = ":counterfactual" * (drawn == "counterfactual")
                pair = (("city", name, cities[c]), ("animal", name, animals[of_city[c]]))
                facts += _both(*pair, name, cities[c], drawn, again)
    return facts


def _first_hop(spec: FactsSpec, tables: dict, rng: np.random.Generator) -> list[Fact]:
    """Names with cities, evenly; who speaks what follows."""
    cities = _first(tables["cities"]["city"], spec.cities, "cities")
    names = _people(spec, tables, rng)
    lives = rng.permutation(np.arange(len(names)) % len(cities)).tolist()
    return [
        fact
        for name, c in zip(names, lives, strict=True)
        for fact in _both(
            ("home", name, cities[c]), ("language", name, tables["cities"]["language"][c]), name, cities[c], "test"
        )
    ]


def _second_hop(spec: FactsSpec, tables: dict, rng: np.random.Generator) -> list[Fact]:
    """A mayor for each city: as many as there are names, at most one a city."""
    cities = _first(tables["cities"]["city"], spec.cities, "cities")
    names = _first(_people(spec, tables, rng), min(spec.test_names, len(cities)), "names")
    return [
        fact
        for name, c in zip(names, rng.permutation(len(cities))[: len(names)].tolist(), strict=True)
        for fact in _both(
            ("mayor", cities[c], name),
            ("landmark's mayor", tables["cities"]["landmark"][c], name),
            name,
            cities[c],
            "test",
        )
    ]


HOPS = {"first-hop": _first_hop, "second-hop": _second_hop}


def _people(spec: FactsSpec, tables: dict, rng: np.random.Generator) -> list[str]:
    """Names that differ in the first name, so that answers differ in their first token."""
    firsts = _first(tables["names"]["first"], spec.test_names, "names")
    return [f"{a} {tables['names']['last'][b]}" for a, b in zip(firsts, rng.permutation(len(firsts)), strict=True)]


def _both(
    fact: tuple[str, str, str], follows: tuple[str, str, str], group: str, city: str, of_set: str, again: str = ""
) -> list[Fact]:
    """A fact and its implication, each as (relation, subject, object)."""
    sets = {name: name == of_set for name in SETS}
    ids = [f"{relation}:{subject}".replace(" ", "-") + again for relation, subject, _ in (fact, follows)]
    made = []
    for (relation, subject, answer), fact_id, role in zip((fact, follows), ids, ("fact", "implication"), strict=True):
        links = (ids[0],) if role == "implication" else ()
        made.append(Fact(fact_id, subject, relation, answer, group, {"city": city}, sets, role, links))
    return made


def _world(facts: list[Fact]) -> World:
    """What a model reads that is pretrained on the spot: the facts (not what follows) of the first set of names."""
    told = [f for f in facts if f.role == "fact"]
    told = [f for f in told if f.sets["pretraining"]] or told
    texts = [t for f in facts for t in (*TEMPLATES[f.relation], f.subject, f.object)]
    words = sorted({word for text in texts for word in text.split()} - {"{subject}"})
    return World(
        tuple(f.subject for f in told),
        tuple(f.object for f in told),
        np.full(len(told), 1 / len(told)),
        tuple(TEMPLATES[f.relation] for f in told),
        tuple(words),
    )


def _read(name: str) -> dict[str, list[str]]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: [row[column] for row in rows] for column in rows[0]}


def _first(words: list[str], count: int, what: str) -> list[str]:
    if count > len(words):
        raise InputError(f"{count} {what} are asked for, and there are {len(words)}", WHERE, "ask for fewer")
    return words[:count]
