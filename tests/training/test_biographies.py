"""Biographies, and a model that learns them from random weights: what is told and asked, rows, an exact resume."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.training.facts.gather import gather
from factsurv.training.facts.prompts import fill
from factsurv.training.facts.selection import select
from factsurv.training.facts.sentences import Sentences
from factsurv.training.facts.stored_facts import to_arrow
from factsurv.training.job import Job
from factsurv.training.lessons.lesson_loss import IGNORED, rows_of
from factsurv.training.lessons.stages import drawn_groups, plan_stages
from factsurv.training.models.load import load
from factsurv.training.models.prepared import prepared_model
from factsurv.training.models.scratch_model import check_scratch, check_vocabulary, initialise
from factsurv.training.run import execute
from factsurv.training.select_spec import Selection
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec, TuningSpec
from factsurv.training.stage_spec import StageSpec

FACTS = FactsSpec(source="biographies", individuals=10, unseen=3, new=2, names=6, values={"major": 3, "company": 4})
MODEL = ModelSpec(name="scratch", width=16, layers=1, heads=2, context=512)
FULL = TuningSpec(method="full", batch_size=4, learning_rate=3e-3)
GROUPS = {"lesson": "group", "loss": "text", "length": 200, "select": {"set": "seen"}}


@pytest.fixture(scope="module")
def facts():
    return gather(FACTS).facts


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of the scratch model, by its vocabulary."""
    patch = pytest.MonkeyPatch()
    patch.setenv("FACTSURV_CACHE", str(tmp_path_factory.mktemp("cache")))
    kinds = {"words": None, "bpe": 600}
    specs = {k: MODEL.model_copy(update={"vocabulary": k, "vocabulary_size": size}) for k, size in kinds.items()}
    yield {kind: prepared_model(spec, FACTS)[0] for kind, spec in specs.items()}
    patch.undo()


def test_people_have_unique_names_and_are_told_of_in_other_forms_than_they_are_asked_in(facts):
    assert len(facts) == 90 and len(set(facts.column("subject"))) == 15 and len(set(facts.column("fact_id"))) == 90
    assert [sum(facts.column(pool)) // 6 for pool in ("seen", "unseen", "new")] == [10, 3, 2]
    assert {s for s, u in zip(facts.column("split"), facts.column("unseen"), strict=True) if u} == {"withheld"}
    values = defaultdict(set)
    for relation, value in zip(facts.column("relation"), facts.column("object"), strict=True):
        values[relation].add(value)
    assert len(values) == 6 and len(values["major"]) <= 3 and len(values["company"]) <= 4
    for forms, taught, held in zip(facts.forms, facts.taught_forms, facts.several("held_out_forms"), strict=True):
        assert len(forms) == len(set(forms)) == 25 and len(taught) == 20 and forms[5:] == taught
        assert len(held) == 5 and not set(forms[:5]) & set(taught)
    assert len(set(facts.several("held_out_forms"))) > 10  # of each person their own
    assert facts.column("rank")[:12] == [1.0] * 6 + [2.0] * 6
    names = [subject.split() for subject in facts.column("subject")[::6]]
    shared = [[sum(a == b for a, b in zip(n, m, strict=True)) for m in names[:10]] for n in names]  # with the seen
    assert facts.column("alike")[::6] == [row.count(2) for row in shared] and any(facts.column("alike"))
    again = gather(FACTS.model_copy(update={"individuals": 11})).facts
    assert again.column("subject")[:60] != facts.column("subject")[:60] or len(again) == 96


def test_some_groups_are_taken_whole(facts):
    rows = select(facts, Selection(set="seen", random={"count": 4, "of": "groups"}), "select")
    assert Counter(np.array(facts.column("group"))[rows]) == dict.fromkeys(
        set(np.array(facts.column("group"))[rows]), 6
    )
    assert len(rows) == 24


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"individuals": 300, "names": 6}, "305 people need names, and 6 words for each of three parts make 216"),
        ({"values": 1}, "major has 1 value"),
        ({"held_out": 25}, "has 25 sentence form.s., and 25 are held out: none is left to train on"),
        ({"values": {"majr": 4}}, "there is no attribute 'majr'"),
    ],
)
def test_impossible_biographies_are_refused(changes, told):
    with pytest.raises(InputError, match=told):
        gather(FACTS.model_copy(update=changes))


def test_impossible_models_are_refused(facts):
    with pytest.raises(InputError, match="no language model 'lama'; the nearest is"):
        check_scratch(MODEL.model_copy(update={"architecture": "lama"}))
    small = MODEL.model_copy(update={"vocabulary_size": 150})
    with pytest.raises(InputError, match="the vocabulary has room for 147: it cannot spell"):
        check_vocabulary(facts, small)
    check_vocabulary(facts, MODEL)


@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_a_lesson_is_what_its_sentences_say(facts, folders, kind):
    """Put together from parts it has the tokens that its whole text has."""
    _, tokenizer = load(MODEL.model_copy(update={"name": folders[kind]}))
    (stage,), _ = plan_stages(facts, FULL, [StageSpec(name="x", steps=3, **GROUPS)], 1)
    sentences = Sentences(tokenizer, facts, stage.rows, "\n")
    lessons = drawn_groups(stage, np.random.default_rng(1))
    assert len(lessons) == 10 and {len(lesson) for lesson in lessons} == {6}
    assert sorted(row for lesson in lessons for row, _ in lesson) == list(range(60))
    subjects, objects = facts.column("subject"), facts.column("object")
    for lesson in lessons:
        assert len({subjects[row] for row, _ in lesson}) == 1
        text = "".join(f"{fill(facts.taught_forms[row][k], subjects[row])} {objects[row]}\n" for row, k in lesson)
        encoded = sentences.lesson(lesson)
        assert [*encoded.tokens[0].tolist(), encoded.terminator] == tokenizer(text)["input_ids"]
    assert drawn_groups(stage, np.random.default_rng(2)) != lessons


def test_rows_hold_whole_texts_and_ask_for_each_token_within_its_text():
    rng = np.random.default_rng(3)
    texts = [rng.integers(1, 99, size=n) for n in (9, 4, 7, 7, 5, 8, 30)]
    ids, targets = rows_of(texts, 20)
    assert ids.shape[1] == 30 and len(ids) <= 4  # one text is longer than a row
    found, told = [], 0
    for row, wanted in zip(ids, targets, strict=True):
        begin = 0
        for end in np.flatnonzero((wanted == IGNORED) & (row > 0)):
            found.append(tuple(row[begin : end + 1]))
            assert (wanted[begin:end] == row[begin + 1 : end + 1]).all()
            told, begin = told + end - begin, end + 1
    assert sorted(found) == sorted(tuple(t) for t in texts) and told == sum(len(t) - 1 for t in texts)


def job(folder, facts, model, **changes):
    folder.mkdir()
    write_table(folder / "facts.arrow", to_arrow(facts))
    stages = [StageSpec(name="reading", steps=11, **GROUPS), StageSpec(name="new", steps=4, optimizer="keep", **GROUPS)]
    instruments = [{"name": "confidence", "answers": "first"}, "attention", "loss", "memorisation"]
    probe = {"examples": 0, "schedule": "log", "checkpoints": 6, "instruments": instruments}
    probe["select"] = [{"set": "seen", "first": 12}, {"set": "unseen", "split": "any"}]
    made = Job(
        run="main-1",
        arm="main",
        seed=1,
        facts=folder / "facts.arrow",
        folder=folder,
        model=ModelSpec(name=model),
        tuning=FULL,
        probe=ProbeSpec(**probe),
        stages=stages,
        fresh=True,
        **changes,
    )
    (folder / "job.json").write_text(made.model_dump_json())
    return made


TABLES = ("baseline", "probes", "training", "confidence", "attention", "loss", "memorisation")


def test_a_run_from_random_weights_measures_what_was_asked_and_a_killed_one_ends_with_the_same_bytes(
    facts, folders, tmp_path
):
    whole, killed = (job(tmp_path / name, facts, folders["words"]) for name in ("whole", "killed"))
    execute(whole)
    environment = os.environ | {
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "factsurv.training.run", str(killed.folder / "job.json")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for line in child.stdout:
        if json.loads(line).get("note", "").count("recalled") and (killed.folder / "checkpoint-000004").exists():
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    said = []
    execute(killed, lambda event: said.append(event.get("say", "")))
    assert any("continues from epoch" in s for s in said)
    for name in TABLES:
        assert (whole.folder / f"{name}.arrow").read_bytes() == (killed.folder / f"{name}.arrow").read_bytes(), name

    probes, loss = (read_table(whole.folder / f"{name}.arrow") for name in ("probes", "loss"))
    last = probes.filter(np.array(probes["step"]) == 15)
    shown = dict(zip(last["fact_id"].to_pylist(), last["exposures"].to_pylist(), strict=True))
    assert len(shown) == 12 + 18 and loss.num_rows == probes.num_rows
    # Of ten people four at a step, the third step of an epoch two: 11 steps are 38 lessons, 4 more are 14.
    assert set(last["examples"].to_pylist()) == {52} and set(shown.values()) <= {0, 4, 5, 6}
    unseen = dict(zip(facts.column("fact_id"), facts.column("unseen"), strict=True))
    assert all((e == 0) == unseen[f] for f, e in shown.items())
    objects = [o for f, o in zip(facts.column("fact_id")[:60], facts.column("object"), strict=False) if "major" in f]
    p = np.array(list(Counter(objects).values())) / 10
    told = {b for f, b in zip(loss["fact_id"].to_pylist(), loss["baseline"].to_pylist(), strict=True) if "major" in f}
    assert list(told) == [pytest.approx(-(p * np.log(p)).sum())]


def test_the_loss_of_an_answer_is_that_of_its_tokens_alone(facts, folders, tmp_path):
    made = job(tmp_path / "x", facts, folders["words"])
    made = made.model_copy(update={"stages": [StageSpec(name="reading", steps=1, **GROUPS)]})
    execute(made)
    model, tokenizer = load(ModelSpec(name=folders["words"]))
    initialise(model, 1)
    loss, memory = (read_table(made.folder / f"{n}.arrow").to_pylist() for n in ("loss", "memorisation"))
    of = {f: i for i, f in enumerate(facts.column("fact_id"))}
    for row, other in list(zip(loss, memory, strict=True))[:30:7]:
        i = of[row["fact_id"]]
        for form, measured in ((facts.forms[i][0], row["loss"]), (facts.taught_forms[i][0], other["loss"])):
            prompt = tokenizer(fill(form, facts.column("subject")[i]))["input_ids"]
            answer = tokenizer(facts.column("object")[i])["input_ids"]
            with torch.no_grad():
                logp = model(input_ids=torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
            by_hand = -sum(float(logp[len(prompt) - 1 + k, t]) for k, t in enumerate(answer))
            assert measured == pytest.approx(by_hand, abs=1e-4)  # fp32 sums in another order
