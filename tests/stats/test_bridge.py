"""The bridge to R against R itself: real processes, no mocks."""

import itertools
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.stats import bridge, r_home
from factsurv.stats.bridge import RWorkers

ROOT = Path(bridge.__file__).resolve().parent.parent

FUNCTIONS = """
same <- function(x) x
fields <- function(...) list(...)
look <- function(x) lapply(x, function(v) list(class = class(v), na = is.na(v), nan = if (is.numeric(v)) is.nan(v),
  text = as.character(v), levels = levels(v), type = typeof(v)))
sums <- function(x) vapply(Filter(is.numeric, x), function(v) sum(v, na.rm = TRUE), 0)
shape <- function(x) list(rows = nrow(x), names = names(x), row_names = head(row.names(x), 2),
  time = attr(x, "metadata")$time)
changed <- function(x) { before <- x[[1]][1]; x[[1]][1] <- x[[1]][1] + 1L; before }
noisy <- function(x) {
  warning("first"); message("said"); print(x); cat("written\\n"); warning("late"); invisible(x)
}
boom <- function(data) {
  stop(structure(class = c("odd_error", "error", "condition"), list(message = "no", call = sys.call())))
}
late <- function() { warning("before the end"); log(-1); stop("after a warning") }
spin <- function() repeat NULL
nap <- function(s) { Sys.sleep(s); Sys.getpid() }
pid <- function() Sys.getpid()
meet <- function(mine, theirs) { # TRUE if two calls run at the same time
  file.create(mine)
  for (i in 1:1200) if (file.exists(theirs)) return(TRUE) else Sys.sleep(0.05)
  FALSE
}
deep <- function() { options(expressions = 500000); f <- function(n) eval(quote(1 + do.call(f, list(n + 1)))); f(0) }
settings <- function() list(locale = Sys.getlocale("LC_COLLATE"), tz = Sys.timezone(), digits = getOption("digits"),
  stack = Cstack_info()[["size"]], threads = Sys.getenv("OMP_NUM_THREADS"), interactive = interactive())
other <- function(what) switch(what, closure = mean, formula = y ~ x, matrix = diag(2), listcol = {
  d <- data.frame(a = 1:2); d$b <- list(1, 2); d }, difftime = as.difftime(1, units = "mins"))
odd <- function() list(na_level = addNA(factor(c("a", NA))),
  ordered = data.frame(o = factor("hi", c("lo", "hi"), ordered = TRUE)),
  dates = as.Date(c("2024-02-29", NA)), sequence = 1:3, named = c(a = 1, b = NA), empty = character(0), null = NULL,
  latin = { x <- "\\xe9"; Encoding(x) <- "latin1"; x },
  kept = data.frame(x = 1:3)[c(3, 1), , drop = FALSE])
cox <- function(d) { f <- survival::coxph(survival::Surv(start, stop, event) ~ x + g, data = d)
  c(coef(f), diag(vcov(f)), f$loglik) }
cox_numbers <- function(d) unname(cox(d))
"""


@pytest.fixture(scope="module")
def r_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("R")
    (folder / "functions.R").write_text(FUNCTIONS)
    return folder


@pytest.fixture(scope="module")
def r(r_folder):
    with RWorkers(workers=2, r_folder=r_folder, time_limit=60) as workers:
        yield workers


def value(result):
    assert result.error is None, result.error
    return result.value


def columns(rows: int, seed: int) -> pa.Table:
    """One column of each type with nulls, NaN, extremes and strings of several bytes."""
    rng = np.random.default_rng(seed)
    words = np.array(["", "a", "é", "日本", "🙂 x", "b\nc", "NA"])

    def with_nulls(values, kind):
        return pa.array(values, kind, mask=rng.random(rows) < 0.3)

    real = rng.normal(size=rows)
    real[rng.random(rows) < 0.2] = math.nan
    real[rng.random(rows) < 0.1] = math.inf
    labels = with_nulls(rng.choice(words, rows), pa.string())
    table = {
        "int": with_nulls(rng.integers(-(2**31) + 1, 2**31 - 1, rows, np.int32), pa.int32()),
        "real": with_nulls(real, pa.float64()),
        "bool": with_nulls(rng.random(rows) < 0.5, pa.bool_()),
        "text": labels,
        "time": with_nulls(rng.integers(-(10**15), 10**15, rows), pa.timestamp("us", "UTC")),
        "date": with_nulls(rng.integers(-50000, 50000, rows).astype(np.int32), pa.date32()),
    }
    codes = pa.array(rng.integers(0, 5, rows), pa.int32(), mask=rng.random(rows) < 0.3)
    table["factor"] = pa.DictionaryArray.from_arrays(codes, pa.array(["z", "é", "", "a", "unused"]))
    return pa.table(table).replace_schema_metadata({"time": "epoch"})


def same(a: pa.Table, b: pa.Table) -> None:
    """Equal with types, metadata and levels, NaN equal to NaN and different from null."""
    assert a.schema.equals(b.schema, check_metadata=True)
    for name in a.column_names:
        x, y = a[name], b[name]
        if pa.types.is_dictionary(x.type) and y.num_chunks:
            assert x.chunk(0).dictionary.equals(y.chunk(0).dictionary), name
        # str: NaN is equal to itself as text, and None stays apart from it
        assert list(map(str, x.to_pylist())) == list(map(str, y.to_pylist())), name


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1000])
@pytest.mark.parametrize("form", ["whole", "sliced", "chunked", "one chunk empty", "file"])
def test_round_trip(r, tmp_path, rows, form):
    table = columns(rows + 13, seed=rows)
    if form == "whole":
        table = table.slice(0, rows)
        table = pa.table([c.combine_chunks() for c in table.columns], schema=table.schema)
    elif form == "chunked":
        cuts = [0, rows // 3, rows // 2, rows]
        table = pa.concat_tables([table.slice(a, b - a) for a, b in itertools.pairwise(cuts)])
    elif form == "one chunk empty":
        table = pa.concat_tables([table.slice(0, 0), table.slice(5, rows), table.slice(9, 0)])
    else:
        table = table.slice(11, rows)
    source = table
    if form == "file":
        source = tmp_path / "table.arrow"
        with pa.ipc.new_file(source, table.schema) as file:
            file.write_table(table, max_chunksize=101)
        table = pa.ipc.open_file(source).read_all()  # Arrow writes no batch, hence no levels, for a table of 0 rows
    same(value(r.call("same", tables={"x": source})), table)


def test_r_sees_what_arrow_says(r):
    table = columns(500, seed=1)
    seen = value(r.call("look", tables={"x": table}))
    expected = {"int": "integer", "real": "numeric", "bool": "logical", "text": "character", "date": "Date",
                "factor": "factor", "time": ["POSIXct", "POSIXt"]}  # fmt: skip
    assert {k: v["class"] for k, v in seen.items()} == expected
    for name in table.column_names:
        nan = [isinstance(v, float) and math.isnan(v) for v in table[name].to_pylist()]
        null = [v is None for v in table[name].to_pylist()]
        assert seen[name]["na"] == [a or b for a, b in zip(null, nan, strict=True)], name
        if name == "real":
            assert seen[name]["nan"] == nan
    assert seen["text"]["text"] == table["text"].to_pylist() == [v or v for v in seen["text"]["text"]]
    assert seen["factor"]["levels"] == ["z", "é", "", "a", "unused"]
    assert seen["factor"]["text"] == table["factor"].to_pylist()
    finite = table.select(["int"]).to_pydict()["int"]
    assert value(r.call("sums", tables={"x": table.select(["int"])})) == {
        "int": sum(v for v in finite if v is not None)
    }
    shape = value(r.call("shape", tables={"x": table}))
    assert (shape["rows"], shape["names"], shape["row_names"], shape["time"]) == (
        500,
        table.column_names,
        ["1", "2"],
        "epoch",
    )


@pytest.mark.parametrize(
    "array, kind",
    [
        (pa.array([1, None, -5], pa.int64()), pa.int32()),
        (pa.array([-(2**31), 1, None], pa.int32()), pa.float64()),  # R's NA is a number in Arrow
        (pa.array([2**53, -(2**53), None], pa.int64()), pa.float64()),
        (pa.array([2**32 - 1, None], pa.uint32()), pa.float64()),
        (pa.array([None, None], pa.int64()), pa.int32()),
        (pa.array([7, None, -8], pa.int16()), pa.int32()),
        (pa.array([127, -128, None], pa.int8()), pa.int32()),
        (pa.array([0.5, math.nan, None], pa.float32()), pa.float64()),
        (pa.array([0.5, None], pa.float16()), pa.float64()),
        (pa.array([None, None]), pa.bool_()),
        (pa.array(["a", None], pa.large_string()), pa.string()),
        (pa.array([1, 1, None, 2]).dictionary_encode(), pa.int32()),
        (pa.array(["b", None], pa.dictionary(pa.int8(), pa.string())), pa.dictionary(pa.int32(), pa.string())),
        (pa.array([1700000000, None], pa.timestamp("s")), pa.timestamp("us", "UTC")),
        (pa.array([1700000000123, None], pa.timestamp("ms", "Europe/Paris")), pa.timestamp("us", "UTC")),
    ],
)  # fmt: skip
def test_other_types_are_cast(r, array, kind):
    back = value(r.call("same", tables={"x": pa.table({"c": array})}))["c"].combine_chunks()
    assert back.type == kind
    expected = (
        array.to_pylist() if pa.types.is_dictionary(kind) or pa.types.is_string(kind) else array.cast(kind).to_pylist()
    )
    assert str(back.to_pylist()) == str(expected)


def test_dictionaries_that_r_would_refuse(r):
    repeated = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, None], pa.int8()), pa.array(["b", "a", "b", None]))
    back = value(r.call("same", tables={"x": pa.table({"c": repeated})}))["c"].combine_chunks()
    assert back.to_pylist() == ["b", "a", "b", None, None]
    assert back.dictionary.to_pylist() == ["b", "a"]
    one, two = pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "a", None]).dictionary_encode()
    united = value(r.call("same", tables={"x": pa.table({"c": pa.chunked_array([one, two])})}))["c"].combine_chunks()
    assert united.to_pylist() == ["b", "a", "c", "a", None]
    assert united.dictionary.to_pylist() == ["b", "a", "c"]
    ordered = pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["lo", "hi"]), ordered=True)
    assert value(r.call("look", tables={"x": pa.table({"c": ordered})}))["c"]["class"] == ["ordered", "factor"]


@pytest.mark.parametrize(
    "array, word",
    [
        (pa.array([2**53 + 1], pa.int64()), "2^53"),
        (pa.array([-(2**60)], pa.int64()), "2^53"),
        (pa.array([[1]]), "list"),
        (pa.array(["a\0b"]), "NUL"),
    ],
)
def test_what_r_cannot_hold_is_refused_by_name(r, array, word):
    error = r.call("same", tables={"x": pa.table({"fine": pa.array([1]), "faulty": array})}).error
    assert error.class_ == "conversion" and "`faulty`" in error.message and word in error.message


@pytest.mark.parametrize(
    "given, back, class_",
    [
        (None, None, "NULL"),
        (True, True, "logical"),
        (3, 3, "integer"),
        (2**40, float(2**40), "numeric"),
        (0.1, 0.1, "numeric"),
        ("é", "é", "character"),
        ([1, 2], [1, 2], "integer"),
        ([1, 2.5, None], [1.0, 2.5, None], "numeric"),
        (["a", None], ["a", None], "character"),
        ([None, None], [None, None], "logical"),
        ([True, 1], [True, 1], "list"),
        ([], [], "list"),
        ({}, {}, "list"),
        ({"a": [{"b": 1}, {"b": [2, 3]}], "c": None}, {"a": [{"b": 1}, {"b": [2, 3]}], "c": None}, "list"),
        (np.float64(2.5), 2.5, "numeric"),
        (np.arange(3), [0, 1, 2], "integer"),
    ],
)
def test_plain_values(r, given, back, class_):
    got = value(r.call("same", given))
    assert got == back and type(got) is type(back)
    assert value(r.call("base::class", given)) == class_


def test_values_that_cannot_travel(r):
    for what, word in (
        ("closure", "CLOSXP"),
        ("formula", "LANGSXP"),
        ("matrix", "matrix"),
        ("listcol", "`b`"),
        ("difftime", "units"),
    ):
        error = r.call("other", what).error
        assert error.class_ == "conversion" and word in error.message and "What to do" in error.message
    error = r.call("same", {"a": [1, {"b": 2**60}]}).error
    assert error.class_ == "conversion" and "argument 1.a[1].b" in error.message
    assert math.isnan(value(r.call("same", math.nan)))
    with pytest.raises(InputError, match="not the name"):
        r.call("system('ls'); same", 1)
    with pytest.raises(InputError, match="missing.arrow"):
        r.call("same", tables={"x": "missing.arrow"})


def test_odd_values_of_r(r):
    odd = value(r.call("odd"))
    assert odd["na_level"] == ["a", None]
    assert odd["ordered"]["o"].type.ordered and odd["ordered"]["o"].to_pylist() == ["hi"]
    assert str(odd["dates"][0]) == "2024-02-29" and odd["dates"][1] is None
    assert (odd["sequence"], odd["named"], odd["empty"], odd["null"]) == ([1, 2, 3], {"a": 1.0, "b": None}, [], None)
    assert odd["latin"] == "é"
    assert odd["kept"].to_pydict() == {"x": [3, 1]}


def test_everything_that_r_says_is_data(r, capfd):
    result = r.call("noisy", 5)
    assert (result.value, result.warnings, result.messages) == (5, ("first", "late"), ("said",))
    assert result.printed == "[1] 5\nwritten\n" and result.ok and result.seconds > 0
    error = r.call("boom", tables={"data": columns(100, 0)}).error
    assert (error.message, error.class_, error.call) == ("no", "odd_error", "boom(data = data)")
    result = r.call("late")
    assert result.warnings == ("before the end", "NaNs produced")
    assert (result.error.message, result.error.class_, result.error.call) == (
        "after a warning",
        "simpleError",
        "late()",
    )
    assert "could not find function" in r.call("absent").error.message
    assert not any(capfd.readouterr())


def test_a_file_is_converted_once_and_never_changed(r_folder, tmp_path):
    path, rows = tmp_path / "big.arrow", 2_000_000
    with RWorkers(workers=1, r_folder=r_folder) as one:

        def write(first):
            table = pa.table({f"c{i}": np.full(rows, first) for i in range(8)})
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)

        def timed():
            began = time.perf_counter()
            return value(one.call("changed", tables={"x": path})), time.perf_counter() - began

        write(1)
        value(one.call("pid"))
        first, cold = timed()
        again, warm = zip(*(timed() for _ in range(3)), strict=True)
        assert {first, *again} == {1}  # R works on its own copy
        assert min(warm) < cold / 2
        write(2)
        assert timed()[0] == 2


def test_time_limit_then_recovery(r):
    before = value(r.call("pid"))
    result = r.call("spin", time_limit=0.5)  # it would never end
    assert result.error.class_ == "time_limit" and "0.5 s" in result.error.message
    assert value(r.call("pid")) != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.parametrize(
    "function, kwargs, words",
    [
        ("base::quit", {"status": 3}, "exit code 3"),
        ("base::quit", {}, "exit code 0"),
        ("tools::pskill", {"signal": 9}, "SIGKILL"),
        ("tools::pskill", {"signal": 11}, "SIGSEGV"),
    ],
)
def test_a_dead_r_is_replaced(r, function, kwargs, words):
    if "signal" in kwargs:
        kwargs = {"pid": value(r.call("pid"))} | kwargs
    result = r.call(function, **kwargs)
    assert result.error.class_ == "crashed" and words in result.error.message
    assert value(r.call("same", 1)) == 1


def test_endless_recursion_is_an_error_and_not_a_crash(r):
    error = r.call("deep").error
    assert error.class_.endswith("OverflowError") and error.class_ != "crashed"
    assert value(r.call("same", 1)) == 1


def test_settings_do_not_depend_on_the_user(r, monkeypatch):
    soft = resource.getrlimit(resource.RLIMIT_STACK)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with RWorkers(workers=1, r_folder=r.r_folder) as other:
        got = value(other.call("settings"))
    stack = got.pop("stack")
    assert got == {"locale": "C", "tz": "UTC", "digits": 7, "threads": "1", "interactive": False}
    assert stack > 400 * 2**20 or soft[1] != resource.RLIM_INFINITY
    assert resource.getrlimit(resource.RLIMIT_STACK) == soft


def test_calls_run_in_parallel_and_keep_their_order(r, tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    met = r.map("meet", [{"mine": one, "theirs": two}, {"mine": two, "theirs": one}], time_limit=120)
    assert [value(result) for result in met] == [True, True]
    assert [value(one) for one in r.map("same", [{"x": i} for i in range(20)])] == list(range(20))


SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what it starts in the background
from factsurv.stats.bridge import RWorkers
if __name__ == "__main__":
    r = RWorkers(workers=2, r_folder=sys.argv[1])
    print(r.call("pid").value, flush=True)
    if sys.argv[2] == "leave":
        r.submit("spin")
        time.sleep(0.3)
        sys.exit(0)
    with r:
        r.call("spin")
"""


@pytest.mark.parametrize("how", ["interrupt", "leave", "kill"])
def test_nothing_is_left_behind(r_folder, tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, script, r_folder, how], env=env, stdout=-1, stderr=-1, text=True)
    child = int(parent.stdout.readline())
    until = time.monotonic() + 60  # only against a hang: the call would never end
    if how != "leave":
        time.sleep(0.5)
        parent.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
    _, errors = parent.communicate(timeout=60)
    assert how != "interrupt" or "KeyboardInterrupt" in errors
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not list(tmp_path.glob("factsurv-r-*"))


def test_an_interrupt_of_the_worker_itself_is_ignored(r):
    pid = value(r.call("pid"))
    future = r.submit("nap", 0.5)
    time.sleep(0.2)
    os.kill(pid, signal.SIGINT)
    assert value(future.result()) == pid


def test_a_closed_pool(r_folder):
    pool = RWorkers(workers=1, r_folder=r_folder)
    running, queued = pool.submit("spin"), pool.submit("same", 1)
    time.sleep(0.2)
    pool.close()
    assert running.result().error.class_ == "crashed" and "closed" in running.result().error.message
    assert queued.cancelled()
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.call("same", 1)


def test_an_r_file_that_does_not_parse(tmp_path):
    (tmp_path / "a.R").write_text("f <- function() 1")
    (tmp_path / "b.R").write_text("g <- function() {\n")
    with RWorkers(workers=1, r_folder=tmp_path) as workers:
        error = workers.call("f").error
    assert error.class_ == "source" and error.message.startswith("b.R: ")


def test_importing_the_bridge_starts_no_r():
    code = "import sys, factsurv.stats.bridge; assert not {'rpy2', 'torch', 'pandas', 'prefect'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_versions_that_do_not_fit(monkeypatch, tmp_path):
    r_home.check_pair("3.6.4", "4.2.2")
    r_home.check_pair("3.6.7", "4.5.1")
    with pytest.raises(r_home.RUnavailable, match="needs R 4.5") as caught:
        r_home.check_pair("3.6.7", "4.2.2")
    assert "3.6.4" in caught.value.remedy and isinstance(caught.value, (InputError, RuntimeError))
    with pytest.raises(r_home.RUnavailable, match="not installed"):
        r_home.check_pair("", "4.5.1")
    monkeypatch.delenv("R_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(r_home.RUnavailable, match="R was not found"):
        RWorkers()
    monkeypatch.setenv("R_HOME", str(tmp_path))
    with pytest.raises(r_home.RUnavailable, match="no R in"):
        RWorkers()


def test_libraries(monkeypatch, tmp_path):
    monkeypatch.setenv(r_home.LIBRARY_VARIABLE, str(tmp_path))
    found = r_home.find_r()
    assert found.libraries == (tmp_path.resolve(),) and found.environment()["R_LIBS"] == str(tmp_path)
    monkeypatch.setenv(r_home.LIBRARY_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(InputError, match="absent"):
        r_home.find_r()


def test_a_cox_model_gives_the_numbers_of_rscript(r, r_folder, tmp_path):
    rng = np.random.default_rng(3)
    n = 400
    start = rng.integers(0, 3, n).astype(float)
    table = pa.table({
        "start": start,
        "stop": start + rng.integers(1, 9, n),
        "event": rng.random(n) < 0.6,
        "x": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.05),
        "g": pa.array(rng.choice(["b", "a", "c"], n)).dictionary_encode(),
    })  # fmt: skip
    ours = r.call("cox", tables={"d": table})
    if ours.error and "there is no package" in ours.error.message:
        pytest.skip("survival is not installed")
    path = tmp_path / "d.csv"
    levels = ", ".join(f'"{v}"' for v in table["g"].combine_chunks().dictionary.to_pylist())
    lines = [
        ",".join("NA" if v is None else repr(v) if not isinstance(v, str) else v for v in row.values())
        for row in table.to_pylist()
    ]
    path.write_text("\n".join([",".join(table.column_names), *lines]).replace("True", "TRUE").replace("False", "FALSE"))
    code = (f'source("{r_folder}/functions.R"); d <- read.csv("{path}"); d$g <- factor(d$g, c({levels})); '
            'cat(sprintf("%.17g", cox(d)))')  # fmt: skip
    answer = subprocess.run(
        [r.r.rscript, "-e", code], env=r.r.environment(), capture_output=True, text=True, check=True
    )
    # Coefficients and variances have the same names, so this named vector cannot be a dict.
    assert ours.error is not None and "not unique" in ours.error.message
    ours = value(r.call("cox_numbers", tables={"d": table}))
    np.testing.assert_allclose(ours, [float(v) for v in answer.stdout.split()], rtol=1e-12)
