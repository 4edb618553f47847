"""Finished results in other people's formats: tables as CSV or a workbook, or one zip of all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from factsurv.events.errors import InputError
from factsurv.events.files import atomic, read_table
from factsurv.events.manifest import Manifest
from factsurv.flows.study_file import find_study, read_toml

BESIDE = ("study.toml", "plan.toml", "study.json", "environment.json", "manifest.json", "report.html")
FORMATS = ("csv", "xlsx", "zip")


def export(what: str, results: Path, to: str, out: Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Write the results of a study or of a table; returns what was written.

    Parameters
    ----------
    what : str
        A study, a plan, the name of a results folder, or the folder itself.
    results : Path
        Folder of results folders.
    to : str
        ``csv``: a folder of tables. ``xlsx``: a workbook with a sheet a table. ``zip``: the report, the tables as
        CSV and as Arrow files, study, versions.
    out : Path, optional
        Default: ``NAME-csv``, ``NAME.xlsx`` or ``NAME.zip`` in the current folder.
    say : callable
        Takes one line on what could not be written.

    Raises
    ------
    InputError
        If there are no such results, or a table is not what was written.
    """
    if to not in FORMATS:
        raise InputError(f"there is no format {to!r}", "--to", f"one of {', '.join(FORMATS)}")
    folder = results_folder(what, results)
    manifest = Manifest(folder)
    tables = {n: manifest.verified(n) for n in sorted(manifest.artefacts) if n.endswith(".arrow")}
    if not tables:
        raise InputError("holds no tables yet", str(folder), "run the study first")
    if to == "csv":
        out = out or Path(f"{folder.name}-csv")
        for name, data in _as_csv(tables):
            with atomic(out / name) as file:
                file.write(data)
        return out
    out = out or Path(f"{folder.name}.{to}")
    if to == "xlsx":
        from factsurv.flows.workbook import write_workbook

        with atomic(out) as file:
            left_out = write_workbook(tables, file)
        for line in left_out:
            say(line)
        return out
    with atomic(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in (n for n in BESIDE if (folder / n).is_file()):
            packed.write(manifest.verified(name) if name in manifest.artefacts else folder / name, name)
        for name, path in tables.items():
            packed.write(path, name)
        for name, data in _as_csv(tables):
            packed.writestr(f"csv/{name}", data)
    return out


def results_folder(what: str, results: Path) -> Path:
    for folder in (Path(what), results / what):
        if (folder / "manifest.json").is_file():
            return folder
    path = find_study(what)
    name = read_toml(path).get("study", {}).get("name")
    folder = results / str(name)
    if not (folder / "manifest.json").is_file():
        raise InputError("has no results yet", what, f"run it first, or say where they are with --results ({folder})")
    return folder


def _as_csv(tables: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    """(name, text as UTF-8) of each table; missing is an empty field, an empty text is quoted."""
    for name, path in tables.items():
        table = read_table(path)
        for index, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):
                table = table.set_column(index, field.name, table.column(index).cast(pa.utf8()))
        written = io.BytesIO()
        pa.csv.write_csv(table, written)
        yield str(Path(name).with_suffix(".csv")), written.getvalue()
