"""The one-layer model: what its parts are by definition, and what a run of it writes."""

import json

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from factsurv.events.ends import attention_ends, ends_table
from factsurv.events.rules import event_table
from factsurv.events.transitions import transition_table
from factsurv.training.label import Label
from factsurv.training.simulations import new_pairs, one_layer, salience
from factsurv.training.simulations.spec import AssociativeMemorySpec, OneLayerSpec
from factsurv.training.simulations.told_facts import told_facts

SMALL = {"name": "one-layer", "subjects": 60, "relations": 2, "answers": 4, "width": 32, "pretrain_steps": 60}
SMALL |= {"steps": 20, "probe_every": 5, "sweep": {"exponent": [0.5], "pretrain_steps": [30]}}


def spec(**keys):
    return OneLayerSpec.model_validate(SMALL | keys)


@pytest.fixture(scope="module")
def runs():
    facts = told_facts(spec())
    arms = ("top", "bottom", "whole")
    return facts, {a: salience.run(spec(half=a), facts, Label(f"{a}-1", a, 1)) for a in arms}


def test_logits_are_the_definition():
    generator = torch.Generator().manual_seed(0)
    tokens = one_layer.draw_tokens(torch.tensor([[0, 3], [1, 2]]), 4, 8, 0.7, generator)
    weights = one_layer.Weights(torch.randn(8, 8, generator=generator), torch.randn(8, 8, generator=generator))
    found = one_layer.logits(tokens, tokens.question, weights, torch.arange(2))
    for s in range(2):
        for r in range(2):
            query = tokens.question[r]
            scores = torch.stack([query @ weights.key_query @ k for k in (tokens.subjects[s], query)])
            on_subject, on_relation = torch.softmax(scores, 0)
            for a, embedding in enumerate(tokens.answers):
                of = [embedding @ weights.value @ k for k in (tokens.subjects[s], query)]
                by_hand = (on_subject * of[0] + on_relation * of[1]).item()
                assert found[s, r, a].item() == pytest.approx(by_hand, abs=1e-4)  # float32, summed in another order
            right = tokens.answers[tokens.right[s, r]]
            own = one_layer.salience(tokens, weights)[s, r].item()
            assert own == pytest.approx((right @ weights.value @ tokens.subjects[s]).item(), abs=1e-5)
    flat = one_layer.attention(tokens, tokens.question, one_layer.untrained(8), torch.arange(2))
    assert (flat == 0.5).all()


def test_a_run_is_the_same_again_and_whatever_ran_before(runs):
    facts, made = runs
    salience._pretrained.cache_clear()
    again = salience.run(spec(half="bottom"), facts, Label("bottom-1", "bottom", 1))
    assert all(again[n].equals(made["bottom"][n]) for n in again)
    other = salience.run(spec(half="bottom"), facts, Label("bottom-1", "bottom", 2))
    assert not other["probes"].equals(made["bottom"]["probes"])


def test_arms_teach_their_half_in_equal_steps(runs):
    facts, made = runs
    popularity = dict(zip(facts.column("fact_id"), facts.column("popularity"), strict=True))
    taught = {}
    for arm, tables in made.items():
        end = tables["probes"].to_pandas().query("checkpoint == checkpoint.max()")
        assert set(end.exposures) == {0, 20} and (end.step == 20).all()
        taught[arm] = set(end.fact_id[end.exposures > 0])
        split = dict(zip(*(tables["baseline"][n].to_pylist() for n in ("fact_id", "split")), strict=True))
        assert {f for f, s in split.items() if s == "trained"} == taught[arm]  # what only other arms teach is left out
    assert taught["top"] | taught["bottom"] == taught["whole"] and not taught["top"] & taught["bottom"]
    assert len(taught["top"]) == len(taught["bottom"])
    assert min(popularity[f] for f in taught["top"]) > max(popularity[f] for f in taught["bottom"])


def test_the_sweep_at_the_own_values_is_the_run(runs):
    _, made = runs
    for tables in made.values():
        probes = tables["probes"].to_pandas()
        end = probes[probes.checkpoint == probes.checkpoint.max()].astype({"fact_id": str}).set_index("fact_id")
        sweep = tables["sweep"].to_pandas().astype({"fact_id": str})
        assert set(zip(sweep.key, sweep.value, strict=True)) == {
            ("exponent", 0.5), ("exponent", 1.0), ("pretrain_steps", 30.0), ("pretrain_steps", 60.0),
        }  # fmt: skip
        for key, value in (("exponent", 1.0), ("pretrain_steps", 60.0)):
            own = sweep[(sweep.key == key) & (sweep.value == value)].set_index("fact_id")
            assert len(own) == 60 and own.recalled.equals(end.loc[own.index].recalled)
        other = sweep[(sweep.key == "exponent") & (sweep.value == 0.5)].set_index("fact_id")
        assert (other.attention != own.attention.loc[other.index]).all()


def test_what_is_measured_reaches_event_rows_and_ends(runs):
    facts, made = runs
    tables = made["bottom"]
    args = (facts.table, tables["baseline"], tables["probes"], ["first"])
    of_fact = {r["fact_id"]: r["salience"] for r in tables["baseline"].to_pylist()}
    for table in (event_table(*args), transition_table(*args, "epoch", samples=20, chance=0.5)):
        assert all(row["salience"] == of_fact[row["fact_id"]] for row in table.to_pylist())
        assert json.loads(table.schema.metadata[b"covariates"]) == ["popularity", "salience"]
    for table, measured, names in (
        (ends_table(facts.table, tables["baseline"], tables["probes"]), "probes", ("recalled", "logp")),
        (attention_ends(facts.table, tables["baseline"], tables["attention"]), "attention", ("greatest", "total")),
    ):
        at = {(r["fact_id"], r["checkpoint"]): r for r in tables[measured].to_pylist()}
        assert table.num_rows == len(of_fact)
        for row in table.to_pylist():
            for name in names:
                assert row[f"{name}0"] == at[row["fact_id"], 0][name]
                assert row[name] == at[row["fact_id"], 4][name]


def test_attention_falls_more_after_the_little_known_half():
    """The paper's claim about attention, at a size of seconds: for each of three seeds, on the same withheld facts."""
    facts = told_facts(spec(subjects=200, width=64, pretrain_steps=200, steps=40))
    for seed in (1, 2, 3):
        left = {}
        for half in ("top", "bottom"):
            own = spec(subjects=200, width=64, pretrain_steps=200, steps=40, half=half, sweep={})
            tables = salience.run(own, facts, Label(f"{half}-{seed}", half, seed))
            ends = attention_ends(facts.table, tables["baseline"], tables["attention"]).to_pandas()
            left[half] = ends[ends.split == "withheld"].greatest.mean()
        assert left["bottom"] < left["top"]


def test_popularity_is_zipfs_and_answers_are_unequal():
    facts = told_facts(spec(subjects=1000, exponent=2.0))
    popularity = np.array(facts.column("popularity")).reshape(1000, 2)[:, 0]
    assert np.exp(popularity).sum() == pytest.approx(1)
    assert popularity[0] - popularity[9] == pytest.approx(2 * np.log(10))
    answers = [o.split(".")[1] for o in facts.column("object")]
    assert answers.count("1") > answers.count("4") > 0
    split = np.array(facts.column("split")).reshape(1000, 2)
    assert (split[:, 0] == split[:, 1]).all() and (split[:, 0] == "withheld").sum() == 500


def memory(**keys):
    small = {"name": "associative-memory", "keys": 64, "new": 16, "classes": 4, "width": 16, "units": 32}
    small |= {"followed": 32, "pretrain_steps": 300, "pretrain_batch": 32, "steps": 60, "batch": 8, "checkpoints": 5}
    small |= {"learning_rate": 1e-2}
    return AssociativeMemorySpec.model_validate(small | keys)


def test_a_memory_of_pairs_stores_them_and_what_is_replayed_is_trained():
    facts = new_pairs.pair_facts(memory())
    assert facts.sets == ("seen", "new") and len(facts) == 32 + 16
    tables = {r: new_pairs.run(memory(replay=r), facts, Label("a-1", "a", 1)) for r in (0.0, 1.0)}
    for replay, made in tables.items():
        probes = made["probes"].to_pandas().astype({"fact_id": str})
        seen = probes.fact_id.str.startswith("seen")
        assert sorted(set(probes.step)) == memory().moments() == [0, 1, 3, 8, 22, 60]
        start = probes[probes.step == 0].recalled
        assert start[seen].mean() > 0.9 > start[~seen].mean()
        end = probes[probes.step == 60]
        assert end.exposures[~seen].sum() == 60 * 8  # all new pairs are followed
        assert (end.exposures[seen].sum() > 0) == (replay > 0)
        split = dict(zip(*(made["baseline"][n].to_pylist() for n in ("fact_id", "split")), strict=True))
        assert split["new-1"] == "trained" and split["seen-1"] == ("trained" if replay else "withheld")
    first = [t["probes"].filter(pc.equal(t["probes"]["step"], 0))["logp"] for t in tables.values()]
    assert first[0].equals(first[1])  # one pretraining for all arms of a seed
    new_pairs._stored.cache_clear()
    again = new_pairs.run(memory(replay=1.0), facts, Label("a-1", "a", 1))
    assert all(again[n].equals(tables[1.0][n]) for n in again)
    few = new_pairs.run(memory(taught=4), facts, Label("a-1", "a", 1))["probes"]
    assert {f for f in few["fact_id"].to_pylist() if f.startswith("new")} == {f"new-{i}" for i in (1, 2, 3, 4)}
