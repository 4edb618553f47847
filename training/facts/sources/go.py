"""The Gene Ontology, term to identifier, from the SQLite files of Bioconductor's GO.db and org.Hs.eg.db."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet, nearest
from factsurv.training.facts.sources.ontology import Ontology, ontology_facts

ROOTS = {"CC": "GO:0005575", "BP": "GO:0008150", "MF": "GO:0003674"}
TEMPLATES = (
    "The GO identifier of {subject} is",
    "Question: Which identifier does the Gene Ontology give to {subject}? Answer:",
    "A curator who annotates a gene with {subject} enters",
    "Term: {subject}. GO identifier:",
    "In the Gene Ontology, {subject} is filed under",
)
GO_REMEDY = (
    "Name the file GO.sqlite of Bioconductor's GO.db: on Debian `apt install r-bioc-go.db` puts it into "
    '/usr/lib/R/site-library/GO.db/extdata/; in R, BiocManager::install("GO.db").'
)
GENES_REMEDY = (
    "Name the file org.Hs.eg.sqlite of Bioconductor's org.Hs.eg.db: on Debian `apt install "
    'r-bioc-org.hs.eg.db`; in R, BiocManager::install("org.Hs.eg.db"). Without it, leave genes out.'
)


def go_facts(
    database: Path | str,
    n: int = 800,
    seed: int = 1,
    withheld: float = 0.5,
    ontology: str = "CC",
    genes: Path | str | None = None,
) -> FactSet:
    """Terms of one of the three ontologies; see `ontology_facts` for draw and covariates.

    Parameters
    ----------
    database : path
        `GO.sqlite`.
    n, seed, withheld
        As in `ontology_facts`; the default is 400 trained and 400 withheld facts.
    ontology : str
        `CC` (cellular component), `BP` (biological process) or `MF` (molecular function).
    genes : path, optional
        `org.Hs.eg.sqlite`. An annotation is then a human gene with the term, evidence that is only
        electronic (IEA) left out. Without it the covariates are `descendants` and `depth`.

    Raises
    ------
    InputError
        If a file is absent or is not such a database; the message names the package that has it.
    """
    if ontology not in ROOTS:
        raise InputError(
            f"there is no ontology {ontology!r}",
            "[facts]",
            f"Nearest is {nearest(ontology, ROOTS)!r}; there are {', '.join(ROOTS)}.",
        )
    path, suffix = Path(database), ontology.lower()
    rows = _query(path, "SELECT go_id, term FROM go_term WHERE ontology = ?", GO_REMEDY, (ontology,))
    edges = _query(
        path,
        f"""SELECT child.go_id, parent.go_id FROM go_{suffix}_parents AS edge
                             JOIN go_term AS child ON child._id = edge._id
                             JOIN go_term AS parent ON parent._id = edge._parent_id
                             WHERE relationship_type IN ('isa', 'part of')""",
        GO_REMEDY,
    )
    names = dict(rows)
    parents: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    for child, parent in edges:
        if parent in names:  # not the artificial root above all three ontologies
            parents[child] = (*parents[child], parent)
    date = _query(path, "SELECT value FROM metadata WHERE name = 'GOSOURCEDATE'", GO_REMEDY)
    annotated = None if genes is None else _annotated(Path(genes), suffix, names)
    return ontology_facts(
        Ontology(
            "go_id",
            ROOTS[ontology],
            names,
            parents,
            annotated,
            TEMPLATES,
            f"GO {date[0][0] if date else '?'}, {ontology} ({path.name})",
        ),
        n,
        withheld,
        seed,
    )


def _annotated(path: Path, suffix: str, names: dict[str, str]) -> dict[str, frozenset[str]]:
    """Gene to terms."""
    found: dict[str, set[str]] = {}
    query = f"SELECT DISTINCT _id, go_id FROM go_{suffix} WHERE evidence <> 'IEA'"
    for gene, term in _query(path, query, GENES_REMEDY):
        if term in names:
            found.setdefault(str(gene), set()).add(term)
    return {gene: frozenset(terms) for gene, terms in found.items()}


def _query(path: Path, query: str, remedy: str, values: tuple[str, ...] = ()) -> list[tuple]:
    if not path.is_file():
        raise InputError("there is no such file", str(path), remedy)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise InputError(f"this is not the database that was expected ({error})", str(path), remedy) from error
