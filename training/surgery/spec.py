"""[[graft]] of a study file: models that are made of the weights that runs end with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from factsurv.events.section import Count, Name, Section, Text
from factsurv.training.spec import Layers
from factsurv.training.stage_spec import Selection
from factsurv.training.surgery.weight_sum import BASE, WeightSum, weight_sum


def _a_sum(text: str) -> str:
    weight_sum(text)
    return text


Sum = Annotated[Text, AfterValidator(_a_sum)]
Parts = Annotated[list[Literal["attention", "mlp"]], Field(min_length=1)]


class Where(Section):
    """Some weights of a model; ``layers = "all"`` without parts: everything, embeddings and head too."""

    layers: Literal["all"] | Layers = "all"
    parts: Parts | None = None  # of these layers; default: all that is in them


class ScoresSpec(Section):
    """[[scores]]: what the change from one state of the weights to another does, by component and token."""

    name: Name
    old: Sum = BASE
    new: Sum  # sums of arms, as a graft's
    select: Selection = Selection(split="any")  # the facts whose prompts are read
    counterfactuals: Count = 10  # prompts with another subject, for the upstream score


class GraftSpec(Section):
    """A model that no run has trained, probed like a checkpoint, with its name as arm, for each seed."""

    name: Name
    weights: Sum | None = None  # "counterfactual + joint - facts": arms, or base, as they end
    layers: Literal["all"] | Layers = "all"  # where the sum holds; elsewhere its first arm's weights
    parts: Parts | None = None
    revert: Where | None = None  # instead: what is put back to the base
    of: Name | None = None  # ... in this arm
    keep: bool = False  # its weights stay in the results folder

    @model_validator(mode="after")
    def _one_way_of_making_it(self) -> GraftSpec:
        if (self.weights is None) == (self.revert is None):
            raise ValueError('needs weights = "a + b - c" or revert = { layers = "0-3" }, one of the two')
        if (self.revert is None) != (self.of is None):
            raise ValueError('revert and of belong together: of = "arm" says in which arm layers are put back')
        if self.revert and (self.layers != "all" or self.parts):
            raise ValueError("has revert, whose layers and parts stand within it")
        return self

    @property
    def sum(self) -> WeightSum:
        """Whose weights it is made of."""
        return weight_sum(self.weights or self.of or "")

    @property
    def where(self) -> Where:
        """The weights that are not those of the first arm."""
        return self.revert or Where(layers=self.layers, parts=self.parts)
