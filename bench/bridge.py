"""Seconds to carry an Arrow table of 10 columns with nulls into an R data.frame, our way and the others'.

Run from the repository: python bench/bridge.py [--write] [rows ...]

Each way runs in a fresh process; the best of several runs is shown (pandas2ri: one, it is slow), in seconds of the
processor, so that other load does not count; of the whole call, which is shared by two processes, in seconds of the
clock. The peers' packages, which factsurv does not need, are installed into build/bench-peers.
"""

import builtins
import functools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

from factsurv.stats.r_home import find_r  # noqa: E402

PEERS = ("numpy2ri", "pandas2ri")
ROWS = (10_000, 100_000, 1_000_000)
WAYS = {
    "ours": "ours, in the process of R",
    "back": "ours, R to Arrow",
    "worker": "ours, a whole call: worker, mapped file, first time",
    "copy": "numpy copy of all buffers (the floor)",
    "numpy2ri": "rpy2 numpy2ri, column by column",
    "pandas2ri": "rpy2 pandas2ri (what is usual)",
}


def table(rows: int) -> pa.Table:
    """3 int32, 3 float64, 2 bool and 2 dictionary columns, 5 % null."""
    rng = np.random.default_rng(1)

    def nulls():
        return rng.random(rows) < 0.05

    columns = {f"i{k}": pa.array(rng.integers(0, 1000, rows, np.int32), mask=nulls()) for k in range(3)}
    columns |= {f"d{k}": pa.array(rng.normal(size=rows), mask=nulls()) for k in range(3)}
    columns |= {f"b{k}": pa.array(rng.random(rows) < 0.5, mask=nulls()) for k in range(2)}
    for k, levels in enumerate((10, 1000)):
        codes = pa.array(rng.integers(0, levels, rows, np.int32), mask=nulls())
        columns[f"f{k}"] = pa.DictionaryArray.from_arrays(codes, pa.array([f"level {i}" for i in range(levels)]))
    return pa.table(columns)


def best(action, times: int, clock=time.process_time) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        began = clock()
        action()
        seconds.append(clock() - began)
    return min(seconds)


def copy_of_buffers(data: pa.Table) -> None:
    for column in data.columns:
        for buffer in (b for chunk in column.chunks for b in chunk.buffers() if b is not None):
            np.frombuffer(buffer, np.uint8).copy()


def measure(way: str, rows: int) -> float:
    """Seconds of one way."""
    data = table(rows)
    if way == "copy":
        return best(lambda: copy_of_buffers(data), 7)
    if way == "worker":
        from factsurv.stats.bridge import RWorkers

        with tempfile.TemporaryDirectory() as folder, RWorkers(workers=1) as r:
            assert r.call("base::nlevels", 1).ok  # it has started
            seconds = []
            for k in range(5):
                path = Path(folder) / f"{k}.arrow"
                with pa.ipc.new_file(path, data.schema) as file:
                    file.write_table(data)
                seconds.append(best(functools.partial(r.call, "base::nrow", tables={"x": path}), 1, time.perf_counter))
            return min(seconds)
    import rpy2.rinterface as ri

    ri.initr(interactive=False)
    if way in ("ours", "back"):
        from factsurv.stats.arrow_from_r import table_from_r
        from factsurv.stats.arrow_to_r import table_to_r

        frame = table_to_r(data)
        return best(lambda: table_from_r(frame) if way == "back" else table_to_r(data), 7)
    from rpy2.robjects import conversion, default_converter, numpy2ri, pandas2ri, vectors

    if way == "pandas2ri":
        from pandas import BooleanDtype, Int32Dtype

        nullable = {pa.int32(): Int32Dtype(), pa.bool_(): BooleanDtype()}  # else integers with nulls become floats

        def convert():
            with conversion.localconverter(default_converter + pandas2ri.converter) as converter:
                converter.py2rpy(data.to_pandas(types_mapper=nullable.get))

        return best(convert, 1 if rows > 10_000 else 3)

    def convert():
        with conversion.localconverter(default_converter + numpy2ri.converter) as converter:
            columns = {}
            for name, column in zip(data.column_names, data.columns, strict=True):
                if pa.types.is_dictionary(column.type):
                    column = column.combine_chunks().indices
                columns[name] = converter.py2rpy(column.to_numpy(zero_copy_only=False).astype(float))
            vectors.DataFrame(columns)

    return best(convert, 5)


def main(sizes) -> str:
    from bench.machine import peers

    os.environ["RPY2_CFFI_MODE"] = "ABI"  # no compiler needed
    with_peers = peers(["rpy2-robjects==3.6.3", "pandas"])
    env, lines = find_r().environment(), []

    def print(line, **_) -> None:  # shown as it comes, and kept for the results
        builtins.print(line, flush=True)
        lines.append(line)

    print(f"{'seconds, 10 columns':52}" + "".join(f"{n:>12.0e}" for n in sizes))
    results = {}
    for way, words in WAYS.items():
        cells = []
        for rows in sizes:
            python = with_peers if way in PEERS else sys.executable
            command = [str(python), __file__, way, str(rows)]
            run = subprocess.run(
                command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
            )
            if run.returncode:
                raise SystemExit(run.stderr)
            results[way, rows] = float(run.stdout.split()[-1])
            cells.append(f"{results[way, rows]:12.4f}")
        print(f"{words:52}" + "".join(cells), flush=True)
    for way in PEERS:
        factor = results[way, sizes[-1]] / results["ours", sizes[-1]]
        print(f"{sizes[-1]:.0e} rows: {way} takes {factor:.0f} x as long as ours")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in WAYS:
        print(measure(sys.argv[1], int(sys.argv[2])))
    else:
        os.chdir(ROOT)
        text = main([int(float(a)) for a in sys.argv[1:] if a != "--write"] or ROWS)
        if "--write" in sys.argv:
            from bench.machine import machine, write

            body = f"{machine(['pyarrow', 'rpy2-rinterface'])}\n\n```\n{text}\n```"
            write("bridge", "Arrow to R", " ".join(["python", "bench/bridge.py", *sys.argv[1:]]), body)
