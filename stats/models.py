"""The models of one's own and the claims of a study file, checked by R, which knows kinds and quantities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factsurv.events.errors import InputError
from factsurv.stats.bridge import RWorkers


def check_models(
    models: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
    columns: Mapping[str, Sequence[str]] | None = None,
    claims: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Check kinds, keys and formulas of [[analysis.model]], and quantities and names of [[claim]]; nothing is run.

    Parameters
    ----------
    models : sequence of mapping
        From `factsurv.stats.plan.models`.
    plan : mapping
        ``rules``, ``cluster``, ``ties``, ``standardise`` and ``conf`` of [analysis]; for claims the whole plan.
    columns : mapping of str to sequence of str, optional
        Columns of each table; without it, names of columns are not checked.
    claims : sequence of mapping
        From `factsurv.stats.claims.told_claims`.

    Raises
    ------
    InputError
        Naming every problem with its entry, key and remedy.
    """
    if not models and not claims:
        return
    shared = {k: plan[k] for k in ("rules", "cluster", "ties", "standardise", "conf")}
    known = {k: list(v) for k, v in (columns or {}).items()}
    with RWorkers(workers=1, time_limit=60) as r:
        if models:
            entries = [dict(m) for m in models]
            told = _asked(r, "models", "model_problems", models=entries, columns=known, plan=shared)
            _refuse([f'analysis.model[{p["number"]}].{p["key"]} ("{p["name"]}"): {_said(p)}' for p in told])
        if claims:  # which may name a model
            every = [dict(c) for c in claims]
            told = _asked(r, "claims", "claim_problems", claims=every, columns=known, plan=dict(plan))
            _refuse([f"claim[{p['number']}].{p['key']}: {_said(p)}" for p in told], "[[claim]]")


def _asked(r: RWorkers, what: str, function: str, **given: Any) -> list[Mapping[str, Any]]:
    answer = r.call(function, **given)
    if answer.error:
        raise InputError(f"the {what} cannot be checked: {answer.error.message}", f"[[{what}]]")
    return answer.value or []


def _said(problem: Mapping[str, Any]) -> str:
    return f"{problem['what']} ({problem['remedy']})"


def _refuse(lines: list[str], where: str = "[[analysis.model]]") -> None:
    if lines:
        raise InputError("\n  ".join(["", *lines]).lstrip("\n"), where, "correct these; nothing was started")
