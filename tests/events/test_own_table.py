"""Tables of other people: everything wrong is told at once, with its rows; what is unusual is said and kept."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from events.errors import InputError
from events.files import read_table, write_table
from events.own_columns import OwnColumns
from events.own_file import read_own_file
from events.own_table import read_own_table
from events.rules import count_events
from events.schema import SPELLS

GOOD = """\
id,start,stop,event,age,sex
a,0,3,1,40,m
b,0,5,0,50,f
c,0,4,1,60,f
d,0,4,0,70,m
"""


def own(tmp_path, text, columns=None, asked=None, name="events.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_own_table(path, columns or OwnColumns(), asked or {})


def problems(tmp_path, *given, **more):
    with pytest.raises(InputError) as caught:
        own(tmp_path, *given, **more)
    assert caught.value.where.startswith(str(tmp_path)) and caught.value.remedy
    return str(caught.value)


def added(*rows):
    return GOOD + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (added("b,4,9,0,50,f"), {}, "spells of one id overlap: see row 5 (row 2: 0 to 5, row 5: 4 to 9)"),
        (added("a,3,6,0,40,m"), {}, "an id goes on after its event: see row 5"),
        (added("a,4,6,1,40,m"), {}, "an id goes on after its event: see row 5"),
        (added("a,3,6,0,40,m"), {}, "if it can happen again, say repeated = true under [events]"),
        (added("a,2,6,0,40,m"), {"repeated": True}, "spells of one id overlap: see row 5"),
        (added("e,0,3,2,40,m"), {}, "event_is = [their values] and cause = this column"),
        (added("e,0,3,2,40,m"), {"event_is": [1, 3], "cause": "event"}, "no row has event_is = 3; it holds 0, 1, 2"),
        (added("e,0,3,2,40,m"), {"event_is": 2, "cause": "event"}, "every event is '2', so that nothing"),
        (added("e,0,3,1,40,"), {"cause": "sex"}, "sex: missing in row 5, where an event happened"),
        (GOOD, {"cause": "sexx"}, 'events.cause: the plan names the column "sexx", which the table lacks'),
        (GOOD, {"cause": "sex", "origin": "agee"}, 'events.from: the plan names the column "agee"'),
        (GOOD, {"cause": "sex", "origin": "sex"}, 'the column "sex" is to be cause and origin'),
        (added("e,0,3,1,m,m"), {"cause": "sex", "origin": "age"}, "age and sex are the same state in row 5: no event"),
        (added("e,0,3,1,,m"), {"cause": "sex", "origin": "age"}, "age: missing in row 5; every row needs its from"),
        (added("e,0,3,1,40,f"), {"cause": "sex", "repeated": True}, "map them as from and to"),
        (added("b,0,5,0,50,f"), {}, "the same spell of the same id twice: see row 5"),
        (added("e,2,2,1,40,m", "f,3,1,0,40,m"), {}, "stop is not after start in rows 5 and 6 (row 5: 2 to 2)"),
        (added("e,-1,2,1,40,m"), {}, "times below 0 in row 5"),
        (added("e,0,,1,40,m", ",0,2,1,40,m"), {}, "stop: missing in row 5; every row needs its stop"),
        (added("e,0,,1,40,m", ",0,2,1,40,m"), {}, "id: missing in row 6; every row needs its id"),
        (added("e,0,3,NA,40,m"), {}, "event: missing in row 5"),
        (added("e,0,soon,1,40,m"), {}, "stop: no number in row 5, such as 'soon'"),
        (added('e,0,"1,500",1,40,m'), {}, "'1,500' in stop can be 1500 or 1.5, and no number of the file tells which"),
        (added('e,0,"1,500",1,40.5,m', 'f,0,"2,5",1,40,m'), {}, "'40.5' in age needs a decimal point, '2,5' in stop"),
        (added("e,0,inf,1,40,m"), {}, "stop: infinite in row 5"),
        (GOOD.replace(",3,1", ",2026-01-02,1").replace(",5,0", ",2026-01-03,0").replace(",4,", ",2026-01-03,"), {},
         "holds date32[day], not numbers; give times as amounts since the origin"),
        (GOOD.replace(",1,", ",2,"), {}, "event: holds 0, 2, not 0 and 1"),
        (GOOD.replace("4,0,", "4,1,").replace("3,1,", "3,2,").replace("5,0,", "5,1,"), {}, "say event_is = 2"),
        (added("e,0,3,dead,40,m"), {}, "event: holds 0, 1, dead, not 0 and 1"),
        (GOOD, {"event_is": 7}, "no row has event_is = 7; it holds 0, 1"),
        (GOOD, {"stop": "stopp"}, 'names the column "stopp", which the table lacks; the nearest is "stop"'),
        (GOOD.replace("event", "status"), {}, 'events.event: the plan says nothing else than the column "event"'),
        (GOOD, {"outcome": "agee"}, 'it looks like a slip of "age"'),
        (GOOD, {"start": "stop"}, 'the column "stop" is to be start and stop'),
        (GOOD, {"seed": "sex"}, "sex: no number in rows 1, 2, 3 and 4"),
        (GOOD, {"outcome": "a *bold* word"}, "has a sign that a heading cannot have"),
        (GOOD.replace(",1,", ",0,"), {}, "too few events to learn anything from (event: no events)"),
        (GOOD.replace("3,1,", "3,0,"), {}, "too few events to learn anything from (event: 1 event)"),
        (GOOD.replace("id,", "id,left,right,").replace("\na,", "\na,2,1,").replace("\nb,", "\nb,5,,")
         .replace("\nc,", "\nc,1,4,").replace("\nd,", "\nd,4,,"), {}, "left is not before right in row 1"),
        (GOOD.replace("sex", "arm"), {"run": "age"}, None),
        (GOOD.replace("sex", "arm").replace("age", "run").replace("40", "50"), {}, "run '50' is in several arms"),
        (GOOD + "e,0,1\n", {}, "1 row(s) without the header's 6 cells:\n  line 6: 3 cells (e,0,1)"),
        ("id,start,stop,event\n", {}, "the table has a header and no rows"),
        ("", {}, "the file is empty"),
        (GOOD.replace("sex", "age"), {}, "several columns are named 'age'"),
        (GOOD.replace(",m", ",m\xe4").encode("latin-1"), {}, "the text is not UTF-8: byte 0xe4 in line 2"),
        (GOOD.encode("utf-16"), {}, "iconv -f UTF-16"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_rows(tmp_path, text, columns, message):
    if message is None:
        assert own(tmp_path, text, OwnColumns(**columns)).events.num_rows
    else:
        assert message in problems(tmp_path, text, OwnColumns(**columns))


def test_events_that_repeat_are_numbered_in_any_order_of_rows(tmp_path):
    """Rows of an id are put in order of time; a spell split in two is at risk of the same event, by one clock."""
    text = "id,start,stop,event,x\na,6,9,0,1\na,0,3,1,1\nb,0,5,0,2\na,3,4,0,1\na,4,6,1,1\nb,5,8,1,2\n"
    table = own(tmp_path, text, OwnColumns(repeated=True))
    rows = table.transitions.to_pylist()
    assert [(r["enum"], r["gap"]) for r in rows] == [(3, 3), (1, 3), (1, 5), (2, 1), (2, 3), (1, 8)]
    assert {r["from"] for r in rows} == {"at risk"} and table.kinds == ("andersen-gill", "pwp")
    assert table.transitions["to"].combine_chunks().dictionary.to_pylist() == ["censored", "event"]
    assert table.events["start"].to_pylist() == [0, 0, 5]  # up to the first event of each id
    assert any("first of each id (2 of 3 events)" in n for n in table.notes)
    once = own(tmp_path, GOOD.replace("4,0", "4,1"))
    assert once.transitions is None and once.kinds == ()


def test_all_of_it_at_once(tmp_path):
    text = added("b,4,9,0,50,f", "e,2,2,1,40,m", ",0,2,1,40,m", "f,0,x,1,40,m", "a,3,6,0,40,m")
    said = problems(
        tmp_path, text, OwnColumns(rule="rul"), {"analysis.strata": ["sexx"], "analysis.outcomes": ["loss"]}
    )
    assert "8 problems (rows count from 1, below the header)" in said
    for part in (
        'column "rul"',
        "overlap",
        "not after start",
        "missing in row 7",
        "no number in row 8",
        "after its event",
    ):
        assert part in said
    assert 'analysis.strata: there is no column "sexx"; the nearest is "sex"' in said
    assert 'analysis.outcomes: there is no outcome "loss"' in said


def test_many_rows_are_counted_not_listed(tmp_path):
    text = "id,stop,event\n" + "".join(f"p{i},{0 if i < 50 else 3},1\n" for i in range(60))
    assert "in rows 1, 2, 3, 4, 5 and 45 others (row 1: 0 to 0)" in problems(tmp_path, text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1"] * 40, "x cannot be used: it is constant (1)"),
        ([""] * 40, "x cannot be used: every value is missing"),
        ([f"name {i}" for i in range(40)], "text with 40 different values, and more than 30 are too many for a model"),
        ([str(i) for i in range(39)] + ["9 kg"], "most of its values are numbers: '9 kg' in row 40 is not"),
        (["2026-01-01"] * 40, "it is of the kind date32[day]"),
    ],
)
def test_a_covariate_that_cannot_be_used(tmp_path, values, message):
    text = "id,stop,event,x,y\n" + "".join(f"{i},{1 + i % 7},{i % 2},{v},{i}\n" for i, v in enumerate(values))
    asked = {"analysis.covariates.event": ["x"]}
    assert message in problems(tmp_path, text, None, asked)
    table = own(tmp_path, text)  # nobody asked for it
    assert table.covariates == ("y",) and any(n.startswith('the column "x" is left out') for n in table.notes)


def test_what_is_unusual_is_said_and_kept(tmp_path):
    table = own(tmp_path, added("e,0,2,0,NA,f", "e,3,6,1,41,f", "f,2,6,0,41,f", " A,0,6,0,41,f"))
    notes = " | ".join(table.notes)
    assert "1 id is not followed for some time in between (row 6 after the gap, 1 with an event)" in notes
    assert "1 id is at risk later than the others (delayed entry)" in notes
    assert "1 id has a twin that differs in white space or case only, such as 'a' and ' A': is it the same?" in notes
    assert "leave out the rows that lack one of theirs (rows lacking: age 1)" in notes
    assert "change within an id: age; models take the value of each row" in notes
    assert count_events(table.events).to_pylist() == [
        {"outcome": "event", "rule": "as given", "arm": "all", "run": "all", "at_risk": 7, "events": 3, "censored": 4}
    ]


def test_what_a_column_becomes(tmp_path):
    text = "id,stop,event,treated,dose,site,center,arms\n" + "".join(
        f"0{i},{1 + i % 7},{'FALSE' if i % 2 else 'TRUE'},{i % 2},{i / 4},{'zab'[i % 3]},{i % 4},{20 - 10 * (i % 2)}\n"
        for i in range(40)
    )
    table = own(tmp_path, text, OwnColumns(categories=("center",), time="days", outcome="loss"))
    events = table.events
    assert {n: events[n].type for n in SPELLS} == SPELLS
    assert events["fact_id"][3].as_py() == "03" and events["outcome"].unique().to_pylist() == ["loss"]
    assert events["treated"].type == pa.bool_() and events["dose"].type == pa.float64()
    assert events["site"].chunk(0).dictionary.to_pylist() == ["a", "b", "z"]
    assert events["center"].chunk(0).dictionary.to_pylist() == ["0", "1", "2", "3"]
    assert events["arms"].chunk(0).dictionary.to_pylist() == ["10", "20"]  # two numbers are groups
    assert events["arms"].to_pylist()[:2] == ["20", "10"] and events["event"].to_pylist()[:2] == [True, False]
    metadata = events.schema.metadata
    assert metadata[b"time"] == b"days" and b"every row is at risk from 0 on" in metadata[b"notes"]


def test_a_grouping_may_have_many_levels_and_explains_nothing(tmp_path):
    text = "id,stop,event,site,y\n" + "".join(f"{i},{1 + i % 7},{i % 2},{i // 2},{i}\n" for i in range(100))
    table = own(tmp_path, text, None, {"analysis.random": ["site"], "analysis.cluster": ["id"]})
    assert table.covariates == ("y",) and len(table.events["site"].unique()) == 50
    assert table.names["id"] == "fact_id" == table.names["fact_id"]


def test_every_kind_of_file_gives_the_same_events(tmp_path):
    plain = own(tmp_path, GOOD).events
    table = pyarrow.csv.read_csv(tmp_path / "events.csv")
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    write_table(tmp_path / "e.arrow", table)
    for name in ("e.parquet", "e.arrow"):
        assert read_own_table(tmp_path / name, OwnColumns(), {}).events.equals(plain)
    german = GOOD.replace(",", ";").replace("40", "40,5")
    table = own(tmp_path, german)
    assert table.events["age"].to_pylist() == [40.5, 50, 60, 70]
    assert "numbers have decimal commas (age)" in table.notes
    named = '"",' + GOOD.replace("\n", "\nx,", 4)
    assert own(tmp_path, named).events.equals(plain, check_metadata=False)
    ours = tmp_path / "ours.arrow"
    write_table(ours, plain)  # an event table of factsurv is a table like any other
    again = read_own_table(ours, OwnColumns(id="fact_id"), {})
    assert again.events.equals(read_table(ours))


def test_files_that_cannot_be_read(tmp_path):
    write_table(tmp_path / "t.arrow", pa.table({"id": ["a"] * 500}))
    whole = (tmp_path / "t.arrow").read_bytes()
    (tmp_path / "t.arrow").write_bytes(whole[:-9])
    with pytest.raises(InputError, match="cut short"):
        read_own_file(tmp_path / "t.arrow")
    with (
        pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, pa.schema({"a": pa.int8()})) as out,
    ):
        out.write_table(pa.table({"a": pa.array([1], pa.int8())}))
    with pytest.raises(InputError, match="Arrow stream"):
        read_own_file(tmp_path / "s.arrow")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="cannot be read"):
        read_own_file(tmp_path / "t.parquet")
    for name, message in (("no.csv", "no such file"), ("t.xlsx", "kind '.xlsx'")):
        with pytest.raises(InputError, match=message):
            read_own_file(tmp_path / name)


def test_a_million_rows_take_seconds(tmp_path):
    n, rng = 1_000_000, np.random.default_rng(1)
    ids = pa.array(np.repeat(np.arange(n // 2), 2)).cast(pa.utf8())
    start = np.tile([0.0, 3.0], n // 2)
    event = np.tile([False, True], n // 2) & (rng.random(n) < 0.7)
    table = pa.table({"id": ids, "start": start, "stop": start + rng.integers(1, 4, n), "event": event.astype(np.int8),
                      "x": rng.normal(size=n), "sex": np.array(["f", "m"])[rng.integers(0, 2, n)]})  # fmt: skip
    pyarrow.csv.write_csv(table, tmp_path / "big.csv")
    began = time.process_time()
    read = read_own_table(tmp_path / "big.csv", OwnColumns(), {})
    seconds = time.process_time() - began
    assert read.events.num_rows == n and any("after the gap" in note for note in read.notes)
    assert seconds < 30  # about 4 on two cores; a loop over the rows would take minutes
