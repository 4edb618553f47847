"""Several prompt forms at each checkpoint: what each is, what counts as recalled, and which are never taught."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.forms import counted
from factsurv.events.rules import event_table
from factsurv.flows.study_file import StudyFile
from factsurv.training.facts.encoding import encode_lessons, encode_probes
from factsurv.training.facts.fact_set import Fact, fact_rows
from factsurv.training.facts.form_numbers import form_numbers
from factsurv.training.facts.gather import gather
from factsurv.training.facts.stored_facts import from_arrow, to_arrow
from factsurv.training.label import Label
from factsurv.training.probing.forms import Forms
from factsurv.training.probing.probe import Sampling, probe
from factsurv.training.run import execute
from factsurv.training.spec import FactsSpec, ProbeSpec
from tests.training.conftest import FACTS, fact_set
from tests.training.test_probe import FP32

SPEC = ProbeSpec(examples=2, slick_prompts=2, forms="all")
STAMP = {"checkpoint": 3, "epoch": 1.5, "step": 12, "stage": ""}


@pytest.fixture(scope="module")
def facts():
    """Three forms of two relations, two of the others; some facts have a second right answer."""
    plain = fact_set(range(3, 32, 4))
    aliases = [("Corun",) * (i % 3 == 0) for i in range(len(FACTS))]
    rows = [Fact(f"{r}:{s}", s, r, v, r, aliases=a) for ((r, s), v), a in zip(FACTS.items(), aliases, strict=True)]
    more = {r: (*plain.templates[r], f"Of {{subject}} the {r} is") for r in ("capital", "currency")}
    return replace(plain, table=fact_rows(rows, (), plain.column("split")), templates={**plain.templates, **more})


@pytest.mark.parametrize("asked", ["all", [2], [1, 3, 2]])
def test_the_table_is_what_each_form_gives_alone(asked, tiny_models, tokenizer, facts):
    model, held = tiny_models["llama"], replace(facts, held_out=1)
    spec = SPEC.model_copy(update={"forms": asked})
    forms, samplings = Forms(tokenizer, held, spec), (Sampling(0.7), Sampling())
    encoded = encode_probes(tokenizer, held, spec)
    forms.look(model, probe(model, encoded, samplings), samplings, 512, True)
    forms.keep(Label("main-1", "main", 1), STAMP)
    table = forms.table()["forms"]
    numbers = [1, 2, 3] if asked == "all" else sorted(asked)
    assert table["form"].unique().to_pylist() == numbers and set(table["checkpoint"].to_pylist()) == {3}
    relation = dict(zip(facts.column("fact_id"), facts.column("relation"), strict=True))
    for k in numbers:
        mine = table.filter(pa.compute.equal(table["form"], k))
        ids = [f for f in facts.column("fact_id") if k <= len(facts.templates[relation[f]])]
        assert mine["fact_id"].to_pylist() == ids
        assert mine["held_out"].to_pylist() == [k == len(facts.templates[relation[f]]) for f in ids]
        alone = probe(model, encode_probes(tokenizer, facts, spec, form=k - 1), samplings)
        for name, values in {"logp": alone.logp, "margin": alone.margin, "p": alone.p[0]}.items():
            np.testing.assert_allclose(mine[name].to_numpy(), values, atol=FP32)
        assert mine["recalled"].to_pylist() == alone.recalled.tolist()
    assert any(table["recalled"].to_pylist()) == (1 in numbers)  # the model has read lines of the first form only


def test_a_run_measures_forms_and_nothing_else_changes_and_is_resumed(asked, tmp_path):
    plain, whole = asked(tmp_path / "plain", epochs=3), asked(tmp_path / "whole", {"forms": "all"}, epochs=3)
    execute(plain)
    execute(whole)
    for name in ("probes", "baseline", "training"):
        assert (plain.folder / f"{name}.arrow").read_bytes() == (whole.folder / f"{name}.arrow").read_bytes()
    forms = read_table(whole.folder / "forms.arrow")
    assert forms.num_rows == 4 * 2 * len(FACTS) and not (plain.folder / "forms.arrow").exists()
    killed = asked(tmp_path / "killed", {"forms": "all"}, epochs=3)

    def stop(event):
        if event.get("note", "").startswith("epoch 1:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(killed, stop)
    said = []
    execute(killed, said.append)
    assert any("continues from epoch 1 " in event.get("say", "") for event in said)
    assert (killed.folder / "forms.arrow").read_bytes() == (whole.folder / "forms.arrow").read_bytes()


def test_what_is_held_out_is_never_taught(asked, tmp_path, tokenizer):
    facts = fact_set(range(3, 32, 4))
    held, alone = replace(facts, held_out=1), replace(facts, templates={r: t[:1] for r, t in facts.templates.items()})
    assert from_arrow(to_arrow(held)).held_out == 1
    taught = encode_lessons(tokenizer, held, "\n")
    assert [len(forms) for forms in taught] == [1] * len(facts)
    found = []
    for name, of in (("held", held), ("alone", alone)):
        job = asked(tmp_path / name, {"forms": "all"}, epochs=2, templates="all")
        write_table(tmp_path / f"{name}.arrow", to_arrow(of))
        execute(job.model_copy(update={"facts": tmp_path / f"{name}.arrow"}))
        found.append((job.folder / "training.arrow").read_bytes())
    assert found[0] == found[1]
    table = read_table(tmp_path / "held" / "forms.arrow")
    assert [h == (k == 2) for h, k in zip(table["held_out"].to_pylist(), table["form"].to_pylist(), strict=True)]
    with pytest.raises(InputError, match="2 prompt form.* none is left to train on"):
        replace(facts, held_out=2)


def coded(rows):
    """A table whose texts are dictionaries."""
    table = pa.Table.from_pylist(rows)
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(i, field.name, table[field.name].dictionary_encode())
    return table


# Recalled in each of three forms: at the baseline, and at two checkpoints.
SEEN = {
    "a": [[0, 0, 0], [1, 0, 0], [1, 1, 0]],
    "b": [[1, 0, 0], [1, 1, 1], [0, 0, 1]],
    "c": [[0, 1, 1], [0, 1, 1], [1, 1, 1]],
}


@pytest.mark.parametrize(
    ("recall", "events"),
    [
        ("any", {("acquisition", "a"): 1.0, ("degradation", "b"): None, ("degradation", "c"): None}),
        ("all", {("acquisition", "a"): None, ("acquisition", "b"): 1.0, ("acquisition", "c"): 2.0}),
        ("majority", {("acquisition", "a"): 2.0, ("acquisition", "b"): 1.0, ("degradation", "c"): None}),
    ],
)
def test_what_counts_decides_who_is_at_risk_and_when_it_happens(recall, events):
    run = {"run": "main-1", "arm": "main", "seed": 1}
    rows = [
        run | {"fact_id": f, "checkpoint": c, "epoch": float(c), "step": c, "examples": c, "tokens": 1.0 * c, "p": 0.1}
        | {"exposures": c, "recalled": bool(seen[c][0]), "logp": -1.0, "margin": 1.0, "rechecked": False}
        for c in range(3)
        for f, seen in SEEN.items()
    ]  # fmt: skip
    probes = coded(rows)
    forms = pa.Table.from_pylist(
        [
            {"fact_id": r["fact_id"], "checkpoint": r["checkpoint"], "form": k, "recalled": bool(seen[k])}
            for k in range(3)
            for r in rows
            for seen in [SEEN[r["fact_id"]][r["checkpoint"]]]
        ]
    )
    start = [
        run | {"fact_id": f, "split": "trained", "recalled": bool(s[0][0]), "latent": False, "hits": 1, "p": 0.1}
        | {"logp": -1.0, "knowledge": "unknown"}
        for f, s in SEEN.items()
    ]  # fmt: skip
    baseline = coded(start)
    now, counted_probes = counted(baseline, probes, forms, recall)
    facts = fact_rows([Fact(f, f, "r", "o", "r") for f in SEEN], ())
    table = event_table(facts, now, counted_probes, ["first"])
    pairs = zip(*(table[n].to_pylist() for n in ("outcome", "fact_id", "event", "stop", "latent")), strict=True)
    found = {(o, f): (stop if event else None, latent) for o, f, event, stop, latent in pairs}
    assert {k: stop for k, (stop, _) in found.items()} == events
    assert all(latent == (o == "acquisition") for (o, _), (_, latent) in found.items())  # each has a hit
    knowledge = dict(zip(now["fact_id"].to_pylist(), now["knowledge"].to_pylist(), strict=True))
    assert knowledge == {f: "known" if o == "degradation" else "latent" for o, f in events}


def test_a_study_names_forms_of_any_source():
    own = {"symbol": ["{subject} is written", "{subject}:", "As {subject}"]}
    asked = {"source": "world", "held_out": 1, "templates": own}
    facts = gather(FactsSpec.model_validate(asked)).facts
    assert facts.templates["symbol"][2] == "As {subject}" and len(facts.templates["capital"]) == 5
    assert facts.taught("symbol") == ("{subject} is written", "{subject}:") and len(facts.taught("capital")) == 4
    assert form_numbers(facts, SPEC) == [1, 2, 3, 4, 5]
    for numbers, told in (([6], "no relation has a prompt form number 6"), ([4, 5], "'symbol' has 3 prompt form")):
        with pytest.raises(InputError, match=told):
            form_numbers(facts, SPEC.model_copy(update={"forms": numbers}))
    with pytest.raises(InputError, match="relation 'symbols'.*\n.*nearest relation is 'symbol'"):
        gather(FactsSpec(source="world", templates={"symbols": ["{subject}:"]}))


def test_forms_that_are_not_measured_cannot_count(tmp_path):
    from factsurv.flows.contradictions import contradictions

    data = {"study": {"name": "x"}, "analysis": {"recall": "any"}}
    said = contradictions(StudyFile.model_validate(data), data, set(), tmp_path / "x.toml")
    assert said == [
        'analysis.recall: "any" is over several prompt forms, and one is measured; '
        'set probe.forms = "all" or a list of their numbers'
    ]
