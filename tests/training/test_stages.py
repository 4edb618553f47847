"""Stages: which facts, how often, in which order; and that a run goes from one to the next as two runs would."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.prompts import encode
from factsurv.training.facts.selection import select
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.lessons.stages import drawn, plan_stages
from factsurv.training.models.tunable import tunable
from factsurv.training.run import execute
from factsurv.training.spec import TuningSpec
from factsurv.training.stage_spec import Selection, StageSpec
from tests.training.conftest import FACTS

QUICK = TuningSpec(epochs=2, batch_size=4, learning_rate=5e-3, rank=4, alpha=8, templates="probe")


@pytest.fixture(scope="module")
def facts():
    """Twelve facts of two relations: fact i has popularity i, rank i + 1; the last two of each are withheld."""
    rows = [
        Fact(f"f{i}", f"s{i}", "ab"[i % 2], str(i), "g", {"popularity": i, "rank": i + 1, "new": ["no", "yes"][i > 5]})
        for i in range(12)
    ]
    split = ["withheld" if i > 7 else "trained" for i in range(12)]
    table = fact_rows(rows, ("popularity", "rank", "new"), split)
    templates = {"a": ("{subject} is", "so {subject} is"), "b": ("{subject} was", "then {subject} was", "{subject}:")}
    return FactSet(table, templates, {}, "by hand", ("popularity", "rank", "new"))


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({}, range(8)),
        ({"split": "any"}, range(12)),
        ({"split": "withheld", "relation": "a"}, [8, 10]),
        ({"set": "new"}, [6, 7]),
        ({"top": {"by": "popularity", "share": 0.5}}, [4, 5, 6, 7]),
        ({"bottom": {"by": "popularity", "count": 1, "within": "relation"}}, [0, 1]),
        ({"relation": ["b"], "first": 2}, [1, 3]),
        # Each narrows what the one before it left: of the top half the lower half.
        (
            {"split": "any", "top": {"by": "rank", "share": 0.5}, "bottom": {"by": "popularity", "share": 0.5}},
            [6, 7, 8],
        ),
    ],
)
def test_selections(facts, asked, rows):
    assert select(facts, Selection(**asked), "select").tolist() == list(rows)


def test_a_random_half_is_the_same_in_every_run_and_differs_by_its_seed(facts):
    def half(seed=None):
        return select(facts, Selection(split="any", random={"share": 0.5, "seed": seed}), "select").tolist()

    assert half() == half() and len(half()) == 6
    assert len({tuple(half(seed)) for seed in range(20)}) > 10
    within = select(facts, Selection(split="any", random={"count": 2, "within": "relation"}), "select")
    assert Counter(i % 2 for i in within) == {0: 2, 1: 2}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"relation": "c"}, "select.relation: no fact has the relation 'c'; the nearest is"),
        ({"split": "withheld", "relation": "a", "set": "old"}, "select.set: the facts have no column 'old'"),
        ({"set": "popularity"}, "holds '10.0'"),
        ({"top": {"by": "popular", "share": 0.5}}, "the nearest is 'popularity'"),
        ({"top": {"by": "new", "share": 0.5}}, "'new' is text, not numbers"),
        ({"top": {"by": "rank", "share": 0.01}}, "select.top: selects nothing: of 8 facts"),
    ],
)
def test_impossible_selections_name_their_key(facts, asked, told):
    with pytest.raises(InputError, match=told):
        select(facts, Selection(**asked), "select")


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"weight": "popularity", "select": {"split": "any"}}, None),
        ({"weight": {"rank": "popularity", "exponent": 1}}, r"have no 'popularity' that is above 0 \(f0 has 0\)"),
        ({"weight": "new"}, "'new' is text"),
        ({"forms": [4]}, r"forms: relation 'a' has 2 prompt form\(s\), none of \[4\]"),
        ({"mix": [{"share": 0.5}, {"select": {"first": 2}, "share": 0.5}]}, "have 2 facts in common"),
    ],
)
def test_impossible_stages_are_refused(facts, stage, told):
    if told is None:
        plan_stages(facts, QUICK, [StageSpec(name="x", **stage)], 1)
        return
    with pytest.raises(InputError, match=told):
        plan_stages(facts, QUICK, [StageSpec(name="x", **stage)], 1)


def test_facts_are_drawn_as_often_as_their_weight_says(facts):
    spec = StageSpec(name="x", epochs=500, weight={"rank": "rank", "exponent": 1})
    (stage,), notices = plan_stages(facts, QUICK, [spec], 1)
    rng = np.random.default_rng(1)
    counts = Counter(row for epoch in range(500) for row, _ in drawn(stage, epoch, rng))
    wanted = 1 / np.arange(1, 9)
    wanted *= 4000 / wanted.sum()
    seen = np.array([counts[i] for i in range(8)])
    # Pearson's statistic of 8 cells: 24.3 is its 99.9 % point with 7 degrees of freedom.
    assert seen.sum() == 4000 and ((seen - wanted) ** 2 / wanted).sum() < 24.3
    assert notices == []
    steep = StageSpec(name="x", epochs=1, weight={"rank": "rank", "exponent": 9})
    assert "expected to be drawn less than once in all (f7: 6e-08 times)" in plan_stages(facts, QUICK, [steep], 1)[1][0]


def test_a_mix_passes_once_through_its_first_selection_and_replays_the_other(facts):
    old, new = {"split": "withheld"}, {"set": "new"}
    spec = StageSpec(name="x", mix=[{"select": old, "share": 0.8}, {"select": new, "share": 0.2}], order="as given")
    assert StageSpec.model_validate_json(spec.model_dump_json()) == spec  # as a run's own process reads it
    (stage,), _ = plan_stages(facts, QUICK, [spec], 1)
    rng = np.random.default_rng(1)
    epochs = [[row for row, _ in drawn(stage, epoch, rng)] for epoch in range(20)]
    assert all(rows[:4] == [8, 9, 10, 11] and len(rows) == 5 for rows in epochs)
    assert {rows[4] for rows in epochs} == {6, 7}


def test_forms_rotate_among_those_of_the_stage(facts):
    spec = StageSpec(name="x", forms=[2, 3], templates="rotate")
    (stage,), _ = plan_stages(facts, QUICK, [spec], 1)
    rng = np.random.default_rng(1)
    seen = {(row, form) for epoch in range(4) for row, form in drawn(stage, epoch, rng)}
    assert seen == {(i, k) for i in range(8) for k in ((1,) if i % 2 == 0 else (1, 2))}


@pytest.fixture(scope="module")
def forms(tokenizer):
    return [[encode(tokenizer, [f"The {r} of {s} is"], [FACTS[r, s]], [s])] for r, s in list(FACTS)[:12]]


def plan(facts, *specs):
    return plan_stages(facts, QUICK, [StageSpec(order="as given", forms=[1], **s) for s in specs], 1)[0]


FIRST = {"name": "first", "select": {"set": "new", "split": "any"}, "steps": 3, "learning_rate": 2e-3}
SECOND = {"name": "second", "select": {"first": 5}, "epochs": 2, "schedule": "linear", "weight_decay": 0.1}


def test_two_stages_are_what_two_trainings_would_be(facts, forms, tiny_models):
    """Fresh optimiser, `as given`: the second stage is a training of its own on what the first one left."""
    stages = plan(facts, FIRST, SECOND)
    model = tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1)
    steps = list(Finetuning(model, forms, QUICK, 1, stages=stages))
    assert [(s.stage, s.epoch, s.ends_stage) for s in steps] == [
        ("first", 0.5, False), ("first", 1.0, False), ("first", 1.5, True),
        ("second", 0.5, False), ("second", 1.0, False), ("second", 1.5, False), ("second", 2.0, True),
    ]  # fmt: skip
    other = tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1)
    apart = [s for stage in stages for s in Finetuning(other, forms, stage.tuning, 1, stages=[stage])]
    assert [s.loss for s in steps] == [s.loss for s in apart]
    assert [s.learning_rate for s in steps] == [s.learning_rate for s in apart]
    assert [s.facts.tolist() for s in steps[3:]] == [[0, 1, 2, 3], [4], [0, 1, 2, 3], [4]]
    kept = plan(facts, FIRST, SECOND | {"optimizer": "keep"})
    third = tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1)
    keeping = list(Finetuning(third, forms, QUICK, 1, stages=kept))
    assert [s.learning_rate for s in keeping] == [s.learning_rate for s in steps]
    assert [s.loss for s in keeping][:4] == [s.loss for s in steps][:4] and keeping[4].loss != steps[4].loss


@pytest.mark.parametrize("after", [2, 3, 4])
def test_it_goes_on_in_the_middle_of_a_stage_and_between_two(after, facts, forms, tiny_models):
    shuffled = [StageSpec(forms=[1], **s) for s in (FIRST, SECOND | {"optimizer": "keep", "weight": "rank"})]
    stages, _ = plan_stages(facts, QUICK, shuffled, 1)

    def training():
        return Finetuning(tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1), forms, QUICK, 1, stages=stages)

    whole = [(s.loss, s.learning_rate, s.stage, s.facts.tolist()) for s in training()]
    begun, resumed = training(), training()
    for _ in range(after):
        next(begun)
    resumed.restore(copy.deepcopy(begun.state()))
    assert [(s.loss, s.learning_rate, s.stage, s.facts.tolist()) for s in resumed] == whole[after:]


def test_the_loss_of_the_whole_text_is_that_of_a_language_model(facts, forms, tiny_models):
    """By hand: the cross-entropy of every token but the first, and of the terminator."""
    (stage,) = plan(facts, {"name": "x", "loss": "text", "steps": 8, "batch_size": 1, "learning_rate": 1e-12})
    model = tunable(copy.deepcopy(tiny_models["llama"]), QUICK, 1)
    steps = list(Finetuning(model, forms, QUICK, 1, stages=[stage]))
    for step in steps:
        form = forms[step.facts[0]][0]
        ids = torch.tensor([[*form.tokens[0], form.terminator]])
        with torch.no_grad():
            by_hand = tiny_models["llama"](input_ids=ids, labels=ids).loss
        assert step.loss == pytest.approx(float(by_hand), abs=4e-5)  # fp32 kernels differ
    assert len(steps) == 8


def test_a_run_with_stages_tells_each_row_its_stage_and_measures_a_baseline_for_each(asked, tmp_path):
    stages = [{"name": "half", "steps": 3, "select": {"first": 8}}, {"name": "rest", "epochs": 2}]
    job = asked(tmp_path, stages=stages)
    execute(job)
    probes, baseline = (read_table(job.folder / f"{n}.arrow") for n in ("probes", "baseline"))
    moments = {(r["checkpoint"], r["stage"], r["epoch"], r["step"]) for r in probes.to_pylist()}
    per = len(set(probes["fact_id"].to_pylist()))
    assert {m[:2] for m in moments} == {(0, "half"), (1, "half"), (2, "rest"), (3, "rest")}
    assert max(m[2] for m in moments if m[1] == "rest") == 2.0
    assert Counter(baseline["stage"].to_pylist()) == {"half": per, "rest": per}
    at_end = {r["fact_id"]: r for r in probes.to_pylist() if (r["stage"], r["step"]) == ("half", 3)}
    for row in baseline.to_pylist():
        if row["stage"] == "rest":
            assert (row["recalled"], row["logp"]) == (
                at_end[row["fact_id"]]["recalled"],
                at_end[row["fact_id"]]["logp"],
            )
