"""The answers among which a fact's right one stands: those of its relation, or of the fact itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from factsurv.training.facts.encoding import few_shot_examples
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded, encode, few_shot_context, fill
from factsurv.training.spec import ProbeSpec

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """What may follow a beginning of answers: int64 tokens, and which answers lie behind each; and the one it is."""

    tokens: np.ndarray
    behind: tuple[frozenset[int], ...]
    answer: int | None


@dataclass(frozen=True)
class Options:
    """Options of F facts as tokens.

    Attributes
    ----------
    lists : tuple of mappings
        Each list of answers that some facts choose from, as a tree: from the beginnings of answers, without
        terminator, to what follows them. All begin with ().
    sizes : int64 (lists,)
    longest : int64 (lists,)
        Tokens of the longest answer.
    of : int64 (F,)
        Number of each fact's list.
    right : int64 (F,)
        Place of the right answer in it.
    """

    lists: tuple[dict[Tokens, Node], ...]
    sizes: np.ndarray
    longest: np.ndarray
    of: np.ndarray
    right: np.ndarray

    def some(self, chosen: np.ndarray) -> Options:
        """Those of some of the facts."""
        return replace(self, of=self.of[chosen], right=self.right[chosen])

    @property
    def counts(self) -> np.ndarray:
        """Options of each fact, the right one included; int64 (F,)."""
        return self.sizes[self.of]


def option_texts(facts: FactSet) -> list[tuple[str, ...]]:
    """Of each fact the answers it stands among: its own options, or the distinct objects of its relation.

    Other right answers of the fact are not among the latter: they are no rivals.
    """
    objects, relations = facts.column("object"), facts.column("relation")
    of_relation: dict[str, dict[str, None]] = defaultdict(dict)
    for relation, answer in zip(relations, objects, strict=True):
        of_relation[relation].setdefault(answer)
    lists = {relation: tuple(answers) for relation, answers in of_relation.items()}
    found = []
    for relation, own, aliases in zip(relations, facts.several("options"), facts.several("aliases"), strict=True):
        both = of_relation[relation].keys() & set(aliases)
        found.append(own or (tuple(o for o in lists[relation] if o not in both) if both else lists[relation]))
    return found


def encode_options(tokenizer, facts: FactSet, encoded: Encoded, spec: ProbeSpec) -> Options:
    """The options of every fact, in the tokens that they are behind its prompt.

    Raises
    ------
    InputError
        As `encode`.
    """
    texts, objects = option_texts(facts), facts.column("object")
    alike: dict[tuple, list[int]] = defaultdict(list)
    for i, (relation, options) in enumerate(zip(facts.column("relation"), texts, strict=True)):
        alike[relation, options].append(i)
    lists: list[tuple[np.ndarray, ...]] = []
    of, right = np.zeros(len(facts), dtype=np.int64), np.zeros(len(facts), dtype=np.int64)

    def add(members: Sequence[int]) -> None:
        """One list, as it is behind the first member's prompt; a list for each where the prompt changes the tokens."""
        options = texts[members[0]]
        tokens = _tokens(tokenizer, facts, members[0], options, spec)
        at = {option: k for k, option in enumerate(options)}
        own = [tokens[at[objects[i]]] for i in members]
        same = all(
            np.array_equal(encoded.tokens[i][encoded.target_start[i] :], t) for i, t in zip(members, own, strict=True)
        )
        if not same and len(members) > 1:
            for i in members:
                add([i])
            return
        of[members], right[members] = len(lists), [at[objects[i]] for i in members]
        lists.append(tokens)

    for members in alike.values():
        add(members)
    sizes, longest = ([of_list(tokens) for tokens in lists] for of_list in (len, lambda t: max(map(len, t))))
    return Options(tuple(tree(tokens) for tokens in lists), np.array(sizes), np.array(longest), of, right)


def tree(answers: Sequence[np.ndarray]) -> dict[Tokens, Node]:
    """Answers as tokens by their beginnings."""
    follows: dict[Tokens, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    whole = {tuple(answer.tolist()): k for k, answer in enumerate(answers)}
    for answer, k in whole.items():
        for n, token in enumerate(answer):
            follows[answer[:n]][token].add(k)
    nodes = {}
    for begun in (*follows, *(answer for answer in whole if answer not in follows)):
        after = follows.get(begun, {})
        behind = tuple(frozenset(answers) for answers in after.values())
        nodes[begun] = Node(np.array(list(after), dtype=np.int64), behind, whole.get(begun))
    return nodes


def _tokens(tokenizer, facts: FactSet, i: int, options: Sequence[str], spec: ProbeSpec) -> tuple[np.ndarray, ...]:
    relation, subject = facts.column("relation")[i], facts.column("subject")[i]
    form = facts.forms[i][0]
    context = few_shot_context(form, few_shot_examples(facts, relation, spec, 0), spec.terminator)
    names = [f"option {option!r} of relation {relation}" for option in options]
    count = len(options)
    asked = encode(tokenizer, [fill(form, subject)] * count, options, names, spec.terminator, [context] * count)
    return tuple(t[s:] for t, s in zip(asked.tokens, asked.target_start, strict=True))
