"""[[stage]] and [[arm.stage]] of a study file: what a run teaches, one part after another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from factsurv.events.section import Amount, Count, Fraction, Name, Probability, Section, Share, Text, Texts, Whole
from factsurv.training.spec import Facts, Form, TuningSpec

# The keys of [tuning] that a stage may set for itself.
OF_STAGE = ("learning_rate", "schedule", "warmup", "weight_decay", "batch_size", "clip", "templates")


class Some(Section):
    """A part of the facts: a share or a number of them, of all or within each relation."""

    share: Fraction | None = None
    count: Facts | None = None
    within: Literal["all", "relation"] = "all"

    @model_validator(mode="after")
    def _one_size(self) -> Some:
        if (self.share is None) == (self.count is None):
            raise ValueError("needs share = 0.5 or count = 20, one of the two")
        return self


class Ranked(Some):
    """`top` or `bottom`: the facts with the greatest or smallest values of a covariate; ties as the facts stand."""

    by: Text


class Drawn(Some):
    """`random`: drawn once for the study, so the same facts in every run; another `seed` draws others."""

    seed: Whole | None = None  # default: facts.seed


class Selection(Section):
    """Which facts: each key narrows what those before it left, in this order."""

    split: Literal["trained", "withheld", "any"] = "trained"
    role: Text | Texts | None = None
    relation: Text | Texts | None = None
    set: Text | Texts | None = None  # yes/no columns: the facts with a yes in each
    top: Ranked | None = None
    bottom: Ranked | None = None
    random: Drawn | None = None
    first: Facts | None = None  # as the facts stand


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

    @model_validator(mode="after")
    def _the_keys_fit_together(self) -> StageSpec:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("has epochs and steps: one of them says how long it is")
        if self.mix:
            if own := {"select", "weight"} & self.model_fields_set:
                raise ValueError(f"has mix and {' and '.join(sorted(own))}: inside mix each selection has its own")
            total = sum(m.share for m in self.mix)
            if abs(total - 1) > 1e-6:  # shares are written with a few digits
                raise ValueError(f"the shares of mix add up to {total:g}, not 1")
        if self.templates == "all" and (self.mix or self.weight != "equal"):
            raise ValueError('templates = "all" teaches every fact in all its forms; with weight or mix take "rotate"')
        return self

    def tuning(self, of_arm: TuningSpec) -> TuningSpec:
        """The arm's recipe with what this stage changes."""
        own: dict[str, Any] = {k: v for k in (*OF_STAGE, "epochs") if (v := getattr(self, k)) is not None}
        return TuningSpec.model_validate(of_arm.model_dump() | own)
