"""Study files: everything wrong is said at once, with the key and the nearest valid name, before any work."""

import pytest

from events.errors import InputError
from flows.steps import check
from flows.study_file import BUNDLED, find_study, read_study
from stats.plan import AnalysisModel, AnalysisSpec, plan

GOOD = '[study]\nname = "x"\n'


def problems(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        read_study(path)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.toml")), ids=lambda p: p.stem)
def test_bundled_studies_are_valid(path):
    study = read_study(path)
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


def test_exposures_have_no_generalisation():
    told = plan(AnalysisSpec(time="exposures"), ["popularity"], 1)
    assert told["outcomes"] == ["acquisition", "degradation"]
    assert told["covariates"]["degradation"] == ["logp0", "popularity"] and told["curves_by"]["degradation"] == []
    with pytest.raises(InputError, match="withheld facts are never exposed"):
        plan(AnalysisSpec(time="exposures", outcomes=["acquisition", "generalisation"]), [], 1)


def test_states_have_covariates_of_their_own_and_can_be_left_out():
    told = plan(AnalysisSpec(), ["popularity"], 2)["states"]
    assert told == {"covariates": ["split", "logp0", "popularity"], "by": ["split"]}
    assert plan(AnalysisSpec(time="exposures"), [], 2)["states"] == {"covariates": ["logp0"], "by": []}
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


MODEL = '[[analysis.model]]\nname = "own"\noutcome = "acquisition"\nformula = "latent"\n'


def test_models_of_ones_own_are_read_and_planned(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(GOOD + MODEL + 'strata = ["relation"]\n')
    told = plan(read_study(path).analysis, ["popularity"], 2)["models"]
    assert told == [
        {"name": "own", "kind": "cox", "outcome": "acquisition", "formula": "latent", "strata": ["relation"]}
    ]
    said = problems(tmp_path, GOOD + MODEL + MODEL.replace("own", "two") + 'tise = "efron"\nconf = 95\n')
    assert "analysis.model[2].tise: unknown key; the nearest known one is ties" in said
    assert "analysis.model[2].conf" in said
    entry = AnalysisModel(name="own", outcome="degradation", formula="latent")
    with pytest.raises(InputError, match=r"degradation, which is not analysed.*\n?.*"):
        plan(AnalysisSpec(outcomes=["acquisition"], model=[entry]), [], 1)
    with pytest.raises(InputError, match='no events by the rule "sustained9"'):
        plan(AnalysisSpec(model=[entry.model_copy(update={"rule": "sustained9"})]), [], 1)


def test_a_formula_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.toml"
    path.write_text(
        GOOD + '[model]\nname = "tiny"\n[facts]\nsource = "tiny-world"\n' + MODEL + MODEL.replace("own", "b")
    )
    path.write_text(path.read_text()[: path.read_text().rindex("latent")] + "system('touch harm')\"\n")
    with pytest.raises(InputError) as error:
        check(path)
    assert 'analysis.model[2].formula ("b")' in str(error.value) and "uses system()" in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["s.toml"]
