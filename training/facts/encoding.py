"""A fact set as token sequences: behind few-shot examples for the probe, alone for training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, Others, encode, few_shot_context, fill, some
from factsurv.training.spec import ProbeSpec


def encode_probes(tokenizer, facts: FactSet, spec: ProbeSpec, prompt: int = 0) -> Encoded:
    """All facts in their probe form behind few-shot prompt number ``prompt`` of their relation."""
    contexts, prompts = [], []
    for relation, subject in zip(facts.column("relation"), facts.column("subject"), strict=True):
        form = facts.templates[relation][0]
        contexts.append(few_shot_context(form, few_shot_examples(facts, relation, spec, prompt), spec.terminator))
        prompts.append(fill(form, subject))
    encoded = encode(tokenizer, prompts, facts.column("object"), facts.column("fact_id"), spec.terminator, contexts)
    return _with_others(tokenizer, facts, spec.terminator, prompts, contexts, encoded)


def _with_others(
    tokenizer, facts: FactSet, terminator: str, prompts: list[str], contexts: list[str], encoded: Encoded
) -> Encoded:
    """The same with the aliases whose tokens are not those of another right answer of their fact."""
    pairs = [(i, alias) for i, aliases in enumerate(facts.several("aliases")) for alias in aliases]
    if not pairs:
        return encoded
    fact, texts, ids = [i for i, _ in pairs], [alias for _, alias in pairs], facts.column("fact_id")
    behind = ([values[i] for i in fact] for values in (prompts, ids, contexts))
    asked, names, before = behind
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
    """Each fact alone, in each of its relation's prompt forms."""
    count = max(len(t) for t in facts.templates.values())
    forms: list[list[Encoded]] = [[] for _ in range(len(facts))]
    relations, subjects, ids = facts.column("relation"), facts.column("subject"), facts.column("fact_id")
    objects = facts.column("object")
    for k in range(count):
        having = [i for i, r in enumerate(relations) if k < len(facts.templates[r])]
        prompts = [fill(facts.templates[relations[i]][k], subjects[i]) for i in having]
        whole = encode(tokenizer, prompts, [objects[i] for i in having], [ids[i] for i in having], terminator)
        for j, i in enumerate(having):
            forms[i].append(
                Encoded((whole.tokens[j],), whole.target_start[j : j + 1], whole.terminators, whole.terminator)
            )
    return forms
