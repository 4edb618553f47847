"""Facts as tokens: context, prompt and target with a verified boundary between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from factsurv.events.errors import InputError
from factsurv.training.facts.lossless import Written, check_lossless


@dataclass(frozen=True)
class Encoded:
    """Token sequences, one a fact.

    Attributes
    ----------
    tokens : tuple of int64 arrays
        Context, prompt and target of fact i, tokenised as ONE string; no terminator.
    target_start : int64 array (F,)
        Position of the first target token in ``tokens[i]``.
    terminators : int64 array (K,)
        Every token that ends an answer: those that begin with the terminator's text, and EOS.
    terminator : int
        The one of them that training teaches.
    notices : tuple of str
        What the tokenizer does not keep of the text, in sentences.
    others : Others or None
        Further right answers.
    """

    tokens: tuple[np.ndarray, ...]
    target_start: np.ndarray
    terminators: np.ndarray
    terminator: int
    notices: tuple[str, ...] = ()
    others: Others | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def target_tokens(self) -> np.ndarray:
        """Target tokens of each fact, the terminator not counted; int64 (F,)."""
        return np.array([len(t) for t in self.tokens], dtype=np.int64) - self.target_start


@dataclass(frozen=True)
class Others:
    """N further right answers behind the same prompts: ``fact`` int64 (N,) is the fact of each, in rising order."""

    encoded: Encoded
    fact: np.ndarray


def some(encoded: Encoded, chosen: np.ndarray) -> Encoded:
    """The ``chosen`` (int64) facts, in that order, with all their answers."""
    others = None
    if encoded.others is not None:
        of, place = encoded.others.fact, np.full(len(encoded), -1)
        place[chosen] = np.arange(len(chosen))
        rows = np.flatnonzero(place[of] >= 0)
        rows = rows[np.argsort(place[of[rows]], kind="stable")]
        others = Others(some(encoded.others.encoded, rows), place[of[rows]]) if len(rows) else None
    tokens = tuple(encoded.tokens[i] for i in chosen)
    starts = encoded.target_start[chosen]
    return Encoded(tokens, starts, encoded.terminators, encoded.terminator, others=others)


def joined(forms: Sequence[Encoded]) -> Encoded:
    """Facts of several, one after another."""
    begins = np.cumsum([0, *(len(form) for form in forms)])
    further = [(form.others, b) for form, b in zip(forms, begins[:-1], strict=True) if form.others is not None]
    return Encoded(
        tuple(t for form in forms for t in form.tokens),
        np.concatenate([form.target_start for form in forms]),
        forms[0].terminators,
        forms[0].terminator,
        others=Others(joined([o.encoded for o, _ in further]), np.concatenate([o.fact + b for o, b in further]))
        if further
        else None,
    )


def few_shot_context(template: str, examples: Sequence[tuple[str, str]], terminator: str = "\n") -> str:
    """Solved examples of one relation, each in the probe form and ended by the terminator."""
    return "".join(f"{fill(template, s)} {o}{terminator}" for s, o in examples)


def fill(template: str, subject: str) -> str:
    """The template with its subject; other braces stay as they are."""
    if "{subject}" not in template:
        raise InputError(
            f"the prompt template {template!r} has no {{subject}}",
            "facts.templates",
            "write the place of the subject as {subject}, for example 'The capital of {subject} is'",
        )
    return template.replace("{subject}", subject)


def encode(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    targets: Sequence[str],
    names: Sequence[str],
    terminator: str = "\n",
    contexts: Sequence[str] | None = None,
    distinct: bool = True,
) -> Encoded:
    """Tokenise ``context + prompt + " " + target`` and verify where the target begins.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
    prompts, targets, names : sequences of F str
        ``names`` are fact ids, for messages.
    terminator : str
    contexts : sequence of F str, optional
        Text before each prompt (few-shot examples).
    distinct : bool
        Whether answers that differ must have different tokens.

    Raises
    ------
    InputError
        If no token ends an answer, or as `check_lossless`.
    """
    contexts = contexts or [""] * len(prompts)
    terminators = terminator_tokens(tokenizer, terminator)
    added = _added(tokenizer)
    both = [f"{p} {t}" for p, t in zip(prompts, targets, strict=True)]
    followed = [f"{b}{terminator}{p}" for b, p in zip(both, prompts, strict=True)]
    before = _ids(tokenizer, [c + p for c, p in zip(contexts, prompts, strict=True)], added)
    whole = _ids(tokenizer, [c + b for c, b in zip(contexts, both, strict=True)], added)
    written = Written(
        names,
        contexts,
        prompts,
        targets,
        before,
        whole,
        alone=_ids(tokenizer, both, added) if any(contexts) else whole,
        followed=_ids(tokenizer, followed, added),
        lead=added[0],
        terminator=terminator,
        terminators=terminators,
        read=lambda rows: tokenizer.batch_decode([r.tolist() for r in rows], clean_up_tokenization_spaces=False),
    )
    notices = check_lossless(written, distinct)
    return Encoded(
        tokens=tuple(whole),
        target_start=np.array([len(b) for b in before], dtype=np.int64),
        terminators=terminators,
        terminator=_taught_terminator(tokenizer, terminator, terminators),
        notices=notices,
    )


def terminator_tokens(tokenizer: PreTrainedTokenizerBase, terminator: str) -> np.ndarray:
    """All token ids that end an answer: text beginning with ``terminator``, and EOS; int64, sorted."""
    ids = np.arange(len(tokenizer))
    texts = tokenizer.batch_decode(ids[:, None], clean_up_tokenization_spaces=False)
    found = {int(i) for i, text in zip(ids, texts, strict=True) if text.startswith(terminator)}
    if tokenizer.eos_token_id is not None:
        found.add(int(tokenizer.eos_token_id))
    if not found:
        raise InputError(
            f"no token of this tokenizer begins with {terminator!r} and it has no EOS token, so an "
            "answer could never end ('6' would count as right for '63')",
            "probe.terminator",
            "name a terminator that the tokenizer has",
        )
    return np.array(sorted(found), dtype=np.int64)


def _taught_terminator(tokenizer: PreTrainedTokenizerBase, terminator: str, terminators: np.ndarray) -> int:
    for i in terminators:
        if tokenizer.decode([int(i)], clean_up_tokenization_spaces=False) == terminator:
            return int(i)
    return int(tokenizer.eos_token_id if tokenizer.eos_token_id is not None else terminators[0])


def _added(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """How many tokens the tokenizer puts before and behind a text of its own (beginning or end of text, a class)."""
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    full = list(tokenizer("a")["input_ids"])
    for lead in range(len(full) - len(bare) + 1):
        if full[lead : lead + len(bare)] == bare:
            return lead, len(full) - lead - len(bare)
    return 0, 0


def _ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], added: tuple[int, int]) -> list[np.ndarray]:
    """Token ids with the model's own beginning-of-text token, and without what it puts behind a text."""
    out = []
    for ids in tokenizer(list(texts))["input_ids"]:
        if added[1]:
            ids = ids[: -added[1]]
        elif len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
            ids = ids[:-1]
        out.append(np.asarray(ids, dtype=np.int64))
    return out
