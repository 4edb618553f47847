"""Studies without stages, further answers, roles, sets or forms: their tables are, byte for byte, those of before."""

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.files import digest, write_table
from factsurv.events.history import history_table
from factsurv.events.rules import event_table
from factsurv.events.schema import BASELINE, FACTS, KNOWLEDGE, PROBES, SLICK, build, described
from factsurv.events.transitions import transition_table

RUNS, COUNT, CHECKPOINTS = (("one-1", "one", 1), ("one-2", "one", 2), ("two-1", "two", 1)), 40, 7

# Made by the code of aef58ce, before there were any of these.
BEFORE = {
    "events by epoch": "bbb9c07ca5b9b94527e1cae885736e7cfdb6646e09dc1574c93b2e97293f8fb7",
    "history by epoch": "21e8125adde50884f9fa48523eedb6987d63977b607a0410a0a0680de6de165a",
    "transitions by epoch": "c013763ee6c455c290d02afba2cbc46c2ebcc543f4cf2e253d69457551620d89",
    "events by exposures": "9510f5792d8ec6f55d54bebc42802ff13892c2ee4bcc0332fc0451880632ec34",
    "history by exposures": "f672655e54f67748124a6f829aa4df34cbabb069bf8abe7483c230b42d870389",
    "transitions by exposures": "a1334564c5b757e1f0e4e21efd2517e4ca3aca70de948f699f0b3226eb51e0e1",
}


@pytest.fixture(scope="module")
def tables():
    """Facts, baseline and probes of three runs, from whole numbers drawn at random."""
    rng = np.random.default_rng(7)
    ids = [f"fact {i}" for i in range(COUNT)]
    split = [("trained", "withheld")[i % 3 == 0] for i in range(COUNT)]
    data = {"fact_id": ids, "subject": ids, "object": ids, "split": split}
    data |= {n: [("a", "b")[i % 2] for i in range(COUNT)] for n in ("relation", "group")}
    data |= {"size": rng.integers(100, size=COUNT) / 4, "kind": [("x", "y", None)[i % 5 % 3] for i in range(COUNT)]}
    facts = build(FACTS | {"size": pa.float64(), "kind": FACTS["split"]}, data)
    starts, rows = [], []
    for run, arm, seed in RUNS:
        label = {"run": [run] * COUNT, "arm": [arm] * COUNT, "seed": np.full(COUNT, seed), "fact_id": ids}
        seen = rng.integers(4, size=(CHECKPOINTS, COUNT)).cumsum(0) > rng.integers(2, 30, size=COUNT)
        for c in range(CHECKPOINTS):
            numbers = {n: rng.integers(64, size=COUNT) / 64 for n in ("logp", "margin", "p")}
            stamp = {"checkpoint": c, "epoch": c / 2, "step": 5 * c, "examples": 40 * c, "tokens": 300.0 * c}
            stamp |= {"exposures": 2 * c, "rechecked": False}
            same = {n: np.full(COUNT, v) for n, v in stamp.items()}
            rows.append(build(PROBES, label | same | numbers | {"recalled": seen[c]}))
            if c == 0:
                hits = rng.integers(3, size=COUNT)
                latent = (hits > 0) & ~seen[0]
                data = label | numbers | {"split": split, "recalled": seen[0], "latent": latent, "hits": hits}
                knowledge = np.array(KNOWLEDGE)[np.where(seen[0], 2, latent)]
                data |= {"p_any": numbers["p"], "knowledge": knowledge}
                data |= {"slick": [SLICK[h] for h in hits], "target_tokens": np.full(COUNT, 2)}
                starts.append(build(BASELINE, data))
    joined = [pa.concat_tables(t).unify_dictionaries().combine_chunks() for t in (starts, rows)]
    return facts, described(joined[0], "baseline"), described(joined[1], "probes")


@pytest.mark.parametrize("time", ["epoch", "exposures"])
def test_event_tables_are_the_same_bytes_as_before(tmp_path, tables, time):
    rules = ["first", "sustained2"]
    events = event_table(*tables, rules, time)
    made = {"events": events, "history": history_table(events, tables[2], time)}
    made |= {"transitions": transition_table(*tables, rules, time, 20)}
    found = {}
    for name, table in made.items():
        write_table(tmp_path / f"{name}.arrow", table)
        found[f"{name} by {time}"] = digest(tmp_path / f"{name}.arrow")
    assert events.num_rows and found == {n: d for n, d in BEFORE.items() if n.endswith(f"by {time}")}
