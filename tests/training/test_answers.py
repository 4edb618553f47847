"""Several right answers: any of them is recalled, a sample is one of them with the sum of their probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import Fact, fact_rows
from factsurv.training.facts.options import option_texts
from factsurv.training.facts.prompts import some
from factsurv.training.label import Label
from factsurv.training.probing.audit import compare, decode
from factsurv.training.probing.baseline import baseline_table, other_prompts_encoded, samplings
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.probing.probe import Sampling, probe, probe_together
from factsurv.training.probing.probe_shared_out import shares
from factsurv.training.spec import InstrumentSpec, ProbeSpec
from tests.training.conftest import FACTS, VALUES, fact_set
from tests.training.test_probe import FP32

SPEC = ProbeSpec(examples=2, slick_prompts=2)


def with_answers(answers):
    """The facts of the tiny models; ``answers`` (i, value) gives the answer and the aliases of the i-th."""
    given = [(r, s, *answers(i, v)) for i, ((r, s), v) in enumerate(FACTS.items())]
    rows = [Fact(f"{r}:{s}", s, r, o, r, aliases=tuple(a)) for r, s, o, a in given]
    return replace(fact_set(()), table=fact_rows(rows, ()))


@pytest.fixture(scope="module")
def facts():
    """Of two in three the true answer is an alias; some answers begin others ("6" and "63"), some have many."""
    right = [v if i % 3 == 0 else f"nowhere {i}" for i, v in enumerate(FACTS.values())]
    taken = [{o for (_, other), o in zip(FACTS, right, strict=True) if other == s} for _, s in FACTS]

    def answers(i, v):
        aliases = {0: (f"nowhere {i}",), 1: (v, "63", "6 of 63"), 2: VALUES}[i % 3]
        return right[i], [a for a in aliases if a not in taken[i]]

    return with_answers(answers)


@pytest.mark.parametrize("family", ["llama", "gemma3", "neox"])
def test_any_answer_is_what_generate_says_and_the_sum_of_each(family, tiny_models, tokenizer, facts):
    model, encoded = tiny_models[family], encode_probes(tokenizer, facts, SPEC)
    found = probe(model, encoded, (Sampling(), Sampling(0.7, 12)))
    real = np.array([decode(model, encoded, i, None, 1, 0)[0] for i in range(len(encoded))])
    assert found.recalled.tolist() == real.tolist() and 0 < real.sum() < len(real)
    p, recalled = np.zeros((2, len(facts))), np.zeros(len(facts), dtype=bool)
    for k in range(1 + max(map(len, facts.several("aliases")))):  # one answer of each at a time
        each = [(o, *a) for o, a in zip(facts.column("object"), facts.several("aliases"), strict=True)]
        has = np.array([k < len(a) for a in each])
        one = with_answers(lambda i, v: (each[i][min(k, len(each[i]) - 1)], ()))  # noqa: B023
        alone = probe(model, encode_probes(tokenizer, one, SPEC), (Sampling(), Sampling(0.7, 12)))
        p += np.where(has, alone.p, 0)
        recalled |= has & alone.recalled
    np.testing.assert_allclose(found.p, p, atol=FP32)
    np.testing.assert_allclose(np.exp(found.logp), p[0], atol=FP32)
    assert found.recalled.tolist() == recalled.tolist() and ((found.margin > 0) == recalled).all()
    assert (found.p <= 1 + 1e-9).all()


def test_batches_order_forms_and_shares_change_nothing(tiny_models, tokenizer, facts):
    model, encoded = tiny_models["llama"], encode_probes(tokenizer, facts, SPEC)
    whole, order = probe(model, encoded), np.random.default_rng(4).permutation(len(facts))
    shuffled = probe(model, some(encoded, order), batch_tokens=97)
    np.testing.assert_allclose(shuffled.logp, whole.logp[order], atol=FP32)
    plain = probe(model, encoded, share_prefix=False)
    np.testing.assert_allclose(plain.logp, whole.logp, atol=FP32)
    halves = probe_together(model, [some(encoded, order[:9]), some(encoded, order[9:])])
    np.testing.assert_allclose(np.concatenate([h.logp for h in halves]), whole.logp[order], atol=FP32)
    for mine in shares(encoded, 3):
        np.testing.assert_allclose(probe(model, some(encoded, mine)).logp, whole.logp[mine], atol=FP32)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.9, 20, 0.9)])
def test_the_audit_counts_samples_of_any_answer(sampling, tiny_models, tokenizer, facts):
    encoded = some(encode_probes(tokenizer, facts, SPEC), np.arange(0, 32, 2))
    found = compare(tiny_models["llama"], tokenizer, encoded, sampling, 200, seed=11)
    assert found.greedy_disagreements == 0 and found.hits > 100 and found.p > 1e-3, found.text()
    first = probe(tiny_models["llama"], replace(encoded, others=None), (sampling,)).p.sum() * 200
    assert found.hits > 1.2 * first  # the aliases have a part in it, or the test could not fail


def test_instruments_take_any_answer_for_right_and_none_for_a_rival(tiny_models, tokenizer, facts):
    model, encoded = tiny_models["llama"], encode_probes(tokenizer, facts, SPEC)
    spec = SPEC.model_copy(update={"instruments": [InstrumentSpec(name="rank"), InstrumentSpec(name="confidence")]})
    asked = Asked(tokenizer, model, facts, encoded, spec, True)
    found = probe(model, encoded, instruments=Instruments(asked, print).measures)
    confidence, first = found.measured["confidence"].values, probe(model, replace(encoded, others=None))
    assert confidence["right"].tolist() == found.recalled.tolist() != first.recalled.tolist()
    right = [(o, *a) for o, a in zip(facts.column("object"), facts.several("aliases"), strict=True)]
    said = [answer in r for answer, r in zip(confidence["answer"], right, strict=True)]
    assert (np.array(said) & confidence["ended"]).tolist() == found.recalled.tolist()
    texts = option_texts(facts)
    assert all(o in t and not set(t) & set(a) for (o, *a), t in zip(right, texts, strict=True))
    assert found.measured["rank"].values["options"].tolist() == list(map(len, texts)) and len(set(map(len, texts))) > 1
    choices = ("Abor", "Belle", "Dal")
    rows = [Fact(f"{r}:{s}", s, r, "Abor", r, options=choices) for r, s in FACTS]
    assert set(option_texts(replace(fact_set(()), table=fact_rows(rows, ())))) == {choices}


def test_labels_follow_and_what_has_the_same_tokens_counts_once(tiny_models, tokenizer):
    facts = with_answers(lambda i, v: (f"nowhere {i}", (v, v)))
    encoded, forms = encode_probes(tokenizer, facts, SPEC), other_prompts_encoded(tokenizer, facts, SPEC)
    assert encoded.others.fact.tolist() == list(range(len(facts)))
    model, label = tiny_models["llama"], Label("main-1", "main", 1)
    table = baseline_table(model, forms, facts, SPEC, label, encoded, probe(model, encoded, samplings(SPEC)), True)
    plain = with_answers(lambda i, v: (v, ()))
    encoded, forms = encode_probes(tokenizer, plain, SPEC), other_prompts_encoded(tokenizer, plain, SPEC)
    same = baseline_table(model, forms, plain, SPEC, label, encoded, probe(model, encoded, samplings(SPEC)), True)
    for name in ("recalled", "latent", "slick", "knowledge"):
        assert table[name].to_pylist() == same[name].to_pylist()
    assert len(set(same["slick"].to_pylist())) > 1
