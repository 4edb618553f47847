"""A fact set as token sequences: behind few-shot examples for the probe, alone for training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, Others, encode, few_shot_context, fill, some
from factsurv.training.spec import ProbeSpec


def encode_probes(tokenizer, facts: FactSet, spec: ProbeSpec, prompt: int = 0, form: int = 0) -> Encoded:
    """Facts in a form (0: the probe form), behind few-shot prompt number ``prompt`` of their relation in the same form.

    All facts, or those whose relation has so many forms (`having`).
    """
    rows = having(facts, form)
    relations, subjects, objects, ids = (
        [facts.column(name)[i] for i in rows] for name in ("relation", "subject", "object", "fact_id")
    )
    forms = [facts.forms[i][form] for i in rows]
    before = {}
    for relation, text in dict.fromkeys(zip(relations, forms, strict=True)):
        examples = few_shot_examples(facts, relation, spec, prompt)
        before[relation, text] = few_shot_context(text, examples, spec.terminator)
    contexts = [before[each] for each in zip(relations, forms, strict=True)]
    prompts = [fill(text, s) for text, s in zip(forms, subjects, strict=True)]
    encoded = encode(tokenizer, prompts, objects, ids, spec.terminator, contexts)
    aliases = facts.several("aliases")
    return _with_others(tokenizer, spec.terminator, prompts, contexts, ids, [aliases[i] for i in rows], encoded)


def having(facts: FactSet, form: int) -> np.ndarray:
    """Rows of the facts whose relation has this form, int64."""
    return np.array([i for i, forms in enumerate(facts.forms) if form < len(forms)], np.int64)


def _with_others(
    tokenizer,
    terminator: str,
    prompts: list[str],
    contexts: list[str],
    ids: list[str],
    aliases: list[tuple[str, ...]],
    encoded: Encoded,
) -> Encoded:
    """The same with the aliases whose tokens are not those of another right answer of their fact."""
    pairs = [(i, alias) for i, each in enumerate(aliases) for alias in each]
    if not pairs:
        return encoded
    fact, texts = [i for i, _ in pairs], [alias for _, alias in pairs]
    asked, names, before = ([values[i] for i in fact] for values in (prompts, ids, contexts))
    others = encode(tokenizer, asked, texts, names, terminator, before, distinct=False)
    seen = {(i, tokens.tobytes()) for i, tokens in enumerate(encoded.tokens)}
    kept = []
    for j, (i, tokens) in enumerate(zip(fact, others.tokens, strict=True)):
        if (i, tokens.tobytes()) not in seen:
            seen.add((i, tokens.tobytes()))
            kept.append(j)
    notices = tuple(dict.fromkeys((*encoded.notices, *others.notices)))
    chosen = np.array(kept, dtype=np.int64)
    further = Others(some(others, chosen), np.array(fact, dtype=np.int64)[chosen]) if kept else None
    return replace(encoded, notices=notices, others=further)


def few_shot_examples(facts: FactSet, relation: str, spec: ProbeSpec, prompt: int) -> list[tuple[str, str]]:
    """The examples of few-shot prompt ``prompt`` (0 is the one that the event clock uses)."""
    reserved = list(facts.examples.get(relation, ()))
    if len(reserved) < spec.examples:
        raise InputError(
            f"relation {relation!r} has {len(reserved)} examples beside its facts, {spec.examples} are asked for",
            "probe.examples",
            f"set probe.examples = {len(reserved)}, or give the relation more rows",
        )
    start = prompt * len(reserved) // spec.slick_prompts
    return [reserved[(start + i) % len(reserved)] for i in range(spec.examples)]


def encode_lessons(tokenizer, facts: FactSet, terminator: str) -> list[list[Encoded]]:
    """Each fact alone, in each of its prompt forms that may be taught."""
    taught = facts.taught_forms
    forms: list[list[Encoded]] = [[] for _ in range(len(facts))]
    subjects, ids, objects = facts.column("subject"), facts.column("fact_id"), facts.column("object")
    for k in range(max(map(len, taught))):
        mine = [i for i, each in enumerate(taught) if k < len(each)]
        prompts = [fill(taught[i][k], subjects[i]) for i in mine]
        whole = encode(tokenizer, prompts, [objects[i] for i in mine], [ids[i] for i in mine], terminator)
        for j, i in enumerate(mine):
            forms[i].append(
                Encoded((whole.tokens[j],), whole.target_start[j : j + 1], whole.terminators, whole.terminator)
            )
    return forms
