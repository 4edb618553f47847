"""Facts and what follows from them, as they are invented."""

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.gather import gather
from factsurv.training.spec import FactsSpec


def drawn(**keys):
    return gather(FactsSpec.model_validate({"source": "two-hop"} | keys))


def by_id(facts):
    names = ("subject", "object", "relation", "role", "city", *facts.sets)
    rows = zip(facts.column("fact_id"), facts.several("links"), *(facts.column(n) for n in names), strict=True)
    return {i: {"links": links} | dict(zip(names, row, strict=True)) for i, links, *row in rows}


@pytest.mark.parametrize("animals", [20, 10])
def test_an_implication_follows_from_its_fact_by_one_map(animals):
    facts = by_id(drawn(animals=animals).facts)
    city_of = {}
    for fact in facts.values():
        if fact["role"] == "implication":
            (link,) = fact["links"]
            assert facts[link]["subject"] == fact["subject"] and facts[link]["object"] == fact["city"]
            city_of.setdefault(fact["object"], set()).add(fact["city"])
    assert sorted(map(len, city_of.values())) == [20 // animals] * animals


def test_sets_are_names_apart_but_for_the_second_draw_which_differs_everywhere():
    facts = by_id(drawn(test_names=100).facts)
    names = {s: {f["subject"] for f in facts.values() if f[s]} for s in ("pretraining", "order", "test")}
    assert [len(n) for n in names.values()] == [200, 84, 100] and len(set.union(*names.values())) == 384
    again = {i: f for i, f in facts.items() if f["counterfactual"]}
    assert len(again) == 2 * 84
    assert all(facts[i.removesuffix(":counterfactual")]["object"] != f["object"] for i, f in again.items())


def test_the_model_reads_no_implication_and_no_name_of_the_test():
    made = drawn()
    pretraining = {f["subject"] for f in by_id(made.facts).values() if f["pretraining"]}
    assert set(made.world.subjects) == pretraining
    assert all("blim" in s for s in made.world.sample(np.random.default_rng(1), 50))
    trained = {
        i for i, s in zip(made.facts.column("fact_id"), made.facts.column("split"), strict=True) if s == "trained"
    }
    assert trained == {i for i, f in by_id(made.facts).items() if f["test"] and f["role"] == "fact"}


def test_answers_of_the_hops_differ_in_their_first_word():
    made = drawn(design="both-hops").facts
    assert made.relations == ("home", "language", "mayor", "landmark's mayor")
    for relation in made.relations:
        answers = {o for r, o in zip(made.column("relation"), made.column("object"), strict=True) if r == relation}
        assert len({a.split()[0] for a in answers}) == len(answers) == 20


def test_sizes_beyond_the_words_are_told():
    with pytest.raises(InputError, match="700 names in all"):
        drawn(test_names=416)
    with pytest.raises(InputError, match="21 animals and 20 cities"):
        drawn(animals=21)


def test_links_in_a_circle_are_told():
    facts = [Fact(i, i, "r", "x", i, role="implication", links=(j,)) for i, j in ("ab", "bc", "cb")]
    with pytest.raises(InputError, match="in the end from itself") as told:
        FactSet(fact_rows(facts, ()), {"r": ("{subject} is",)}, {}, "table", ())
    assert "fact b" in str(told.value) and "fact a" not in str(told.value)
