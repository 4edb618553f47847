"""An invented world of a fixed text: every sentence is written down before a model reads any, so counts are exact.

A fact's subject may also be told of without its object, and with a wrong one; some objects are the answer far more
often than others. So co-occurrence, mutual information and the size of the model foretell different things (Jiang et
al. 2025, arXiv 2502.04066; sizes are ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.counts import Counts, count_texts
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows
from factsurv.training.facts.sources.tiny_world import World, invented_words
from factsurv.training.facts.sources.zipf_facts import STATEMENTS, zipf_shares
from factsurv.training.facts.split import assign_split

FORMS = (*STATEMENTS, "whoever looks for the {relation} of {subject} finds")
NOISE = ("nobody knows where {subject} is", "{subject} was seen again", "they talk about {subject} too")


@dataclass(frozen=True)
class ToldWorld(World):
    """A world whose sentences are fixed and in order.

    Attributes
    ----------
    text : tuple of str
    """

    text: tuple[str, ...] = ()

    def batch(self, rng: np.random.Generator, n: int, step: int) -> list[str]:
        """The next n sentences of the text, over and over."""
        return [self.text[i % len(self.text)] for i in range(step * n, (step + 1) * n)]


def told_world(
    subjects: int = 400,
    relations: int = 4,
    answers: int = 60,
    sentences: int = 100_000,
    exponent: float = 1.0,
    competing: float = 0.2,
    noise: float = 0.2,
    withheld: float = 0.25,
    seed: int = 1,
) -> tuple[FactSet, ToldWorld, Counts]:
    """Write a text about invented facts, and count them in it.

    Parameters
    ----------
    subjects, relations, answers : int
        Facts are subjects × relations; each relation has so many answers of its own.
    sentences : int
        Of the text; each is a document of the counts.
    exponent : float
        The fact of rank r, at random, is told with a probability in proportion to r ** -exponent; the answer of rank r
        is right with one in proportion to 1 / r.
    competing, noise : float
        Shares of sentences with an answer at random in place of the right one, and with the subject alone.
    withheld : float
        Share of the facts that no training teaches, balanced over how often they are told.
    seed : int

    Raises
    ------
    InputError
        If there are too few subjects for the few-shot examples, or no sentence is left for the facts.
    """
    where = '[facts] source = "told-world"'
    if subjects < 2 * RESERVED_EXAMPLES:
        raise InputError(f"{subjects} subjects are too few", where, f"give {2 * RESERVED_EXAMPLES} or more")
    if competing + noise >= 1:
        what = f"competing = {competing} and noise = {noise} leave no sentence for the facts"
        raise InputError(what, where, "lower them")
    rng = np.random.default_rng([seed, 0x5311])
    firsts, seconds = invented_words(max(subjects, relations * (answers + 1)), rng)
    names, kinds, values = firsts[:subjects], seconds[:relations], seconds[relations:]
    told = [values[r * answers : (r + 1) * answers] for r in range(relations)]
    given = rng.choice(answers, size=(relations, subjects), p=zipf_shares(answers, 1.0))
    every = [(r, s) for r in range(relations) for s in range(subjects)]
    share = rng.permutation(zipf_shares(len(every), exponent))
    forms = {k: tuple(t.replace("{relation}", k) for t in FORMS) for k in kinds}
    about, form = rng.choice(len(every), sentences, p=share), rng.integers(len(FORMS), size=sentences)
    kind, other = rng.random(sentences), rng.integers(answers, size=sentences)
    empty = rng.integers(len(NOISE), size=sentences)
    text = []
    for i, f, u, o, e in zip(about.tolist(), form.tolist(), kind.tolist(), other.tolist(), empty.tolist(), strict=True):
        r, s = every[i]
        if u < noise:
            text.append(NOISE[e].replace("{subject}", names[s]))
        else:
            answer = told[r][o if u < noise + competing else given[r, s]]
            text.append(f"{forms[kinds[r]][f].replace('{subject}', names[s])} {answer}")
    used = {w for of in (*forms.values(), NOISE) for t in of for w in t.split()} - {"{subject}"}
    world = ToldWorld(
        tuple(names[s] for _, s in every),
        tuple(told[r][given[r, s]] for r, s in every),
        share,
        tuple(forms[kinds[r]] for r, _ in every),
        (*sorted(used), *names, *(v for of_relation in told for v in of_relation)),
        tuple(text),
    )
    kept = {r: set(rng.choice(subjects, RESERVED_EXAMPLES, replace=False).tolist()) for r in range(relations)}
    rows = [i for i, (r, s) in enumerate(every) if s not in kept[r]]
    table = fact_rows(
        [
            Fact(f"{kinds[r]}:{names[s]}", names[s], kinds[r], told[r][given[r, s]], names[s],
                 {"told": float(np.log(sentences * share[i]))})
            for i, (r, s) in ((i, every[i]) for i in rows)
        ],
        ("told",),
    )  # fmt: skip
    examples = {
        kinds[r]: tuple((names[s], told[r][given[r, s]]) for s in rng.permutation(sorted(kept[r])).tolist())
        for r in range(relations)
    }
    source = f"{sentences:,} invented sentences of {subjects} subjects in {relations} relations, seed {seed}"
    facts = FactSet(assign_split(table, withheld, seed, by="told"), forms, examples, source, ("told",))
    return facts, world, count_texts(facts, world.text)
