"""The analysis plan of a table of the user's own: outcomes, rules and covariates have any name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from factsurv.events.errors import InputError
from factsurv.events.own_transitions import REPEATED
from factsurv.events.rules import levels_of
from factsurv.stats.plan import AnalysisModel, AnalysisSpec, told


class OwnModel(AnalysisModel):
    """[[analysis.model]] of a table: its outcome and rule have any name."""

    outcome: str  # type: ignore[assignment]  # wider than a study's
    rule: str | None = None
    events: Literal["first", "all"] | None = None  # of a table of repeated ones: the first of each id, or all of them


class OwnAnalysisSpec(AnalysisSpec):
    """[analysis] of a plan for one's own table. Columns go by the table's names; what is left out means all of them."""

    outcomes: list[str] = []  # type: ignore[assignment]
    rules: list[str] = []
    time: str = ""  # type: ignore[assignment]
    covariates: dict[str, list[str]] = {}  # type: ignore[assignment]
    curves_by: dict[str, list[str]] = {}  # type: ignore[assignment]
    model: list[OwnModel] = []  # type: ignore[assignment]

    @field_validator("time")
    @classmethod
    def _elsewhere(cls, value: str) -> str:
        raise ValueError("the unit of time has its name under [events]")

    @field_validator("recall")
    @classmethod
    def _not_here(cls, value: str) -> str:
        raise ValueError("a table of events has no prompt forms")

    def asked(self) -> dict[str, list[str]]:
        """What must be in the table, by the key that names it (see `factsurv.events.own_table.read_own_table`)."""
        by_outcome = {"covariates": self.covariates, "curves_by": self.curves_by}
        out = {f"analysis.{key}": list(of) for key, of in by_outcome.items()}
        out |= {f"analysis.{key}.{o}": names for key, of in by_outcome.items() for o, names in of.items()}
        out |= {"analysis.outcomes": self.outcomes, "analysis.rules": self.rules, "analysis.strata": self.strata}
        out["analysis.cluster"] = [self.cluster] if self.cluster else []
        out["analysis.random"] = self.random if "random" in self.model_fields_set else []
        for i, model in enumerate(self.model, 1):
            random = [n for entry in model.random or [] for n in entry.split("/")]
            groups = {
                "strata": model.strata or [],
                "cluster": [model.cluster] if model.cluster else [],
                "random": random,
                "by": model.by or [],
                "cause": [model.cause] if model.cause else [],
                "formula": _grouped_by(model.formula),
            }
            values = {"outcome": [model.outcome], "rule": [model.rule] if model.rule else []}
            out |= {f"analysis.model[{i}].{key}": named for key, named in (groups | values).items()}
        return out


def _grouped_by(formula: str) -> list[str]:
    """Columns that a formula groups rows by, which may have any number of values: ``(1 | a/b)`` and ``strata(a)``.

    R reads the formula and says what is wrong with it; here only what the table must keep is looked for.
    """
    found = re.findall(r"\(\s*1\s*\|([^()|]+)\)|\bstrata\(([^()]*)\)", formula)
    names = [n.strip() for random, strata in found for n in re.split(r"/" if random else ",", random or strata)]
    return [n[1:-1] if n[:1] == n[-1:] == "`" else n for n in names if n]


def own_plan(spec: OwnAnalysisSpec, events: pa.Table) -> dict[str, Any]:
    """The plan that R's `plan_fits` expands, for the event table of `factsurv.events.own_table`.

    Without a word of the user's, every covariate that varies explains an outcome, the first one splits the curves
    (unless it changes within an id), and runs are random where there are several.
    """
    metadata = events.schema.metadata
    names, every, changing = (json.loads(metadata[key]) for key in (b"names", b"covariates", b"changing"))
    outcomes = spec.outcomes or levels_of(events["outcome"])
    rules = spec.rules or levels_of(events["rule"])
    random = ["run"] if len(levels_of(events["run"])) > 1 else []
    asked = {o: spec.covariates[o] if o in spec.covariates else _varying(events, o, every) for o in outcomes}
    covariates = {o: [names[c] for c in asked[o]] for o in outcomes}
    first = {o: [c for c in covariates[o][:1] if c not in changing] for o in outcomes}
    curves = {o: [names[c] for c in spec.curves_by.get(o, first[o])] for o in outcomes}
    models = [_renamed(model, names) for model in spec.model]
    filled = {
        "outcomes": outcomes,
        "rules": rules,
        "model": models,
        "strata": [names[c] for c in spec.strata],
        "cluster": names[spec.cluster] if spec.cluster else "",
        "random": [names[c] for c in spec.random] if "random" in spec.model_fields_set else random,
    }
    as_told = told(spec.model_copy(update=filled), outcomes, rules, covariates, curves)
    kinds = json.loads(metadata.get(b"kinds", b"[]"))  # of models that read every event, not only the first one
    other = {theirs: ours for theirs, ours in names.items() if theirs != ours}
    for number, model in enumerate(as_told["models"], 1):
        model |= {"names": other} if other else {}  # for the formula, which R reads
        every = model.pop("events", "first") == "all"
        if every and REPEATED[0] not in kinds:
            raise InputError(
                "the plan does not say that events repeat, so that each id has one",
                f"analysis.model[{number}].events",
                "set events.repeated = true, or leave this key out",
            )
        model |= {"every": True} if every else {}
        if every or model["kind"] in kinds:
            model |= {"table": "transitions", "own": True}  # whose outcomes are the table's, not those of knowledge
    states = {"kinds": dict.fromkeys(outcomes, kinds)} if kinds and spec.states else None
    return as_told | {"history": False, "states": states}  # nobody probed these facts between their events


def _varying(events: pa.Table, outcome: str, covariates: Sequence[str]) -> list[str]:
    """The covariates with several values among the rows of an outcome."""
    mine = events.filter(pc.equal(events["outcome"].cast(pa.utf8()), outcome))
    return [c for c in covariates if len(mine[c].drop_null().unique()) > 1]


def _renamed(model: OwnModel, names: Mapping[str, str]) -> OwnModel:
    """Groupings of a model by the names that the event table has for them."""
    ours = {
        "strata": model.strata and [names[c] for c in model.strata],
        "cluster": model.cluster and names[model.cluster],
        "by": model.by and [names[c] for c in model.by],
        "cause": model.cause and names[model.cause],
        "random": model.random and ["/".join(names[c] for c in entry.split("/")) for entry in model.random],
    }
    return model.model_copy(update=ours)
