"""The models of one's own in a study file, checked by R, which knows the kinds and reads the formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factsurv.events.errors import InputError
from factsurv.stats.bridge import RWorkers


def check_models(
    models: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], columns: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Check kinds, keys and formulas of [[analysis.model]]; nothing of them is run.

    Parameters
    ----------
    models : sequence of mapping
        From `factsurv.stats.plan.models`.
    plan : mapping
        ``rules``, ``cluster``, ``ties``, ``standardise`` and ``conf`` of [analysis].
    columns : mapping of str to sequence of str, optional
        Columns of each table; without it, names of columns are not checked.

    Raises
    ------
    InputError
        Naming every problem with its entry, key and remedy.
    """
    if not models:
        return
    shared = {k: plan[k] for k in ("rules", "cluster", "ties", "standardise", "conf")}
    known = {k: list(v) for k, v in (columns or {}).items()}
    with RWorkers(workers=1, time_limit=60) as r:
        answer = r.call("model_problems", models=[dict(m) for m in models], columns=known, plan=shared)
    if answer.error:
        raise InputError(f"the models cannot be checked: {answer.error.message}", "analysis.model")
    problems = answer.value or []
    if not problems:
        return
    told = [f'analysis.model[{p["number"]}].{p["key"]} ("{p["name"]}"): {p["what"]} ({p["remedy"]})' for p in problems]
    raise InputError("\n  ".join(["", *told]).lstrip("\n"), "[[analysis.model]]", "correct these; nothing was started")
