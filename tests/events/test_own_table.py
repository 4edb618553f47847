"""Tables of other people: everything wrong is told at once, with its rows; what is unusual is said and kept."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.own_columns import OwnColumns, covariate
from factsurv.events.own_file import read_own_file
from factsurv.events.own_table import read_own_table
from factsurv.events.own_types import as_texts
from factsurv.events.own_values import happened
from factsurv.events.rules import count_events
from factsurv.events.schema import SPELLS
from factsurv.stats.own_plan import OwnAnalysisSpec, own_plan

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
        (added("e,0,3,2,40,m"), {"event_is": [True, "x"]}, "no row has event_is = 'x'; it holds 0, 1, 2"),
        (GOOD.replace(",1,", ",2,"), {"event_is": True}, "no row has event_is = true; it holds 0, 2"),
        (added("e,3,3.0000000000000004,1,40,m"), {}, "no time at all in row 5 (row 5: 3 to 3.0000000000000004)"),
        (added("e,1700000000,1700000005,1,40,m", "f,1700000000,1700000010,1,40,m"), {}, "count as one in R's survival"),
        (added("NA,0,2,1,40,m"), {}, 'id: missing in row 5 (read as missing: "NA" (once)); every row needs its id'),
        (added(f"e,0,{2**53 + 1},1,40,m"), {}, "whole numbers beyond 2^53, where neighbours become one, in row 5"),
        (added(f"e,0,{10**25},1,40,m"), {}, "whole numbers beyond 2^53, where neighbours become one, in row 5"),
        (added("e,0,2,1,-inf,m"), {}, "age cannot be used: infinite in row 5"),
        (added("e,0,2,1,40,m").replace("sex", "seed").replace(",m", ",1").replace(",f", ",3000000000"), {},
         "seed: seeds are whole numbers below 2^31"),
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


def arrow(tmp_path, columns, spec=None, asked=None):
    write_table(tmp_path / "t.arrow", pa.table(columns))
    return read_own_table(tmp_path / "t.arrow", spec or OwnColumns(), asked or {})


N = 40
PLAIN = {"id": [f"q{i}" for i in range(N)], "stop": [1.0 + i % 7 for i in range(N)], "event": [i % 2 for i in range(N)]}


def test_spells_that_touch_up_to_rounding_touch(tmp_path):
    rows = [f"{i},{k * 0.1!r},{(k + 1) / 10!r},{int(k == 6 and i % 2)},{i}" for i in range(20) for k in range(7)]
    assert rows[5].startswith("0,0.5,0.6,") and rows[6].startswith("0,0.6000000000000001,0.7,")
    table = own(tmp_path, "\n".join(["id,start,stop,event,x", *rows]) + "\n")
    assert any("differ" in note and "rounding only" in note for note in table.notes)
    assert len(set(table.events["start"].to_pylist() + table.events["stop"].to_pylist())) == 8


@pytest.mark.parametrize("given", [True, 1, "true", "TRUE", [True]])
@pytest.mark.parametrize(
    "events",
    [
        pa.array([bool(i % 2) for i in range(N)]), pa.array([i % 2 for i in range(N)], pa.uint8()),
        pa.array([float(i % 2) for i in range(N)]), pa.array([("FALSE", "TRUE")[i % 2] for i in range(N)]),
        pa.array([("0", "1.0")[i % 2] for i in range(N)]).dictionary_encode(),
        pa.array([i % 2 for i in range(N)]).cast(pa.decimal128(22, 1)),
    ],
)  # fmt: skip
def test_true_is_true_by_any_writer(events, given):
    wrong = []
    assert happened("event", pa.chunked_array([events]), given, wrong).tolist() == [bool(i % 2) for i in range(N)]
    assert not wrong


def test_large_whole_numbers_are_ids_or_left_out(tmp_path):
    large = pa.array([2**62 + i for i in range(N)])
    table = arrow(tmp_path, PLAIN | {"id": large, "tweet": pa.array([2**63 + i for i in range(N)], pa.uint64())})
    assert table.events["fact_id"].to_pylist() == [str(2**62 + i) for i in range(N)]
    assert table.covariates == () and any('"tweet" is left out: its whole numbers are beyond' in n for n in table.notes)
    near = arrow(tmp_path, PLAIN | {"x": pa.array([2**53 - 1 + i % 3 for i in range(N)])})
    assert near.covariates == ()
    near = arrow(tmp_path, PLAIN | {"x": pa.array([2**53 + i % 3 for i in range(N)])}, OwnColumns(categories=("x",)))
    assert near.events["x"].chunk(0).dictionary.to_pylist() == [str(2**53 + i) for i in range(3)]


@pytest.mark.parametrize(
    ("two", "labels"),
    [
        ((20230101, 20230102), ["20230101", "20230102"]),
        ((0.1, 0.1 + 1e-9), ["0.1", "0.100000001"]),
        ((1e20, 2e20), ["1e+20", "2e+20"]),
        ((1900.0, 2000.0), ["1900", "2000"]),
        ((-0.5, 1e-7), ["-0.5", "1e-07"]),
    ],
)
def test_two_numbers_have_two_labels(two, labels):
    array, said = covariate("x", pa.chunked_array([pa.array([two[i % 2] for i in range(N)], pa.float64())]))
    assert array.dictionary.to_pylist() == labels and not said
    texts = as_texts(pa.chunked_array([pa.array([*two, None, float("nan"), two[0]], pa.float64())]))
    assert texts.dictionary.to_pylist() == labels and texts.to_pylist() == [*labels, None, None, labels[0]]


def test_missing_and_twin_levels_of_any_writer(tmp_path):
    levels = pa.array(["m", None, "f", "", "nan", "F ", "m"])
    kind = pa.DictionaryArray.from_arrays(pa.array([i % 7 for i in range(N)]), levels)
    table = arrow(tmp_path, PLAIN | {"kind": kind, "text": pa.array(kind.to_pylist(), pa.string_view())})
    for name, order in (("kind", ["m", "f", "F "]), ("text", ["F ", "f", "m"])):
        assert table.events[name].chunk(0).dictionary.to_pylist() == order
        assert table.events[name].null_count == sum(i % 7 in (1, 3, 4) for i in range(N))
    text = "id,stop,event,k\n" + "".join(f"{i},{1 + i % 7},{i % 2},{'fFmM'[i % 4]}\n" for i in range(N))
    said = "2 levels of k have twins that differ in white space or case only, such as 'F' and 'f'"
    assert any(said in n for n in own(tmp_path, text).notes)
    assert any("1 level of kind has a twin that differs in white space or case only" in n for n in table.notes)


def test_types_that_cannot_be_used_are_named(tmp_path):
    lists = pa.array([["a"]] * N)
    wrong = {"id": lists, "event": pa.array([{"a": 1}] * N), "stop": pa.array([5] * N, pa.duration("s")),
             "start": pa.array([5] * N, pa.timestamp("us", "UTC")), "run": pa.array([b"\xff\x00"] * N),
             "left": pa.array(["1.050", "150"] * (N // 2)), "x": pa.array([["a"]] * N, pa.list_view(pa.utf8())),
             "y": pa.array([5, 6] * (N // 2), pa.date32())}  # fmt: skip
    with pytest.raises(InputError) as caught:
        arrow(tmp_path, wrong, None, {"analysis.covariates.event": ["x", "y"]})
    for said in (
        "id: holds list<item: string>, which is no text or number and cannot be the id",
        "run: holds binary, which is no text or number",
        "event: holds struct<a: int64>, not 0 and 1",
        "stop: holds duration[s], not numbers; give times as amounts",
        "start: holds timestamp[us, tz=UTC], not numbers",
        "left: '1.050' in left can be 1.05 or 1050",
        "x cannot be used: it is of the kind list_view",
        "y cannot be used: it is of the kind date32[day]",
    ):
        assert said in str(caught.value)


def test_amounts_of_any_type(tmp_path):
    values = [float(i % 5) for i in range(N)]
    kinds = [pa.float16(), pa.decimal128(22, 2), pa.uint64(), pa.int8()]
    table = arrow(tmp_path, PLAIN | {f"x{i}": pa.array([int(v) for v in values]).cast(k) for i, k in enumerate(kinds)})
    assert table.covariates == ("x0", "x1", "x2", "x3")
    assert all(table.events[n].to_pylist() == values for n in table.covariates)
    numbered = arrow(tmp_path, PLAIN | {"x": pa.array([[2, 1, 10][i % 3] for i in range(N)]).dictionary_encode()})
    assert numbered.events["x"].chunk(0).dictionary.to_pylist() == ["2", "1", "10"]  # in its own order


def test_a_table_of_intervals_alone(tmp_path):
    """Never is infinite or empty; from the start on is -inf or empty; the event is where right is finite."""
    text = "id,left,right,x\na,2,4,1\nb,5,Inf,2\nc,-Inf,3,3\nd,6,,4\ne,,2,5\n"
    rows = own(tmp_path, text).events.select(["start", "stop", "event", "left", "right"]).to_pylist()
    assert [tuple(r.values()) for r in rows] == [
        (0, 4, True, 2, 4), (0, 5, False, 5, None), (0, 3, True, 0, 3), (0, 6, False, 6, None), (0, 2, True, 0, 2)
    ]  # fmt: skip
    assert "followed for no time at all in row 6: leave" in problems(tmp_path, text + "f,0,inf,1\n")
    assert "neither left nor right says anything in row 6" in problems(tmp_path, text + "f,,inf,1\n")
    given = text.replace("right,", "right,event,stop,").replace("4,1\n", "4,1,4,1\n").replace("Inf,2", "Inf,0,5,2")
    given = given.replace("3,3\n", "3,1,3,3\n").replace("6,,4", "6,,0,6,4").replace(",2,5\n", ",2,1,2,5\n")
    table = own(tmp_path, given)
    assert table.events["right"].to_pylist() == [4, None, 3, None, 2]
    assert "infinite, which is never, in row 2, with an event" in problems(tmp_path, given.replace("Inf,0", "Inf,1"))
    assert "left: infinite in row 1" in problems(tmp_path, text.replace("a,2", "a,inf"))
    assert 'names the column "happened"' in problems(tmp_path, text, OwnColumns(event="happened"))


GRADED = "id,stop,event,grade,batch,site,age\n" + "".join(
    f"p{i},{1 + i % 7},{i % 3 % 2},{'abc'[i % 3]},{i % 6},site {i % 40},{30 + (7 * i) % 41}\n" for i in range(80)
)
ENTRY = {
    "strata": ["grade"],
    "cluster": "batch",
    "random": ["site/grade", "batch"],
    "by": ["grade"],
    "title": "grade",
    "time_varying": ["grade"],
    "split": [3.0],
    "engine": "gamma",
    "standardise": False,
    "conf": 0.9,
    "ties": "breslow",
}


@pytest.mark.parametrize("key", ENTRY)
def test_a_model_of_ones_own_changes_nothing_else(tmp_path, key):
    """Whatever an entry sets, the standard analysis reads the same columns, of the same kind, by the same plan."""

    def planned(*models):
        spec = OwnAnalysisSpec(model=list(models))
        table = own(tmp_path, GRADED, OwnColumns(), spec.asked())
        plan = own_plan(spec, table.events)
        return plan | {"models": None, "notes": table.notes}, {n: table.events[n] for n in plan["covariates"]["event"]}

    entry = {"name": "mine", "outcome": "event", "formula": "age", key: ENTRY[key]}
    without, columns = planned()
    assert without["covariates"]["event"] == ["grade", "batch", "age"]  # 40 sites are no covariate
    told, same = planned(entry)
    for plan in (told, without):  # the sites are read after all, where that model groups by them
        plan["notes"] = [n for n in plan["notes"] if "site" not in n]
    assert told == without
    assert same == columns


def test_the_cause_of_a_model_explains_nothing_and_that_is_said(tmp_path):
    entry = {"name": "mine", "kind": "competing-risks", "outcome": "event", "formula": "age", "cause": "grade"}
    spec = OwnAnalysisSpec(model=[entry])
    table = own(tmp_path, GRADED, OwnColumns(), spec.asked())
    assert own_plan(spec, table.events)["covariates"]["event"] == ["batch", "age"]
    assert 'the column "grade" explains nothing: by analysis.model[1].cause it says which event happened' in table.notes
