"""lm-evaluation-harness's logs of single documents (`samples_*.jsonl`) of several checkpoints, as observations.

A document is right where greedy decoding yields its target (a task of log-likelihoods: the harness's `is_greedy`), or
where the task's own metric says so (choices and generated answers: `exact_match`, `acc`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.positions import check_increasing, positions_of, without_position

_NAME = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT[\d.:-]+)$")
METRICS = ("exact_match", "em", "acc", "acc_norm", "contains")  # of several that a task has, the first
FEW = 30  # different texts of a field of the documents that may explain something: as many as a covariate may have
OURS = ("doc_id", "step", "correct", "loglikelihood", "model")


@dataclass
class Log:
    """One file: documents in their order, what each got, and where the checkpoint stands."""

    path: Path
    task: str
    model: str
    place: str  # what holds the position
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def observations(
    files: Sequence[Path], pattern: str | None = None, unit: str | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """Read logs of one task.

    Parameters
    ----------
    files : sequence of Path
        ``samples_TASK_TIME.jsonl``, one for each checkpoint (and model).
    pattern, unit : str, optional
        See `factsurv.events.positions`: looked for in folders' and models' names, and in the revision that the
        ``results_TIME.json`` beside a log names.

    Returns
    -------
    table : pa.Table
        A row a document and checkpoint: `doc_id`, the position (its column is called by its unit), `correct`,
        `loglikelihood` of the target (natural log; null where answers are generated), `model` where there are several,
        and the fields of the documents that are numbers, or texts of few values.
    notes : tuple of str

    Raises
    ------
    InputError
        If a file is none of these logs, is damaged (with the line), tasks or documents differ, or positions are missing
        or met twice.
    """
    notes: list[str] = []
    logs = [_read(path, notes) for path in files]
    tasks = {log.task: log.path for log in logs}
    if len(tasks) > 1:
        (a, one), (b, other), *_ = tasks.items()
        raise InputError(
            f"logs of different tasks are no series: {a!r} ({one}) and {b!r} ({other})", "--lm-eval",
            "give the logs of one task",
        )  # fmt: skip
    found = positions_of([log.place for log in logs], pattern, unit)
    models = [without_position(log.model, pattern) for log in logs]
    for model in dict.fromkeys(models):
        own = sorted((at, str(log.path)) for log, at, m in zip(logs, found.at, models, strict=True) if m == model)
        check_increasing([path for _, path in own], [at for at, _ in own], "--lm-eval")
    _check_documents(logs)
    rows = [
        {"doc_id": doc, found.unit: at} | row | {"model": model}
        for log, at, model in sorted(zip(logs, found.at, models, strict=True), key=lambda x: (models.index(x[2]), x[1]))
        for doc, row in log.rows.items()
    ]
    several = len(set(models)) > 1
    names = [n for n in dict.fromkeys(n for row in rows for n in row) if several or n != "model"]
    columns = {n: [row.get(n) for row in rows] for n in names}
    kept = {n: values for n, values in columns.items() if n in (*OURS, found.unit) or _may_explain(values)}
    if all(v is None for v in kept["loglikelihood"]):
        del kept["loglikelihood"]
    return pa.table({n: _array(values) for n, values in kept.items()}), tuple(dict.fromkeys(notes))


def _read(path: Path, notes: list[str]) -> Log:
    named = _NAME.match(path.stem)
    if path.suffix != ".jsonl" or not named:
        raise InputError(
            "is not called as a log of lm-evaluation-harness is", str(path),
            "give samples_TASK_TIME.jsonl, which `lm_eval --log_samples --output_path …` writes",
        )  # fmt: skip
    model, revision = _model_of(path, named[2])
    parts = "/".join(path.absolute().parts[-4:-1])
    log = Log(path, named[1], f"{model}@{revision}" if revision else model, f"{parts}/{model}@{revision}")
    filters: dict[str, None] = {}
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                number += 1
                if line.strip():
                    _take(json.loads(line), log, filters)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"is no line of a log of single documents ({type(error).__name__}: {error})", f"{path}, line {number}",
            "evaluate this checkpoint again, or leave its log out",
        ) from error  # fmt: skip
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", str(path), "check the path") from error
    if not log.rows:
        raise InputError("the log is empty", str(path), "evaluate this checkpoint again, or leave its log out")
    if len(filters) > 1:
        first, *others = filters
        notes.append(f"answers were read by several filters: {first!r} counts, and {', '.join(others)} do not")
    return log


def _take(line: dict[str, Any], log: Log, filters: dict[str, None]) -> None:
    """One line's document."""
    filters.setdefault(str(line.get("filter", "none")))
    if str(line.get("filter", "none")) != next(iter(filters)):
        return
    doc = str(line["doc_id"])
    if doc in log.rows:
        raise ValueError(f"document {doc} stands twice")
    right, loglikelihood = _answer(line)
    fields = line["doc"] if isinstance(line["doc"], dict) else {}
    plain = {n: v for n, v in fields.items() if isinstance(v, bool | int | float | str) and n not in (*OURS, "token")}
    log.rows[doc] = {"correct": right, "loglikelihood": loglikelihood} | plain
    log.hashes[doc] = str(line.get("doc_hash") or json.dumps(line["doc"], sort_keys=True))


def _answer(line: dict[str, Any]) -> tuple[bool, float | None]:
    """Whether a document is right, and the log-likelihood of its target."""
    each = [r[0] if isinstance(r, list) and r and isinstance(r[0], list) else r for r in line["resps"]]
    pairs = [r for r in each if isinstance(r, list) and len(r) == 2 and str(r[1]) in ("True", "False")]
    if len(pairs) == 1 == len(each):
        return str(pairs[0][1]) == "True", float(pairs[0][0])
    target = str(line.get("target"))
    own = int(target) if pairs and target.isdigit() and int(target) < len(pairs) else None
    value = next((line[m] for m in METRICS if m in line), None)
    if value not in (0, 1):
        known = ", ".join(map(str, line.get("metrics", []))) or "none"
        raise ValueError(f"no metric says right or wrong (of {', '.join(METRICS)}; the log has {known})")
    return bool(value), None if own is None else float(pairs[own][0])


def _model_of(path: Path, stamp: str) -> tuple[str, str]:
    """The model and its revision, as the results beside a log say; without them, its folder."""
    try:
        config = json.loads((path.parent / f"results_{stamp}.json").read_text("utf-8"))["config"]
        asked = config["model_args"]
        if isinstance(asked, str):
            asked = dict(pair.split("=", 1) for pair in asked.split(",") if "=" in pair)
        return Path(str(asked["pretrained"])).name, str(asked.get("revision") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return path.parent.name, ""


def _check_documents(logs: Sequence[Log]) -> None:
    """The same number must be the same document everywhere."""
    first: dict[str, tuple[str, Path]] = {}
    for log in logs:
        for doc, known in log.hashes.items():
            if first.setdefault(doc, (known, log.path))[0] != known:
                raise InputError(
                    f"document {doc} is not the same in {first[doc][1]} and {log.path}", "--lm-eval",
                    "give logs of one version of the task",
                )  # fmt: skip


def _may_explain(values: Sequence[Any]) -> bool:
    kinds = {type(v) for v in values if v is not None}
    return kinds <= {int, float} or kinds == {bool} or (kinds == {str} and len(set(values)) <= FEW)


def _array(values: Sequence[Any]) -> pa.Array:
    if {type(v) for v in values if v is not None} == {int, float}:
        values = [None if v is None else float(v) for v in values]
    return pa.array(values)
