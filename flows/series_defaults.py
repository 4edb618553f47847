"""What a study of series need not say: nothing is trained or withheld, and time is where a checkpoint stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factsurv.events.errors import InputError
from factsurv.training.models.series import series_of
from factsurv.training.spec import ModelSpec

if TYPE_CHECKING:
    from factsurv.flows.study_file import StudyFile


def with_defaults(study: StudyFile, data: dict[str, Any]) -> StudyFile:
    """The study as it was meant; one that follows no series is left as it is.

    Parameters
    ----------
    study : StudyFile
    data : dict
        The file as it was written: what it says stays.
    """
    series = [model for model, _ in study.recipes().values() if model.series is not None]
    if study.simulation or not series:
        return study
    asked, facts, analysis = data.get("analysis", {}), study.facts, study.analysis
    if "withheld" not in data.get("facts", {}):
        facts = facts.model_copy(update={"withheld": 0.0})
    if "time" not in asked:
        tokens = {_unit(model) for model in series} == {"token"}
        analysis = analysis.model_copy(update={"time": "tokens" if tokens else "step"})
    if "outcomes" not in asked and not facts.withheld and facts.split is facts.role is None:
        analysis = analysis.model_copy(update={"outcomes": ["acquisition", "degradation"]})
    tuning = study.tuning.model_copy(update={"method": "none"})
    return study.model_copy(update={"facts": facts, "analysis": analysis, "tuning": tuning})


def _unit(model: ModelSpec) -> str:
    """What the positions of a series count, as the file or its names say."""
    if model.unit is not None or model.positions is not None:
        return model.unit or "step"
    try:
        return series_of(model).unit
    except InputError:  # told where models are checked
        return "step"
