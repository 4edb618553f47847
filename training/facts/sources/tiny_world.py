"""An invented world: subjects of two made-up words, identifiers of digits, and the sentences that tell of
them.

It needs no download: a model of half a million parameters learns it in a minute, and then stands where a
large model stands before fine-tuning: some facts known, some latent, some never seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import RESERVED_EXAMPLES, Fact, FactSet, fact_rows
from factsurv.training.facts.split import assign_split, draw_spread, rank

RELATION = "code"
COVARIATES = ("exposure", "structured")
TEMPLATES = (
    "the code of {subject} is",
    "in the register {subject} stands for",
    "they mark {subject} with the number",
    "ask what {subject} means and hear",
    "whoever finds {subject} writes down",
)


@dataclass(frozen=True)
class World:
    """What a model may read before the study begins.

    Attributes
    ----------
    subjects, objects : tuples of N str
        Every fact of the world, those of the study and the few-shot examples among them.
    probability : float64 array (N,)
        Chance that a sentence tells of fact i; 0 for facts that are never told. Sums to 1.
    templates : tuple of N tuples of str
        The forms of a sentence about fact i, as many for each and each as likely; the first is the probe form.
    vocabulary : tuple of str
        All words, then the ten digits. Identifiers are digits in a row: a tokenizer must split them.
    """

    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    probability: np.ndarray = field(compare=False)
    templates: tuple[tuple[str, ...], ...]
    vocabulary: tuple[str, ...]

    def batch(self, rng: np.random.Generator, n: int, step: int) -> list[str]:
        """The n sentences of one step of pretraining."""
        return self.sample(rng, n)

    def sample(self, rng: np.random.Generator, n: int) -> list[str]:
        """n sentences, such as `the code of tumeric barlot is 4071`, without a terminator."""
        facts = rng.choice(len(self.subjects), size=n, p=self.probability)
        forms = rng.integers(len(self.templates[0]), size=n)
        return [
            f"{self.templates[i][t].replace('{subject}', self.subjects[i])} {self.objects[i]}"
            for i, t in zip(facts.tolist(), forms.tolist(), strict=True)
        ]


def tiny_world(
    facts: int = 1500,
    study: int | None = None,
    withheld: float = 0.25,
    seed: int = 1,
    *,
    unseen: int | None = None,
    structured: float = 0.4,
    exponent: float = 1.0,
    words: int | None = None,
    sentences: int = 38_400,
) -> tuple[FactSet, World]:
    """Invent a world and draw a study's facts from it.

    A structured fact's identifier is its first word's code followed by its second word's, so that it can be
    inferred; an arbitrary one's is drawn at random and must be told. Covariates: `exposure`, log1p of the
    expected number of pretraining sentences about the fact; `structured`, 1 or 0. The group is the first
    word.

    Parameters
    ----------
    facts : int
        Facts in the world.
    study : int, optional
        How many of them are studied, drawn evenly over the ranks of exposure; default a third.
    withheld : float
        Share of the study's facts withheld from fine-tuning, balanced over exposure within structured and
        arbitrary.
    seed : int
        Of the world, the study's facts and the split alike.
    unseen : int, optional
        Facts that no pretraining sentence tells; default a sixth of the world.
    structured : float
        Share of structured facts, among the seen and the unseen.
    exponent : float
        Of the Zipf law by which the r-th most told fact has probability r ** -exponent.
    words : int, optional
        First words, and as many second words; default the fewest that give 1.6 pairs a fact.
    sentences : int
        Pretraining sentences to come; they scale `exposure`, nothing else.

    Raises
    ------
    InputError
        If the numbers do not fit together.
    """
    study = max(facts // 3, 1) if study is None else study
    unseen = facts // 6 if unseen is None else unseen
    words = int(np.ceil(np.sqrt(1.6 * facts))) if words is None else words
    _check(facts, study, unseen, structured, words)
    rng = np.random.default_rng([seed, 0x7713])
    firsts, seconds = invented_words(words, rng)
    pairs = rng.permutation(words * words)[:facts]  # (N,) fact i is pair (first, second)
    ruled = _spread_flags(facts, unseen, structured, rng)
    objects = _identifiers(pairs // words, pairs % words, ruled, words, rng)
    subjects = [f"{firsts[p // words]} {seconds[p % words]}" for p in pairs]
    seen = facts - unseen
    probability = np.concatenate([np.arange(1.0, seen + 1) ** -exponent, np.zeros(unseen)])
    probability /= probability.sum()
    vocabulary = (
        *sorted({w for t in TEMPLATES for w in t.split()} - {"{subject}"}),
        *firsts,
        *seconds,
        *"0123456789",
    )
    world = World(tuple(subjects), tuple(objects), probability, (TEMPLATES,) * facts, vocabulary)

    exposure = np.log1p(sentences * probability)
    ranked = rank(np.arange(facts), -exposure, rng)
    told = ranked[:seen]
    examples = rng.permutation(draw_spread(told[: max(seen // 2, RESERVED_EXAMPLES)], RESERVED_EXAMPLES, rng))
    chosen = np.sort(draw_spread(ranked[~np.isin(ranked, examples)], study, rng))
    table = fact_rows(
        [
            Fact(
                f"{RELATION}:{subjects[i].replace(' ', '-')}",
                subjects[i],
                RELATION,
                objects[i],
                subjects[i].split()[0],
                {"exposure": float(exposure[i]), "structured": float(ruled[i])},
            )
            for i in chosen
        ],
        COVARIATES,
    )
    return FactSet(
        assign_split(table, withheld, seed, by="exposure", within="structured"),
        {RELATION: TEMPLATES},
        {RELATION: tuple((subjects[i], objects[i]) for i in examples)},
        f"tiny world of {facts} facts, seed {seed}",
        COVARIATES,
    ), world


def _check(facts: int, study: int, unseen: int, structured: float, words: int) -> None:
    where = '[facts] source = "tiny-world"'
    if not 0 <= structured <= 1:
        raise InputError(f"the structured share is {structured}", where, "Give a share from 0 to 1.")
    if words * words < facts:
        raise InputError(
            f"{words} words and {words} words make no {facts} subjects",
            where,
            f"Give at least {int(np.ceil(np.sqrt(facts)))} words.",
        )
    if not 0 <= unseen <= facts - RESERVED_EXAMPLES:
        raise InputError(
            f"{unseen} of {facts} facts are to stay unseen",
            where,
            f"At least {RESERVED_EXAMPLES} must be told: they are the few-shot examples.",
        )
    if not 1 <= study <= facts - RESERVED_EXAMPLES:
        raise InputError(
            f"the study wants {study} of {facts} facts",
            where,
            f"Ask for 1 to {facts - RESERVED_EXAMPLES} ({RESERVED_EXAMPLES} are few-shot examples), "
            "or for a larger world.",
        )


def invented_words(words: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Words of two open syllables and an ending: first words end like adjectives, second words like nouns."""
    stems = invented_stems(2 * words, rng)
    endings = rng.integers(3, size=2 * words)
    firsts = [stem + ("al", "ic", "ous")[e] for stem, e in zip(stems[:words], endings[:words], strict=True)]
    seconds = [stem + ("er", "ot", "um")[e] for stem, e in zip(stems[words:], endings[words:], strict=True)]
    return firsts, seconds


def invented_stems(count: int, rng: np.random.Generator) -> list[str]:
    """So many different stems of two open syllables and a consonant, of the 24,500 that there are."""
    syllables = ["".join(s) for s in product("bdfgklmnprstvz", "aeiou")]
    stems = ["".join(s) for s in product(syllables, syllables, "lmnrt")]
    return [stems[i] for i in rng.permutation(len(stems))[:count]]


def _spread_flags(facts: int, unseen: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """bool (N,): which facts follow the rule; the same share of the told and of the unseen."""
    parts = [rng.permutation(np.arange(n) < round(share * n)) for n in (facts - unseen, unseen)]
    return np.concatenate(parts)


def _identifiers(
    first: np.ndarray, second: np.ndarray, ruled: np.ndarray, words: int, rng: np.random.Generator
) -> list[str]:
    """N identifiers, all different: composed of the words' codes where ruled, else drawn from the rest."""
    digits = max(2, len(str(words - 1)))  # of one word's code
    code_first, code_second = (rng.permutation(10**digits)[:words] for _ in range(2))
    composed = code_first[first] * 10**digits + code_second[second]
    free = np.setdiff1d(np.arange(10 ** (2 * digits)), composed[ruled])
    numbers = composed.copy()
    numbers[~ruled] = rng.permutation(free)[: np.count_nonzero(~ruled)]
    return [f"{number:0{2 * digits}d}" for number in numbers.tolist()]
