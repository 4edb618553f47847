"""What the command does, from Python: run a study, analyse a table of events, open results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from factsurv.events import children
from factsurv.events.files import write_table
from factsurv.flows.finished import Results

if TYPE_CHECKING:
    import pandas as pd

RESULTS = Path("results")


def run(study: str | Path, results: str | Path = RESULTS) -> Results:
    """Run a study, as `factsurv run` does; what is up to date is skipped.

    Parameters
    ----------
    study : str or path
        A study file (TOML), or the name of a bundled study.
    results : str or path
        Folder of results folders.

    Raises
    ------
    InputError
        As the command: what is wrong, where, and what to do.
    """
    from factsurv.flows.study import study as run_study
    from factsurv.flows.study_file import find_study

    return Results(run_study(find_study(str(study)), Path(results)).parent)


def analyze(table: str | Path | pa.Table | pd.DataFrame, plan: str | Path, results: str | Path = RESULTS) -> Results:
    """Analyse a table of events, as `factsurv analyze` does; what is up to date is skipped.

    Parameters
    ----------
    table : str, path, pyarrow.Table or pandas.DataFrame
        A file (csv, parquet, arrow), or the table itself (a DataFrame's index is left out).
    plan : str or path
        The file that says which column is what (`factsurv init NAME --events TABLE` writes one).
    results : str or path
        Folder of results folders.

    Raises
    ------
    InputError
        As the command.
    """
    from factsurv.flows.own_events import analyse_table

    if isinstance(table, str | Path):
        return Results(analyse_table(Path(table), Path(plan), Path(results)).parent)
    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    with children.scratch(Path(results)) as folder:
        # Without the writer's own notes: the same rows are the same file, and nothing is done again.
        given = folder / "table.arrow"
        write_table(given, table.replace_schema_metadata(None))
        return Results(analyse_table(given, Path(plan), Path(results)).parent)


def open_results(folder: str | Path) -> Results:
    """The results in a folder, or of that name in ``results/``.

    Raises
    ------
    InputError
        There are none.
    """
    named = RESULTS / folder
    return Results(named if not Path(folder).exists() and named.exists() else folder)
