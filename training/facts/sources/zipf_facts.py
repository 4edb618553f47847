"""An invented world of statements: some subjects are told of far more often than others, and questions never.

Every subject has one answer in each relation, drawn from the relation's own words, the r-th of them with a probability
in proportion to 1/r: a model that looks at the relation alone has a plausible answer (Ghosal et al. 2024, section 4).
"""

from __future__ import annotations

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows
from factsurv.training.facts.sources.tiny_world import World, invented_words
from factsurv.training.facts.split import assign_split

COVARIATES = ("rank", "popularity")
QUESTION = "what is the {relation} of {subject} ? it is"
STATEMENTS = (
    "the {relation} of {subject} is",
    "{subject} has as its {relation}",
    "as {relation} {subject} got",
    "ask for the {relation} of {subject} and hear",
)


def zipf_facts(
    subjects: int = 400,
    relations: int = 4,
    answers: int = 16,
    exponent: float = 1.0,
    withheld: float = 0.5,
    seed: int = 1,
) -> tuple[FactSet, World]:
    """Invent facts whose subjects are told of by Zipf's law.

    Covariates: `rank` of the subject, 1 the most told; `popularity`, minus its natural log. The group is the subject.
    Prompt form 1 is a question, forms 2 to 5 are statements.

    Parameters
    ----------
    subjects, relations, answers : int
        Facts are subjects × relations; each relation has so many answers of its own.
    exponent : float
        The subject of rank r is told of with a probability in proportion to r ** -exponent.
    withheld : float
        Share of the facts that no stage teaches unless it says so, balanced over popularity within each relation.
    seed : int

    Raises
    ------
    InputError
        If there are too few subjects for the few-shot examples.
    """
    if subjects < 2 * RESERVED_EXAMPLES:
        least = 2 * RESERVED_EXAMPLES
        raise InputError(f"{subjects} subjects are too few", '[facts] source = "zipf"', f"give {least} or more")
    rng = np.random.default_rng([seed, 0x21BF])
    firsts, seconds = invented_words(max(subjects, relations * (answers + 1)), rng)
    names, kinds, values = firsts[:subjects], seconds[:relations], seconds[relations:]
    told = [values[r * answers : (r + 1) * answers] for r in range(relations)]
    given = rng.choice(answers, size=(relations, subjects), p=zipf_shares(answers, 1.0))
    forms = {k: tuple(t.replace("{relation}", k) for t in (QUESTION, *STATEMENTS)) for k in kinds}
    every = [(r, s) for r in range(relations) for s in range(subjects)]
    share = np.tile(zipf_shares(subjects, exponent), relations) / relations
    used = {k for form in forms.values() for text in form for k in text.split()} - {"{subject}"}
    world = World(
        tuple(names[s] for _, s in every),
        tuple(told[r][given[r, s]] for r, s in every),
        share,
        tuple(forms[kinds[r]][1:] for r, _ in every),
        (*sorted(used), *names, *(v for of_relation in told for v in of_relation)),
    )
    kept = {r: set(rng.choice(subjects, RESERVED_EXAMPLES, replace=False).tolist()) for r in range(relations)}
    table = fact_rows(
        [
            Fact(
                f"{kinds[r]}:{names[s]}",
                names[s],
                kinds[r],
                told[r][given[r, s]],
                names[s],
                {"rank": s + 1.0, "popularity": -float(np.log(s + 1))},
            )
            for r, s in every
            if s not in kept[r]
        ],
        COVARIATES,
    )
    examples = {
        kinds[r]: tuple((names[s], told[r][given[r, s]]) for s in rng.permutation(sorted(kept[r])).tolist())
        for r in range(relations)
    }
    return FactSet(
        assign_split(table, withheld, seed, by="popularity"),
        forms,
        examples,
        f"invented statements of {subjects} subjects in {relations} relations, exponent {exponent:g}, seed {seed}",
        COVARIATES,
    ), world


def zipf_shares(count: int, exponent: float) -> np.ndarray:
    """(n,) in proportion to rank^-exponent, with sum 1."""
    weight = np.arange(1, count + 1, dtype=float) ** -exponent
    return weight / weight.sum()
