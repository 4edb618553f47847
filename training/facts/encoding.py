"""A fact set as token sequences: behind few-shot examples for the probe, alone for training."""

from __future__ import annotations

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, encode, few_shot_context, fill
from factsurv.training.spec import ProbeSpec


def encode_probes(tokenizer, facts: FactSet, spec: ProbeSpec, prompt: int = 0) -> Encoded:
    """All facts in their probe form behind few-shot prompt number ``prompt`` of their relation."""
    contexts, prompts = [], []
    for relation, subject in zip(facts.column("relation"), facts.column("subject"), strict=True):
        form = facts.templates[relation][0]
        contexts.append(few_shot_context(form, few_shot_examples(facts, relation, spec, prompt), spec.terminator))
        prompts.append(fill(form, subject))
    return encode(tokenizer, prompts, facts.column("object"), facts.column("fact_id"), spec.terminator, contexts)


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
