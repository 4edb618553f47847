"""Study files: read whole, checked whole, before any work starts."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from events.errors import InputError
from stats.plan import AnalysisSpec
from training.spec import FactsSpec, ModelSpec, ProbeSpec, Section, TuningSpec

M = TypeVar("M", bound=BaseModel)
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
BUNDLED = Path(__file__).resolve().parent.parent / "studies"


class StudySection(Section):
    """[study]: its name (also the results folder's), its repetitions and how many run at once."""

    name: Annotated[str, Field(pattern=NAME)]
    title: str = ""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [1]
    workers: PositiveInt | None = None  # runs at the same time; default: one a core, or one a GPU


class ReportSection(Section):
    """[report]"""

    author: str = ""
    note: str = ""  # printed under the title


class Arm(Section):
    """[[arm]]: a recipe. Its tables replace single keys of the study's own."""

    name: Annotated[str, Field(pattern=NAME)]
    tuning: dict[str, Any] = {}
    model: dict[str, Any] = {}


class StudyFile(Section):
    """A whole study: all runs, one analysis, one report."""

    study: StudySection
    facts: FactsSpec = FactsSpec()
    model: ModelSpec = ModelSpec()
    tuning: TuningSpec = TuningSpec()
    probe: ProbeSpec = ProbeSpec()
    analysis: AnalysisSpec = AnalysisSpec()
    report: ReportSection = ReportSection()
    arm: list[Arm] = []

    def recipes(self) -> dict[str, tuple[ModelSpec, TuningSpec]]:
        """Model and tuning of each arm; a study without arms has one, named ``main``."""
        if not self.arm:
            return {"main": (self.model, self.tuning)}
        return {
            a.name: (
                ModelSpec.model_validate(self.model.model_dump() | a.model),
                TuningSpec.model_validate(self.tuning.model_dump() | a.tuning),
            )
            for a in self.arm
        }


def find_study(name: str) -> Path:
    """The study file of that path, or the bundled one of that name.

    Raises
    ------
    InputError
        If there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    bundled = {p.stem: p for p in sorted(BUNDLED.glob("*.toml"))}
    if path.stem in bundled and path.parent.name in ("", "studies"):
        return bundled[path.stem]
    near = difflib.get_close_matches(path.stem, bundled, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"there is no such study file{hint}", name, f"bundled studies: {', '.join(bundled)}")


def read_study(path: Path) -> StudyFile:
    """Read and check a study file.

    Raises
    ------
    InputError
        Naming every unknown key (with the nearest known one), impossible value and missing file.
    """
    data = read_toml(path)
    study = validated(StudyFile, data, path)
    _check_arms(study, path, data)
    _check_schedule(study, path)
    if study.facts.path is not None:
        table = (path.parent / Path(study.facts.path).expanduser()).resolve()
        if not table.is_file():
            raise InputError(f"facts.path: there is no file {table}", str(path), "paths are relative to the study file")
        study = study.model_copy(update={"facts": study.facts.model_copy(update={"path": str(table)})})
    return study


def read_toml(path: Path) -> dict[str, Any]:
    """The file's keys; a file that is not TOML is an InputError with the line."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError("there is no such file", str(path), "check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", str(path), "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", str(path), "correct that line") from error


def validated(model: type[M], data: dict[str, Any], path: Path) -> M:
    """``data`` as ``model``; everything wrong with it is one InputError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = _all_problems(error, data, model)
        raise InputError(problems, str(path), "correct these keys; nothing was started") from error


def _check_arms(study: StudyFile, path: Path, data: dict) -> None:
    names = [a.name for a in study.arm]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two arms are named {name!r}", str(path), "give each [[arm]] its own name")
    for i, arm in enumerate(study.arm):
        for section, model in (("tuning", TuningSpec), ("model", ModelSpec)):
            base = getattr(study, section).model_dump()
            try:
                model.model_validate(base | getattr(arm, section))
            except ValidationError as error:
                problems = _all_problems(error, data, model, f"arm {arm.name!r} (number {i + 1}), {section}.")
                raise InputError(problems, str(path), "correct these keys; nothing was started") from error


def _check_schedule(study: StudyFile, path: Path) -> None:
    """Moments of the probe that lie after the end of an arm's training (those in steps: when the run begins)."""
    for arm, (_, tuning) in study.recipes().items():
        if study.probe.unit == "epochs" and max(study.probe.at, default=0) > tuning.epochs:
            told = (
                f"probe.at: {study.probe.at[-1]:g} lies after the end of training (arm {arm!r}: {tuning.epochs} epochs)"
            )
            raise InputError(told, str(path), "take it away, or train for longer")


def _all_problems(error: ValidationError, data: dict, model: type[BaseModel] = StudyFile, prefix: str = "") -> str:
    return "\n  ".join(["", *(_problem(e, model, prefix) for e in error.errors())]).lstrip("\n")


def _problem(error: Any, model: type[BaseModel], prefix: str) -> str:
    key = prefix + _place(error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _keys_at(model, error["loc"][:-1]), 1, 0.5)
        return f"{key}: unknown key" + (f"; the nearest known one is {near[0]}" if near else "")
    message = error["msg"].removeprefix("Value error, ")
    given = "" if error["type"] == "missing" or isinstance(error["input"], dict) else f" (given: {error['input']!r})"
    return f"{key}: {message[:1].lower()}{message[1:]}{given}"


def _place(location: tuple) -> str:
    """The key as a reader of the file counts: analysis.model[2].ties is of the second [[analysis.model]]."""
    text = ""
    for i, part in enumerate(location):
        table = isinstance(part, int) and i + 1 < len(location)
        text += f"[{part + 1}]" if table else f".{part}"
    return text.removeprefix(".")


def _keys_at(model: type[BaseModel], location: tuple) -> list[str]:
    """The keys that the section at this place of the file may have."""
    for part in location:
        if isinstance(part, int):
            continue
        kind = model.model_fields[part].annotation
        inner = [a for a in (kind, *get_args(kind)) if isinstance(a, type) and issubclass(a, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
