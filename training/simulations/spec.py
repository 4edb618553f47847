"""The [simulation] section of a study file: one class for each simulation, told apart by `name`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from factsurv.events.section import Amount, Count, Fraction, Section, Whole

Few = Annotated[int, Field(ge=2, le=10_000)]
Exponent = Annotated[float, Field(ge=0, le=10)]
Half = Literal["top", "bottom", "random", "whole"]


class Sweep(Section):
    """Values beside the study's own at which the simulation is done again, each by itself."""

    exponent: list[Exponent] = []
    pretrain_steps: list[Count] = []


class OneLayerSpec(Section):
    """A transformer of one layer that reads two tokens."""

    name: Literal["one-layer"]
    seed: Whole = 1  # of the facts: answers, and which subjects are withheld; the runs' seeds draw the embeddings
    subjects: Few = 800
    relations: Annotated[int, Field(ge=1, le=100)] = 4
    answers: Few = 16  # of each relation
    width: Few = 128  # of the embeddings
    exponent: Exponent = 1.0  # pretraining states a subject of rank i in proportion to i^-exponent
    pretrain_steps: Count = 400
    pretrain_learning_rate: Amount = 30.0
    shared: Fraction = 0.7  # cosine of a relation's token in a question and in a statement
    withheld: Fraction = 0.5  # share of the subjects
    half: Half = "whole"  # of the other subjects, by popularity: whose facts are lessons
    steps: Count = 60  # of fine-tuning, each on all lessons at once
    learning_rate: Amount = 5.0
    probe_every: Count = 5  # steps
    samples: Count = 20  # K of the latent-knowledge label
    sweep: Sweep = Sweep()

    @model_validator(mode="after")
    def _both_parts_have_halves(self) -> OneLayerSpec:
        kept = self.subjects - round(self.withheld * self.subjects)
        if kept < 2 or kept == self.subjects:
            raise ValueError(f"withheld = {self.withheld:g} of {self.subjects} subjects leaves too few of one kind")
        return self

    @property
    def taught_words(self) -> str:
        """What the steps are about."""
        return f"{self.half} of the trained facts"

    def moments(self) -> list[int]:
        """The steps at which it is probed, the start among them."""
        return [*range(0, self.steps, self.probe_every), self.steps]


class AssociativeMemorySpec(Section):
    """One hidden layer that stores pairs of a key and a class, then new ones."""

    name: Literal["associative-memory"]
    seed: Whole = 1  # of the classes; the study's seeds draw keys, weights and batches
    keys: Few = 8192
    new: Few = 1024  # pairs of the second stage
    classes: Annotated[int, Field(ge=2, le=1000)] = 30
    followed: Few = 512  # of the keys, and of the new pairs, so many at most are facts of the study
    width: Few = 128  # of a key
    units: Few = 256
    pretrain_steps: Count = 4000
    pretrain_batch: Count = 512
    taught: Few | None = None  # of the new pairs; default: all
    replay: Annotated[float, Field(ge=0, le=100)] = 0.0  # weight of the old pairs' mean loss beside the new ones'
    steps: Count = 800  # of the second stage
    batch: Count = 128  # of new pairs, and as many old ones where they are replayed
    learning_rate: Amount = 1e-3  # of Adam, in both stages
    checkpoints: Annotated[int, Field(ge=2, le=1000)] = 20  # evenly spaced in the logarithm of the step
    samples: Count = 20  # K of the latent-knowledge label

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> AssociativeMemorySpec:
        if self.taught is not None and self.taught > self.new:
            raise ValueError(f"taught = {self.taught} is more than the {self.new} new pairs")
        return self

    @property
    def taught_words(self) -> str:
        """What the steps are about."""
        return f"{self.taught or self.new:,} new pairs, old ones with the weight {self.replay:g}"

    def moments(self) -> list[int]:
        """The steps at which it is probed, the start among them."""
        at = (self.steps ** (i / (self.checkpoints - 1)) for i in range(self.checkpoints))
        return sorted({0, self.steps, *(min(self.steps, math.ceil(step - 1e-9)) for step in at)})


AnySimulation = OneLayerSpec | AssociativeMemorySpec
SimulationSpec = Annotated[AnySimulation, Field(discriminator="name")]
KINDS: dict[Any, type[OneLayerSpec] | type[AssociativeMemorySpec]] = {
    get_args(kind.model_fields["name"].annotation)[0]: kind for kind in (OneLayerSpec, AssociativeMemorySpec)
}
