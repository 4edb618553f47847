"""Every key of a study file through values that it cannot have: one message that names the key, before any work.

The keys are read off the models of the file, so that a new one is walked by itself; whoever adds one says here what
of the doubtful values it may have.
"""

import json
import math
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from factsurv.events.errors import InputError
from factsurv.flows.study_file import StudyFile, read_study

HUGE = 10**30
# Zero means "none" or "the first" there, and nothing stands for "none".
ZERO = {
    "study.seeds.0", "facts.withheld", "facts.seed", "facts.exponent", "tuning.dropout", "tuning.warmup",
    "tuning.weight_decay", "probe.examples", "probe.top_k", "model.pretrain_steps", "stage.warmup",
    "stage.weight_decay", "stage.weight.exponent", "stage.mix.weight.exponent", "stage.select.random.seed",
    "stage.mix.select.random.seed", "scores.select.random.seed", "tuning.patterns.checkpoint",
    "facts.held_out", "arm.number", "report.paper.rank", "probe.select.random.seed",
    "simulation.seed", "simulation.exponent", "simulation.sweep.exponent.0",
}  # fmt: skip
EMPTY_TEXT = {"study.title", "report.author", "report.note", "analysis.cluster", "analysis.model.title",
              "analysis.model.cluster"}  # fmt: skip
EMPTY_LIST = {
    "facts.covariates", "probe.at", "probe.temperatures", "analysis.covariates.*", "analysis.curves_by.*",
    "analysis.strata", "analysis.random", "analysis.model", "analysis.model.strata", "analysis.model.random",
    "analysis.model.by", "arm", "claim", "stage", "stage.mix", "arm.stage", "probe.instruments.when.at",
    "simulation.sweep.exponent", "simulation.sweep.pretrain_steps", "analysis.known_in",
}  # fmt: skip
# Any text may be written there: titles, names of columns, prompts, files and models are checked where they are used.
FREE = {"arm.tuning", "arm.model", "arm.simulation", "arm.stage.0"}
NEEDED = {
    "study": {"name": "s"},
    "analysis.model": {"name": "m", "outcome": "acquisition", "formula": "latent"},
    "arm": {"name": "a"},
    "claim": {"text": "t", "quantity": "recall", "expect": "> 0"},
    "stage": {"name": "s"},
    "probe.instruments": {"name": "confidence"},
    "stage.mix": {"share": 1.0},
    "simulation": {"name": "one-layer"},
    "graft": {"name": "g", "weights": "main"},
    "scores": {"name": "g", "new": "main"},
    "report.paper": {"arm": "main", "relation": "r", "rank": 1.0},
    "tuning.patterns": {"of": "main", "checkpoint": 1},
    **{
        f"{at}select.{kind}": {"share": 0.5, **({} if kind == "random" else {"by": "x"})}
        for at in ("stage.", "stage.mix.", "scores.", "probe.")
        for kind in ("top", "bottom", "random")
    },
    **{f"{at}weight": {"rank": "x", "exponent": 1.0} for at in ("stage.", "stage.mix.")},
}
TABLES = (  # [[…]]
    "report.paper", "probe.select", "graft", "scores", "arm", "claim", "analysis.model", "stage", "stage.mix",
    "probe.instruments",
)  # fmt: skip


def keys(model: type[BaseModel] = StudyFile, at: str = ""):
    """(key, kind of its value) of the whole file; a list's values are key.0, a table's under any name key.*."""
    for name, field in model.model_fields.items():
        key = f"{at}.{name}".removeprefix(".")
        yield from _of_kind(key, Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


def _of_kind(key: str, kind: Any):
    kind = plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield key, dict
        yield from keys(kind, key)
    elif get_origin(kind) in (Union, types.UnionType):
        yield key, kind
        for part in get_args(kind):
            if get_origin(plain(part)) in (list, dict, Union, types.UnionType) or issubclass_of_model(plain(part)):
                yield from (k for k in _of_kind(key, part) if k[0] != key)
    elif get_origin(kind) is list:
        yield key, list
        (inner,) = get_args(kind)
        yield from _of_kind(key if issubclass_of_model(inner) else f"{key}.0", inner)
    elif get_origin(kind) is dict:
        yield key, dict
        if key not in FREE:
            yield from _of_kind(f"{key}.*", get_args(kind)[1])
    else:
        yield key, kind


def plain(kind: Any) -> Any:
    """The kind without its bounds."""
    return plain(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def issubclass_of_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def kinds(kind: Any) -> set:
    """The plain kinds that a key takes: `{int, NoneType}`."""
    kind = plain(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return set().union(*map(kinds, get_args(kind)))
    if get_origin(kind) is Literal:
        return {"one of"}
    return {get_origin(kind) or kind}


def impossible(key: str, kind: Any):
    """Values that the key cannot have."""
    takes = kinds(kind)
    numbers, texts, lists = takes & {int, float}, takes & {str, "one of"}, list in takes
    yield {"no": "table"} if dict not in takes else "no table"
    yield True if bool not in takes else "true"
    if not lists:
        yield [1]
    if not texts:
        yield "10"
    if not numbers:
        yield 10
    if numbers:
        yield from (-1, HUGE, -HUGE, math.nan, math.inf, -math.inf)
        yield from (0,) if key not in ZERO else ()
    if numbers == {int}:
        yield from (1.5, 1.0)
    if texts and key not in EMPTY_TEXT:
        yield ""
    if "one of" in takes:
        yield "nonesuch"
    if lists and key not in EMPTY_LIST:
        yield []
    if key.endswith(".0") and (texts or numbers):
        yield TWICE


TWICE = object()  # a possible value, twice
POSSIBLE = {int: 3, float: 2.5, str: "first", "one of": None, dict: {"name": "x"}}


def as_file(key: str, value: Any, kind: Any) -> dict:
    """A study file of which only this key is wrong."""
    data: dict = {"study": {"name": "s"}}
    at: dict = data
    parts = key.split(".")
    for i, part in enumerate(parts[:-1]):
        here = ".".join(parts[: i + 1])
        following = parts[i + 1]
        if following == "0":
            break
        inner = at.setdefault("any" if part == "*" else part, dict(NEEDED.get(here, {})))
        if here in TABLES:
            at[part] = [inner]
        at = inner
    else:
        at["any" if parts[-1] == "*" else parts[-1]] = value
        return data
    one = POSSIBLE[next(k for k in POSSIBLE if k in kinds(kind))]
    if one is None:
        one = get_args(plain(kind))[0] if get_origin(plain(kind)) is Literal else "acquisition"
    at["any" if part == "*" else part] = [one, one] if value is TWICE else [value]
    return data


def toml(data: dict, at: str = "") -> str:
    """The file's text (values that TOML knows)."""
    lines, tables = [], []
    for key, value in data.items():
        place = f"{at}.{key}".removeprefix(".")
        if isinstance(value, dict):
            tables.append(f"[{place}]\n{toml(value, place)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict) and place in TABLES:
            tables += [f"[[{place}]]\n{toml(v, place)}" for v in value]
        else:
            lines.append(f"{key} = {written(value)}")
    return "\n".join([*lines, *tables])


def written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


WALK = dict(keys())


@pytest.mark.parametrize("key", WALK)
def test_impossible_values_are_one_message_that_names_the_key(key, tmp_path):
    path = tmp_path / "s.toml"
    for value in impossible(key, WALK[key]):
        if key == "facts.templates.*.0" and value is TWICE:
            continue  # the text of the walk is no template; see the table's tests
        text = toml(as_file(key, value, WALK[key]))
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_study(path)
            pytest.fail(f"{key} = {value!r} is taken:\n{text}")
        last = [p for p in key.split(".") if p not in ("0", "*")][-1]
        assert last in caught.value.what, (key, value, str(caught.value))


def test_the_walk_meets_every_section_and_finds_its_exceptions():
    assert {k.split(".")[0] for k in WALK} == set(StudyFile.model_fields)
    assert len(WALK) > 100 and not (ZERO | EMPTY_TEXT | EMPTY_LIST) - set(WALK)
