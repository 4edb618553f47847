"""A transformer of one layer that reads two tokens, a subject and a relation.

Ghosal, Hashimoto & Raghunathan (arXiv 2406.14785), section 4: embeddings are fixed, the value matrix W_V and the
key-query matrix W_KQ are learned, and the answer is read at the relation's token. The salience of a fact (definition
4.1) is S(s, r, a) = φ(a)ᵀ W_V φ(s). Sizes, rates and the embeddings' spread are not in the paper: they are this
project's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """Embeddings of length about 1, one row a token, and the answers.

    Attributes
    ----------
    subjects : float32 (S, d)
    statement, question : float32 (R, d)
        A relation's token in pretraining and in fine-tuning.
    answers : float32 (A, d)
        Of all relations together.
    right : int64 (S, R)
        Row of ``answers`` that is the answer of each fact.
    """

    subjects: Tensor
    statement: Tensor
    question: Tensor
    answers: Tensor
    right: Tensor


@dataclass(frozen=True)
class Weights:
    """W_V and W_KQ, both float32 (d, d)."""

    value: Tensor
    key_query: Tensor


def draw_tokens(right: Tensor, answers: int, width: int, shared: float, generator: torch.Generator) -> Tokens:
    """Embeddings from N(0, 1/d); a relation's two tokens have the cosine ``shared``."""

    def drawn(count: int) -> Tensor:
        return torch.randn(count, width, generator=generator) / width**0.5

    subjects, statement = drawn(right.shape[0]), drawn(right.shape[1])
    question = shared * statement + (1 - shared**2) ** 0.5 * drawn(right.shape[1])
    return Tokens(subjects, statement, question, drawn(answers), right)


def untrained(width: int) -> Weights:
    """Nothing stored, and as much attention on the subject as on the relation."""
    return Weights(torch.zeros(width, width), torch.zeros(width, width))


def attention(tokens: Tokens, relation: Tensor, weights: Weights, rows: Tensor) -> Tensor:
    """Attention on the subject from the relation's token, (rows, R); the rest is on the relation itself."""
    query = relation @ weights.key_query  # (R, d)
    return torch.sigmoid(tokens.subjects[rows] @ query.T - (query * relation).sum(1))


def logits(tokens: Tokens, relation: Tensor, weights: Weights, rows: Tensor) -> Tensor:
    """Of every answer, (rows, R, A)."""
    on_subject = attention(tokens, relation, weights, rows)[..., None]
    of_subject = tokens.subjects[rows] @ weights.value.T @ tokens.answers.T  # (rows, A): the salience of each answer
    of_relation = relation @ weights.value.T @ tokens.answers.T  # (R, A)
    return on_subject * of_subject[:, None] + (1 - on_subject) * of_relation[None]


def salience(tokens: Tokens, weights: Weights) -> Tensor:
    """S(s, r, a) of the right answer of each fact, (S, R)."""
    return (tokens.subjects @ weights.value.T @ tokens.answers.T).gather(1, tokens.right)


def descend(
    tokens: Tokens, relation: Tensor, weights: Weights, rows: Tensor, share: Tensor, rate: float
) -> tuple[Weights, float]:
    """One step down the gradient of the mean loss over all facts of these subjects.

    ``share`` (rows,) is how much each subject counts, with sum 1. Returns the new weights and the loss before.
    """
    value, key_query = (w.detach().clone().requires_grad_() for w in (weights.value, weights.key_query))
    found = logits(tokens, relation, Weights(value, key_query), rows)
    each = torch.nn.functional.cross_entropy(found.flatten(0, 1), tokens.right[rows].flatten(), reduction="none")
    loss = (each.view(found.shape[:2]).mean(1) * share).sum()
    of_value, of_key_query = torch.autograd.grad(loss, (value, key_query))
    with torch.no_grad():
        return Weights(value - rate * of_value, key_query - rate * of_key_query), float(loss)
