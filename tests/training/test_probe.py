"""The exact probe against real decoding, in every family of models, and its traps one by one."""

import numpy as np
import pytest
import torch
from scipy import stats
from tokenizers import Tokenizer, models, trainers
from transformers import PreTrainedTokenizerFast

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded, encode, few_shot_context, fill, terminator_tokens
from factsurv.training.models.load import check_generation_config
from factsurv.training.probing.audit import above, compare, decode
from factsurv.training.probing.probe import Sampling, agrees_with_plain_path, probe, probe_together, some
from factsurv.training.probing.score import largest, log_probability, score_positions, truncated
from tests.training.conftest import FACTS, FAMILIES

# fp32 kernels differ by batch shape: 4e-5 was the largest difference of log p seen on a real model.
FP32 = 4e-5


@pytest.fixture(scope="module")
def encoded(tokenizer):
    """Every fact behind a few-shot prefix of its relation, once with its own answer and once with a wrong one."""
    asked = [(r, s, v) for (r, s), v in FACTS.items()] + [(r, s, "63") for (r, s), v in FACTS.items() if v != "63"]
    forms = {r: f"The {r} of {{subject}} is" for r, _, _ in asked}
    contexts = {
        r: few_shot_context(forms[r], [("Brulia", FACTS[r, "Brulia"]), ("Ost", FACTS[r, "Ost"])]) for r in forms
    }
    return encode(
        tokenizer,
        [fill(forms[r], s) for r, s, _ in asked],
        [v for _, _, v in asked],
        [f"{r}:{s}" for r, s, _ in asked],
        contexts=[contexts[r] for r, _, _ in asked],
    )


@pytest.mark.parametrize("family", list(FAMILIES))
def test_greedy_recall_never_disagrees_with_generate(family, tiny_models, encoded):
    model = tiny_models[family]
    exact = probe(model, encoded)
    real = np.array([decode(model, encoded, i, None, 1, 0)[0] for i in range(len(encoded))])
    assert exact.recalled.tolist() == real.tolist()
    assert 0 < real.sum() < len(real)  # both answers occur, or the test could not fail
    assert ((exact.margin > 0) == exact.recalled).all()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_shared_prefix_and_batching_change_nothing(family, tiny_models, encoded):
    model = tiny_models[family]
    plain = probe(model, encoded, share_prefix=False)
    assert agrees_with_plain_path(model, encoded)
    for batch_tokens in (1, 64, 4096):
        shared = probe(model, encoded, batch_tokens=batch_tokens)
        np.testing.assert_allclose(shared.logp, plain.logp, atol=FP32)
        assert shared.recalled.tolist() == plain.recalled.tolist()


def test_the_order_of_facts_changes_nothing(tiny_models, encoded):
    model, order = tiny_models["gemma2"], np.random.default_rng(3).permutation(len(encoded))
    straight, shuffled = probe(model, encoded), probe(model, some(encoded, order), batch_tokens=97)
    np.testing.assert_allclose(shuffled.logp, straight.logp[order], atol=FP32)
    assert shuffled.recalled.tolist() == straight.recalled[order].tolist()


def test_the_models_own_attention_is_put_back(tiny_models, encoded):
    model = tiny_models["llama"]
    before = model.config._attn_implementation
    probe(model, encoded)
    assert model.config._attn_implementation == before != "factsurv_shared_prefix"


def test_paraphrases_probed_together_are_as_if_probed_alone(tiny_models, encoded):
    model, halves = tiny_models["llama"], (np.arange(0, 20), np.arange(20, 50))
    forms = [some(encoded, half) for half in halves]
    for form, together in zip(forms, probe_together(model, forms, (Sampling(), Sampling(0.5, 5))), strict=True):
        alone = probe(model, form, (Sampling(), Sampling(0.5, 5)))
        np.testing.assert_allclose(together.logp, alone.logp, atol=FP32)
        np.testing.assert_allclose(together.p, alone.p, atol=FP32)
        assert together.recalled.tolist() == alone.recalled.tolist()
    passes = []
    hook = model.register_forward_pre_hook(lambda *_: passes.append(1))
    probe_together(model, forms)
    hook.remove()
    assert len(passes) == 2  # the prefixes of all forms in one, what follows them in another


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3"])
def test_bf16_decides_as_its_weights_do_in_fp32(family, tiny_models, encoded):
    """Small margins are computed again in fp32, layer by layer, and the weights come back bit for bit."""
    import copy

    narrow = copy.deepcopy(tiny_models[family]).to(torch.bfloat16)
    before = {n: w.clone() for n, w in narrow.named_parameters()}
    wide = probe(copy.deepcopy(narrow).float(), encoded)
    unchecked, checked = probe(narrow, encoded, recheck=0), probe(narrow, encoded)
    assert not unchecked.rechecked.any() and not wide.rechecked.any()
    assert checked.rechecked.any()
    assert (checked.rechecked == (abs(unchecked.margin) < 0.5)).all()
    assert checked.recalled.tolist() == wide.recalled.tolist()
    again = checked.rechecked
    np.testing.assert_allclose(checked.logp[again], wide.logp[again], atol=FP32)
    assert abs(unchecked.logp[again] - wide.logp[again]).max() > FP32  # or the recheck had nothing to do
    for name, weight in narrow.named_parameters():
        assert weight.dtype == torch.bfloat16 and torch.equal(weight, before[name])


def test_an_architecture_that_shares_no_prefix_is_told_apart(tiny_models, encoded):
    """A recurrent model has no attention to take over; its plain path still is exact."""
    from transformers import MambaConfig, MambaForCausalLM

    recurrent = MambaForCausalLM(MambaConfig(vocab_size=500, hidden_size=16, state_size=4, num_hidden_layers=1)).eval()
    assert not agrees_with_plain_path(recurrent, encoded)
    plain = probe(recurrent, encoded, share_prefix=False)
    real = np.array([decode(recurrent, encoded, i, None, 1, 0)[0] for i in range(5)])
    assert plain.recalled[:5].tolist() == real.tolist()


def test_the_largest_logits_are_found_without_sorting_all():
    z = torch.randn(9, 5003, generator=torch.Generator().manual_seed(4))
    for k in (1, 2, 30, 300):
        assert torch.equal(largest(z, k), z.topk(k, dim=1).values)


@pytest.mark.parametrize(
    "sampling", [Sampling(1.0, 40), Sampling(0.8, 40, 0.9), Sampling(1.0, 0, 0.9), Sampling(3.0, 0, 0.99)]
)
def test_truncation_from_the_largest_logits_is_that_from_all(sampling):
    """Coarse logits tie at every edge, flat ones have wide nuclei: where the exact fallback must step in."""
    generator = torch.Generator().manual_seed(2)
    for scale, step in ((4, 0.0), (4, 0.5), (0.2, 0.0)):
        z = torch.randn(40, 20_000, generator=generator) * scale
        z = (z / step).round() * step if step else z
        own = z.topk(60, dim=1).values[torch.arange(40), torch.arange(40) % 60, None]
        fast = log_probability(z, own, sampling)
        slow = truncated(z / sampling.temperature, own / sampling.temperature, sampling.top_k, sampling.top_p)
        np.testing.assert_allclose(fast.exp(), slow.exp(), atol=1e-6)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.5, 5), Sampling(1.3, 0, 0.7), Sampling(0.9, 20, 0.9)])
def test_samples_hit_as_often_as_the_exact_binomial_says(sampling, tiny_models, tokenizer, encoded):
    found = compare(tiny_models["llama"], tokenizer, some(encoded, np.arange(0, 60, 3)), sampling, 200, seed=11)
    assert found.greedy_disagreements == 0
    assert found.hits > 100  # the targets are reachable, or the test could not fail
    assert found.p > 1e-3, found.text()  # seeded: this run is one draw of a test of size 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_that_passes_once_is_continued_alike_for_less(family, tiny_models, encoded):
    model, passed = tiny_models[family], []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _, given: passed.append(given[0].numel()))
    try:
        costs = []
        for reuse in (True, False):
            passed.clear()
            found = [
                decode(model, encoded, fact, sampling, times, 7, reuse)
                for fact in (31,)
                for sampling, times in ((None, 1), (Sampling(1.0, 5), 40))
            ]
            costs.append((found, sum(passed)))
    finally:
        hook.remove()
    (ours, tokens), (plain, all_tokens) = costs
    assert [list(f) for f in ours] == [list(f) for f in plain]
    assert tokens < all_tokens / 4  # prompts are short here; a tenth where examples stand before them


def test_hits_of_one_fact_are_binomial_across_repeats(tiny_models, encoded):
    model = tiny_models["llama"]
    p = probe(model, encoded).p[0]
    fact = int(np.argmin(abs(p - 0.5)))
    hits = [decode(model, encoded, fact, Sampling(), 20, seed).sum() for seed in range(60)]
    assert stats.binomtest(int(sum(hits)), 1200, p[fact]).pvalue > 1e-3
    ratio = np.var(hits, ddof=1) / (20 * p[fact] * (1 - p[fact]))  # not overdispersed: chi-square on 59 df
    assert stats.chi2.ppf(5e-4, 59) < 59 * ratio < stats.chi2.ppf(1 - 5e-4, 59)


def test_truncation_is_temperature_then_top_k_then_top_p():
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(50, 300, generator=generator) * 3
    targets = logits.argsort(1, descending=True)[torch.arange(50), torch.arange(50) % 12]
    for sampling in (Sampling(0.7, 10, 0.8), Sampling(1.5, 0, 0.5), Sampling(0.3, 3, 1.0), Sampling(1.0, 299, 0.999)):
        z = TemperatureLogitsWarper(sampling.temperature)(None, logits)
        if sampling.top_k:
            z = TopKLogitsWarper(sampling.top_k)(None, z)
        if sampling.top_p < 1:
            z = TopPLogitsWarper(sampling.top_p)(None, z)
        reference = z.log_softmax(1)[torch.arange(50), targets]
        ours = score_positions(logits, targets, torch.tensor([0]), [sampling]).log_p[0]
        # transformers sums top-p's mass in fp32 in the other direction: a token may sit on the edge itself.
        same = torch.isclose(ours.exp(), reference.double().exp(), atol=1e-5)
        assert same.float().mean() >= 0.98


def test_a_terminator_is_a_set_and_an_answer_must_end(tiny_models, tokenizer, encoded):
    ends = terminator_tokens(tokenizer, "\n")
    assert {tokenizer.decode([int(i)])[:1] for i in ends if i != tokenizer.eos_token_id} == {"\n"}
    assert len(ends) > 2  # newline, double newline, EOS
    model = tiny_models["llama"]
    any_end = Encoded(encoded.tokens, encoded.target_start, np.arange(len(tokenizer)), 0)
    assert (probe(model, any_end).logp >= probe(model, encoded).logp - 1e-6).all()
    assert (probe(model, any_end).recalled >= probe(model, encoded).recalled).all()


def test_an_unstable_boundary_is_refused():
    """Without a pre-tokenizer, merges cross the space: "is Abor" becomes one token."""
    inner = Tokenizer(models.BPE())
    inner.train_from_iterator(["The capital of Ostra is Abor"] * 9, trainers.BpeTrainer(vocab_size=60))
    crossing = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="o")
    with pytest.raises(InputError, match="no position at which the answer begins") as error:
        encode(crossing, ["The capital of Ostra is"], ["Abor"], ["capital:OS"])
    assert "fact capital:OS" in str(error.value)


def test_a_target_that_holds_a_terminator_is_refused(tokenizer):
    with pytest.raises(InputError, match="could never be recalled"):
        encode(tokenizer, ["The capital of Ostra is"], ["Abor\nBelle"], ["a"])


def test_a_prompt_without_subject_is_refused():
    with pytest.raises(InputError, match="has no {subject}"):
        fill("The capital is", "Ostra")


def test_a_prefix_longer_than_the_context_is_refused(tiny_models, tokenizer):
    long = encode(tokenizer, ["The capital of Ostra is"], ["Abor"], ["a"], contexts=["The number of Zeel is 12\n" * 60])
    with pytest.raises(InputError, match="the model's context holds 256"):
        probe(tiny_models["gpt2"], long)


def test_other_logits_processors_are_refused(tiny_models):
    model = tiny_models["llama"]
    check_generation_config(model)
    model.generation_config.repetition_penalty = 1.1
    try:
        with pytest.raises(InputError, match="repetition_penalty"):
            check_generation_config(model)
    finally:
        model.generation_config.repetition_penalty = 1.0


def test_logits_that_are_not_numbers_are_an_error(tiny_models, encoded):
    import copy

    model = copy.deepcopy(tiny_models["llama"])
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="not numbers"):
        probe(model, encoded)


def test_weights_that_changed_are_seen_at_once(tiny_models, encoded):
    """The prefix is computed anew at every probe: a stale one would be silently wrong."""
    import copy

    model = copy.deepcopy(tiny_models["llama"])
    before = probe(model, encoded)
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.mul_(1.5)
    after, plain = probe(model, encoded), probe(model, encoded, share_prefix=False)
    assert abs(after.logp - before.logp).max() > 1e-2
    np.testing.assert_allclose(after.logp, plain.logp, atol=FP32)


def test_fp32_is_computed_in_fp32_whatever_training_asks_for(tiny_models, encoded):
    """`TrainingArguments(tf32=True)`, which says it for everything, and a setting of one backend alone."""
    model, seen = tiny_models["llama"], []
    kinds = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    precisions = lambda: [kind.fp32_precision for kind in kinds]  # noqa: E731
    hook = model.model.register_forward_hook(lambda *_: seen.append(precisions()))
    try:
        torch.backends.fp32_precision = "tf32"
        kinds[1].fp32_precision = "bf16"
        probe(model, encoded)
        assert precisions() == ["tf32", "bf16"]
        torch.backends.fp32_precision = "ieee"
        assert precisions() == ["ieee", "bf16"]  # what is said for all still reaches the first
    finally:
        hook.remove()
        torch.backends.fp32_precision = kinds[1].fp32_precision = "none"
    assert seen and all(s == ["ieee", "ieee"] for s in seen)


@pytest.mark.parametrize("df", [1, 7, 60, 400])
def test_tail_of_chi_square(df):
    """As SciPy has it, far into the tail that decides an audit (LEVEL is 1e-3)."""
    for x in (0.0, 0.1, 1.0, df / 2, df, 2.0 * df, df + 10 * df**0.5):
        assert np.isclose(above(x, df), stats.chi2.sf(x, df), rtol=1e-9, atol=0)  # double precision, two algorithms
