"""Study files: read whole, checked whole, before any work starts."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from factsurv.events.errors import InputError
from factsurv.events.section import Count, Name, Section, Text, Texts, Whole
from factsurv.flows.toml_file import problems, read_toml, refused, shown
from factsurv.stats.claims import Claim
from factsurv.stats.plan import AnalysisSpec
from factsurv.training.facts.corpus.files import PACKAGE
from factsurv.training.simulations.spec import KINDS, AnySimulation, SimulationSpec
from factsurv.training.spec import FactsSpec, ModelSpec, ProbeSpec, TuningSpec
from factsurv.training.stage_spec import StageSpec
from factsurv.training.surgery.spec import GraftSpec, ScoresSpec

BUNDLED = Path(__file__).resolve().parent.parent / "studies"


class StudySection(Section):
    """[study]: its name (also the results folder's), its repetitions and how many run at once."""

    name: Name
    title: str = ""
    seeds: Annotated[list[Whole], Field(min_length=1)] = [1]
    workers: Count | None = None  # runs at the same time; default: one a core, or one a GPU


class PaperRank(Section):
    """[[report.paper]]: a paper's mean rank of a kind of fact at the end of training, shown beside ours."""

    arm: Name
    relation: Text
    set: Text | None = None
    rank: Annotated[float, Field(ge=0, le=1e6)]
    note: Text | None = None


class ReportSection(Section):
    """[report]"""

    author: str = ""
    note: str = ""  # printed under the title
    paper: list[PaperRank] = []
    rehearsal: Texts | None = None  # what is not as in the study itself: from `run --rehearse`, marks every page


class Arm(Section):
    """[[arm]]: a recipe. Its tables replace single keys of the study's own.

    An arm that names stages has these, in this order; a stage of the study that has the same name lends it its keys.
    """

    name: Name
    number: Annotated[float, Field(ge=0, le=1e9)] | None = None  # what it stands for, such as how many people
    tuning: dict[str, Any] = {}
    model: dict[str, Any] = {}
    stage: list[dict[str, Any]] = []
    simulation: dict[str, Any] = {}


class StudyFile(Section):
    """A whole study: all runs, one analysis, one report."""

    study: StudySection
    facts: FactsSpec = FactsSpec()
    model: ModelSpec = ModelSpec()
    tuning: TuningSpec = TuningSpec()
    stage: list[StageSpec] = []
    probe: ProbeSpec = ProbeSpec()
    simulation: SimulationSpec | None = None  # in place of [facts] [model] [tuning] [probe]
    analysis: AnalysisSpec = AnalysisSpec()
    claim: list[Claim] = []
    report: ReportSection = ReportSection()
    arm: list[Arm] = []
    graft: list[GraftSpec] = []
    scores: list[ScoresSpec] = []

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

    def stages(self) -> dict[str, list[StageSpec]]:
        """The stages of each arm; none: one stage, all trained facts."""
        lent = {s.name: s.model_dump(exclude_unset=True) for s in self.stage}
        return {
            a.name: [StageSpec.model_validate(whole_stage(lent, own)) for own in a.stage] or self.stage
            for a in self.arm or [Arm(name="main")]
        }

    def numbers(self) -> dict[str, float]:
        """The number of each arm that stands for one."""
        return {a.name: a.number for a in self.arm if a.number is not None}

    def simulations(self) -> dict[str, AnySimulation]:
        """The simulation of each arm; none where a language model is trained."""
        own = self.simulation
        if own is None:
            return {}
        of_arms = {a.name: type(own).model_validate(own.model_dump() | a.simulation) for a in self.arm}
        return of_arms or {"main": own}


def whole_stage(lent: dict[str, dict[str, Any]], own: dict[str, Any]) -> dict[str, Any]:
    """An arm's stage with the keys that the study's stage of that name lends it."""
    keys = dict(lent.get(str(own.get("name")), {}))
    for key in own:
        for other in INSTEAD.get(key, ()):
            keys.pop(other, None)
    return keys | own


# A key of a stage, and those that it takes the place of.
INSTEAD = {
    "epochs": ("steps",), "steps": ("epochs",), "mix": ("select", "weight"), "select": ("mix",), "weight": ("mix",),
}  # fmt: skip


def find_study(name: str) -> Path:
    """The study file of that path, or the bundled one of that name.

    Raises
    ------
    InputError
        If there is neither.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:  # a name of hundreds of letters
        raise InputError(f"there is no such study file ({error.strerror})", shown(name), "check the path") from error
    bundled = {p.stem: p for p in sorted(BUNDLED.glob("*.toml"))}
    if path.stem in bundled and path.parent.name in ("", "studies"):
        return bundled[path.stem]
    if path.is_dir():
        raise InputError("is a folder, not a study file", shown(name), "name the file in it")
    near = difflib.get_close_matches(path.stem, bundled, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    known = ", ".join(sorted(bundled))
    raise InputError(f"there is no such study file{hint}", shown(name), f"bundled studies: {known}")


def read_study(path: Path, counted: bool = True) -> StudyFile:
    """Read and check a study file.

    Parameters
    ----------
    path : Path
    counted : bool
        Whether the table of `facts.counts` must be there already.

    Raises
    ------
    InputError
        Naming every unknown key (with the nearest known one), impossible value, contradiction and missing file.
    """
    from factsurv.flows.contradictions import contradictions
    from factsurv.flows.series_defaults import with_defaults

    data = read_toml(path)
    wrong: set[str] = set()  # sections that cannot be understood
    found: list[str] = []
    try:
        StudyFile.model_validate(data)
    except ValidationError as error:
        found += problems(error, data, StudyFile)
        wrong |= {str(e["loc"][0]) for e in error.errors()}
    of_arms = _arm_problems(data)
    if of_arms:
        found += of_arms
        wrong.add("arm")
    understood = {k: v for k, v in data.items() if k not in wrong}
    study = StudyFile.model_validate({"study": {"name": "unnamed"}} | understood)
    found += contradictions(study, data, wrong, path)
    if counted and study.facts.counts is not None and not _from(path, study.facts.counts).is_file():
        found.append(
            f"facts.counts: there is no file {shown(study.facts.counts)}; `factsurv count {path} --corpus …` makes it "
            "(paths are relative to the study file)"
        )
    if found:
        raise refused(found, path)
    return _placed(with_defaults(study, data), path)


def _placed(study: StudyFile, path: Path) -> StudyFile:
    """The study with the files of its facts where they are, seen from anywhere."""
    from factsurv.flows.contradictions import table_of

    facts, places = study.facts, dict[str, Any]()
    if facts.path is not None:
        places["path"] = str(table_of(study, path))
    if facts.counts is not None:
        places["counts"] = str(_from(path, facts.counts))
    if facts.corpus is not None:
        own = [p if p.startswith(PACKAGE) else str(_from(path, p)) for p in facts.corpus.paths]
        places["corpus"] = facts.corpus.model_copy(update={"path": own})
    return study.model_copy(update={"facts": facts.model_copy(update=places)}) if places else study


def _from(path: Path, given: str) -> Path:
    """Relative to the study file."""
    return (path.parent / Path(given).expanduser()).resolve()


def _arm_problems(data: dict[str, Any]) -> list[str]:
    """What an arm's tables make impossible; what is wrong without them is told of the study's own."""
    arms = data.get("arm")
    found: list[str] = []
    for i, arm in enumerate(arms if isinstance(arms, list) else []):
        found += _stage_problems(data, arm, i)
        simulation = KINDS.get(str(_inside(data, "simulation").get("name")))
        for section, model in (("tuning", TuningSpec), ("model", ModelSpec), ("simulation", simulation)):
            own, of_arm = data.get(section, {}), arm.get(section, {}) if isinstance(arm, dict) else {}
            if model is None or not of_arm or not isinstance(own, dict) or not isinstance(of_arm, dict):
                continue
            try:
                model.model_validate(own | of_arm)
            except ValidationError as error:
                prefix = f"arm {shown(arm.get('name'))} (number {i + 1}), {section}."
                found += problems(error, own | of_arm, model, prefix, set(of_arm))
    return found


def _inside(data: dict[str, Any], section: str) -> dict[str, Any]:
    found = data.get(section)
    return found if isinstance(found, dict) else {}


def _stage_problems(data: dict[str, Any], arm: Any, number: int) -> list[str]:
    """What is wrong with an arm's stages."""
    own = arm.get("stage", []) if isinstance(arm, dict) else []
    listed = data.get("stage", [])
    lent = {s.get("name"): s for s in (listed if isinstance(listed, list) else []) if isinstance(s, dict)}
    found: list[str] = []
    for k, stage in enumerate(own if isinstance(own, list) else []):
        if not isinstance(stage, dict):
            continue
        whole = whole_stage({n: s for n, s in lent.items() if isinstance(n, str)}, stage)
        try:
            StageSpec.model_validate(whole)
        except ValidationError as error:
            prefix = f"arm {shown(arm.get('name'))} (number {number + 1}), stage[{k + 1}]."
            found += problems(error, whole, StageSpec, prefix)
    return found
