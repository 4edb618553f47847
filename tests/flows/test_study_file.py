"""Study files: everything wrong is said at once, with the key and the nearest valid name, before any work."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from factsurv.events.errors import InputError
from factsurv.flows.check import check
from factsurv.flows.study_file import BUNDLED, find_study, read_study
from factsurv.flows.summary import summary
from factsurv.stats.plan import AnalysisModel, AnalysisSpec, plan
from tests.training.benchmark_files import write_all

GOOD = '[study]\nname = "x"\n'
MODEL = '[[analysis.model]]\nname = "own"\noutcome = "acquisition"\nformula = "latent"\n'


def problems(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        read_study(path)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.toml")), ids=lambda p: p.stem)
def test_bundled_studies_are_valid(path, tmp_path):
    write_all(tmp_path)  # data sets that are not part of factsurv
    study = read_study(Path(shutil.copy(path, tmp_path)))
    assert study.study.name == path.stem
    assert find_study(path.stem).read_bytes() == path.read_bytes()


def test_unknown_keys_name_the_nearest_known_one(tmp_path):
    said = problems(
        tmp_path, GOOD + '[tuning]\nlearning_rat = 1e-4\nepoch = 3\n[modle]\nname = "x"\n[probe]\nzzz = 1\n'
    )
    assert "tuning.learning_rat: unknown key; the nearest known one is learning_rate" in said
    assert "tuning.epoch: unknown key; the nearest known one is epochs" in said
    assert "modle: unknown key; the nearest known one is model" in said
    assert "probe.zzz: unknown key\n" in said + "\n"
    assert "nothing was started" in said


def test_an_unknown_instrument_names_the_nearest(tmp_path):
    said = problems(tmp_path, GOOD + '[probe]\ninstruments = ["confidense"]\n')
    assert 'probe.instruments.0: there is no such instrument; the nearest known one is "confidence"' in said
    said = problems(tmp_path, GOOD + '[probe]\ninstruments = [{ name = "Confidence" }]\n')
    assert 'probe.instruments[1].name: there is no such instrument; the nearest known one is "confidence"' in said
    said = problems(tmp_path, GOOD + '[probe]\ninstruments = ["confidence", { name = "confidence", answers = "al" }]\n')
    assert "probe.instruments[2].answers: should be 'whole', 'first' or 'first-only' (given: 'al')" in said
    said = problems(tmp_path, GOOD + '[probe]\ninstruments = ["confidence", { name = "confidence" }]\n')
    assert "probe.instruments: 'confidence' stands twice" in said
    said = problems(tmp_path, GOOD + "[probe]\ninstruments = [{ name = 'confidence', when = { every = 0 } }]\n")
    assert "probe.instruments[1].when.every: should be greater than or equal to 1" in said


def test_impossible_values_show_what_was_given(tmp_path):
    said = problems(
        tmp_path,
        '[study]\nname = "a b"\nseeds = []\n[tuning]\nepochs = 0\nmethod = "lara"\n[probe]\ntop_p = 1.5\n'
        '[analysis]\nrules = ["sustained0"]\n[facts]\nwithheld = 1.0\n',
    )
    for part in ("study.name", "study.seeds", "tuning.epochs", "(given: 0)", "'lara'", "probe.top_p", "(given: 1.5)"):
        assert part in said
    assert "analysis.rules.0" in said
    assert "facts.withheld" in said


def test_what_a_source_needs(tmp_path):
    assert 'source = "table" needs path' in problems(tmp_path, GOOD + '[facts]\nsource = "table"\n')
    assert "there is no file" in problems(tmp_path, GOOD + '[facts]\nsource = "table"\npath = "no.csv"\n')


def test_not_toml_and_not_utf8(tmp_path):
    assert "line 2" in problems(tmp_path, "[study]\nname = \n")
    (tmp_path / "latin.toml").write_bytes('[study]\nname = "é"\n'.encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        read_study(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 100_000, "line 1: more than 16 brackets within each other"),
        ("\n" + ".".join("a" * 50_000) + " = 1", "line 2: a key of more than 16 parts"),
        ("[" + ".".join(['"a.b"'] * 50_000) + "]", "line 1: a key of more than 16 parts"),
        ("a = " + "9" * 5_000, "is not valid TOML"),
        ("", "the file is empty"),
        ("# only a remark\n", "the file is empty"),
    ],
    ids=["brackets", "dots", "dots of quoted parts", "digits", "empty", "a remark"],
)
def test_files_that_keep_a_reader_busy_are_refused_at_once(text, message, tmp_path):
    began = time.monotonic()
    assert message in problems(tmp_path, text)
    assert time.monotonic() - began < 20  # the dots took minutes; what is refused takes milliseconds


def test_long_texts_are_no_long_keys(tmp_path):
    path = tmp_path / "s.toml"
    dots = "one.two." * 40 + "[[[["
    prompts = f'[\'{dots} {{subject}}\', "{dots} {{subject}} \\" {dots}"]'
    path.write_text(GOOD + f'[report]\nnote = """{dots}\n{dots}"""  # {dots}\n[facts]\nsource = "table"\n'
                    f'path = "s.toml"\n[facts.templates]\nx = {prompts}\n')  # fmt: skip
    assert len(read_study(path).facts.templates["x"]) == 2


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a file"):
        read_study(tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        read_study(tmp_path / "absent.toml")
    for name in ("n" * 300, "n" * 300 + ".toml"):
        with pytest.raises(InputError, match="File name too long"):
            find_study(name)
    with pytest.raises(InputError, match="is a folder, not a study file"):
        find_study(str(tmp_path))
    fifo = tmp_path / "pipe.toml"
    os.mkfifo(fifo)  # nobody writes into it: opened, it would wait for ever
    with pytest.raises(InputError, match="there is no such file"):
        read_study(fifo)
    if os.getuid():  # root reads everything
        (tmp_path / "closed.toml").touch(0)
        with pytest.raises(InputError, match="cannot be read"):
            read_study(tmp_path / "closed.toml")


def test_everything_wrong_is_said_in_one_round(tmp_path):
    said = problems(
        tmp_path,
        """
        [study]
        name = "s"
        seeds = [1, 1]
        [facts]
        seed = -1
        world_facts = 10
        [analysis]
        rules = ["first", "sustained4"]
        outcomes = []
        [tuning]
        epochs = 3
        rank = 0
        [[arm]]
        name = "a"
        tuning = { learning_rat = 1e-4, epochs = 1 }
        [[arm]]
        name = "A"
        model = { width = 10 }
        """,
    )
    assert "arm 'a' (number 1), tuning.learning_rat: unknown key; the nearest known one is learning_rate" in said
    for part in ("study.seeds: 1 stands twice", "facts.seed", "tuning.rank", "analysis.outcomes: is empty"):
        assert part in said
    assert said.count("tuning.rank") == 1  # of the study's own section, not of each arm again


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tuning]\nepochs = 1\n", "sustained2 asks for 2 successive checkpoints, and arm 'main' has 1 after"),
        ("[probe]\nevery = 9\n[analysis]\nrules = ['sustained3']\n", "arm 'main' has 2 after its baseline"),
        ("[probe]\nschedule = 'list'\nat = [10]\n", "arm 'main' has 1 after"),
        ("[probe]\nschedule = 'log'\ncheckpoints = 1\n", "arm 'main' has 1 after"),
        ("[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\ntuning = { epochs = 1 }\n", "and arm 'b' has 1 after"),
        ("[[arm]]\nname = 'a'\n[[arm]]\nname = 'A'\n", "two arms are named 'a'"),
        ("[analysis]\nrules = ['first', 'sustained1']\n", "analysis.rules.1"),
        ("[analysis]\nrules = ['first', 'loss2']\n", 'loss2 is read off the instrument "loss"; add it to probe'),
        ("[analysis]\nrules = ['confident']\n", "the first rule is the primary one and goes by recall"),
        ("[facts]\nsource = 'table'\npath = 's'\nsubject = 'x'\nobject = 'x'\n", "'x' is to be subject and object"),
        ("[facts]\nsource = 'table'\npath = 's'\nsplit = 'object'\n", "'object' is to be object and split"),
        ("[facts]\ncount = 5\n", 'facts.count: is of source = "hpo or hpo-go or tiny-world or '),
        ("[facts]\nper_relation = {}\n", "facts.per_relation: is empty"),
        (
            "[facts]\nsource = 'table'\npath = 'package:../x'\nseed = -1\n",
            "facts.path: there is no file 'package:../x'",
        ),
        ("[model]\nname = 'package:../x'\n", "model.name: 'package:../x' is in no Python package"),
        ("[model]\nlayers = 5\n", 'model.layers: is of name = "tiny"'),
        ("[model]\nname = 'tiny'\n", '"tiny" needs an invented world'),
        ("[model]\nname = 'tiny'\nwidth = 100\nheads = 3\n", "width = 100 cannot be shared out among 3 heads"),
        ("[probe]\ntemperatures = [0.7, 0.70000001]\n", "two of the temperatures are equal to six digits"),
        ("[probe]\ncheckpoints = 3\n", 'probe.checkpoints: is of schedule = "log"'),
        (MODEL + MODEL, "two models are named 'own'"),
        ('[[stage]]\nname = "a"\n[analysis]\norigin = "b"\n', "no stage is named 'b'; the stages are a"),
        ('[analysis]\norigin = "b"\n', "arm 'main' has no stages, and none is named 'b'"),
        ('[[stage]]\nname = "a"\n[[stage]]\nname = "a"\n', "two stages are named 'a'"),
        (MODEL + "rule = 'sustained9'\n", 'no events by the rule "sustained9"'),
    ],
)
def test_what_cannot_be_meant_together(text, message, tmp_path):
    assert message in problems(tmp_path, GOOD + text)


def test_arms_override_single_keys(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        GOOD
        + '[tuning]\nepochs = 7\n[[arm]]\nname = "slow"\n[arm.tuning]\nlearning_rate = 1e-5\n[[arm]]\nname = "plain"\n'
    )
    recipes = read_study(path).recipes()
    assert list(recipes) == ["slow", "plain"]
    assert (recipes["slow"][1].learning_rate, recipes["slow"][1].epochs) == (1e-5, 7)
    assert recipes["plain"][1].learning_rate == 1e-4
    arm = '[[arm]]\nname = "a"\n'
    assert "arm 'a' (number 1), tuning.rnak: unknown key; the nearest known one is rank" in problems(
        tmp_path, GOOD + arm + "[arm.tuning]\nrnak = 2\n"
    )
    assert "two arms are named 'a'" in problems(tmp_path, GOOD + arm + arm)


def test_no_such_study_names_the_nearest():
    with pytest.raises(InputError, match="did you mean world-facts"):
        find_study("worldfacts")


def test_a_plan_names_columns_before_training():
    with pytest.raises(InputError, match='no column "popularty".*nearest is "popularity"'):
        plan(AnalysisSpec(covariates={"acquisition": ["popularty"]}), ["popularity"], 2)
    with pytest.raises(InputError, match="analysis.random"):
        plan(AnalysisSpec(random=["rnu"]), [], 1)
    told = plan(AnalysisSpec(), ["popularity"], 1)
    assert told["covariates"]["acquisition"] == ["latent", "popularity"]  # one relation explains nothing
    assert plan(AnalysisSpec(), [], 3)["covariates"]["degradation"] == ["split", "logp0", "relation"]
    told = plan(AnalysisSpec(), ["popularity"], 23)  # 22 coefficients that nobody asked for; the random effect stays
    assert told["covariates"]["degradation"] == ["split", "logp0", "popularity"] and "group" in told["random"]
    with pytest.raises(InputError) as error:
        plan(AnalysisSpec(covariates={"acquisition": ["x"], "states": ["y"]}, strata=["z"], random=["w"]), [], 1)
    for name in "xyzw":
        assert f'no column "{name}"' in str(error.value)


def test_exposures_have_no_generalisation():
    told = plan(AnalysisSpec(time="exposures"), ["popularity"], 1)
    assert told["outcomes"] == ["acquisition", "degradation"]
    assert told["covariates"]["degradation"] == ["logp0", "popularity"] and told["curves_by"]["degradation"] == []
    with pytest.raises(InputError, match="withheld facts are never exposed"):
        plan(AnalysisSpec(time="exposures", outcomes=["acquisition", "generalisation"]), [], 1)


def test_states_have_covariates_of_their_own_and_can_be_left_out():
    told = plan(AnalysisSpec(), ["popularity"], 2)["states"]
    assert told == {"covariates": ["split", "logp0", "popularity", "relation"], "by": ["split"]}
    assert plan(AnalysisSpec(time="exposures"), [], 1)["states"] == {"covariates": ["logp0"], "by": []}
    chosen = AnalysisSpec(covariates=dict.fromkeys(("acquisition", "generalisation", "degradation"), ["popularity"]))
    assert plan(chosen, ["popularity", "length"], 2)["states"]["covariates"] == ["split", "logp0", "popularity"]
    assert plan(AnalysisSpec(covariates={"states": ["latent"]}), [], 2)["states"]["covariates"] == ["latent"]
    assert plan(AnalysisSpec(states=False), [], 2)["states"] is None
    with pytest.raises(InputError, match="analysis.covariates.states"):
        plan(AnalysisSpec(covariates={"states": ["popularty"]}), ["popularity"], 2)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ('schedule = "list"', "needs at = "),
        ("at = [1]", 'at is for schedule = "list"'),
        ('schedule = "list"\nat = [2, 1]', "must increase"),
        ('schedule = "list"\nat = [1.5]\nunit = "steps"', "whole numbers"),
        ('schedule = "log"\nevery = 2', "every is for"),
        ('schedule = "list"\nat = [1, 11]', "11 lies after the end of training (arm 'main': 10 epochs)"),
    ],
)
def test_schedules_that_cannot_be(probe, message, tmp_path):
    assert message in problems(tmp_path, f"{GOOD}[probe]\n{probe}\n")


def test_models_of_ones_own_are_read_and_planned(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(GOOD + MODEL + 'strata = ["relation"]\n')
    told = plan(read_study(path).analysis, ["popularity"], 2)["models"]
    assert told == [
        {"name": "own", "kind": "cox", "outcome": "acquisition", "formula": "latent", "strata": ["relation"]}
    ]
    said = problems(tmp_path, GOOD + MODEL + MODEL.replace("own", "two") + 'tiess = "efron"\nconf = 95\n')
    assert "analysis.model[2].tiess: unknown key; the nearest known one is ties" in said
    assert "analysis.model[2].conf" in said
    entry = AnalysisModel(name="own", outcome="degradation", formula="latent")
    with pytest.raises(InputError, match=r"degradation, which is not analysed.*\n?.*"):
        plan(AnalysisSpec(outcomes=["acquisition"], model=[entry]), [], 1)
    with pytest.raises(InputError, match='no events by the rule "sustained9"'):
        plan(AnalysisSpec(model=[entry.model_copy(update={"rule": "sustained9"})]), [], 1)


TINY = """
[study]
name = "x"
seeds = [1, 2]
[facts]
source = "tiny-world"
world_facts = 300
count = 60
[model]
name = "tiny"
[probe]
examples = 0
"""


def test_everything_that_does_not_fit_is_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.toml"
    wrong = (
        TINY.replace("examples = 0", 'examples = 13\nschedule = "steps"\nevery = 30')
        + '[tuning]\nepochs = 4\n[analysis]\nrules = ["first", "sustained2"]\nstrata = ["nonesuch"]\n'
        + '[analysis.covariates]\nacquisition = ["exposur"]\n'
        + MODEL + MODEL.replace("own", "b").replace('"latent"', '"latent + system(\'touch harm\')"')
        + '[[arm]]\nname = "hub"\nmodel = { name = "a b" }\n[[arm]]\nname = "here"\n'
        + 'model = { name = "package:no_such/x" }\n'
        + '[[arm]]\nname = "tiny"\ntuning.layers = "0-3"\n'
    )  # fmt: skip
    path.write_text(wrong)
    with pytest.raises(InputError) as error:
        check(path)
    said = str(error.value)
    for part in (
        "10 problems",  # of three arms, each lacks a checkpoint
        "arm 'tiny': tuning.layers: '0-3' names layer 3, and the model has 3: 0 to 2",
        "'a b' is no name of a hub model",
        "the Python package no_such, which carries the model, is not installed",
        'analysis.covariates.acquisition: there is no column "exposur" to analyse; the nearest is "exposure"',
        'analysis.strata: there is no column "nonesuch"',
        "probe.examples: 13 are asked for, and relation 'code' has 12",
        # 45 of 60 facts are trained, 8 a step: 6 steps an epoch, 24 in all, so the end is the only checkpoint
        "sustained2 asks for 2 successive checkpoints, and arm 'tiny' has 1 after",
        'analysis.model[2].formula ("b")',
        "uses system()",
    ):
        assert part in said, part
    assert [p.name for p in tmp_path.iterdir()] == ["s.toml"]


def test_a_check_says_what_the_work_will_be_and_does_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.toml"
    named = '[[analysis.model]]\nname = "m"\noutcome = "acquisition"\nformula = "latent * exposure"\n'
    arms = '[[arm]]\nname = "a"\n[[arm]]\nname = "b"\ntuning = { templates = "all", epochs = 3 }\n'
    path.write_text(TINY + named + arms)
    said = summary(check(path), tmp_path / "results")
    assert said[0] == "x: nothing is wrong"
    assert "facts: 60 (45 trained, 15 withheld) of 1 relation(s)" in said[1]
    assert any("arm a: 2 run(s) of 10 epochs with 6 steps each, probed 11 times" in line for line in said)
    assert any("arm b: 2 run(s) of 3 epochs with 29 steps each, probed 4 times" in line for line in said)  # 225 / 8
    fits = re.fullmatch(r"analysis: (\d+) fits, .*", said[-1])
    assert fits and int(fits[1]) > 50
    assert re.search(r"from below: .* at \d+ GFLOP/s a core, measured now", said[-4])
    costs = [re.fullmatch(r"arm [ab]: a run takes .* of one core \((.*) operations\), memory (\d+) MB .*", line)
             for line in said[-3:-1]]  # fmt: skip
    a, b = (float(cost[1]) for cost in costs)  # 60 lessons of six steps against 29 of three epochs, and their probes
    assert a > 0 and b > 0 and int(costs[0][2]) > 0
    assert [p.name for p in tmp_path.iterdir()] == ["s.toml"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [("withheld = 0.999", "none of the 60 facts is trained"), ("count = 299", "the study wants 299 of 300 facts")],
)
def test_facts_that_cannot_be_studied(facts, message, tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(TINY.replace("count = 60", facts if "count" in facts else f"count = 60\n{facts}"))
    with pytest.raises(InputError, match=message):
        check(path)
