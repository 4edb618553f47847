"""Claims: sentences about the results, written before they are known, and R's verdicts on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.schema import CLAIMS, build
from factsurv.events.section import Section, Text
from factsurv.stats.bridge import RWorkers

COLUMNS = ("term", "by")  # of a table of one's own: columns by the table's names


class Claim(Section):
    """[[claim]]. Quantities and what each of them needs are known to R (``stats/R/claims_quantities.R``)."""

    text: Text
    quantity: Text
    expect: Text  # "> 1", "< 10 %", "between 0.5 and 1.1"
    paper: Text | None = None  # what a paper says of it, as it says it
    outcome: Text | None = None
    rule: Text | None = None
    model: Text | None = None
    term: Text | None = None
    level: Text | None = None  # of a term with several
    by: Text | None = None
    group: Text | None = None
    reference: Text | None = None
    split: Literal["trained", "withheld"] | None = None
    at: Literal["baseline", "end"] | None = None


def told_claims(claims: Sequence[Claim], names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The claims as R takes them: what was left out is left out.

    Parameters
    ----------
    claims : sequence of Claim
    names : mapping of str to str, optional
        Of a table of one's own: column -> its name in the event table.
    """
    told = [claim.model_dump(exclude_none=True) for claim in claims]
    columns = names or {}
    return [c | {k: columns.get(c[k], c[k]) for k in COLUMNS if k in c} for c in told]


def judge(
    claims: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], table: Callable[[str], Path | None]
) -> pa.Table:
    """The table of verdicts, one row a claim; without claims R is not started.

    Parameters
    ----------
    claims : sequence of mapping
        From `told_claims`.
    plan : mapping
        From `factsurv.stats.plan.plan` or `factsurv.stats.own_plan.own_plan`.
    table : callable
        The Arrow file of a table's name, or None where these results have no such table.

    Raises
    ------
    InputError
        If a claim cannot be meant.
    """
    if not claims:
        return build(CLAIMS, {name: [] for name in CLAIMS})
    with RWorkers(workers=1, time_limit=600) as r:
        given = [dict(c) for c in claims]
        read = r.call("claims_read", claims=given)
        if not read.error:
            names = [read.value] if isinstance(read.value, str) else read.value or []
            tables = {name: path for name in names if (path := table(name)) is not None}
            answer = r.call("judge_claims", claims=given, plan=dict(plan), tables=tables)
    error = read.error or answer.error
    if error:
        raise InputError(error.message, "[[claim]]", "correct it; every fit is kept")
    return build(CLAIMS, {name: answer.value[name] for name in CLAIMS})
