"""A memory plan before the first step: what probing and training will need, and what there is.

The estimate counts the tensors that live at the same time, from the model's configuration and the real
batch shapes. How far it is from what is measured: docs/training.md.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.forward import batches, buckets, rounds
from factsurv.training.passes.full_precision import widened_bytes
from factsurv.training.passes.shared_prefix import prefix_groups
from factsurv.training.spec import TuningSpec

# Part of the free memory that a run plans with: the estimate is not exact, and nobody is alone.
USABLE = 0.9
# Tensors of the size of a batch's logits that scoring holds at once (the logits, and a part of them that is
# worked on), and what truncation adds to them.
SCORE_COPIES, TRUNCATION_COPIES = 1.5, 0.5
# Of the loss: logits, log-probabilities, and the gradient of each.
LOSS_COPIES = 4
# Work space of the numerical libraries.
RUNTIME = 64_000_000


@dataclass(frozen=True)
class Shape:
    """Sizes of one decoder layer and the head, in numbers (not bytes)."""

    layers: int
    width: int  # of the residual stream
    inner: int  # of the feed-forward part
    attention: int  # heads x head size
    keys: int  # key-value heads x head size
    vocabulary: int
    bytes: int  # of one number of the weights
    heads: int = 1
    matrices: int = 0  # numbers of the weights that products take
    widened: int = 0  # bytes of the weights that are held in fp32 too while small margins are computed again


@dataclass(frozen=True)
class Batch:
    """One forward pass: rows x tokens behind prefixes of so many tokens, and how many positions reach the head."""

    rows: int
    tokens: int
    prefix: int
    positions: int


def shape_of(model: PreTrainedModel) -> Shape:
    """Sizes from the configuration, whatever the family calls them."""
    config = model.config.get_text_config(decoder=True)
    first = functools.partial(first_size, config)
    width = first("hidden_size", "n_embd", "d_model")
    heads = first("num_attention_heads", "n_head", default=1)
    head = first("head_dim", default=width // heads)
    return Shape(
        layers=first("num_hidden_layers", "n_layer", default=1),
        width=width,
        inner=first("intermediate_size", "n_inner", "ffn_dim", default=4 * width),
        attention=heads * head,
        keys=first("num_key_value_heads", default=heads) * head,
        vocabulary=first("vocab_size"),
        bytes=next(model.parameters()).element_size(),
        heads=heads,
        matrices=sum(w.numel() for w in model.parameters() if w.ndim > 1),
        widened=widened_bytes(model),
    )


def first_size(config: Any, *names: str, default: int = 0) -> int:
    """The first of these sizes that a configuration has."""
    return next((v for n in names if (v := _largest(config, n))), default)


def _largest(config: Any, name: str) -> int:
    """A size of the configuration, of the layer where it is largest if layers differ (Gemma 4); 0: it has none."""
    try:
        return int(getattr(config, name, None) or 0)
    except RuntimeError:  # what transformers answers when layers differ
        return max(int(getattr(layer, name, None) or 0) for layer in config.per_layer_config)


def probe_batches(encoded: Encoded, share_prefix: bool, batch_tokens: int) -> list[Batch]:
    """The forward passes of one probe."""
    if not share_prefix:
        padded = [(batch, max(len(encoded.tokens[i]) for i in batch)) for batch in buckets(encoded, batch_tokens)]
        return [Batch(len(batch), longest, 0, _positions(encoded, batch)) for batch, longest in padded]
    found = []
    for groups in rounds(prefix_groups(encoded), batch_tokens):
        kept = sum(len(group.prefix) for group in groups)
        if kept:
            found.append(Batch(1, kept, 0, 0))  # the prefixes themselves
        for batch, segments in batches(encoded, groups, batch_tokens):
            found.append(Batch(1, sum(len(tokens) for tokens, _, _ in segments), kept, _positions(encoded, batch)))
    return found


def _positions(encoded: Encoded, batch: np.ndarray) -> int:
    return int((encoded.target_tokens[batch] + 1).sum())


def probe_bytes(shape: Shape, batch: Batch, truncated: bool = False) -> int:
    """Memory of one forward pass without gradients, beside the weights.

    Keys and values of the prefixes are kept for all layers, once; of the rest, one layer at a time: attention
    with its scores against the prefix (computed, joined, softmaxed), or the feed-forward part. Then the head.
    """
    there, number = batch.rows * batch.tokens, 4 if shape.widened else shape.bytes
    cache = 2 * shape.layers * batch.prefix * shape.keys * number
    attention = (6 * shape.attention + 2 * shape.width + 3 * shape.heads * batch.prefix) * there
    forward = max(attention, there * (3 * shape.inner + 3 * shape.width)) * number
    copies = SCORE_COPIES + (TRUNCATION_COPIES if truncated else 0)
    head = batch.positions * shape.vocabulary * 4 * copies
    return int(RUNTIME + shape.widened + cache + max(forward, head))


def training_bytes(shape: Shape, trainable: int, rows: int, tokens: int, positions: int, tuning: TuningSpec) -> int:
    """Memory of one training step, beside the weights.

    AdamW's two moments, the gradient and one copy in the update, 4 bytes each; then the activations that
    the backward pass needs (per token and layer some eight residual-sized tensors, keys and values, four of
    the feed-forward part), the copies of fp32 weights that are computed with in bf16, and the loss, on the target
    positions only.
    """
    state = 2 * kept_bytes(trainable, tuning)
    number = 2 if tuning.precision == "bf16" else shape.bytes
    per_token = 8 * shape.width + 4 * shape.attention + 2 * shape.keys + 4 * shape.inner
    if tuning.method != "full":  # what adapters add to the wrapped layers; with dropout, their inputs once more
        per_token += (2 * shape.width + shape.inner) * (2 if tuning.dropout else 1)
    # Autocast computes with a copy of each fp32 matrix, kept until its gradient is taken or, where all are trained,
    # until the next step; recomputed, a frozen one lives as long as its layer.
    copies = 0 if tuning.recompute and tuning.method != "full" else 2 * shape.matrices
    copies = copies if tuning.precision == "bf16" and shape.bytes == 4 else 0
    # Recomputed: one layer's activations at a time, and each layer's input.
    kept = per_token + shape.layers * shape.width if tuning.recompute else shape.layers * per_token
    activations = rows * tokens * kept * number
    return int(RUNTIME + state + copies + activations + positions * shape.vocabulary * 4 * LOSS_COPIES)


def kept_bytes(trainable: int, tuning: TuningSpec) -> int:
    """AdamW's two moments: what stays between steps, and so while probing. With FSDP each process has its part."""
    return 4 * 2 * trainable // (tuning.processes if tuning.strategy == "fsdp" else 1)


def largest_lessons(
    lengths: Sequence[int], targets: Sequence[int], tuning: TuningSpec, pack: int = 0
) -> tuple[int, int, int]:
    """Rows, tokens and target positions of the largest pass of a step that can come up in one process.

    ``pack`` is how many tokens are packed into one pass at most; 0: a part of the step is one pass, padded.
    """
    rows = min(math.ceil(tuning.batch_size / tuning.processes / tuning.accumulate), len(lengths))
    most = np.sort(np.asarray(targets))[-rows:].sum() + rows
    longest = int(max(lengths)) + 1
    if pack:
        tokens = min(rows * longest, max(pack, longest))
        return 1, tokens, min(int(most), tokens)
    return rows, longest, int(most)


def free_bytes() -> int:
    """Memory that this run may still take: of the GPU, or its share (by threads) of what the machine has left."""
    if torch.cuda.is_available():
        # What torch keeps of the tensors that are gone is as good as free; the GPU counts it as taken.
        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(USABLE * (torch.cuda.mem_get_info()[0] + kept))
    share = min(1.0, torch.get_num_threads() / (os.cpu_count() or 1))
    return int(USABLE * share * machine_free())


def machine_free() -> int:
    """What the machine, or this container, has left beside any GPU."""
    left = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        left = [int(fields["MemAvailable"].split()[0]) * 1024]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and limit.read_text().strip() != "max":
        left.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(left))


def fitting_batch_tokens(
    shape: Shape, encoded: Encoded, share_prefix: bool, wanted: int, free: int, truncated: bool = False
) -> tuple[int, int]:
    """The largest ``batch_tokens`` up to ``wanted`` (halved as often as needed) whose probe fits, and its bytes.

    Further right answers have passes of their own, which have to fit as well.

    Raises
    ------
    InputError
        If not even one fact at a time fits.
    """
    tokens = wanted
    answers = [encoded, *([encoded.others.encoded] if encoded.others else [])]
    while True:
        batches = [b for each in answers for b in probe_batches(each, share_prefix, tokens)]
        need = max(probe_bytes(shape, b, truncated) for b in batches)
        if need <= free:
            return tokens, need
        if tokens <= 1:
            raise InputError(
                f"probing one fact at a time takes {size(need)}, and {size(free)} are free",
                "probe",
                "use fewer few-shot examples, a smaller model or a machine with more memory",
            )
        tokens //= 2


def check_weights(need: int) -> None:
    """Refuse a model whose weights alone do not fit, before any of them is read.

    Raises
    ------
    InputError
    """
    free = int(USABLE * machine_free())  # where it is read into, also on its way to a GPU
    where = "of this machine"
    if torch.cuda.is_available() and free_bytes() < free:
        free, where = free_bytes(), "of the GPU"
    if need > free:
        raise InputError(
            f"the model's weights take {size(need)}, and {size(free)} {where} are free",
            "model.name",
            'take a smaller model, model.precision = "bf16", or a machine with more memory',
        )


def fitting_parts(need: Callable[[int], int], tuning: TuningSpec, free: int) -> int:
    """In how many parts a step's examples pass: ``accumulate``, doubled until the step fits or each is alone.

    ``need`` tells the bytes of a step in so many parts.
    """
    parts, most = tuning.accumulate, tuning.batch_size // tuning.processes
    while need(parts) > free and parts < most:
        parts = min(2 * parts, most)
    return parts


def check_training(need: int, free: int, tuning: TuningSpec) -> None:
    """Refuse a training step that will not fit.

    Raises
    ------
    InputError
    """
    if need > free:
        smaller = "set tuning.recompute = true, " * (not tuning.recompute)
        smaller += 'take tuning.method = "lora", ' * (tuning.method == "full")
        raise InputError(
            f"training takes about {size(need)} beside the weights, and {size(free)} are free",
            "tuning",
            f"{smaller}lower study.workers, or use a machine with more memory",
        )


@contextmanager
def explained() -> Iterator[None]:
    """Memory that runs out in spite of the plan is a message, with what to do.

    Raises
    ------
    InputError
    """
    try:
        yield
    except RuntimeError as error:  # a GPU's is a kind of it
        if not ran_out(error):
            raise
        raise InputError(
            f"memory ran out in spite of the plan ({str(error).strip().splitlines()[0]})",
            "probe and tuning",
            "lower probe.batch_tokens, raise tuning.accumulate, set tuning.recompute = true or lower study.workers, "
            "and run again",
        ) from error


def ran_out(error: RuntimeError) -> bool:
    """Whether a GPU or the system had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def size(number: float) -> str:
    """Bytes for people: 1.3 GB, 25 MB."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
