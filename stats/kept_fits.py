"""Which fits of an earlier analysis still hold: those whose data, arguments, code and packages are what they were."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from factsurv.events.files import digest
from factsurv.events.reached_code import reached_code
from factsurv.stats.result import RResult

# A fit that ended so may get through another time: what R, the machine or the clock did to it is no finding.
PASSING = ("time_limit", "crashed")
NO_MEMORY = r"cannot allocate|memory exhausted|bad_alloc|out of memory|MemoryError"


@dataclass(frozen=True)
class Earlier:
    """What an earlier analysis left.

    Attributes
    ----------
    keys : mapping
        From `fit_keys`, with what `unfinished` found.
    tables : mapping of str to pa.Table
        All tables of `ANALYSIS`; none where one of them is not what was written.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)

    def rows(self, task: str) -> dict[str, pa.Table]:
        """One fit's rows of every table."""
        return {n: t.filter(pc.equal(t["task"].cast(pa.utf8()), task)) for n, t in self.tables.items()}


def fit_keys(
    tasks: Sequence[Mapping[str, Any]], found: Mapping[str, pa.Table], tables: Mapping[str, Path]
) -> dict[str, Any]:
    """All that decides what each fit gives.

    Parameters
    ----------
    tasks : sequence of mapping
        From R's ``plan_fits``.
    found : mapping of str to pa.Table
        From R's ``code_reached``.
    tables : mapping of str to Path

    Returns
    -------
    dict
        ``code`` (name of a definition → digest), ``around`` (file → digest) and ``fits``: of each task ``asked``,
        ``table`` (digest), ``code`` (names, separated by blanks), ``packages`` (name → version).
    """
    reached: dict[str, list[str]] = defaultdict(list)
    packages: dict[str, dict[str, str]] = defaultdict(dict)
    for row in found["reached"].to_pylist():
        reached[row["task"]].append(row["name"])
    for row in found["packages"].to_pylist():
        packages[row["task"]][row["package"]] = row["version"]
    data = {name: digest(path) for name, path in tables.items()}
    fits = {
        t["id"]: {
            "asked": _digest(json.dumps(t, sort_keys=True, default=str)),
            "table": data.get(t["table"], ""),
            "code": " ".join(sorted(reached[t["id"]])),
            "packages": dict(sorted(packages[t["id"]].items())),
        }
        for t in tasks
    }
    code = {row["name"]: _digest(row["text"]) for row in found["code"].to_pylist()}
    return {"code": code, "around": around(), "fits": fits}


def around() -> dict[str, str]:
    """Digests of the files beside R's own that every fit goes through: they call R, and bring tables there and back."""
    script = Path(__file__).with_name("worker.R")
    return reached_code("factsurv.stats.worker", "factsurv.stats.analyse") | {f"stats/{script.name}": digest(script)}


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Why a fit must be done again, in the user's words, of each that must; the others hold."""
    files = [n for n, d in new["around"].items() if old.get("around", {}).get(n) != d]
    code = [n for n, d in new["code"].items() if old.get("code", {}).get(n) != d]
    known = old.get("fits", {})
    return {t: why for t, key in new["fits"].items() if (why := _why(known.get(t), key, files, set(code)))}


def _why(old: Mapping[str, Any] | None, new: Mapping[str, Any], files: list[str], code: set[str]) -> str:
    if old is None:
        return "new"
    if old.get("unfinished"):
        return f"had no result ({old['unfinished']})"
    before, now = set(old["code"].split()), set(new["code"].split())
    versions = old["packages"]
    reasons = [
        *(["another question"] if old["asked"] != new["asked"] else []),
        *(["other data"] if old["table"] != new["table"] else []),
        *(f"{name} changed" for name in files),
        *(f"{name}() changed" for name in sorted((now & code) | (before ^ now))),
        *(f"{n} {versions.get(n, 'none')} → {v}" for n, v in new["packages"].items() if versions.get(n) != v),
    ]
    return ", ".join(reasons[:3]) + (f" and {len(reasons) - 3} more" if len(reasons) > 3 else "")


def told(again: Mapping[str, str], fits: int) -> list[str]:
    """Which fits are done and why, a line a reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for task, why in again.items():
        by_reason[why].append(task)
    if len(again) == fits and len(by_reason) == 1 and "new" in by_reason:
        return [f"{fits} fits"]
    lines = [f"{len(again)} of {fits} fits to do, {fits - len(again)} kept"]
    most = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    for why, tasks in most[:8]:
        named = ", ".join(tasks[:3]) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
        lines.append(f"{named}: {why}")
    if len(most) > 8:
        lines.append(f"and {sum(len(t) for _, t in most[8:])} more for other reasons")
    return lines


def unfinished(result: RResult, tables: Mapping[str, pa.Table]) -> str:
    """Why a fit gave nothing where the reason may pass; else empty."""
    if result.error is not None and result.error.class_ in PASSING:
        return result.error.message
    texts = ("reason", "error", "warnings", "messages")
    said = [t[n] for t in tables.values() for n in texts if n in t.column_names]
    if any(pc.any(pc.match_substring_regex(column.cast(pa.utf8()), NO_MEMORY)).as_py() for column in said):
        return "not enough memory"
    return ""


def without_result(fits: pa.Table) -> list[str]:
    """How many fits have no result and why, a line an outcome; from the table ``fits``."""
    rows = [r for r in fits.to_pylist() if r["status"] != "not needed"]
    lines = []
    for outcome in dict.fromkeys(r["outcome"] for r in rows):
        mine = [r for r in rows if r["outcome"] == outcome]
        without = [r for r in mine if r["status"] not in ("ok", "warning")]
        if without:
            lines.append(f"{outcome}: {len(without)} of {len(mine)} fits have no result: {_reasons(without)}")
    return lines


def _reasons(rows: Iterable[Mapping[str, Any]]) -> str:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_reason[(row["reason"] or row["error"] or "no reason was recorded").split("; ")[0]].append(row["model"])
    most = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    parts = []
    for reason, models in most[:3]:
        names = list(dict.fromkeys(models))
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        parts.append(f"{reason[:160]} ({shown})")
    rest = sum(len(models) for _, models in most[3:])
    return "; ".join(parts) + (f"; and {rest} for other reasons" if rest else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
