"""Each instrument against a slow, obvious reference, in every family of models that the probe is tested on."""

import copy
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from factsurv.events.files import read_table
from factsurv.events.schema import INSTRUMENTS
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import Fact, fact_rows
from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.forward import branching_passes, plain_passes, shared_passes
from factsurv.training.passes.team import Team
from factsurv.training.probing.attention import plain_attention
from factsurv.training.probing.instruments import REGISTRY, Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.probing.probe import probe, some
from factsurv.training.probing.probe_shared_out import probe_shared_out
from factsurv.training.run import execute
from factsurv.training.spec import ProbeSpec
from tests.training.conftest import FACTS, FAMILIES, fact_set
from tests.training.test_probe import FP32
from tests.training.test_resume import stopped

NAMES = tuple(INSTRUMENTS)


@pytest.fixture(scope="module")
def facts():
    """Those of the tiny models; some first tokens are those of several answers, and some subjects have many tokens."""
    same, long = fact_set(()), {"Kantor": "Kantor Ostra", "Ponti": "Pontifex Zeel", "Brul": "Brül"}
    rows = [Fact(f"{r}:{s}", long.get(s, s), r, "Corun Dal" if v == "Dal" else v, r) for (r, s), v in FACTS.items()]
    templates = same.templates | {"symbol": ("{subject} has the symbol",), "number": ("Of {subject}, {subject}:",)}
    return replace(same, table=fact_rows(rows, ()), templates=templates)


def measures(names, model, tokenizer, facts, **changes):
    spec = ProbeSpec(examples=2, slick_prompts=1, instruments=list(names), **changes)
    encoded = encode_probes(tokenizer, facts, spec)
    return Instruments(Asked(tokenizer, model, facts, encoded, spec, True), print).measures, encoded


def test_every_instrument_has_a_table():
    assert set(REGISTRY) == set(INSTRUMENTS)


@torch.no_grad()
def greedy(model, tokenizer, encoded, i, most):
    """One token at a time, each from the whole sequence: answer's tokens, log p with its end, whether it ended."""
    ids, start, logp = encoded.tokens[i][: encoded.target_start[i]].tolist(), encoded.target_start[i], 0.0
    while True:
        z = model(input_ids=torch.tensor([ids])).logits[0, -1].double().log_softmax(0)
        if int(z.argmax()) in encoded.terminators:
            return ids[start:], logp + float(z[encoded.terminators].logsumexp(0)), True
        ids.append(int(z.argmax()))
        logp += float(z.max())
        if len(ids) - start == most:
            return ids[start:], logp, False


@pytest.mark.parametrize("family", list(FAMILIES))
def test_confidence_is_that_of_decoding_token_by_token(family, tiny_models, tokenizer, facts):
    model = tiny_models[family]
    told, encoded = measures(["confidence"], model, tokenizer, facts)
    found = probe(model, encoded, instruments=told)
    values = found.measured["confidence"].values
    relation, longest = np.array(facts.column("relation")), encoded.target_tokens
    for i in range(0, len(encoded), 3):
        with torch.no_grad():
            z = model(input_ids=torch.from_numpy(encoded.tokens[i][: encoded.target_start[i]])[None]).logits[0, -1]
        p = z.double().softmax(0)
        assert values["first_p"][i] == pytest.approx(float(p.max()), abs=FP32)
        assert values["entropy"][i] == pytest.approx(float(-(p * p.log()).sum()), abs=10 * FP32)  # a sum
        answer, logp, ended = greedy(model, tokenizer, encoded, i, longest[relation == relation[i]].max() + 1)
        assert values["answer"][i] == tokenizer.decode(answer).strip()
        assert np.log(values["answer_p"][i]) == pytest.approx(logp, abs=FP32)
        assert values["ended"][i] == ended
        assert values["right"][i] == found.recalled[i] == (ended and values["answer"][i] == facts.column("object")[i])
    assert 0 < values["right"].sum() < len(encoded)  # both occur, or the test could not fail


@pytest.mark.parametrize("family", list(FAMILIES))
def test_rank_is_that_of_scoring_every_option(family, tiny_models, tokenizer, facts):
    """Each option whole, one at a time, from the model's own logits; by hand, too, where the first tokens tie."""
    model = tiny_models[family]
    told, encoded = measures(["rank"], model, tokenizer, facts)
    values = probe(model, encoded, instruments=told).measured["rank"].values
    objects, relations = np.array(facts.column("object")), np.array(facts.column("relation"))
    tied = 0
    for i in range(0, len(encoded), 3):
        options = list(dict.fromkeys(objects[relations == relations[i]]))
        prompt = encoded.tokens[i][: encoded.target_start[i]].tolist()
        logp, first = [], []
        for option in options:
            answer = tokenizer(f" {option}")["input_ids"]
            with torch.no_grad():
                z = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 :]
            z = z.double().log_softmax(1)
            each = z[range(len(answer)), answer]
            first.append(float(each[0]))
            logp.append(float(each.sum() + z[-1][encoded.terminators].logsumexp(0)))
        right = options.index(objects[i])
        for column, scores in (("rank", logp), ("rank_first", first)):
            others = np.delete(scores, right) - scores[right]
            ties = abs(others) < 1e-6
            tied += ties.sum()
            assert values[column][i] == (others[~ties] > 0).sum() + ties.sum() / 2
        assert values["options"][i] == len(options) > 1
    assert tied  # by first tokens some cannot be told apart
    assert len(set(values["rank"])) > 2


@pytest.mark.parametrize("family", list(FAMILIES))
def test_attention_is_what_the_model_says_of_it(family, tiny_models, tokenizer, facts):
    """`output_attentions`, eager, one fact at a time; with a shared prefix and on padded rows of the model's own."""
    model = tiny_models[family]
    told, encoded = measures(["attention"], model, tokenizer, facts)
    subjects = told["attention"].subjects
    with torch.no_grad():
        plain = np.array([plain_attention(model, t, s) for t, s in zip(encoded.tokens, subjects, strict=True)])
    before = model.config._attn_implementation
    for share_prefix in (True, False):
        found = probe(model, encoded, share_prefix=share_prefix, instruments=told).measured["attention"].values
        np.testing.assert_allclose(found["greatest"], plain[:, 0], atol=1e-5)
        np.testing.assert_allclose(found["total"], plain[:, 1], atol=1e-5)
        alone = probe(model, encoded, share_prefix=share_prefix)
        again = probe(model, encoded, share_prefix=share_prefix, instruments=told)
        assert alone.logp.tolist() == again.logp.tolist()
    assert model.config._attn_implementation == before
    assert (plain[:, 0] < plain[:, 1] - 1e-4).any()  # of subjects with several tokens


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_batches_order_and_processes_change_nothing(family, tiny_models, tokenizer, facts):
    model = tiny_models[family]
    told, encoded = measures(NAMES, model, tokenizer, facts)
    whole, recall = probe(model, encoded, instruments=told), probe(model, encoded)
    assert whole.logp.tolist() == recall.logp.tolist()  # nothing is measured otherwise because something else is
    order = np.random.default_rng(3).permutation(len(encoded))
    mixed = {name: measure.some(order) for name, measure in told.items()}
    alone = Team(0, 1, torch.device("cpu"))
    others = [
        probe(model, some(encoded, order), batch_tokens=64, instruments=mixed),
        probe(model, some(encoded, order), batch_tokens=1, share_prefix=False, instruments=mixed),
        probe_shared_out(alone, model, some(encoded, order), instruments=mixed),
    ]
    for other in others:
        for name, measured in whole.measured.items():
            for column, values in measured.values.items():
                again = other.measured[name].values[column]
                if values.dtype.kind == "f":
                    np.testing.assert_allclose(again, values[order], atol=10 * FP32, err_msg=f"{name}.{column}")
                else:
                    assert again.tolist() == values[order].tolist(), f"{name}.{column}"


@pytest.mark.parametrize("family", ["llama", "gemma3"])  # gemma3: windows of 8 tokens, shorter than these sequences
def test_what_sequences_begin_with_is_read_once(family, tiny_models, tokenizer, facts):
    """Branches of branches behind some prompts, one of them alone, against each sequence whole."""
    model, encoded = tiny_models[family], measures([], tiny_models[family], tokenizer, facts)[1]
    rng = np.random.default_rng(1)
    branches = [[*rng.integers(5, 7, 4), rng.integers(5, 99)] for _ in range(32)]
    prompts = [encoded.tokens[i][: encoded.target_start[i]] for i in (0, 1, 20)]
    pairs = [(prompt, branch) for prompt in prompts for branch in branches] + [(prompts[2][::-1], branches[0])]
    asked = Encoded(
        tuple(np.array([*p, *b]) for p, b in pairs), np.array([len(p) + 2 for p, _ in pairs]), encoded.terminators, 0
    )
    read = []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _, ids: read.append(ids[0].numel()))
    try:
        with torch.no_grad():
            wanted, found, kept = {}, {}, {}
            for batch, rows, _, logits in plain_passes(model, asked, 512):
                wanted |= {int(i): logits[rows == r] for r, i in enumerate(batch)}
            list(shared_passes(model, encoded, 4096, kept=kept))
            read.clear()
            list(shared_passes(model, asked, 512, kept=dict(kept)))
            apart = sum(read)
            read.clear()
            for batch, rows, targets, logits in branching_passes(model, asked, 512, kept):
                order = torch.argsort(rows, stable=True)
                found |= {int(i): logits[order][rows[order] == r] for r, i in enumerate(batch)}
                assert (targets.sort().values[: len(batch)] == -1).all()
    finally:
        hook.remove()
    for i, logits in wanted.items():
        np.testing.assert_allclose(found[i], logits, atol=10 * FP32)
    assert sum(read) < 0.6 * apart


def test_what_bf16_does_not_decide_is_what_its_weights_say_in_fp32(tiny_models, tokenizer, facts):
    model = copy.deepcopy(tiny_models["llama"])
    generator = torch.Generator().manual_seed(3)  # one of those with which bf16 errs in each
    for weight in model.parameters():  # knows nothing, so that much is close
        weight.data += 3 * weight.std() * torch.randn(weight.shape, generator=generator)
    model = model.bfloat16()
    told, encoded = measures(["rank", "confidence"], model, tokenizer, facts)
    found, plain = (probe(model, encoded, recheck=r, instruments=told).measured for r in (0.5, 0))
    exact = probe(copy.deepcopy(model).float(), encoded, instruments=told).measured
    for name, column in (("rank", "rank"), ("rank", "rank_first"), ("confidence", "answer")):
        again, bare, wanted = (each[name].values[column].tolist() for each in (found, plain, exact))
        assert again == wanted != bare, column
        assert "measured again in fp32" in found[name].note


def test_what_the_first_token_tells_takes_no_further_pass(tiny_models, tokenizer, facts):
    model, passes = tiny_models["llama"], []
    cheap = [{"name": name, "answers": "first"} for name in ("confidence", "rank")]
    apart = replace(facts, table=facts.table.filter(pc.is_in(facts.table["object"], pa.array(("Abor", "Belle")))))
    told, encoded = measures(cheap, model, tokenizer, apart)
    hook = model.register_forward_pre_hook(lambda *_: passes.append(1))
    try:
        probe(model, encoded)
        alone = len(passes)
        found = probe(model, encoded, instruments=told)
    finally:
        hook.remove()
    assert len(passes) == 2 * alone
    assert not any(found.measured["confidence"].values["answer"]) and not any(found.measured["rank"].values["rank"])


def test_options_that_begin_alike_are_ranked_as_whole_answers(tiny_models, tokenizer, facts):
    model = tiny_models["llama"]
    whole, encoded = measures(["rank"], model, tokenizer, facts)
    first, only = (
        measures([{"name": "rank", "answers": a}], model, tokenizer, facts)[0] for a in ("first", "first-only")
    )
    found = [probe(model, encoded, instruments=told).measured["rank"] for told in (whole, first, only)]
    assert found[0].values["rank"].tolist() == found[1].values["rank"].tolist()
    assert f"options of {len(facts)} facts begin alike" in found[1].note
    assert not any(found[2].values["rank"]) and not found[2].note
    assert found[0].values["rank_first"].tolist() == found[2].values["rank_first"].tolist()


def test_a_run_writes_the_tables_at_their_own_moments(asked, tmp_path):
    own = {"name": "confidence", "when": {"schedule": "list", "at": [2.5]}}
    job, said = asked(tmp_path / "run", {"instruments": [own], "every": 2}, epochs=7), []
    execute(job, lambda event: said.append(event.get("say", "")))
    probes, table = read_table(job.folder / "probes.arrow"), read_table(job.folder / "confidence.arrow")
    assert sorted(set(probes["checkpoint"].to_pylist())) == [0, 1, 2, 3, 4]
    assert sorted(set(zip(table["checkpoint"].to_pylist(), table["epoch"].to_pylist(), strict=True))) == [
        (0, 0.0), (2, 4.0), (4, 7.0),
    ]  # fmt: skip
    assert table.num_rows == 3 * len(set(probes["fact_id"].to_pylist()))
    assert list(table.column_names) == list(INSTRUMENTS["confidence"])
    assert json.loads(table.schema.metadata[b"levels"])["answer"]
    assert any(s.startswith("a probe takes: recall") and "confidence" in s for s in said)


def test_a_run_that_is_continued_ends_with_the_same_tables(asked, tmp_path):
    jobs = [asked(tmp_path / name, {"instruments": list(NAMES)}, epochs=3) for name in ("whole", "stopped")]
    stopped(jobs[1], 2)
    said = []
    for job in jobs:
        execute(job, lambda event: said.append(event.get("say", "")))
    assert any(s.startswith("continues from") for s in said)
    for name in NAMES:
        whole, continued = ((job.folder / f"{name}.arrow").read_bytes() for job in jobs)
        assert whole == continued
