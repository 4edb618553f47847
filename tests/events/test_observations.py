"""Right or wrong at successive steps: the rules make the spells, by hand and as a study's own event table has them."""

import pytest

from factsurv.events.errors import InputError
from factsurv.events.observations import ObservationColumns, observed, recall
from factsurv.events.own_file import read_own_file
from factsurv.events.own_table import own_table

ROWS = [
    "item,step,correct,run,frequency",
    *(f"a,{s},{c},r,1.5" for s, c in ((0, 0), (10, 1), (20, 0), (40, 1), (80, 1))),
    *(f"b,{s},{c},r,2.5" for s, c in ((40, "true"), (0, "TRUE"), (80, "false"))),  # out of order, on its own clock
    *(f"c,{s},{c},r,0.5" for s, c in ((10, 0), (20, 0))),
    "d,10,0,r,0.5",
    "a,0,1,s,7", "a,10,0,s,7",
]  # fmt: skip


def read(tmp_path, rows, **columns):
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    columns = ObservationColumns(**{"id": "item"} | columns)
    return observed(read_own_file(tmp_path / "t.csv", columns.texts()), columns), columns


def test_the_rules_make_the_spells_on_each_ids_own_clock(tmp_path):
    file, columns = read(tmp_path, ROWS)
    named = ("id", "run", "outcome", "rule", "start", "stop", "event", "left", "right", "frequency")
    rows = [tuple(r[n] for n in named) for r in file.table.to_pylist()]
    assert rows == [
        ("a", "r", "acquisition", "first", 0, 10, True, 0, 10, 1.5),
        ("c", "r", "acquisition", "first", 10, 20, False, 20, None, 0.5),
        ("a", "r", "acquisition", "sustained2", 0, 40, True, 20, 40, 1.5),
        ("a", "s", "degradation", "first", 0, 10, True, 0, 10, 7),
        ("b", "r", "degradation", "first", 0, 80, True, 40, 80, 2.5),
        ("b", "r", "degradation", "sustained2", 0, 40, False, 40, None, 2.5),
    ]
    assert file.notes == (
        "1 id is observed once only, and left out",
        "acquisition, sustained2: 1 id has too few steps for the rule, and left out",
        "degradation, sustained2: 1 id has too few steps for the rule, and left out",
    )
    shares = recall(read_own_file(tmp_path / "t.csv", columns.texts()), columns).to_pylist()
    assert [(r["run"], r["epoch"], r["recalled"], r["facts"]) for r in shares if r["epoch"] <= 10] == [
        ("r", 0, 1, 2), ("s", 0, 1, 1), ("r", 10, 1, 3), ("s", 10, 0, 1),
    ]  # fmt: skip
    made = own_table(file, columns.spells(), {})
    assert made.events.schema.metadata[b"time"] == b"step" and made.covariates == ("frequency",)


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ("a,40,1,r,1", {}, "observed twice at one step: see row 11 (rows 4 and 11, step 40)"),
        ("a,99,2,r,1", {}, "correct: holds 2, not 0 and 1 or true and false"),
        ("a,,1,r,1", {}, "step: missing in row 11; every row needs its step"),
        ("a,99,,r,1", {}, "correct: missing in row 11"),
        ("a,99,1,r,inf", {}, "frequency: infinite in row 11"),
        ("a,99,1,r,1", {"step": "stp"}, 'observations.step: the plan names the column "stp"'),
        ("a,99,1,r,1", {"correct": "step"}, 'the column "step" is to be step and correct'),
    ],
)
def test_what_is_wrong_is_told_with_its_rows(tmp_path, row, columns, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, [*ROWS[:11], row, *ROWS[11:]], **columns)
    assert message in str(caught.value) and "nothing was started" in str(caught.value)


def test_columns_within_an_id_count_as_they_were_at_first(tmp_path):
    rows = ["item,step,correct,loglik"] + [f"i{i},{s},{int(s > i)},{-s - i}" for i in range(4) for s in (0, 2, 5)]
    file, _ = read(tmp_path, rows, rules=("first",))
    assert file.table["loglik"].to_pylist() == [0, -1, -2, -3]
    assert "change from step to step, and count as they were at an id's first one: loglik" in file.notes
