"""The [simulation] section of a study file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from factsurv.events.section import Amount, Count, Fraction, Section, Whole

Few = Annotated[int, Field(ge=2, le=10_000)]
Exponent = Annotated[float, Field(ge=0, le=10)]
Half = Literal["top", "bottom", "random", "whole"]


class Sweep(Section):
    """Values beside the study's own at which the simulation is done again, each by itself."""

    exponent: list[Exponent] = []
    pretrain_steps: list[Count] = []


class SimulationSpec(Section):
    """Which simulation takes the place of a language model, and at which size."""

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
    def _both_parts_have_halves(self) -> SimulationSpec:
        kept = self.subjects - round(self.withheld * self.subjects)
        if kept < 2 or kept == self.subjects:
            raise ValueError(f"withheld = {self.withheld:g} of {self.subjects} subjects leaves too few of one kind")
        return self
