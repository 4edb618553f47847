"""`factsurv power`: impossible inputs are refused, an earlier study's curve is read, tables and plot are written."""

import json
import math

import pyarrow.csv
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.schema import ANALYSIS, EVENTS, build
from factsurv.stats.power_study import power_study

OPTIONS = {
    "hr": 3.0, "curve": "0.1,0.3,0.5", "facts": "60,120", "seeds": "1,2", "compare": "latent", "outcome": "acquisition",
    "share_latent": 0.5, "frailty": 0.0, "run_sd": 0.0, "replicates": 40, "alpha": 0.05, "wanted": 0.8, "seed": 1,
    "workers": 1,
}  # fmt: skip


def test_table_plot_and_answer(tmp_path):
    said = []
    power_study(**OPTIONS, out=tmp_path / "out", say=said.append)
    table = pyarrow.csv.read_csv(tmp_path / "out" / "power.csv")
    assert table.num_rows == 4
    rows = {(row["facts"], row["seeds"]): row for row in table.to_pylist()}
    assert rows[60, 1]["events"] == pytest.approx(30, abs=3)
    # Twice the facts are twice the events: by Schoenfeld's formula 85 % against 99 %.
    assert rows[120, 1]["power"] > rows[60, 1]["power"]
    assert all(row["lower"] <= row["power"] <= row["upper"] for row in rows.values())
    written = json.loads((tmp_path / "out" / "power.json").read_text())
    assert written["design"]["hr"] == 3.0 and written["plot"] == ""
    assert written["smallest"]["power"] >= 0.8
    assert "<svg" in (tmp_path / "out" / "power.svg").read_text()[:500]
    assert "Smallest design with a power of 80 %" in "\n".join(said)


def test_another_order_of_workers_gives_the_same_table(tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        options = OPTIONS | {"workers": workers, "facts": "60", "seeds": "1", "replicates": 50}
        power_study(**options, out=tmp_path / name, say=lambda line: None)
    assert (tmp_path / "one" / "power.csv").read_bytes() == (tmp_path / "two" / "power.csv").read_bytes()


def test_recipes_with_two_seeds_each(tmp_path):
    options = OPTIONS | {"compare": "arms", "share_latent": None, "seeds": "2", "facts": "40", "replicates": 20}
    options |= {"run_sd": 1.0}
    said = []
    power_study(**options, out=tmp_path, say=said.append)
    assert "recipe B against A" in said[0]
    # The runs of a recipe differ by as much as the recipes do, and t has two degrees of freedom: hardly any power.
    assert pyarrow.csv.read_csv(tmp_path / "power.csv")["power"].to_pylist()[0] < 0.5


def test_curve_of_an_earlier_study(tmp_path):
    folder = tmp_path / "results"
    curve = {"outcome": "acquisition", "rule": "first", "model": "km", "task": "x", "by": "", "stratum": ""}
    times, shares = [0.0, 1.0, 2.0, 3.0], [0.0, 0.25, 0.5, 1.0]
    columns = {n: [curve.get(n)] * 4 for n in ANALYSIS["curves"]} | {"time": times, "incidence": shares}
    write_table(folder / "analysis" / "curves.arrow", build(ANALYSIS["curves"], columns | {"n_risk": [20, 20, 15, 10]}))
    events = {n: [None] * 4 for n in EVENTS} | {"outcome": ["acquisition"] * 4, "rule": ["first"] * 4}
    write_table(folder / "events.arrow", build(EVENTS, events | {"latent": [True, False, False, False]}))
    said = []
    options = OPTIONS | {"curve": str(folder), "share_latent": None, "facts": "60", "seeds": "1", "replicates": 20}
    power_study(**options, out=tmp_path / "out", say=said.append)
    assert "25 % latent" in said[0]
    assert "0.25, 0.50, 0.97" in said[0]  # nobody is left at the end: the last of 20 is not counted whole
    with pytest.raises(InputError, match="no event of degradation"):
        power_study(**options | {"outcome": "degradation"}, out=tmp_path / "out", say=said.append)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hr": 0.0}, "--hr: 0 is no hazard ratio"),
        ({"hr": -2.0}, "--hr"),
        ({"curve": "0.5,0.3"}, "--curve: the shares must"),
        ({"curve": "0.5,1.0"}, "--curve: the shares must"),
        ({"curve": "nowhere"}, "there is no results/nowhere"),
        ({"facts": "many"}, "--facts: 'many' is no list of numbers"),
        ({"facts": "100.5"}, "not whole numbers"),
        ({"facts": "10", "share_latent": 0.1}, "of 10 facts only 1.0 would be in the smaller group"),
        ({"seeds": "0"}, "--seeds: fewer than 1 seed"),
        ({"compare": "arms", "share_latent": None, "seeds": "1"}, "a recipe cannot be told from a run"),
        ({"compare": "arms"}, "recipes are compared on all facts"),
        ({"compare": "both"}, "there is no comparison 'both'"),
        ({"share_latent": 1.0}, "--share-latent: nothing to compare"),
        ({"frailty": -1.0}, "--frailty"),
        ({"frailty": math.nan}, "--frailty"),
        ({"run_sd": math.inf}, "--run-sd"),
        ({"hr": math.nan}, "--hr"),
        ({"curve": "nan,0.5"}, "--curve"),
        ({"facts": "inf"}, "--facts: 'inf' are not whole numbers"),
        ({"facts": "100,nan"}, "are not whole numbers"),
        ({"facts": "1e12"}, "more than 1,000,000 facts"),
        ({"seeds": "1e30"}, "more than 1,000,000 facts, seeds"),
        ({"run_sd": -1.0}, "--run-sd"),
        ({"alpha": 0.9}, "--alpha"),
        ({"wanted": 1.0}, "--power"),
        ({"replicates": 3}, "--replicates: 3 replicates say nothing"),
    ],
)
def test_impossible_input(wrong, said, tmp_path):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        power_study(**OPTIONS | wrong, out=tmp_path / "never", say=lambda line: None)
    assert not (tmp_path / "never").exists()


def test_the_command_ends_with_code_2(tmp_path):
    from factsurv.flows.command import main

    with pytest.raises(SystemExit) as stopped:
        main(["power", "--hr", "0", "--curve", "0.1,0.2", "--out", str(tmp_path / "x")])
    assert stopped.value.code == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["power", "--hr", "2", "--curve", "0.1,0.2", "--workers", "0"],
        ["power", "--hr", "2", "--curve", "0.1,0.2", "--workers", "-3"],
        ["power", "--hr", "2", "--curve", "0.1,0.2", "--seed", "1" + 30 * "0"],
        ["audit", "tiny-world", "--facts", "0"],
        ["audit", "tiny-world", "--samples", "-1"],
        ["audit", "tiny-world", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_options_out_of_range_are_one_message(wrong, capsys):
    from factsurv.flows.command import main

    with pytest.raises(SystemExit) as stopped:
        main(wrong)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and wrong[-2] in said and "Traceback" not in said
