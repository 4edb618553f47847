"""Extractive scores against finite differences, in every family of models that the probe is tested on."""

import copy

import numpy as np
import pytest
import torch

from factsurv.events.schema import SCORES, build
from factsurv.events.score_means import score_means
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.options import encode_options
from factsurv.training.facts.subject_tokens import subject_tokens
from factsurv.training.scored import item_of, left_out
from factsurv.training.spec import ProbeSpec
from factsurv.training.surgery.components import Components
from factsurv.training.surgery.scores import Item, extractive_scores, mean_logit_loss
from tests.training.conftest import FAMILIES

ITEM = Item(
    np.array([5, 17, 3, 60, 9]),
    np.array([2, 11, 40, 77]),
    1,
    np.array([[5, 22, 3, 60, 9], [5, 31, 3, 60, 9]]),
)
STEP = 0.01
# transformers' norms and softmaxes compute in fp32 whatever the weights are: losses are off by some 1e-7, a slope by
# 1e-7 / STEP; the differences' own error is of the order STEP⁴.
NEAR = {"rel": 1e-3, "abs": 5e-5}


def pair(family):
    """Two models of the family, with biases and norms that are not at their beginnings, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        old = FAMILIES[family](90).double().eval()
        for weight in old.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
        new = copy.deepcopy(old)
        for weight in new.parameters():
            weight.data += 0.05 * torch.randn_like(weight)
    return old.requires_grad_(False), new.requires_grad_(False)


def loss(model, ids=None):
    ids = torch.from_numpy(ITEM.tokens)[None] if ids is None else ids
    return float(mean_logit_loss(model(input_ids=ids, use_cache=False).logits[:, -1], ITEM))


def slope(of):
    """Four-point central difference."""
    return (8 * (of(STEP) - of(-STEP)) - (of(2 * STEP) - of(-2 * STEP))) / (12 * STEP)


def along(model, module, other):
    """Loss with the module's weights moved towards those of the other one's."""
    before = {n: w.detach().clone() for n, w in module.named_parameters()}

    def at(step):
        for name, weight in module.named_parameters():
            weight.data = before[name] + step * (dict(other.named_parameters())[name] - before[name])
        value = loss(model)
        for name, weight in module.named_parameters():
            weight.data = before[name]
        return value

    return slope(at)


def patched(model, module, change):
    """Loss when something is added to what the module puts out."""

    def at(step):
        def add(_module, _arguments, out):
            return (out[0] + step * change, *out[1:]) if isinstance(out, tuple) else out + step * change

        hook = module.register_forward_hook(add)
        try:
            return loss(model)
        finally:
            hook.remove()

    return slope(at)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_scores_are_what_small_changes_do(family):
    old, new = pair(family)
    a, b = Components(old), Components(new)
    ids = torch.from_numpy(ITEM.tokens)[None]
    whole = mean_logit_loss(a.run(ids).logits.detach(), ITEM)  # taken apart and put together
    assert float(whole) == pytest.approx(loss(old), abs=1e-5)
    found = extractive_scores(a, b, ITEM)
    seen, after, others = a.run(ids), b.run(ids), a.run(torch.from_numpy(ITEM.counterfactuals))
    for layer in range(2):
        heads = {name: values[layer] for name, values in found.heads.items()}
        mlp = {name: values[layer] for name, values in found.mlp.items()}
        assert mlp["informative"].sum() == pytest.approx(-along(old, a.mlps[layer], b.mlps[layer]), **NEAR)
        assert heads["informative"].sum() == pytest.approx(
            -along(old, a.attentions[layer], b.attentions[layer]), **NEAR
        )
        for scores, module, out, moved, alone in (
            (mlp, a.mlps[layer], seen.mlp, lambda n: a.mlp_of(n, after.mlp_in[n]), others.mlp),
            (
                {n: v.sum(0) for n, v in heads.items()},
                a.attentions[layer],
                seen.attention,
                lambda n: a.heads_of(n, after.attention_in[n]).attention[0],
                others.attention,
            ),
        ):
            for token in range(len(ITEM.tokens)):
                only = torch.zeros(1, len(ITEM.tokens), 1, dtype=torch.float64)
                only[0, token] = 1
                down = only * (moved(layer) - out[layer])
                assert scores["downstream"][token] == pytest.approx(-patched(old, module, down), **NEAR)
                apart = only * (out[layer] - alone[layer].mean(0))
                other = (b.mlps if scores is mlp else b.attentions)[layer]
                up = patched(old, module, apart) - patched(new, other, apart)
                assert scores["upstream"][token] == pytest.approx(up, **NEAR)


def test_a_head_is_scored_alone_also_where_heads_share_keys_and_values():
    """Heads of their own, with the same weights, have the same scores as heads that share."""
    old, new = pair("llama")  # 4 heads, 2 of keys and values
    found = extractive_scores(Components(old), Components(new), ITEM)
    apart = [unshared(model) for model in (old, new)]
    whole = extractive_scores(*map(Components, apart), ITEM)
    for name, values in found.heads.items():
        for mine, other in zip(values, whole.heads[name], strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)  # fp32 again
    one, two = (model.model.layers[1].self_attn.k_proj for model in apart)
    rows = slice(8, 16)  # the keys of head 1 alone

    def at(step):
        before = one.weight.data.clone()
        one.weight.data[rows] += step * (two.weight - before)[rows]
        value = loss(apart[0])
        one.weight.data = before
        return value

    frozen = copy.deepcopy(apart[0])
    frozen.model.layers[1].self_attn.k_proj.weight.data[rows] = two.weight[rows]
    only = extractive_scores(Components(apart[0]), Components(frozen), ITEM).heads["informative"][1]
    assert only[1].sum() == pytest.approx(-slope(at), **NEAR) and not only[[0, 2, 3]].any()


def unshared(model):
    config = copy.deepcopy(model.config)
    config.num_key_value_heads = config.num_attention_heads
    made = type(model)(config).double().eval().requires_grad_(False)
    state = model.state_dict()
    for name in list(state):
        if "k_proj" in name or "v_proj" in name:
            state[name] = state[name].view(2, 8, -1).repeat_interleave(2, 0).reshape(32, -1)
    made.load_state_dict(state)
    return made


def test_counterfactuals_differ_in_their_subject_only(tokenizer, facts):
    bare = ProbeSpec(examples=0)
    encoded = encode_probes(tokenizer, facts, bare)
    inside = subject_tokens(tokenizer, facts, encoded, bare)
    options = encode_options(tokenizer, facts, encoded, bare)
    items = [item_of(i, facts, encoded, inside, options, 3, 1) for i in range(len(facts))]
    objects = facts.column("object")
    assert any(len(item.counterfactuals) for item in items)
    alone = Item(items[0].tokens, items[0].options, 0, items[0].counterfactuals[:0])
    assert "token by token" in left_out(alone)
    assert [left_out(item) == "" for item in items] == [len(item.counterfactuals) > 0 for item in items]
    assert all(len(item.counterfactuals) <= 3 for item in items)
    for i, item in enumerate(items):
        assert item.options[item.right] == encoded.tokens[i][encoded.target_start[i]]
        for other in item.counterfactuals:
            assert np.array_equal(other[~inside[i]], item.tokens[~inside[i]])
            assert any(
                objects[j] != objects[i] and np.array_equal(other, encoded.tokens[j][: encoded.target_start[j]])
                for j in range(len(facts))
            )


def test_means_lie_on_one_another_by_token():
    rows = [
        {
            "run": "s-1", "arm": "s", "seed": 1, "fact_id": fact, "relation": "r", "component": "attention",
            "layer": 0, "head": head, "position": p, "token": token, "subject": p == 0, "informative": value,
            "downstream": 1.0, "upstream": np.nan if fact == "a" else 2.0,
        }
        for fact, tokens in (("a", ("Ann", "is")), ("b", ("Bob", "is")))
        for p, token in enumerate(tokens)
        for head, value in enumerate((1.0, 3.0 if fact == "a" else 5.0))
    ]  # fmt: skip
    found = score_means(build(SCORES, {n: [row[n] for row in rows] for n in SCORES})).to_pylist()
    at = {(row["position"], row["score"]): row for row in found}
    assert len(found) == 6 and at[0, "informative"]["mean"] == 5.0  # (1 + 3 + 1 + 5) / 2 prompts
    assert (at[0, "upstream"]["mean"], at[0, "upstream"]["facts"]) == (4.0, 1)
    assert [at[p, "informative"]["same"] for p in (0, 1)] == [False, True] and at[1, "downstream"]["token"] == "is"


def test_the_same_weights_and_no_counterfactuals_have_no_scores():
    old, _ = pair("gpt2")
    found = extractive_scores(Components(old), Components(copy.deepcopy(old)), ITEM)
    assert all(not np.any(v) for values in (found.mlp, found.heads) for v in values.values())
    alone = Item(ITEM.tokens, ITEM.options, 1, ITEM.counterfactuals[:0])
    assert np.isnan(extractive_scores(Components(old), Components(old), alone).mlp["upstream"]).all()
