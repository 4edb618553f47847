"""A finished results folder in Python: its tables as Arrow or as pandas, its report, what the study was."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.events.manifest import Manifest
from factsurv.flows.figures import Figure, figures_of

if TYPE_CHECKING:
    import pandas as pd

FOLDERS = ("", "analysis/")  # where tables are; docs/tables.md names them all


class Results:
    """What a study or the analysis of a table has made so far. Reads only; another command may be at work.

    Parameters
    ----------
    folder : path-like
        A results folder, such as ``results/world-facts``.

    Raises
    ------
    InputError
        There is no such folder, or nothing in it was made by factsurv.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / "manifest.json").is_file():
            raise InputError("is no results folder: it has no manifest.json", str(folder), _others(self.folder))
        self.manifest = Manifest(self.folder)
        if self.manifest.notice:
            warnings.warn(self.manifest.notice, stacklevel=2)

    @property
    def tables(self) -> list[str]:
        """Names of the tables that there are, such as ``events`` and ``coefficients``."""
        return sorted(Path(n).stem for n in self.manifest.artefacts if n.endswith(".arrow") and n.count("/") < 2)

    def table(self, name: str) -> pa.Table:
        """One table, as docs/tables.md describes it, verified against its recorded digest.

        Raises
        ------
        InputError
            There is no such table, or it is not what was written.
        """
        for folder in FOLDERS:
            if f"{folder}{name}.arrow" in self.manifest.artefacts:
                return read_table(self.manifest.verified(f"{folder}{name}.arrow"))
        raise InputError(f"there is no table {name!r}", str(self.folder), f"there are: {', '.join(self.tables)}")

    def frame(self, name: str) -> pd.DataFrame:
        """One table as a pandas DataFrame; its texts are categoricals, with their levels in the table's order.

        Raises
        ------
        InputError
            As `table`.
        """
        return self.table(name).to_pandas()

    @property
    def figures(self) -> dict[str, Figure]:
        """The report's figures by name, in its order; a notebook shows them (`results.figures["recall"]`).

        Raises
        ------
        InputError
            As `report`.
        """
        return {figure.name: figure for figure in figures_of(self.report.read_text("utf-8"))}

    @property
    def study(self) -> dict[str, Any]:
        """The study or plan as it was understood, every default filled in.

        Raises
        ------
        InputError
            It is missing or damaged.
        """
        path = self.folder / "study.json"
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            again = "the next command on the study writes it"
            raise InputError(f"cannot be read ({error})", str(path), again) from error

    @property
    def report(self) -> Path:
        """The report's path.

        Raises
        ------
        InputError
            It has not been made yet, or was changed since.
        """
        return self.manifest.verified("report.html")

    def __repr__(self) -> str:
        made = f"report {self.folder / 'report.html'}" if "report.html" in self.manifest.artefacts else "no report yet"
        return f"<factsurv results {str(self.folder)!r}: {len(self.tables)} tables, {made}>"


def _others(folder: Path) -> str:
    """What the folder that was meant may be called."""
    inside = sorted(p.parent.name for p in folder.glob("*/manifest.json"))
    beside = sorted(p.parent.name for p in folder.parent.glob("*/manifest.json"))
    if inside:
        return f"name one of those in it: {', '.join(inside)}"
    return f"there are: {', '.join(beside)}" if beside else "run a study first: `factsurv run`"
