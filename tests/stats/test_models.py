"""Models of one's own are checked by real R before any work; nothing in a formula is ever run."""

import pytest

from events.errors import InputError
from stats.models import check_models
from stats.plan import AnalysisModel, AnalysisSpec, models, plan, table_columns


def check(*entries, columns=True):
    spec = AnalysisSpec(model=[AnalysisModel(outcome="acquisition", **entry) for entry in entries])
    told = plan(spec, ["popularity"], 2)
    check_models(told["models"], told, table_columns(["popularity"]) if columns else None)


def test_all_problems_at_once_with_entry_key_and_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check({"name": "fine", "formula": "latent * log1p(popularity) + strata(relation)"})
    with pytest.raises(InputError) as error:
        check(
            {"name": "fine", "formula": "latent"},
            {"name": "shell", "formula": 'system("touch harm")'},
            {"name": "typo", "formula": "popularty", "strata": ["relatoin"]},
            {"name": "fine", "kind": "coxx", "formula": "latent"},
        )
    said = str(error.value)
    assert 'analysis.model[2].formula ("shell"): `system("touch harm")` uses system(), which a formula may not' in said
    assert "analysis.model[3].formula (\"typo\"): there is no column 'popularty'" in said
    assert "the nearest is 'popularity'" in said and "analysis.model[3].strata" in said
    assert "analysis.model[4].kind (\"fine\"): there is no kind of model 'coxx'; the nearest is 'cox'" in said
    assert "analysis.model[4].name" in said
    assert list(tmp_path.iterdir()) == []


def test_without_columns_the_syntax_is_checked_all_the_same():
    check({"name": "later", "formula": "latent + a_covariate_of_the_fact_set"}, columns=False)
    with pytest.raises(InputError, match="nested|R can read"):
        check({"name": "deep", "formula": "(" * 900 + "latent" + ")" * 900}, columns=False)


def test_without_models_r_is_not_started():
    assert models(AnalysisSpec()) == []
    check_models([], {})  # would fail on the missing keys
