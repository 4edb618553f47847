"""A batch of lessons as one tree of tokens: no pad, and a beginning that several lessons share only once.

In a causal model a token's hidden state depends on the tokens before it alone. Lessons that begin alike have the
same states up to where they part, so these are computed once, and their gradients add up there: the step is the
same as with one padded row a lesson, in fewer tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.forward import head_at


@dataclass(frozen=True)
class Tree:
    """T tokens, each behind its parent, and N predictions.

    Attributes
    ----------
    ids, depths : int64 (T,)
        Tokens, and where each stands in its lessons.
    visible : bool (T, T)
        Token i sees token j: its ancestors and itself.
    places, targets : int64 (N,)
        Which token predicts, and what it must predict (the terminator included).
    """

    ids: np.ndarray
    depths: np.ndarray
    visible: np.ndarray
    places: np.ndarray
    targets: np.ndarray


def tree_of(lessons: Sequence[Encoded], share: bool = True) -> Tree:
    """The tree of a batch; with ``share=False`` every lesson is a branch of its own."""
    nodes: dict[tuple[int, int, int], int] = {}  # branch, parent, token
    parents: list[int] = []
    ids: list[int] = []
    places: list[int] = []
    targets: list[int] = []
    for branch, lesson in enumerate(lessons):
        tokens = lesson.tokens[0].tolist()
        path, at = [], -1
        for token in tokens:
            key = (0 if share else branch, at, token)
            if key not in nodes:
                nodes[key] = len(ids)
                parents.append(at)
                ids.append(token)
            at = nodes[key]
            path.append(at)
        start = int(lesson.target_start[0])
        places += path[start - 1 :]
        targets += [*tokens[start:], lesson.terminator]
    visible = np.eye(len(ids), dtype=bool)
    depths = np.zeros(len(ids), dtype=np.int64)
    for i, parent in enumerate(parents):  # a parent stands before its children
        if parent >= 0:
            visible[i] |= visible[parent]
            depths[i] = depths[parent] + 1
    return Tree(np.array(ids), depths, visible, np.array(places), np.array(targets))


def tree_logits(model: PreTrainedModel, base: PreTrainedModel, tree: Tree) -> torch.Tensor:
    """Logits (N, V) where something is predicted.

    Parameters
    ----------
    model : PreTrainedModel
        What is called; it may be wrapped (by peft, by accelerate).
    base : PreTrainedModel
        The same model, unwrapped.
    tree : Tree
    """
    first = next(base.parameters())
    device, dtype = first.device, first.dtype
    hidden = torch.from_numpy(~tree.visible).to(device)[None, None]  # (1, 1, T, T)
    # Added to the scores: every layer would make the same of a mask of bools.
    mask = torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(hidden, torch.finfo(dtype).min)
    places = torch.from_numpy(tree.places)
    with head_at(base, torch.zeros_like(places), places):
        return model(
            input_ids=torch.from_numpy(tree.ids).to(device)[None],
            position_ids=torch.from_numpy(tree.depths).to(device)[None],
            attention_mask=mask,
            use_cache=False,
        ).logits


def drops_out(model: nn.Module) -> bool:
    """Whether training draws dropout: shared tokens would then share their draws."""
    config = model.config.get_text_config(decoder=True)  # type: ignore[operator, union-attr]
    functional = [getattr(config, name, 0) for name in ("attention_dropout", "attn_pdrop")]
    return any(functional) or any(m.p > 0 for m in model.modules() if isinstance(m, nn.Dropout))
