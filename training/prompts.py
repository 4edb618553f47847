"""Facts as tokens: context, prompt and target with a verified boundary between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from events.errors import InputError


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
    """

    tokens: tuple[np.ndarray, ...]
    target_start: np.ndarray
    terminators: np.ndarray
    terminator: int

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def target_tokens(self) -> np.ndarray:
        """Target tokens of each fact, the terminator not counted; int64 (F,)."""
        return np.array([len(t) for t in self.tokens], dtype=np.int64) - self.target_start


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

    Raises
    ------
    InputError
        If for some fact the tokens of the text before the target are not the beginning of the
        tokens of the whole (the boundary is unstable), the answer has no token of its own, or it holds
        a token that would end it.
    """
    contexts = contexts or [""] * len(prompts)
    before = _ids(tokenizer, [c + p for c, p in zip(contexts, prompts, strict=True)])
    whole = _ids(tokenizer, [f"{c}{p} {t}" for c, p, t in zip(contexts, prompts, targets, strict=True)])
    for i, (b, w) in enumerate(zip(before, whole, strict=True)):
        if len(w) <= len(b) or not np.array_equal(w[: len(b)], b):
            raise InputError(
                f"the tokens of the prompt {prompts[i]!r} change when the target {targets[i]!r} follows, "
                "so there is no position at which the answer begins",
                f"fact {names[i]}",
                "end the prompt with a whole word and no space, or use another tokenizer",
            )
    terminators = terminator_tokens(tokenizer, terminator)
    for i, (b, w) in enumerate(zip(before, whole, strict=True)):
        if np.isin(w[len(b) :], terminators).any():
            raise InputError(
                f"the target {targets[i]!r} holds a token that ends an answer, so it could never be recalled",
                f"fact {names[i]}",
                "take the line break out of the target, or set probe.terminator",
            )
    return Encoded(
        tokens=tuple(whole),
        target_start=np.array([len(b) for b in before], dtype=np.int64),
        terminators=terminators,
        terminator=_taught_terminator(tokenizer, terminator, terminators),
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


def _ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[np.ndarray]:
    """Token ids with the model's own beginning-of-text token, and without an end-of-text one."""
    out = []
    for ids in tokenizer(list(texts))["input_ids"]:
        if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
            ids = ids[:-1]
        out.append(np.asarray(ids, dtype=np.int64))
    return out
