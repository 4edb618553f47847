"""[[stage]] and [[arm.stage]] of a study file: what a run teaches, one part after another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from factsurv.events.section import Amount, Count, Name, Probability, Section, Share, Text
from factsurv.training.select_spec import Selection
from factsurv.training.spec import Facts, Form, TuningSpec

# The keys of [tuning] that a stage may set for itself.
OF_STAGE = ("learning_rate", "schedule", "warmup", "weight_decay", "batch_size", "clip", "templates")


class ByRank(Section):
    """A fact of rank r is drawn with a probability in proportion to r^-exponent; the covariate holds the ranks."""

    rank: Text
    exponent: Annotated[float, Field(ge=0, le=100)]


class Mixed(Section):
    """One of several selections of a stage, and its share of the lessons."""

    select: Selection = Selection()
    weight: Text | ByRank = "equal"
    share: Probability


class StageSpec(Section):
    """A part of a run. Keys of [tuning] that are not set here are those of the study or the arm."""

    name: Name
    epochs: Facts | None = None  # default: tuning.epochs
    steps: Count | None = None
    learning_rate: Amount | None = None
    schedule: Literal["constant", "cosine", "linear"] | None = None  # over this stage
    warmup: Share | None = None  # share of this stage's steps
    weight_decay: Annotated[float, Field(ge=0, le=1e9)] | None = None
    batch_size: Count | None = None
    clip: Amount | None = None
    templates: Literal["probe", "rotate", "all"] | None = None
    forms: Annotated[list[Form], Field(min_length=1)] | None = None  # prompt forms to teach in; default: all
    optimizer: Literal["fresh", "keep"] = "fresh"  # keep: the moments of the stage before
    select: Selection = Selection()
    weight: Text | ByRank = "equal"  # a column, or by rank: facts are drawn, as many as there are in an epoch
    mix: list[Mixed] = []  # instead of select and weight; an epoch passes once through the first one
    order: Literal["shuffled", "as given"] = "shuffled"
    loss: Literal["targets", "text"] = "targets"  # text: every token is taught, as in pretraining
    lesson: Literal["fact", "group"] = (
        "fact"  # group: a lesson tells all facts of a group, in an order and forms drawn anew
    )
    length: Count | None = None  # lesson = "group": tokens of a row into which whole lessons are packed; default: 512

    @model_validator(mode="after")
    def _the_keys_fit_together(self) -> StageSpec:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("has epochs and steps: one of them says how long it is")
        if self.mix:
            # Not whether they are set: a job's file holds every key.
            if own := {n for n in ("select", "weight") if getattr(self, n) != type(self).model_fields[n].default}:
                raise ValueError(f"has mix and {' and '.join(sorted(own))}: inside mix each selection has its own")
            total = sum(m.share for m in self.mix)
            if abs(total - 1) > 1e-6:  # shares are written with a few digits
                raise ValueError(f"the shares of mix add up to {total:g}, not 1")
        if self.lesson == "group" and self.loss != "text":
            raise ValueError('lesson = "group" teaches the whole text; set loss = "text"')
        if self.lesson == "fact" and self.length is not None:
            raise ValueError('length is of lesson = "group"')
        if self.lesson == "group" and self.templates is not None:
            raise ValueError('templates is of lesson = "fact": a lesson of a group draws one of the forms of each fact')
        if self.templates == "all" and (self.mix or self.weight != "equal"):
            raise ValueError('templates = "all" teaches every fact in all its forms; with weight or mix take "rotate"')
        return self

    def tuning(self, of_arm: TuningSpec) -> TuningSpec:
        """The arm's recipe with what this stage changes."""
        own: dict[str, Any] = {k: v for k in (*OF_STAGE, "epochs") if (v := getattr(self, k)) is not None}
        return TuningSpec.model_validate(of_arm.model_dump() | own)
