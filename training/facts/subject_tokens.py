"""Where the subject stands among the tokens of its prompt: by the tokenizer's own offsets into the text."""

from __future__ import annotations

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.encoding import few_shot_examples
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, few_shot_context
from factsurv.training.spec import ProbeSpec

WHERE, REMEDY = "probe.instruments, attention", "leave attention out, or these facts"


def subject_tokens(tokenizer, facts: FactSet, encoded: Encoded, spec: ProbeSpec) -> tuple[np.ndarray, ...]:
    """Which tokens of each prompt hold a part of its subject; of fact i bool (``encoded.target_start[i]``,).

    A token counts if it covers any sign of the subject, also one that it shares with a neighbour (the space before
    it, or, where a tokenizer merges over words, a letter); the same name in a solved example before does not count.

    Raises
    ------
    InputError
        If the tokenizer does not tell offsets, or a subject does not occur in its prompt.
    """
    texts, places = [], []
    for relation, subject, forms in zip(facts.column("relation"), facts.column("subject"), facts.forms, strict=True):
        form = forms[0]
        context = few_shot_context(form, few_shot_examples(facts, relation, spec, 0), spec.terminator)
        text, places_here = context, []
        for part in form.split("{subject}")[:-1]:
            text += part
            places_here.append((len(text), len(text) + len(subject)))
            text += subject
        texts.append(text + form.split("{subject}")[-1])
        places.append(places_here)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            "this tokenizer does not tell where in the text its tokens stand", WHERE, "leave attention out"
        )
    read = tokenizer(texts, return_offsets_mapping=True)
    found = []
    for i, start in enumerate(encoded.target_start):
        offsets = np.array(read["offset_mapping"][i][:start]).reshape(-1, 2)
        same = np.array_equal(read["input_ids"][i][:start], encoded.tokens[i][:start])
        hit = [(offsets[:, 0] < end) & (offsets[:, 1] > begin) for begin, end in places[i]] if same else []
        found.append(np.any(hit, axis=0) if hit else np.zeros(start, dtype=bool))
    lacking = [i for i, hit in enumerate(found) if not hit.any()]
    if lacking:
        ids, subjects = facts.column("fact_id"), facts.column("subject")
        few = "; ".join(f"fact {ids[i]}, {subjects[i]!r}" for i in lacking[:3])
        what = f"the subject does not occur in the tokens of its prompt, of {len(lacking)} fact(s): {few}"
        raise InputError(
            what, WHERE, "write {subject} in the first prompt form of the relation, or leave attention out"
        )
    return tuple(found)
