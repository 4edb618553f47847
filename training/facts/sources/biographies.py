"""Invented people with six attributes each, told in sentences of many forms: what a model learns from nothing.

As in Zucchet et al. (2025, section 2): names of three parts, and 25 sentence forms an attribute; each person is told of
in some of them and asked about in the others. Names, values and forms are our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.errors import Problems
from factsurv.training.facts.fact_set import FactSet, nearest, split_column
from factsurv.training.facts.sources.biography_forms import FORMS
from factsurv.training.facts.sources.tiny_world import invented_stems

WHERE = '[facts] source = "biographies"'
POOLS = ("seen", "unseen", "new")
PARTS = 3  # of a name
NAME_ENDINGS = (("a", "o", "en"), ("is", "us", "el"), ("son", "man", "ley"))
DAYS, FIRST_YEAR, YEARS = 28, 1900, 100
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
VALUE_ENDINGS = {
    "birth place": ("ton", "ville", "burg"),
    "university": (" College", " University", " Institute"),
    "major": ("ology", "istics", "ometry"),
    "company": (" Works", " Bank", " Stores"),
    "location": ("port", "stad", "haven"),
}
STEMS = 24_500  # that there are


def biographies(
    individuals: int = 512,
    unseen: int = 0,
    new: int = 0,
    *,
    names: int = 48,
    values: int | Mapping[str, int] = 32,
    attributes: Sequence[str] = tuple(FORMS),
    held_out: int = 5,
    templates: Mapping[str, Sequence[str]] | None = None,
    seed: int = 1,
) -> FactSet:
    """Invent people. A fact is one attribute of one of them, its group is the person.

    Every fact is in one of the sets `seen` (split trained), `unseen` (withheld: no stage teaches it unless it says so)
    and `new` (trained, for a later stage). Covariates: `rank` of the person in the pool, from 1, in the order in which
    the facts stand: to draw people by rank^-α; `alike`, how many others of those seen share two of the name's three
    words. Values are drawn independently and evenly. There are no few-shot
    examples: a model that reads nothing else than biographies needs no format.

    Parameters
    ----------
    individuals, unseen, new : int
        People in each pool.
    names : int
        Different words for each of the three parts of a name.
    values : int or mapping of attribute to int
        Different values of each attribute, 2 or more.
    attributes : sequence of str
        Some of `FORMS`.
    held_out : int
        Sentence forms of each attribute that are drawn for each person, to ask in and never to tell in.
    templates : mapping of attribute to texts, optional
        Sentence forms instead of ours.
    seed : int

    Raises
    ------
    InputError
        If there are fewer names than people, a value set is smaller than two or larger than what can be made up, no
        form is left to tell in, or an attribute is unknown: all that is wrong at once.
    """
    people = individuals + unseen + new
    forms = {a: tuple((templates or {}).get(a, FORMS.get(a, ()))) for a in attributes}
    sizes = {a: values if isinstance(values, int) else values.get(a, 32) for a in attributes}
    _check(people, names, values, sizes, attributes, held_out, forms, templates or {})
    rng = np.random.default_rng([seed, 0xB10])
    needed = PARTS * names + sum(size for a, size in sizes.items() if a != "birth date")
    stems = iter(invented_stems(needed, rng))
    parts = [[f"{next(stems)}{ends[i % 3]}".capitalize() for i in range(names)] for ends in NAME_ENDINGS]
    told = {a: _dates(size, rng) if a == "birth date" else _values(a, size, stems) for a, size in sizes.items()}
    called = np.stack(np.unravel_index(rng.choice(names**PARTS, people, replace=False), (names,) * PARTS), 1)
    who = [" ".join(part[k] for part, k in zip(parts, name, strict=True)) for name in called.tolist()]
    given = {a: rng.integers(size, size=people) for a, size in sizes.items()}
    least = min(map(len, forms.values()))
    asked = rng.permuted(np.tile(np.arange(1, least + 1), (people, 1)), axis=1)[:, :held_out].tolist()
    pool = np.repeat(np.arange(len(POOLS)), (individuals, unseen, new))
    rank = np.concatenate([np.arange(1.0, n + 1) for n in (individuals, unseen, new)])
    alike = _alike(called, names, pool == 0)
    of, which = (each.ravel() for each in np.indices((people, len(attributes))))  # person and attribute of each fact
    starts = np.cumsum([0, *(len(told[a]) for a in attributes)])[:-1]
    value = np.stack([starts[k] + given[a] for k, a in enumerate(attributes)], axis=1).ravel()
    subject, relation = pa.array(who).take(pa.array(of)), pa.array(list(attributes)).take(pa.array(which))
    own = pa.array([json.dumps(numbers) for numbers in asked])
    ids = pc.replace_substring(pc.binary_join_element_wise(relation, subject, ":"), " ", "-")
    columns = {
        "fact_id": ids.dictionary_encode(),
        "subject": subject.dictionary_encode(),
        "relation": relation.dictionary_encode(),
        "object": pa.array([v for a in attributes for v in told[a]]).take(pa.array(value)).dictionary_encode(),
        "split": split_column(np.array(["trained", "withheld", "trained"])[pool[of]].tolist()),
        "group": subject.dictionary_encode(),
        "held_out_forms": own.take(pa.array(of)).dictionary_encode(),
        **{name: pa.array(pool[of] == k) for k, name in enumerate(POOLS)},
        "rank": pa.array(rank[of]),
        "alike": pa.array(alike[of]),
    }
    sized = ", ".join(f"{size} {a}s" if a[-1] != "y" else f"{size} {a[:-1]}ies" for a, size in sizes.items())
    return FactSet(
        pa.table(columns),
        forms,
        {},
        f"{individuals} invented people, {unseen} who are never told of and {new} new ones ({sized}), seed {seed}",
        ("rank", "alike"),
    )


def _check(
    people: int,
    names: int,
    values: int | Mapping[str, int],
    sizes: Mapping[str, int],
    attributes: Sequence[str],
    held_out: int,
    forms: Mapping[str, Sequence[str]],
    templates: Mapping[str, Sequence[str]],
) -> None:
    problems = Problems(WHERE)
    named = [("values", k) for k in (values if isinstance(values, Mapping) else ())]
    for key, name in [*(("attributes", a) for a in attributes), *named, *(("templates", t) for t in templates)]:
        if name not in FORMS:
            problems.add(f"there is no attribute {name!r}", key, f"The nearest is {nearest(name, FORMS)!r}.")
    if people > names**PARTS:
        least = next(k for k in range(names, people + 1) if k**PARTS >= people)
        what = f"{people:,} people need names, and {names} words for each of three parts make {names**PARTS:,}"
        problems.add(what, "key names", f"Give {least} or more, or have fewer people.")
    for a, size in sizes.items():
        most = DAYS * len(MONTHS) * YEARS if a == "birth date" else STEMS
        if not 2 <= size <= most:
            problems.add(f"{a} has {size:,} value(s)", "key values", f"Give 2 to {most:,}.")
    needed = PARTS * names + sum(size for a, size in sizes.items() if a != "birth date")
    if needed > STEMS:
        problems.add(
            f"{needed:,} invented words are needed, and there are {STEMS:,}", "keys names, values", "Ask for fewer."
        )
    for a, texts in forms.items():
        if a in FORMS and len(texts) <= held_out:
            what = f"{a} has {len(texts)} sentence form(s), and {held_out} are held out: none is left to train on"
            problems.add(what, "key held_out", "Hold fewer out, or give the attribute more templates.")
    if held_out < 1:
        problems.add("no sentence form is held out, and knowledge is asked in one", "key held_out", "Give 1 or more.")
    problems.tell()


def _alike(called: np.ndarray, names: int, seen: np.ndarray) -> np.ndarray:
    """How many others of the seen people have two of the three words of each name (P, 3), float64 (P,)."""
    found = -float(PARTS) * seen  # each finds itself once a pair; names differ, so nobody else has all
    for a, b in ((0, 1), (0, 2), (1, 2)):
        pairs = called[:, a] * names + called[:, b]
        found += np.bincount(pairs[seen], minlength=names**2)[pairs]
    return found


def _dates(count: int, rng: np.random.Generator) -> list[str]:
    """Different dates, such as ``4 March 1961``."""
    shape = (DAYS, len(MONTHS), YEARS)
    places = np.unravel_index(rng.choice(np.prod(shape), count, replace=False), shape)
    return [f"{d + 1} {MONTHS[m]} {FIRST_YEAR + y}" for d, m, y in zip(*(p.tolist() for p in places), strict=True)]


def _values(attribute: str, count: int, stems) -> list[str]:
    endings = VALUE_ENDINGS[attribute]
    made = [f"{next(stems)}{endings[i % len(endings)]}" for i in range(count)]
    return made if attribute == "major" else [text[0].upper() + text[1:] for text in made]
