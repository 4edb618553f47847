"""The loss of a part of a step: its lessons packed into a tree, or one padded row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from factsurv.training.facts.prompts import Encoded
from factsurv.training.lessons.lesson_tree import tree_logits, tree_of
from factsurv.training.passes.forward import head_at, pad
from factsurv.training.passes.memory import ran_out

# A fact's number and one of its prompt forms, or the numbers of all facts that a text tells of and the text.
Lesson = tuple[int | np.ndarray, Encoded]
IGNORED = -100  # a place where nothing is to be predicted


def packs(part: list[Lesson], limit: int) -> Iterator[list[Lesson]]:
    """The part in packs of at most ``limit`` tokens (at least one lesson each)."""
    pack: list[Lesson] = []
    for lesson in part:
        if pack and sum(len(e.tokens[0]) for _, e in [*pack, lesson]) > limit:
            yield pack
            pack = []
        pack.append(lesson)
    yield pack


def packed_loss(model: PreTrainedModel, base: PreTrainedModel, part: list[Lesson], share: bool) -> torch.Tensor:
    """Mean cross-entropy at the target positions, the terminator included."""
    tree = tree_of([encoded for _, encoded in part], share)
    logits = tree_logits(model, base, tree)  # (N, V)
    return F.cross_entropy(logits.float(), torch.from_numpy(tree.targets).to(logits.device))


def padded_loss(model: PreTrainedModel, base: PreTrainedModel, part: list[Lesson]) -> torch.Tensor:
    """The same, one padded row a lesson: for architectures that cannot be told who sees whom."""
    taught = [np.append(encoded.tokens[0], encoded.terminator) for _, encoded in part]
    starts = np.array([encoded.target_start[0] for _, encoded in part])
    # The terminator is a token like the others here, so what `pad` marks as the end falls away.
    ids, rows, columns, targets = pad(taught, starts)
    wanted = targets >= 0
    rows, columns, targets = rows[wanted], columns[wanted], targets[wanted]
    with head_at(base, rows, columns):
        logits = model(input_ids=ids[:, :-1].to(next(base.parameters()).device), use_cache=False).logits  # (N, V)
    return F.cross_entropy(logits.float(), targets.to(logits.device))


def rows_loss(model: PreTrainedModel, part: list[Lesson], length: int) -> torch.Tensor:
    """The same for texts of many sentences, laid in rows one behind another, as pretraining does it.

    Within a row a text sees those before it, and is not asked for its own first token.
    """
    ids, targets = rows_of([np.append(encoded.tokens[0], encoded.terminator) for _, encoded in part], length)
    device = next(model.parameters()).device
    logits = model(input_ids=torch.from_numpy(ids).to(device), use_cache=False).logits  # (R, T, V)
    wanted = torch.from_numpy(targets).to(device).flatten()
    return F.cross_entropy(logits.flatten(0, 1).float(), wanted, ignore_index=IGNORED)


def rows_of(texts: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Texts in as few rows of at most ``length`` tokens as they need, about equally full (at least one text each).

    Returns
    -------
    ids : int64 (R, T)
        Padded on the right, which no earlier token sees.
    targets : int64 (R, T)
        The token after each, within its text; else `IGNORED`.
    """
    sizes = np.array([len(text) for text in texts])
    count = min(len(texts), max(1, -(-int(sizes.sum()) // length)))
    while True:
        rows, full = [[] for _ in range(count)], [0] * count  # type: list[list[int]], list[int]
        for i in np.argsort(-sizes, kind="stable").tolist():  # the longest first, each where most room is left
            r = full.index(min(full))
            rows[r].append(i)
            full[r] += int(sizes[i])
        if max(full) <= max(length, int(sizes.max())):
            break
        count += 1
    ids = np.zeros((count, max(full)), dtype=np.int64)
    targets = np.full(ids.shape, IGNORED, dtype=np.int64)
    for r, mine in enumerate(rows):
        at = 0
        for i in mine:
            end = at + int(sizes[i])
            ids[r, at:end], targets[r, at : end - 1] = texts[i], texts[i][1:]
            at = end
    return ids, targets


def packs_agree(model: PreTrainedModel, lessons: list[Lesson]) -> bool:
    """Whether this architecture computes a packed batch as it computes a padded one.

    Measured on the longest lessons and some that begin alike. 1e-3 is 25 times the largest fp32 difference seen
    between batch shapes and far below what a wrong mask or position makes; bf16 has 8 bits of mantissa.
    """
    longest = sorted(lessons, key=lambda lesson: -len(lesson[1].tokens[0]))[:2]
    few = [*longest, *lessons[:4]]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            padded, packed = padded_loss(model, model, few), packed_loss(model, model, few, True)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
        if isinstance(error, RuntimeError) and ran_out(error):
            raise
        return False  # whatever an architecture stumbles over, padded rows do without it
    finally:
        model.train(training)
    tolerance = 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.1
    return bool(torch.isclose(packed, padded, atol=tolerance, rtol=tolerance))
