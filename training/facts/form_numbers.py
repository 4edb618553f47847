"""Which prompt forms are measured. Without torch: a study's check asks before anything heavy is loaded."""

from __future__ import annotations

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.spec import ProbeSpec


def form_numbers(facts: FactSet, spec: ProbeSpec) -> list[int]:
    """Numbers of the forms that the table is to have, counted from 1; none where only the probe form is measured.

    Raises
    ------
    InputError
        If no relation has one of them, or a relation has none of them.
    """
    most = max(len(facts.templates[r]) for r in facts.relations)
    if spec.forms == "first":
        return []
    if spec.forms == "all":
        return list(range(1, most + 1))
    remedy = "name forms that there are, counted from 1, or give more facts.templates"
    if beyond := [k for k in spec.forms if k > most]:
        raise InputError(
            f"no relation has a prompt form number {beyond[0]}, the most are {most}", "probe.forms", remedy
        )
    if without := [r for r in facts.relations if len(facts.templates[r]) < min(spec.forms)]:
        has = f"relation {without[0]!r} has {len(facts.templates[without[0]])} prompt form(s), none of {spec.forms}"
        raise InputError(has, "probe.forms", remedy)
    return sorted(spec.forms)
