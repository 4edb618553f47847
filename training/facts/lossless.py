"""Whether a tokenizer keeps what facts say: a probe cannot tell apart what has become the same tokens.

Of a text only this may be lost on its way to tokens and back: blanks (a word tokenizer puts its own between words), but
not the white space of the terminator; compatibility forms of characters (Unicode NFKC); and case, which is said.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from factsurv.events.errors import InputError

SHOWN = 3
REMEDY = (
    "use a model whose tokenizer keeps them (byte-level ones keep all text), leave these facts out, or write them "
    "(and the examples and prompts) in characters that this tokenizer has"
)


@dataclass(frozen=True)
class Written:
    """F facts as text and as tokens.

    Attributes
    ----------
    names, contexts, prompts, targets : sequences of F str
    before, whole : sequences of F int64 arrays
        Tokens of context and prompt, and of context, prompt and target.
    alone, followed : sequences of F int64 arrays
        Tokens of prompt and target; of prompt, target, terminator and prompt: as examples stand in a context.
    lead : int
        Tokens that the tokenizer puts before each text but a target.
    terminator : str
    terminators : int64 array (K,)
        Tokens that end an answer.
    read : callable
        Text of many token sequences.
    """

    names: Sequence[str]
    contexts: Sequence[str]
    prompts: Sequence[str]
    targets: Sequence[str]
    before: Sequence[np.ndarray]
    whole: Sequence[np.ndarray]
    alone: Sequence[np.ndarray]
    followed: Sequence[np.ndarray]
    lead: int
    terminator: str
    terminators: np.ndarray
    read: Callable[[Sequence[np.ndarray]], list[str]]

    def answer(self, i: int) -> np.ndarray:
        """Tokens of the target of fact ``i``."""
        return self.whole[i][len(self.before[i]) :]

    def named(self, which: Sequence[int], told: Callable[[int], str]) -> str:
        """How many facts, and a few of them: ``2 facts: fact a, 'x' is …; fact b, 'y' is …``."""
        count = f"{len(which)} fact" + ("s" if len(which) > 1 else "")
        few = "; ".join(f"fact {self.names[i]}, {told(i)}" for i in which[:SHOWN])
        return f"{count}: {few}" + (f"; and {len(which) - SHOWN} more" if len(which) > SHOWN else "")


def check_lossless(written: Written, distinct: bool = True) -> tuple[str, ...]:
    """Refuse facts whose tokens do not say what their text says: all of them counted, a few named.

    ``distinct``: whether answers that differ must have different tokens.

    Returns
    -------
    tuple of str
        What is lost and does no harm, in sentences.

    Raises
    ------
    InputError
        If there is no position at which an answer begins, it holds a token that would end it, text is lost, the
        terminator does not survive, or two different answers or prompts have the same tokens.
    """
    wrong = [text for check in (_boundary, _ended, _lost, *([_alike] if distinct else [])) if (text := check(written))]
    if wrong:
        raise InputError("; ".join(text for text, _ in wrong), "the model's tokenizer", wrong[0][1])
    return _case(written) + _ending(written)


def _boundary(written: Written) -> tuple[str, str] | None:
    found = [
        i
        for i, (b, w) in enumerate(zip(written.before, written.whole, strict=True))
        if len(w) <= len(b) or not np.array_equal(w[: len(b)], b)
    ]
    if not found:
        return None
    told = written.named(found, lambda i: f"prompt {written.prompts[i]!r}, target {written.targets[i]!r}")
    what = "the tokens of the prompt change when the target follows, so there is no position at which the answer begins"
    return f"{what}, of {told}", "end the prompt with a whole word and no space, or use another tokenizer"


def _ended(written: Written) -> tuple[str, str] | None:
    found = [i for i in range(len(written.whole)) if np.isin(written.answer(i), written.terminators).any()]
    if not found:
        return None
    told = written.named(found, lambda i: repr(written.targets[i]))
    remedy = "take the line break out of the target, or set probe.terminator"
    return f"the target holds a token that ends an answer, so it could never be recalled, of {told}", remedy


def _lost(written: Written) -> tuple[str, str] | None:
    whole, followed = (written.read([r[written.lead :] for r in rows]) for rows in (written.whole, written.followed))
    asked = [f"{p} {t}" for p, t in zip(written.prompts, written.targets, strict=True)]
    texts = [c + a for c, a in zip(written.contexts, asked, strict=True)]
    found = [i for i, text in enumerate(texts) if _plain(text) != _plain(whole[i])]
    if found:
        told = written.named(found, lambda i: _where_lost(written, i, texts[i], whole[i]))
        return f"the tokenizer does not keep the text of {told}", REMEDY
    end = written.terminator
    ended = [f"{a}{end}{p}" for a, p in zip(asked, written.prompts, strict=True)]
    pairs = zip(texts, whole, ended, followed, strict=True)
    found = [
        i
        for i, (t, w, e, f) in enumerate(pairs)
        if _plain(t, end) != _plain(w, end) or _plain(e, end) != _plain(f, end)
    ]
    if not found and len(joined := _joined(written)) == len(texts):  # of all: no example shows how an answer ends
        found = joined
    if found:
        told = written.named(found, lambda i: repr(written.targets[i]))
        what = f"the tokenizer has no tokens of their own for the terminator {end!r} behind the answers, of {told}"
        return what, "set probe.terminator to a text that is a token of this tokenizer, for example '.' or '\\n'"
    return None


def _where_lost(written: Written, i: int, text: str, back: str) -> str:
    answer = written.read([written.answer(i)])[0]
    if _plain(written.targets[i]) != _plain(answer):
        return f"{written.targets[i]!r} is read back as {answer.strip(' ')!r}"
    prompt = written.read([written.alone[i][written.lead : -len(written.answer(i))]])[0]
    if _plain(written.prompts[i]) != _plain(prompt):
        return f"{written.prompts[i]!r} is read back as {prompt.strip(' ')!r}"
    want, got = _plain(text), _plain(back)
    at = next((k for k, (a, b) in enumerate(zip(want, got, strict=False)) if a != b), min(len(want), len(got)))
    part = slice(max(0, at - 10), at + 10)
    return f"of whose examples {want[part]!r} is read back as {got[part]!r} (without blanks)"


def _alike(written: Written) -> tuple[str, str] | None:
    """Different texts that are the same tokens."""
    told = []
    for kind, texts, tokens in (
        ("answers", written.targets, [written.answer(i) for i in range(len(written.whole))]),
        ("prompts", [c + p for c, p in zip(written.contexts, written.prompts, strict=True)], written.before),
    ):
        first: dict[bytes, int] = {}
        pairs = []
        for i, ids in enumerate(tokens):
            j = first.setdefault(ids.tobytes(), i)
            if texts[i] != texts[j] and _words(texts[i]) != _words(texts[j]):
                pairs.append((i, j))
        if pairs:
            shown = written.targets if kind == "answers" else written.prompts
            other = dict(pairs)
            named = written.named(list(other), lambda i, o=other, s=shown: f"{s[i]!r}, as {s[o[i]]!r}")  # type: ignore[misc]
            told.append(f"different {kind} have the same tokens, of {named}")
    return ("; ".join(told), REMEDY) if told else None


def _case(written: Written) -> tuple[str, ...]:
    back = written.read([written.answer(i) for i in range(len(written.whole))])
    found = [i for i, t in enumerate(written.targets) if _plain(t, fold=False) != _plain(back[i], fold=False)]
    if not found:
        return ()
    told = written.named(found, lambda i: f"{written.targets[i]!r} is read back as {back[i].strip(' ')!r}")
    return (f"the tokenizer does not keep upper and lower case, which recall then does not tell apart either: {told}",)


def _ending(written: Written) -> tuple[str, ...]:
    found = _joined(written)
    if not found:
        return ()
    told = written.named(found, lambda i: repr(written.targets[i]))
    what = f"the tokenizer joins the end of an answer with the terminator {written.terminator!r} behind it"
    means = "recalled means the answer's own tokens and then one that ends it"
    return (f"{what}; {means}, which a model may not know before training: {told}",)


def _joined(written: Written) -> list[int]:
    """Facts whose answer, with the terminator behind it, is not its own tokens and then one that ends it."""
    pairs = enumerate(zip(written.alone, written.followed, strict=True))
    same = {
        i: np.array_equal(f[: len(a)], a) and len(f) > len(a) and f[len(a)] in written.terminators
        for i, (a, f) in pairs
    }
    return [i for i, kept in same.items() if not kept]


def _plain(text: str, terminator: str = "", fold: bool = True) -> str:
    """The text without what may be lost, and with the white space of the terminator."""
    text = unicodedata.normalize("NFKC", text)
    text = unicodedata.normalize("NFKC", text.casefold()) if fold else text
    kept = {c for c in terminator if c.isspace()} - {" "}
    return "".join(c for c in text if not c.isspace() or c in kept)


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
