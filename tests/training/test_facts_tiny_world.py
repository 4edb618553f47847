"""The invented world: its rule, its exposures, its sentences."""

from collections import Counter

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.sources.tiny_world import TEMPLATES, tiny_world


@pytest.fixture(scope="module")
def small():
    return tiny_world(facts=200, study=120, seed=4)


def test_sizes_and_columns(small):
    facts, world = small
    assert len(facts) == 120 and len(world.subjects) == len(world.objects) == 200
    assert facts.covariates == ("exposure", "structured")
    assert Counter(facts.column("split")) == {"trained": 90, "withheld": 30}
    assert len(facts.examples["code"]) == 12 and facts.templates["code"] == TEMPLATES
    assert len(set(world.subjects)) == len(set(world.objects)) == 200
    assert {len(o) for o in world.objects} == {4} and all(o.isdigit() for o in world.objects)


def test_default_world():
    facts, world = tiny_world()
    assert len(facts) == 500 and len(world.subjects) == 1500
    assert (world.probability == 0).sum() == 250
    assert np.isclose(world.probability.sum(), 1)
    assert 0.33 < np.mean(facts.column("structured")) < 0.47
    told = np.sort(world.probability[world.probability > 0])[::-1]
    assert np.allclose(told[0] / told, np.arange(1, 1251))  # Zipf with exponent 1
    exposure = np.array(facts.column("exposure"))
    assert 0.1 < np.mean(exposure == 0) < 0.2  # unseen facts are studied as often as they occur


def test_structured_identifiers_follow_the_rule_and_others_do_not(small):
    facts, world = small
    answer = dict(zip(world.subjects, world.objects, strict=True))
    structured = {s for s, x in zip(facts.column("subject"), facts.column("structured"), strict=True) if x == 1}
    codes: dict[str, set[str]] = {}
    for subject in structured:
        for word, code in zip(subject.split(), (answer[subject][:2], answer[subject][2:]), strict=True):
            codes.setdefault(word, set()).add(code)
    assert structured and all(len(c) == 1 for c in codes.values())
    arbitrary = [s for s in facts.column("subject") if s not in structured]
    right = [answer[s] == "".join(next(iter(codes.get(w, {"?"}))) for w in s.split()) for s in arbitrary]
    assert sum(right) <= 1


def test_sentences_follow_the_exposures(small):
    facts, world = small
    sentences = world.sample(np.random.default_rng(1), 20_000)
    assert sentences == world.sample(np.random.default_rng(1), 20_000)
    words = set(world.vocabulary)
    assert len(words) == len(world.vocabulary)
    for sentence in sentences[:500]:
        *before, identifier = sentence.split(" ")
        assert set(before) <= words and set(identifier) <= set("0123456789")
    subject_of = {s: i for i, s in enumerate(world.subjects)}
    counts = np.zeros(200)
    forms: Counter[str] = Counter()
    for sentence in sentences:
        subject = next(
            " ".join(p) for p in zip(sentence.split(), sentence.split()[1:], strict=False) if " ".join(p) in subject_of
        )
        counts[subject_of[subject]] += 1
        forms[sentence.replace(subject, "{subject}").rsplit(" ", 1)[0]] += 1
        assert sentence.endswith(" " + world.objects[subject_of[subject]])
    expected = 20_000 * world.probability
    told = expected > 0
    assert counts[~told].sum() == 0
    assert ((counts - expected)[told] ** 2 / expected[told]).sum() < 260  # chi-squared, 166 df: mean 166, sd 18
    assert set(forms) == set(TEMPLATES) and min(forms.values()) > 3700  # 4000 expected


def test_exposure_is_the_expected_number_of_sentences():
    facts, world = tiny_world(facts=200, study=100, sentences=1000)
    chance = dict(zip(world.subjects, world.probability, strict=True))
    for subject, exposure in zip(facts.column("subject"), facts.column("exposure"), strict=True):
        assert np.isclose(exposure, np.log1p(1000 * chance[subject]))
    more = tiny_world(facts=200, study=100, sentences=2000)[0]
    assert more.table.drop(["exposure"]).equals(facts.table.drop(["exposure"]))


def test_the_split_is_balanced_over_exposure_and_rule():
    facts, _ = tiny_world(withheld=0.4)
    split = np.array(facts.column("split")) == "withheld"
    for name in facts.covariates:
        values = np.array(facts.column(name))
        assert abs(values[split].mean() - values[~split].mean()) < 0.12 * max(values.std(), 0.1)


def test_the_examples_were_told(small):
    facts, world = small
    chance = dict(zip(world.subjects, world.probability, strict=True))
    assert all(chance[subject] > 0 for subject, _ in facts.examples["code"])
    assert not {s for s, _ in facts.examples["code"]} & set(facts.column("subject"))


def test_the_seed_alone_decides(small):
    facts, world = small
    again, other = tiny_world(facts=200, study=120, seed=4), tiny_world(facts=200, study=120, seed=5)
    assert again[0].table.equals(facts.table) and again[1] == world
    assert np.array_equal(again[1].probability, world.probability)
    assert other[1].subjects != world.subjects


@pytest.mark.parametrize(
    "arguments",
    [
        {"facts": 20},
        {"facts": 36, "words": 6, "unseen": 0, "study": 24},
        {"structured": 0.0},
        {"structured": 1.0},
        {"facts": 6000, "words": 100},
        {"exponent": 0.0},
    ],
)
def test_extreme_worlds(arguments):
    facts, world = tiny_world(**({"facts": 200} | arguments))
    assert len(set(world.objects)) == len(world.subjects) and len(facts) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"facts": 10}, "unseen|study"),
        ({"study": 195}, "wants 195 of 200"),
        ({"unseen": 199}, "199 of 200"),
        ({"words": 10}, "10 words"),
        ({"structured": 2}, "share is 2"),
        ({"withheld": 1}, "withheld share"),
    ],
)
def test_worlds_that_do_not_add_up_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        tiny_world(**({"facts": 200} | arguments))
