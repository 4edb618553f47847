"""Forward passes of a probe: which facts go together, and where in each pass the targets are predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from transformers import PreTrainedModel

from factsurv.training.facts.prompts import Encoded, some
from factsurv.training.passes.branches import TOKEN, Tree, groups_behind, packed, trees
from factsurv.training.passes.read_attention import AttentionReader, read_by
from factsurv.training.passes.shared_prefix import Group, Pack, prefix_groups, shared_prefix_attention

# Facts of one pass, fact (row) of each predicting position, the token it must predict (-1: any terminator),
# and the logits there (N, V).
Pass = tuple[np.ndarray, torch.Tensor, torch.Tensor, torch.Tensor]


# Keys and values of prefixes (by their tokens' bytes), by layer. Weights change: never kept between probes.
Kept = dict[bytes, list[tuple[torch.Tensor, torch.Tensor]]]


def plain_passes(
    model: PreTrainedModel, encoded: Encoded, batch_tokens: int, reader: AttentionReader | None = None
) -> Iterator[Pass]:
    device = next(model.parameters()).device
    for batch in buckets(encoded, batch_tokens):
        ids, rows, columns, targets = pad([encoded.tokens[i] for i in batch], encoded.target_start[batch])
        if reader is not None:
            reader.expect(batch, np.arange(len(batch)) * ids.shape[1], [(-1, 0)] * len(batch), device)
        with head_at(model, rows, columns), read_by(model, reader):
            # (B, T), right-padded; causal, so pads are never seen
            logits = model(input_ids=ids.to(device), use_cache=False).logits  # (N, V)
        yield batch, rows, targets, logits
        del logits  # or these and those of the next pass would be held together


def buckets(encoded: Encoded, batch_tokens: int) -> Iterator[np.ndarray]:
    """Facts of similar length together, at most ``batch_tokens`` padded tokens."""
    lengths = np.array([len(tokens) for tokens in encoded.tokens])
    order = np.argsort(lengths, kind="stable")
    lengths = np.sort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[end] * (end + 1 - start) > batch_tokens:
            yield order[start:end]
            start = end


def shared_passes(
    model: PreTrainedModel,
    encoded: Encoded,
    batch_tokens: int,
    reader: AttentionReader | None = None,
    kept: Kept | None = None,
) -> Iterator[Pass]:
    """Prefixes first, then what follows them, as many groups at a time as their prefixes fill a pass.

    In ``kept`` they stay for further passes with the same weights, while their tokens fill no more than one pass.
    """
    device = next(model.parameters()).device
    with shared_prefix_attention(model, reader) as attention:
        for groups in rounds(prefix_groups(encoded), batch_tokens):
            _see_prefixes(attention, groups, batch_tokens, kept, device)
            for batch, segments in batches(encoded, groups, batch_tokens):
                rows, columns, targets = _positions(encoded, batch, [p for _, _, p in segments])
                if reader is not None:
                    starts = np.cumsum([0, *(len(tokens) for tokens, _, _ in segments)])[:-1]
                    reader.expect(batch, starts, [(g, p) for _, g, p in segments], device)
                with head_at(model, torch.zeros_like(columns), columns):
                    logits = attention.forward(Pack.of(segments, device))  # (N, V)
                yield batch, rows, targets, logits
                del logits


def branching_passes(
    model: PreTrainedModel, encoded: Encoded, batch_tokens: int, kept: Kept | None = None
) -> Iterator[Pass]:
    """As `shared_passes`, for sequences of which many begin alike beyond their prefix: that is computed once, too."""
    device = next(model.parameters()).device
    groups = groups_behind(encoded, list(kept or ()))
    alone = np.array([i for group in groups if not len(group.prefix) for i in group.members], dtype=np.int64)
    if len(alone):  # nothing to branch from
        for batch, rows, targets, logits in shared_passes(model, some(encoded, alone), batch_tokens):
            yield alone[batch], rows, targets, logits
            del logits
    if len(alone) == len(encoded):
        return
    with shared_prefix_attention(model) as attention:
        for held in rounds([group for group in groups if len(group.prefix)], batch_tokens):
            _see_prefixes(attention, held, batch_tokens, kept, device)
            prefixes = [len(group.prefix) for group in held]
            each = [(g, tree) for g, group in enumerate(held) for tree in trees(encoded, group)]
            for pack in packed(each, batch_tokens):
                rows, columns, targets = _places(encoded, pack, prefixes)
                with head_at(model, torch.zeros_like(columns), columns):
                    logits = attention.forward(Pack.of_trees(pack, prefixes, device))  # (N, V)
                yield np.concatenate([tree.members for _, tree in pack]), rows, targets, logits
                del logits


def _see_prefixes(attention, groups: list[Group], batch_tokens: int, kept: Kept | None, device: torch.device) -> None:
    """Let ``attention`` hold the keys and values of the groups' prefixes, from ``kept`` or from a pass of their own."""
    stay, kept = kept is not None, {} if kept is None else kept
    nowhere = torch.zeros(1, dtype=torch.long)
    prefixes = [(group.prefix, -1, 0) for group in groups if len(group.prefix)]
    new = [p for p in prefixes if p[0].tobytes() not in kept]
    if new:
        with head_at(attention.model, nowhere, nowhere):
            attention.forward(Pack.of(new, device), keep=True)
        found = {p[0].tobytes(): [layer[g] for layer in attention.kept] for g, p in enumerate(new)}
    if prefixes:
        each = [(kept | found if new else kept)[p[0].tobytes()] for p in prefixes]
        attention.kept = [list(layer) for layer in zip(*each, strict=True)]
    if new and stay and sum(map(len, kept)) + sum(map(len, found)) <= TOKEN * batch_tokens:
        kept |= found


def rounds(groups: list[Group], batch_tokens: int) -> Iterator[list[Group]]:
    """Groups whose prefixes are kept at the same time: those without one, and at most a pass of others."""
    held: list[Group] = []
    tokens = 0
    for group in groups:
        if held and tokens + len(group.prefix) > batch_tokens:
            yield held
            held, tokens = [], 0
        held.append(group)
        tokens += len(group.prefix)
    yield held


def batches(encoded: Encoded, groups: list[Group], batch_tokens: int):
    """Facts of similar length together, at most ``batch_tokens`` tokens, in the order of their groups."""
    number = np.cumsum([len(g.prefix) > 0 for g in groups]) - 1
    facts = [
        (len(encoded.tokens[i]) - len(g.prefix), int(k) if len(g.prefix) else -1, int(i), len(g.prefix))
        for g, k in zip(groups, number, strict=True)
        for i in g.members
    ]
    batch: list[tuple[int, int, int, int]] = []
    tokens = 0
    for fact in sorted(facts):
        if batch and tokens + fact[0] > batch_tokens:
            yield _segments(encoded, batch)
            batch, tokens = [], 0
        batch.append(fact)
        tokens += fact[0]
    yield _segments(encoded, batch)


def _segments(encoded: Encoded, batch: list[tuple[int, int, int, int]]):
    batch = sorted(batch, key=lambda f: (f[1], f[2]))
    return np.array([i for _, _, i, _ in batch]), [(encoded.tokens[i][p:], g, p) for _, g, i, p in batch]


def _positions(encoded: Encoded, batch: np.ndarray, prefixes: Sequence[int]):
    """Fact (row), place in the pack and wanted token of every predicting position; int64 (N,) each."""
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    begin = 0
    for row, (i, prefix) in enumerate(zip(batch, prefixes, strict=True)):
        start, length = int(encoded.target_start[i]), len(encoded.tokens[i])
        rows += [row] * (length - start + 1)
        columns += range(begin + start - 1 - prefix, begin + length - prefix)
        targets += [*encoded.tokens[i][start:], -1]
        begin += length - prefix
    return _ends_last(rows, columns, targets)


def _places(encoded: Encoded, held: list[tuple[int, Tree]], prefixes: Sequence[int]):
    """As `_positions`, of the sequences of trees that stand one behind another."""
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    begin = row = 0
    for g, tree in held:
        for i, places in zip(tree.members, tree.places, strict=True):
            start = int(encoded.target_start[i])
            own = (begin + places[start - 1 - prefixes[g] :]).tolist()
            rows += [row] * len(own)
            columns += own
            targets += [*encoded.tokens[i][start:], -1]
            row += 1
        begin += len(tree.tokens)
    return _ends_last(rows, columns, targets)


def _ends_last(rows: list[int], columns: list[int], targets: list[int]):
    wanted = torch.tensor(targets)
    order = torch.argsort(wanted < 0, stable=True)  # the answers' ends last: they are scored apart
    return torch.tensor(rows)[order], torch.tensor(columns)[order], wanted[order]


def pad(
    tokens: Sequence[np.ndarray], target_start: np.ndarray, skip: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Right-padded ids (B, T) without the first ``skip`` tokens, and the N positions that predict targets.

    Returns ids, row and column of each predicting position, and the token it must predict
    (-1: any terminator). Pads come from lengths, never from an id: the pad token may be EOS.
    """
    lengths = [len(t) - skip for t in tokens]
    ids = torch.zeros(len(tokens), max(lengths), dtype=torch.long)
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for b, sequence in enumerate(tokens):
        ids[b, : lengths[b]] = torch.from_numpy(sequence[skip:])
        first = int(target_start[b]) - skip - 1
        rows += [b] * (lengths[b] - first)
        columns += range(first, lengths[b])
        targets += [*sequence[skip + first + 1 :], -1]
    return ids, torch.tensor(rows), torch.tensor(columns), torch.tensor(targets)


@contextmanager
def head_at(model: PreTrainedModel, rows: torch.Tensor, columns: torch.Tensor):
    """Let the output head see only the chosen positions: hidden states (B, T, D) become (N, D).

    What a model does to its logits afterwards (soft-capping, scaling) still applies.
    """
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda _, inputs: (inputs[0][rows.to(inputs[0].device), columns.to(inputs[0].device)],)
    )
    try:
        yield
    finally:
        hook.remove()
