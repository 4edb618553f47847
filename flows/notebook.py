"""What the command does, from Python: run a study, analyse a table of events, open results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.events.files import atomic, write_table
from factsurv.flows.finished import Results
from factsurv.flows.quiet import quiet

if TYPE_CHECKING:
    import pandas as pd

    from factsurv.training.facts.fact_set import FactSet

RESULTS = Path("results")


def run(study: str | Path, results: str | Path = RESULTS, facts: pa.Table | pd.DataFrame | None = None) -> Results:
    """Run a study, as `factsurv run` does; what is up to date is skipped.

    Parameters
    ----------
    study : str or path
        A study file (TOML), or the name of a bundled study.
    results : str or path
        Folder of results folders.
    facts : pyarrow.Table or pandas.DataFrame, optional
        The facts, one a row, in the place of the file that ``[facts]`` of the study names; its keys say which column
        is what. They are kept in the results folder, with the study that names them there.

    Raises
    ------
    InputError
        As the command: what is wrong, where, and what to do.
    """
    quiet()
    from factsurv.flows.study import study as run_study
    from factsurv.flows.study_file import find_study

    path = find_study(str(study))
    if facts is not None:
        path = _with_facts(path, Path(results), _as_table(facts))
    return Results(run_study(path, Path(results)).parent)


def fact_set(
    facts: pa.Table | pd.DataFrame, subject: str = "subject", object: str = "object", **options: Any
) -> FactSet:
    """Facts from a table, one a row, checked as `factsurv run` checks a file: for `FactProbe`, or to look at.

    Parameters
    ----------
    facts : pyarrow.Table or pandas.DataFrame
        A DataFrame's index is left out.
    subject, object : str
        The columns with the text that is asked about and the text that answers.
    **options
        Of `factsurv.training.facts.fact_table.read_fact_table`: ``relation``, ``split``, ``covariates``, ``group``,
        ``templates``, ``withheld``, ``seed``.

    Raises
    ------
    InputError
        With row, key and remedy; everything that is wrong at once.
    """
    from factsurv.training.facts.fact_table import read_fact_table

    with children.scratch() as folder:
        given = folder / "facts.arrow"
        write_table(given, _as_table(facts))
        try:
            return read_fact_table(given, subject, object, **options)
        except InputError as error:
            raise InputError(error.what, error.where.replace(str(given), "the table"), error.remedy) from None


def _as_table(given: pa.Table | pd.DataFrame) -> pa.Table:
    """Without the writer's own notes: the same rows are the same file, and nothing is done again."""
    if not isinstance(given, pa.Table):
        given = pa.Table.from_pandas(given, preserve_index=False)
    return given.replace_schema_metadata(None)


def _with_facts(path: Path, results: Path, facts: pa.Table) -> Path:
    """The study of ``path`` with these facts, written into its results folder."""
    import tomlkit

    from factsurv.flows.study_file import read_toml

    name = read_toml(path).get("study", {}).get("name")
    folder = (results / str(name)).resolve()
    write_table(folder / "given-facts.arrow", facts)
    study = tomlkit.parse(path.read_text("utf-8"))
    study.setdefault("facts", tomlkit.table()).update({"source": "table", "path": str(folder / "given-facts.arrow")})
    with atomic(folder / "given.toml") as file:
        file.write(tomlkit.dumps(study).encode())
    return folder / "given.toml"


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
    with children.scratch(Path(results)) as folder:
        given = folder / "table.arrow"
        write_table(given, _as_table(table))
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
