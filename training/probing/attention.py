"""Attention to the subject: how much the last token of the prompt, where the answer is decided, looks at it.

Ghosal, Hashimoto & Raghunathan (2024) give, for each layer, the greatest attention over the subject's tokens, averaged
over heads. A greatest of many is greater than one of few: the sum over the subject's tokens stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedModel

from factsurv.events.errors import InputError
from factsurv.training.facts.prompts import Encoded
from factsurv.training.facts.subject_tokens import WHERE, subject_tokens
from factsurv.training.passes.memory import ran_out
from factsurv.training.passes.read_attention import AttentionReader
from factsurv.training.passes.shared_prefix import attending
from factsurv.training.passes.undisturbed import undisturbed
from factsurv.training.probing.measure import Asked, Passes, Values, Watch
from factsurv.training.probing.probe import Probed, some
from factsurv.training.spec import InstrumentSpec

# Facts on which an architecture is tried: the longest and the shortest.
TRIED = 2


@dataclass(frozen=True)
class Attention:
    """Which tokens of each prompt are the subject's: of F facts a bool array each."""

    subjects: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Attention:
        subjects = subject_tokens(asked.tokenizer, asked.facts, asked.encoded, asked.probe)
        _try(asked, subjects)
        return cls(subjects)

    def some(self, chosen: np.ndarray) -> Attention:
        return replace(self, subjects=tuple(self.subjects[i] for i in chosen))

    def watch(self, passes: Passes, encoded: Encoded) -> AttentionWatch:
        return AttentionWatch(AttentionReader(encoded, self.subjects))


class AttentionWatch(Watch):
    """Everything is read where recall's passes attend."""

    note = "read while recall's passes run"

    def __init__(self, reader: AttentionReader):
        self.reader = self.read = reader

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        return {"greatest": self.read.greatest.T, "total": self.read.total.T}


def _try(asked: Asked, subjects: tuple[np.ndarray, ...]) -> None:
    """Compare with what the model itself says of its attention, on a few facts.

    Raises
    ------
    InputError
        If the architecture does not attend through transformers' interface, or attends in a way that is not read.
    """
    lengths = np.argsort([len(t) for t in asked.encoded.tokens], kind="stable")
    chosen = np.unique(lengths[[0, -1]])[:TRIED]
    few, model = some(asked.encoded, chosen), asked.model
    reader = AttentionReader(few, [subjects[i] for i in chosen])
    passes = Passes(model, torch.from_numpy(few.terminators).to(model.device), 1, asked.share_prefix)
    try:
        with undisturbed(model):
            for _ in passes(few, reader):
                pass
            told = [plain_attention(model, few.tokens[i], reader.asked[i]) for i in range(len(few))]
        wide = next(model.parameters()).dtype == torch.float32
        tolerance = 1e-4 if wide else 0.05  # bf16 has 8 bits of mantissa, and scores of 10 are off by .04
        same = np.allclose(np.array(told).transpose(1, 2, 0), (reader.greatest, reader.total), atol=tolerance)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError, IndexError) as error:
        if isinstance(error, RuntimeError) and ran_out(error):
            raise
        same = False
    if not same:
        what = "the attention of this architecture cannot be read: it is not what the model itself says of it"
        raise InputError(what, WHERE, "leave attention out")


def plain_attention(model: PreTrainedModel, tokens: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same from ``output_attentions``, one fact at a time; slow and obvious. Two float64 (L,)."""
    ids = torch.from_numpy(tokens[: len(wanted)])[None].to(model.device)
    with attending(model, "eager"):
        layers = model(input_ids=ids, output_attentions=True, use_cache=False).attentions
    last = torch.stack([weights[0, :, -1].float() for weights in layers])[..., torch.from_numpy(wanted)]  # (L, H, n)
    return last.amax(-1).mean(1).double().cpu().numpy(), last.sum(-1).mean(1).double().cpu().numpy()
