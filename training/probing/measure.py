"""What an instrument is: it keeps what it wants of recall's own passes, and may ask for passes of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import torch
from transformers import PreTrainedModel

from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes.forward import Kept, Pass, branching_passes, plain_passes, shared_passes
from factsurv.training.passes.read_attention import AttentionReader
from factsurv.training.spec import InstrumentSpec, ProbeSpec

if TYPE_CHECKING:
    from factsurv.training.probing.probe import Probed

# Of each fact, by column of the instrument's table: (F,), or (F, L) where it has layers.
Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """What one instrument found at a checkpoint, the seconds that it took beside recall, and what it says of itself."""

    values: Values
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Passes:
    """Passes of the probe's kind, within its budget of tokens: ``passes(encoded)`` as `shared_passes`."""

    model: PreTrainedModel
    terminators: torch.Tensor
    batch_tokens: int
    share_prefix: bool
    kept: Kept | None = None  # where prefixes stay for further passes
    recheck: float = 0.0  # in logits: what hangs on less is not decided at this precision; 0: all is

    def __call__(self, encoded: Encoded, reader: AttentionReader | None = None) -> Iterator[Pass]:
        if self.share_prefix:
            return shared_passes(self.model, encoded, self.batch_tokens, reader, self.kept)
        return plain_passes(self.model, encoded, self.batch_tokens, reader)

    def onward(self, encoded: Encoded) -> Iterator[Pass]:
        """The same of sequences that go on from prompts of recall's: what many begin with is read once."""
        if self.share_prefix:
            return branching_passes(self.model, encoded, self.batch_tokens, self.kept)
        return plain_passes(self.model, encoded, self.batch_tokens)


class Watch:
    """An instrument during one probe.

    Attributes
    ----------
    note : str
        What it says of its cost, once it has finished.
    reader : AttentionReader or None
        Looks at the attention of recall's passes.
    close : bool (F,) or None
        Facts that the passes' precision does not decide, once it has finished: they are measured again in fp32.
    """

    note: str = ""
    reader: AttentionReader | None = None
    close: np.ndarray | None = None

    def see(self, batch: np.ndarray, rows: torch.Tensor, targets: torch.Tensor, logits: torch.Tensor) -> None:
        """Look at a pass of recall; of it only what is copied is there afterwards."""
        return

    def finish(self, probed: Probed, recalled: np.ndarray) -> Values:
        """What was measured, after all passes of recall.

        ``probed`` is of each fact's `object`; ``recalled`` bool (F,) says whether any of its right answers is.
        """
        raise NotImplementedError


class Measure(Protocol):
    """An instrument with all that it needs of the facts, for a whole run."""

    @classmethod
    def of(cls, asked: Asked, spec: InstrumentSpec) -> Self:
        """Made before training.

        Raises
        ------
        InputError
            If the facts, the tokenizer or the model are not fit for it.
        """
        ...

    def some(self, chosen: np.ndarray) -> Self:
        """The same for some of the facts, as `factsurv.training.probing.probe.some`."""
        ...

    def watch(self, passes: Passes, encoded: Encoded) -> Watch:
        """Begin to watch one probe of these facts."""
        ...


@dataclass(frozen=True)
class Told:
    """All facts of a study, and the rows (int64) of those that the first stage of the run teaches."""

    facts: FactSet
    rows: np.ndarray


@dataclass(frozen=True)
class Asked:
    """What an instrument can know before training begins."""

    tokenizer: object
    model: PreTrainedModel
    facts: FactSet
    encoded: Encoded
    probe: ProbeSpec
    share_prefix: bool
    told: Told | None = None
