"""Logs of lm-evaluation-harness 0.4.13, as it writes them: what each kind of task says of a document."""

import json

import pytest

from factsurv.events.errors import InputError
from factsurv.events.lm_eval import observations
from factsurv.events.positions import check_increasing, positions_of, without_position


def line(doc, resps, more, **own):
    made = {
        "doc_id": doc, "doc": {"prompt": f"the code of {doc} is", "exposure": doc / 2, "kind": "ab"[doc % 2]} | own,
        "target": "1", "resps": resps, "filtered_resps": resps, "filter": "none", "metrics": list(more),
        "doc_hash": f"hash-{doc}",
    }  # fmt: skip
    return json.dumps(made | more)


KINDS = {
    "greedy": (lambda doc, right: [[[str(-1.5 - doc), str(right)]]], "acc", [-1.5, -2.5, -3.5]),
    "choices": (lambda doc, right: [[["-9.0", "False"]], [[str(-2.0 - doc), "True"]]], "acc", [-2.0, -3.0, -4.0]),
    "generated": (lambda doc, right: [["1"]], "exact_match", None),
}


def write(folder, task, lines, time="2026-11-28T02-46-24.227545"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_{task}_{time}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_of_logs_is_a_table_of_observations(tmp_path, kind):
    resps, metric, loglikelihoods = KINDS[kind]
    files = [
        write(tmp_path / f"x__pythia-70m__step{step}", "codes",
              [line(d, resps(d, step > 100 * d), {metric: float(step > 100 * d)}) for d in range(3)])
        for step in (1000, 0, 150)
    ]  # fmt: skip
    table, notes = observations(files)
    assert table["step"].to_pylist() == [0] * 3 + [150] * 3 + [1000] * 3 and notes == ()
    assert table["correct"].to_pylist() == [False] * 3 + [True, True, False] + [True] * 3
    assert table["exposure"].to_pylist()[:3] == [0, 0.5, 1] and "prompt" in table.column_names
    assert (table["loglikelihood"].to_pylist()[:3] if "loglikelihood" in table.column_names else None) == loglikelihoods


def test_models_and_revisions_are_read_from_the_results_beside_a_log(tmp_path):
    files = []
    for model in ("pythia-14m", "pythia-70m"):
        for step in (1, 512):
            folder = tmp_path / f"{model}-{step}"
            files.append(write(folder, "codes", [line(0, [[["-1", "True"]]], {"acc": 1})]))
            config = {"config": {"model_args": f"pretrained=EleutherAI/{model},revision=step{step}"}}
            (folder / "results_2026-11-28T02-46-24.227545.json").write_text(json.dumps(config))
    table, _ = observations(files)
    assert table["model"].to_pylist() == ["pythia-14m"] * 2 + ["pythia-70m"] * 2
    assert table["step"].to_pylist() == [1, 512] * 2


def test_one_filter_counts_and_it_is_said(tmp_path):
    def both(right):
        one = json.loads(line(0, [["1"]], {"exact_match": right}))
        return [json.dumps(one | {"filter": f, "exact_match": m}) for f, m in (("strict", right), ("flexible", 1.0))]

    files = [write(tmp_path / f"step{s}", "gsm8k", both(float(s > 0))) for s in (0, 1)]
    table, notes = observations(files)
    assert table["correct"].to_pylist() == [False, True]
    assert notes == ("answers were read by several filters: 'strict' counts, and flexible do not",)


GOOD = [line(0, [[["-1", "True"]]], {"acc": 1})]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (("step2", "other", GOOD), "logs of different tasks are no series: 'codes'"),
        (("step1", "codes", GOOD), "positions do not increase"),
        (("final", "codes", GOOD), "no position can be read from"),
        (("step2", "codes", [GOOD[0][:-9]]), "line 1"),
        (("step2", "codes", [line(0, [["1"]], {"bleu": 0.3})]), "no metric says right or wrong"),
        (("step2", "codes", [GOOD[0].replace("hash-0", "hash-9")]), "document 0 is not the same"),
        (("step2", "codes", [""]), "the log is empty"),
        (None, "a series of one checkpoint"),
    ],
)
def test_logs_that_are_no_series_are_refused(tmp_path, second, message):
    files = [write(tmp_path / "a" / "step1", "codes", GOOD)]
    if second:
        files.append(write(tmp_path / "b" / second[0], *second[1:]))
    with pytest.raises(InputError) as caught:
        observations(files)
    assert message in str(caught.value)


def test_positions_are_read_as_their_makers_write_them():
    assert positions_of(["step0", "step1000", "step143000"]).at == (0, 1000, 143000)
    assert positions_of(["stage1-step1000-tokens5B", "stage1-step90-tokens0.5B"], unit="token").at == (5e9, 0.5e9)
    assert positions_of(["intermediate-step-50K-105b", "checkpoint-500"]).at == (50_000, 500)
    assert positions_of(["10", "200"]).at == (10, 200)
    assert positions_of(["ck3", "ck12"], pattern=r"ck(\d+)").at == (3, 12)
    assert positions_of(["run-2/ckpt_7"]).unit == "step" and without_position("pythia-70m@step512") == "pythia-70m"
    with pytest.raises(InputError, match="no position can be read from 'main'"):
        positions_of(["step1", "main"])
    with pytest.raises(InputError, match="no group"):
        positions_of(["a"], pattern="a")
    with pytest.raises(InputError, match="'b' .at 1. comes after 'a' .at 2."):
        check_increasing(["a", "b"], [2, 1], "model.series")
