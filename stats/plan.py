"""The analysis plan: the [analysis] part of a study file, and what R is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from factsurv.events.errors import InputError, together
from factsurv.events.schema import (
    ARM_NUMBER,
    ATTENTION_NOW,
    EVENTS,
    EXPOSURES,
    FREQUENCY,
    HISTORY,
    INSTRUMENTS,
    OUTCOMES,
    TRANSITIONS,
)
from factsurv.events.section import Amount, Fraction, Name, Section, Text, Texts

Outcome = Literal["acquisition", "generalisation", "degradation"]
States = Literal["states", "first-step", "forgetting"]  # what is read off the table `transitions`
Time = Literal["epoch", "step", "examples", "tokens", "exposures"]
# sustained1 would be first under another name, loss1 loss
_M = r"([2-9]|[1-9][0-9]{1,5})"
Rule = Annotated[str, Field(pattern=rf"^(first|sustained{_M})$")]
AnyRule = Annotated[str, Field(pattern=rf"^(first|sustained{_M}|(loss|confident){_M}?)$")]  # of what is probed
Distribution = Literal["weibull", "lognormal", "loglogistic"]
Moments = Annotated[list[Amount], Field(min_length=1)]

# More relations than these explain an outcome only if they are asked for: each but one is a coefficient. The random
# effect of fact groups, which are the relations unless the study says otherwise, accounts for them all the same.
MOST_RELATIONS = 8
Zph = Literal["identity", "km", "rank", "log"]
CONF = 0.95  # confidence level of every interval
# Made of other counts in a corpus: beside these they explain an outcome only where they are named.
OF_COUNTS = ("never_met", "mi", "smi")
# Columns of the event table that may explain an outcome, beside the covariates of the fact set.
BASELINE_COVARIATES = ("latent", "logp0", "p0", "split", "relation", "group", "arm")


class AnalysisModel(Section):
    """[[analysis.model]]: a model of one's own beside the standard ones.

    Its kind and formula are read by R (`factsurv.stats.models.check_models`), where the kinds are defined. A key that
    is left out gets the default of the kind or of [analysis].
    """

    name: Name
    title: str | None = None  # in the report
    kind: Text = "cox"
    outcome: Outcome | States
    rule: AnyRule | None = None  # the primary one
    time: Literal["exposures"] | None = None  # default: analysis.time
    formula: Text  # right-hand side
    strata: list[Text] | None = None
    cluster: str | None = None
    random: list[Text] | None = None  # "a/b": b nested in a
    engine: Literal["auto", "coxme", "fast", "gamma", "gaussian"] | None = None  # of random effects
    ties: Literal["efron", "breslow", "exact"] | None = None
    time_varying: Texts | None = None  # parts of the formula whose hazard ratio may change with time
    split: Moments | None = None  # … at these times
    tt: Literal["log", "linear"] | None = None  # … with this function of time
    without: Texts | None = None  # parts of the formula: how do the other hazard ratios change as these join it?
    standardise: bool | None = None
    conf: Fraction | None = None
    pieces: Annotated[int, Field(ge=1, le=1000)] | None = None  # of the baseline hazard (kind "interval")
    distributions: Annotated[list[Distribution], Field(min_length=1)] | None = None  # kind "aft"
    by: list[Text] | None = None  # columns that split the curves of states
    clock: Literal["total", "gap"] | None = None  # of pwp
    cause: Text | None = None  # of competing-risks: the column that says which event happened
    zph: Zph | None = None  # of cox and frailty: time in the Schoenfeld tests
    horizon: Amount | None = None  # of multi-state and competing-risks: mean times up to it


class AnalysisSpec(Section):
    """How the event tables are analysed. What is left out gets the defaults that `plan` fills in."""

    # time = "exposures" has no generalisation (withheld facts are never exposed): it is left out
    outcomes: Annotated[list[Outcome], Field(min_length=1)] = ["acquisition", "generalisation", "degradation"]
    rules: Annotated[list[AnyRule], Field(min_length=1)] = ["first", "sustained2"]  # the first one is primary
    loss_margin: Amount = 1.0  # rules "loss", "loss2", …: nats below the loss of who knows nothing
    confident: Fraction = (
        0.5  # rules "confident", "confident2", …: more than this probability of an answer's first token
    )
    time: Time = "epoch"
    recall: Literal["first", "any", "all", "majority"] = "first"  # which of probe.forms make a fact recalled
    # Prompt forms: only what is recalled in one of them at the origin is at risk of acquisition and generalisation.
    known_in: list[Annotated[int, Field(ge=2, le=10_000)]] = []
    origin: Name | None = None  # the stage at whose start the event clock starts; default: the baseline of the run
    # compared: a run's events leave out facts that only other runs teach after the origin; all: they stay, withheld
    followed: Literal["compared", "all"] = "compared"
    covariates: dict[Outcome | Literal["states"], list[Text]] = {}
    curves_by: dict[Outcome, list[Text]] = {}
    strata: list[Text] = []
    cluster: str = "fact_id"  # "" for none
    random: list[Text] = ["group", "run"]
    # "exact" is not offered: it estimates an odds ratio, not a hazard ratio (R's ties = "exact" is discrete logit).
    ties: Literal["efron", "breslow"] = "efron"
    mixed_engine: Literal["auto", "coxme", "fast"] = "auto"  # auto: fast where coxme would take more than a minute
    zph: Zph = "identity"  # time in the Schoenfeld tests: as it is, one minus Kaplan-Meier, ranks, logarithm
    horizon: Amount | None = None  # of restricted means and mean times in states; default: the end of follow-up
    standardise: bool = True  # numeric covariates per standard deviation
    states: bool = True  # analyse the states of knowledge and repeated forgetting
    latent_chance: Fraction = 0.5  # of a hit in K samples: from here on a state is latent
    smi: Literal["october", "may"] = "october"  # release of the formula, where facts were counted in a corpus
    time_limit: Amount = 600.0  # seconds for one fit
    model: list[AnalysisModel] = []


def plan(
    spec: AnalysisSpec, covariates: Sequence[str], relations: int, further: Sequence[str] = (), trained: bool = True
) -> dict[str, Any]:
    """The plan that R's `plan_fits` expands into fits.

    Parameters
    ----------
    spec : AnalysisSpec
    covariates : sequence of str
        Covariates of the fact set.
    relations : int
        Number of relations; with one, the relation explains nothing, and see `MOST_RELATIONS`.
    further : sequence of str
        Columns of a fact that explain an outcome only where they are named: its role, the sets it is in.
    trained : bool
        False of a series: nobody chose what it is taught, and at its first checkpoint it may know nothing at all, so
        that the facts' own covariates come first, and latent knowledge only where it is named.

    Raises
    ------
    InputError
        Naming every column that the event table will not have.
    """
    outcomes = analysed(spec)
    same = [n for n in covariates if n not in OF_COUNTS]
    same = [*same, *(["relation"] if 1 < relations <= MOST_RELATIONS else [])]
    defaults = {
        "acquisition": ["latent", *same],
        "generalisation": ["latent", *same],
        "degradation": ["split", "logp0", *same],
    }
    curves = {"acquisition": ["latent"], "generalisation": ["latent"], "degradation": ["split"]}
    if not trained:
        own = same or ["logp0"]
        defaults = dict.fromkeys(OUTCOMES, own) | {"degradation": list(dict.fromkeys([*own, "logp0"]))}
        told_of = [n for n in ("smi", "mi") if n in covariates][:1]  # what the corpus tells of a fact: in thirds
        curves = {o: told_of or list(spec.covariates.get(o, own))[:1] for o in outcomes}
    if spec.time == "exposures":  # trained facts only: there is no split to compare
        defaults["degradation"].remove("split")
        curves["degradation"] = []
    chosen: dict[str, list[str]] = {o: list(spec.covariates.get(o, defaults[o])) for o in outcomes}
    by: dict[str, list[str]] = {o: list(spec.curves_by.get(o, curves[o])) for o in outcomes}
    known = [*BASELINE_COVARIATES, *covariates, *further]
    states = _states(spec, chosen.values(), trained)
    asked = {f"analysis.covariates.{o}": chosen[o] for o in outcomes}
    asked |= {f"analysis.curves_by.{o}": by[o] for o in outcomes}
    asked |= {"analysis.covariates.states": spec.covariates.get("states", []), "analysis.strata": list(spec.strata)}
    groups = {"analysis.random": spec.random, "analysis.cluster": [spec.cluster] if spec.cluster else []}
    found = [e for where, names in asked.items() for e in _unknown(names, known, where)]
    found += [e for where, names in groups.items() for e in _unknown(names, [*known, "run", "fact_id"], where)]
    if found:
        raise together(found, "[analysis]", "correct these; nothing was started")
    out = told(spec, outcomes, list(spec.rules), chosen, by)
    for model in out["models"]:
        if model["outcome"] in get_args(States):
            model["table"] = "transitions"
    return out | {"states": states if spec.states else None}


def run_covariates(spec: AnalysisSpec) -> list[str]:
    """Covariates of fact and run that are made where the analysis names them."""
    return [name for name in (FREQUENCY, ARM_NUMBER) if name in spec.model_dump_json()]


def told(
    spec: AnalysisSpec,
    outcomes: Sequence[str],
    rules: Sequence[str],
    covariates: Mapping[str, Sequence[str]],
    curves_by: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The plan as R reads it, from an AnalysisSpec whose defaults have been filled in."""
    return {
        "outcomes": list(outcomes),
        "rules": list(rules),
        "covariates": {o: list(c) for o, c in covariates.items()},
        "curves_by": {o: list(c) for o, c in curves_by.items()},
        "strata": list(spec.strata),
        "cluster": spec.cluster,
        "random": list(spec.random),
        "mixed_engine": spec.mixed_engine,
        "ties": spec.ties,
        "zph": spec.zph,
        "horizon": spec.horizon,
        "standardise": spec.standardise,
        "conf": CONF,
        "history": True,
        "models": models(spec),
        **({"formula": spec.smi} if spec.smi != "october" else {}),
    }


def _states(spec: AnalysisSpec, chosen: Iterable[Sequence[str]], trained: bool) -> dict[str, list[str]]:
    """Covariates of every transition, and what splits the curves.

    A transition adjusts for what the models of the outcomes adjust for; but latent, which is a state here, has log p.
    """
    split = ["split"] if trained and spec.time != "exposures" else []
    own = dict.fromkeys([*split, "logp0", *(n for names in chosen for n in names if n != "latent")])
    return {"covariates": list(spec.covariates.get("states", own)), "by": split}


def models(spec: AnalysisSpec) -> list[dict[str, Any]]:
    """The entries of [[analysis.model]] as R takes them: what was left out is left out.

    Raises
    ------
    InputError
        Naming every outcome and rule that is not analysed.
    """
    outcomes = analysed(spec)
    found = []
    for i, model in enumerate(spec.model):
        where = f"analysis.model[{i + 1}]"
        if model.outcome not in (*outcomes, *get_args(States)):
            told = f'the model "{model.name}" is of {model.outcome}, which is not analysed'
            found.append(InputError(told, f"{where}.outcome", f"choose among: {', '.join(outcomes)}"))
        if model.rule is not None and model.rule not in spec.rules:
            told = f'there are no events by the rule "{model.rule}"'
            remedy = f"add it to analysis.rules, or choose among: {', '.join(spec.rules)}"
            found.append(InputError(told, f"{where}.rule", remedy))
        if model.time is not None and model.outcome not in ("acquisition", "degradation"):
            told = f'the model "{model.name}" is of {model.outcome}, which has no clock of exposures'
            found.append(InputError(told, f"{where}.time", "take it away"))
    if found:
        raise together(found, "[[analysis.model]]", "correct these; nothing was started")
    entries = [model.model_dump(exclude_none=True) for model in spec.model]
    for entry in entries:
        if entry.pop("time", None):
            entry["table"] = EXPOSURES
    return entries


def table_columns(covariates: Sequence[str], instruments: Sequence[str] = ()) -> dict[str, list[str]]:
    """Columns that a model may name, of each table that a kind of model can read; and the tables of instruments."""
    tables = {"events": EVENTS, EXPOSURES: EVENTS, "history": HISTORY, "transitions": TRANSITIONS}
    known = {table: [*columns, *covariates] for table, columns in tables.items()}
    known["history"] += [ATTENTION_NOW] if "attention" in instruments else []
    return known | {name: list(INSTRUMENTS[name]) for name in instruments}


def analysed(spec: AnalysisSpec) -> list[Outcome]:
    """The outcomes that the time axis allows.

    Raises
    ------
    InputError
        If the study asks for generalisation by name on a clock that withheld facts do not have, or for
        nothing else.
    """
    if spec.time != "exposures":
        return list(spec.outcomes)
    if "outcomes" in spec.model_fields_set and "generalisation" in spec.outcomes:
        raise InputError(
            "withheld facts are never exposed, so there is no generalisation by exposures",
            "analysis.outcomes",
            'take "generalisation" out, or use time = "epoch"',
        )
    return [o for o in spec.outcomes if o != "generalisation"]


def _unknown(names: Sequence[str], known: Sequence[str], where: str) -> list[InputError]:
    found = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f'; the nearest is "{near[0]}"' if near else ""
            what = f'there is no column "{name}" to analyse{hint}'
            found.append(InputError(what, where, f"choose among: {', '.join(known)}"))
    return found
