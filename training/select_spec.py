"""Which facts: what a selection of a study file may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from factsurv.events.section import Fraction, Section, Text, Texts, Whole

# What is built in one piece before a run begins: more than any study has, and less than what no machine can hold.
Facts = Annotated[int, Field(ge=1, le=1_000_000)]


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

    of: Literal["facts", "groups"] = "facts"  # groups: the size is in groups, each of which is taken whole
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
