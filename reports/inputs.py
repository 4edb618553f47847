"""What the report reads: checked before R starts, copied so that nothing changes under it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from factsurv.events.errors import InputError
from factsurv.events.files import digest
from factsurv.events.schema import ANALYSIS

# Without these there is no report. The others are of studies that were probed (a table of events has none), or a
# section says what it lacks; but what the manifest says was made must be there.
REQUIRED = ("study.json", "manifest.json", "events.arrow", "event_counts.arrow", "analysis/fits.arrow")
PROBED = (
    "facts.arrow", "series.arrow", "baseline.arrow", "recall.arrow", "forms.arrow", "transitions.arrow",
    "measured.arrow", "pools.arrow", "score_means.arrow", "score_facts.arrow", "implied_counts.arrow",
)  # fmt: skip
SECTIONS = "*section.qmd"  # a reader's own, in the results folder: the report takes them in by their names' order
_AGAIN = "run the step that makes it again"
OPTIONAL = (
    "environment.json",
    "claims.arrow",
    *PROBED,
    *(f"analysis/{name}.arrow" for name in ANALYSIS if name != "fits"),
)


def copy_inputs(results: Path, to: Path, as_csv: bool = False) -> str:
    """Copy what the report reads; return the study's title, or its name where it has none.

    Parameters
    ----------
    results : Path
        A results folder as `docs/tables.md` describes it.
    to : Path
        Folder for the copy; made here.
    as_csv : bool
        Write each table as CSV too (`name.csv`, `name.levels.json`), for an R without nanoarrow.

    Raises
    ------
    InputError
        If the folder or a required artefact is missing, cannot be read, or differs from the manifest.
    """
    if not results.is_dir():
        raise InputError("there is no such results folder", str(results), "run the study first")
    recorded = _json(results / "manifest.json").get("artefacts", {}) if (results / "manifest.json").is_file() else {}
    needed = [*REQUIRED, *(name for name in OPTIONAL if name in recorded)]
    missing = [name for name in needed if not (results / name).is_file()]
    if missing:
        raise InputError(
            f"the report cannot do without {', '.join(missing)}", str(results), "run the study's missing steps first"
        )
    for name in (*REQUIRED, *OPTIONAL):
        path = results / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        expected = recorded.get(name, {}).get("sha256")
        copy = to / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data)
        if expected and digest(copy) != expected:  # of the copy: it is what the report will show
            raise InputError("differs from what was written (SHA-256)", str(path), _AGAIN)
        if name.endswith(".arrow"):
            table = _table(path, data)
            if as_csv:
                _write_csv(table, copy)
    for path in results.glob(SECTIONS):
        (to / path.name).write_bytes(path.read_bytes())
    study = _json(to / "study.json").get("study", {})
    if not study.get("name"):
        raise InputError("study.name is missing", str(results / "study.json"), "run the study again")
    return str(study.get("title") or study["name"])


def _json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", str(path), _AGAIN) from error
    if not isinstance(value, dict):
        raise InputError("should hold one JSON object", str(path), _AGAIN)
    return value


def _table(path: Path, data: bytes) -> pa.Table:
    try:
        return pa.ipc.open_file(pa.BufferReader(data)).read_all()
    except pa.ArrowInvalid as error:
        raise InputError(f"is not a whole Arrow file: {error}", str(path), _AGAIN) from error


def _write_csv(table: pa.Table, arrow: Path) -> None:
    """The table as CSV beside the Arrow file; levels of its dictionaries and its notes in JSON files."""
    notes = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items() if k != b"levels"}
    arrow.with_suffix(".notes.json").write_text(json.dumps(notes, ensure_ascii=False), "utf-8")
    levels = json.loads((table.schema.metadata or {}).get(b"levels", b"{}"))
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(index).cast(pa.utf8())
            levels.setdefault(field.name, [x for x in column.unique().to_pylist() if x is not None])
            table = table.set_column(index, field.name, column)
        elif pa.types.is_boolean(field.type):  # R reads TRUE and FALSE as logical
            words = [None if x is None else str(x).upper() for x in table.column(index).to_pylist()]
            table = table.set_column(index, field.name, pa.array(words, pa.utf8()))
    with arrow.with_suffix(".csv").open("wb") as file:
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(quoting_style="needed"))
    arrow.with_suffix(".levels.json").write_text(json.dumps(levels, ensure_ascii=False), "utf-8")
