"""States of knowledge against histories worked by hand, and against the event table of the same probes."""

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.events.rules import event_table
from factsurv.events.schema import BASELINE, FACTS, PROBES, STATES, build
from factsurv.events.transitions import sojourns, transition_table

# One letter a checkpoint, the baseline first: u neither recalled nor latent, l latent, r recalled.
U, L, K, F, R, END = *STATES, "censored"


def stays(history, m=1, times=None):
    seen = np.array(list(history))[None]
    s = sojourns(seen == "r", seen == "l", np.arange(len(history)) if times is None else times, m)
    names = [*STATES, END]
    return [
        (names[o], names[t], a, b, n) for o, t, a, b, n in zip(s.origin, s.target, s.start, s.stop, s.enum, strict=True)
    ]


@pytest.mark.parametrize(
    ("history", "m", "expected"),
    [
        ("uuuu", 1, [(U, END, 0, 3, 1)]),
        ("rrrr", 1, [(K, END, 0, 3, 1)]),
        ("ulrr", 1, [(U, L, 0, 1, 1), (L, K, 1, 2, 1), (K, END, 2, 3, 1)]),
        ("uluu", 1, [(U, L, 0, 1, 1), (L, U, 1, 2, 1), (U, END, 2, 3, 1)]),
        ("uurl", 1, [(U, K, 0, 2, 1), (K, F, 2, 3, 1)]),  # latent after known is forgotten; no row of length zero
        (
            "rurlrr",  # forgotten twice: enum counts the forgettings before
            1,
            [(K, F, 0, 1, 1), (F, R, 1, 2, 2), (R, F, 2, 3, 2), (F, R, 3, 4, 3), (R, END, 4, 5, 3)],
        ),
        ("ururrr", 2, [(U, K, 0, 3, 1), (K, END, 3, 4, 1)]),  # the flicker at 1 does not count, the start at 3 does
        ("rurrr", 2, [(K, END, 0, 3, 1)]),  # a flicker is no forgetting
        ("rulrr", 2, [(K, F, 0, 1, 1), (F, R, 1, 3, 2)]),  # unknown and latent are both "not recalled"
        ("uuulr", 2, [(U, END, 0, 3, 1)]),  # seen once each: neither latent nor known
        ("uuuur", 2, [(U, END, 0, 3, 1)]),  # unconfirmed: censored where its start was last visible
        ("lllrr", 2, [(L, K, 0, 3, 1)]),
    ],
)
def test_one_history(history, m, expected):
    assert stays(history, m) == expected


def test_uneven_and_own_clocks():
    assert stays("urr", times=np.array([0.0, 2, 7])) == [(U, K, 0, 2, 1), (K, END, 2, 7, 1)]
    own = np.array([[0.0, 3, np.nan, np.nan]])
    assert stays("uruu", times=own) == [(U, K, 0, 3, 1)]  # what lies behind the end of a fact's clock is not seen
    with pytest.raises(InputError, match="2 successive checkpoints, and only 1"):
        stays("uruu", 2, own)


RULES = ["first", "sustained2", "sustained3"]


def study(seed, facts=40, checkpoints=9, samples=20):
    """Random probes of two runs; recall, latency and exposures are independent of one another."""
    rng = np.random.default_rng(seed)
    ids, runs = [f"f{i}" for i in range(facts)], ["a-1", "a-2"]
    split = np.where(rng.random(facts) < 0.5, "trained", "withheld").tolist()
    table = build(
        FACTS | {"popularity": pa.float64()},
        dict.fromkeys(("fact_id", "subject", "object"), ids)
        | dict.fromkeys(("relation", "group"), ["r"] * facts)
        | {"split": split, "popularity": rng.normal(size=facts)},
    )
    recalled = rng.random((2, checkpoints, facts)) < 0.5
    p = 10 ** rng.uniform(-4, -0.1, recalled.shape)
    steps = rng.integers(0, 3, recalled.shape)
    steps[:, 0] = 0
    exposures = np.cumsum(steps, axis=1) * (np.array(split) == "trained")
    where = list(np.ndindex(recalled.shape))
    probes = {n: [0.0] * len(where) for n in PROBES} | {
        "run": [runs[r] for r, _, _ in where], "arm": ["a"] * len(where), "seed": [r + 1 for r, _, _ in where],
        "fact_id": [ids[f] for _, _, f in where], "checkpoint": [c for _, c, _ in where],
        "epoch": [2.0 * c for _, c, _ in where], "rechecked": [False] * len(where),
        "recalled": recalled.ravel(), "p": p.ravel(), "exposures": exposures.ravel(),
    }  # fmt: skip
    base = {n: [0.0] * 2 * facts for n in BASELINE} | {
        "run": np.repeat(runs, facts).tolist(), "arm": ["a"] * 2 * facts, "seed": np.repeat([1, 2], facts).tolist(),
        "fact_id": ids * 2, "split": split * 2, "recalled": recalled[:, 0].ravel(), "latent": [False] * 2 * facts,
        "p": p[:, 0].ravel(), "knowledge": ["unknown"] * 2 * facts, "slick": ["Unknown"] * 2 * facts,
    }  # fmt: skip
    return (table, build(BASELINE, base), build(PROBES, probes)), p, recalled


@pytest.mark.parametrize("time", ["epoch", "exposures"])
def test_the_event_table_is_contained_in_the_states(time):
    tables, _, _ = study(3)
    events = event_table(*tables, RULES, time).to_pylist()
    states = transition_table(*tables, RULES, time, samples=20).to_pylist()

    def of(row):
        return row["rule"], row["run"], row["fact_id"]

    first = {}
    for r in states:
        if r["to"] == (F if r["from"] == K else K):  # the first recall of who is not known, the first loss of who is
            first.setdefault((of(r), r["to"]), r["stop"])
    at_baseline = {of(r): r["from"] for r in states if r["start"] == 0}
    assert {of(r) for r in events} == set(at_baseline)
    assert len(first) > 100
    for e in events:
        new = F if e["outcome"] == "degradation" else K
        assert (at_baseline[of(e)] == K) == (e["outcome"] == "degradation")
        assert first.get((of(e), new)) == (e["stop"] if e["event"] else None)


def test_each_fact_is_followed_without_gaps_and_latent_is_the_exact_chance():
    tables, p, recalled = study(4)
    table = transition_table(*tables, RULES, "epoch", samples=8, chance=0.3)
    rows = table.to_pylist()
    for before, after in zip(rows, rows[1:], strict=False):
        if before["to"] == END or [before[n] for n in ("run", "rule", "fact_id")] != [
            after[n] for n in ("run", "rule", "fact_id")
        ]:
            assert after["start"] == 0
        else:
            assert (before["to"], before["stop"]) == (after["from"], after["start"])
            assert after["enum"] == before["enum"] + (before["to"] == F)
    assert all(r["gap"] == r["stop"] - r["start"] > 0 for r in rows)
    assert table["to"].chunk(0).dictionary.to_pylist() == [END, *STATES]
    first = {(r["run"], r["fact_id"]): r["from"] for r in rows if r["start"] == 0 and r["rule"] == "first"}
    for run in range(2):
        for fact in range(40):
            hidden = 1 - (1 - p[run, 0, fact]) ** 8 >= 0.3
            assert first[f"a-{run + 1}", f"f{fact}"] == (K if recalled[run, 0, fact] else L if hidden else U)
