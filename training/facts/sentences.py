"""Sentences that tell of facts, put together from parts that are turned into tokens once.

Who draws a text anew at every step has no time to tokenise it, and no room for all that may come up: people ×
attributes × forms. A sentence is a form's words, the subject in them, the answer and the terminator; where a tokenizer
splits at blanks, their tokens are those of the whole, which is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, encode, fill

CHECKED = 256  # sentences that are also tokenised whole, beside one of each form and of each answer


class Sentences:
    """Every sentence that may tell of some of the facts.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
    facts : FactSet
    rows : int64 (R,)
        The facts that are told of.
    terminator : str
        Ends a sentence, as it ends a probed answer.

    Raises
    ------
    InputError
        If the tokenizer cannot spell a word of them, or its tokens hang on the words around them.
    """

    def __init__(self, tokenizer, facts: FactSet, rows: np.ndarray, terminator: str):
        self.tokenizer, self.terminator = tokenizer, terminator
        self.subjects, self.objects = facts.column("subject"), facts.column("object")
        self.forms, self.ids = facts.taught_forms, facts.column("fact_id")
        self._end = np.array(tokenizer(terminator, add_special_tokens=False)["input_ids"], dtype=np.int64)
        self._known: dict[str, np.ndarray] = {}
        shapes = list(dict.fromkeys(form for i in rows.tolist() for form in self.forms[i]))
        self._shape = {form: _cut(form) for form in shapes}
        texts = [piece for pieces in self._shape.values() for piece in pieces if piece is not None]
        for i in rows.tolist():
            texts += [self.subjects[i], f" {self.subjects[i]}", f" {self.objects[i]}"]
        self._read(dict.fromkeys(texts))
        self._pieces = {form: [None if p is None else self._known[p] for p in self._shape[form]] for form in shapes}
        self.terminator_token = self._check(rows)

    def one(self, row: int, form: int) -> np.ndarray:
        """Tokens of the sentence that tells of fact ``row`` in its form number ``form`` (from 0), its end included."""
        text, subject = self.forms[row][form], self.subjects[row]
        begins = text.startswith("{subject}")
        named = [self._known[subject if begins and k == 0 else f" {subject}"] for k in range(text.count("{subject}"))]
        parts, names = [], iter(named)
        for piece in self._pieces[text]:
            parts.append(next(names) if piece is None else piece)
        return np.concatenate([*parts, self._known[f" {self.objects[row]}"], self._end])

    def lesson(self, drawn: Iterable[tuple[int, int]]) -> Encoded:
        """The sentences of one lesson (fact, form), one behind another; every token but the first is taught."""
        whole = np.concatenate([self.one(row, form) for row, form in drawn])
        only = np.array([whole[-1]])
        return Encoded((whole[:-1],), np.ones(1, dtype=np.int64), only, int(whole[-1]))

    def longest(self, rows: Sequence[int]) -> int:
        """Tokens of the longest lesson that tells of these facts."""
        return sum(max(len(self.one(r, k)) for k in range(len(self.forms[r]))) for r in rows)

    def _read(self, texts: Iterable[str]) -> None:
        every = list(texts)
        for begin in range(0, len(every), 100_000):
            part = every[begin : begin + 100_000]
            for text, ids in zip(part, self.tokenizer(part, add_special_tokens=False)["input_ids"], strict=True):
                self._known[text] = np.array(ids, dtype=np.int64)

    def _check(self, rows: np.ndarray) -> int:
        """Compare with whole sentences: each form, each answer, and facts from all over."""
        chosen: dict[tuple[int, int], None] = {}
        seen: set[str] = set()
        for i in rows.tolist():
            if self.objects[i] not in seen:
                seen.add(self.objects[i])
                chosen[i, 0] = None
            for k, form in enumerate(self.forms[i]):
                if form not in seen:
                    seen.add(form)
                    chosen[i, k] = None
        for i in rows[np.linspace(0, len(rows) - 1, min(len(rows), CHECKED)).astype(int)].tolist():
            chosen[i, 0] = None
        asked = list(chosen)
        prompts = [fill(self.forms[i][k], self.subjects[i]) for i, k in asked]
        names, objects = [self.ids[i] for i, _ in asked], [self.objects[i] for i, _ in asked]
        whole = encode(self.tokenizer, prompts, objects, names, self.terminator)  # which refuses what cannot be spelled
        for (i, k), tokens, prompt in zip(asked, whole.tokens, prompts, strict=True):
            own = self.one(i, k)[:-1]  # a text of its own may begin with a token that the tokenizer puts there
            if len(self._end) != 1 or not np.array_equal(tokens[-len(own) :], own):
                raise InputError(
                    f"the tokens of a sentence hang on the words around them, as in {prompt!r}",
                    'stage.lesson = "group"',
                    "use a tokenizer that splits texts at blanks, with a terminator that is one token",
                )
        return int(self._end[0])


def _cut(form: str) -> list[str | None]:
    """The words of a form between its subjects (None), each with the blank before it."""
    pieces: list[str | None] = []
    for k, text in enumerate(form.split("{subject}")):
        if k:
            pieces.append(None)
        if text.strip():
            pieces.append(text.rstrip() if text.endswith(" ") else text)
    return pieces
