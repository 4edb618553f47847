"""Damaged Arrow and Parquet files: a table whose values were all checked, or one message; never a dead process."""

import random
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.events.manifest import Manifest, read_finished
from factsurv.events.own_file import read_own_file
from factsurv.events.typed_file import read_typed
from factsurv.training.facts.gather import gather
from factsurv.training.spec import FactsSpec

ROWS = 60
TABLE = pa.table(
    {
        "id": [f"id {i}" for i in range(ROWS)],
        "group": pa.array([["a", "bb", None][i % 3] for i in range(ROWS)]).dictionary_encode(),
        "stop": [float(i) for i in range(ROWS)],
        "event": [i % 2 == 0 for i in range(ROWS)],
        "several": [[i] * (i % 4) for i in range(ROWS)],
    }
)
# Reads each damaged copy as it is, in a fork of its own, and prints the numbers of those that end it by a signal.
PLAIN = """
import os, sys
import pyarrow as pa
for k, path in enumerate(sys.argv[1:]):
    child = os.fork()
    if not child:
        try:
            with pa.memory_map(path) as source:
                table = pa.ipc.open_file(source).read_all()
            [table[c].to_pylist() for c in table.column_names]
        except Exception:
            pass
        os._exit(0)
    if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        print(k)
"""


def test_a_flipped_bit_never_ends_this_process(tmp_path):
    rng, write = random.Random(1), pyarrow.parquet.write_table
    write(TABLE, tmp_path / "t.parquet")
    write_table(tmp_path / "t.arrow", TABLE)
    copies = {}
    for name, count in (("t.arrow", 100), ("t.parquet", 2)):
        data = (tmp_path / name).read_bytes()
        assert read_typed(tmp_path / name).equals(TABLE)
        for k in range(count):
            damaged = bytearray(data)
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            copies[tmp_path / f"{k}-{name}"] = damaged
    for path, damaged in copies.items():
        path.write_bytes(damaged)
    arrows = [p for p in copies if p.suffix == ".arrow"]
    told = subprocess.run([sys.executable, "-c", PLAIN, *arrows], capture_output=True, text=True, check=True).stdout
    ended = [arrows[int(k)] for k in told.split()]
    assert ended  # SIGBUS or SIGSEGV: what must not happen here
    said = []
    for path in (*ended[:3], *arrows[:2], *[p for p in copies if p.suffix == ".parquet"]):
        try:
            table = read_typed(path)
            [table[c].to_pylist() for c in table.column_names]
        except InputError as error:
            said.append(str(error))
            assert "the file cannot be read" in said[-1] and "write it again" in said[-1]
    assert all(any(str(p) in s for s in said) for p in ended[:3])


def test_all_ways_of_reading_somebodys_own_file_go_through_it(tmp_path):
    """Values that pass for text until they are read: bytes that are no UTF-8."""
    wrong = pa.Array.from_buffers(pa.utf8(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    write_table(tmp_path / "t.arrow", pa.table({"subject": wrong, "object": ["x"]}))
    facts = FactsSpec(source="table", path=str(tmp_path / "t.arrow"))
    stored = FactsSpec(source="stored", path=str(tmp_path / "t.arrow"))
    for read in (lambda: read_own_file(tmp_path / "t.arrow"), lambda: gather(facts), lambda: gather(stored)):
        with pytest.raises(InputError, match="the file cannot be read"):
            read()


def test_a_finished_table_is_compared_with_its_digest(tmp_path):
    (tmp_path / "analysis").mkdir()
    path = tmp_path / "analysis" / "t.arrow"
    write_table(path, TABLE)
    Manifest(tmp_path).record("step", {}, {"analysis/t.arrow": ROWS}, 0.1, "now")
    assert read_finished(path).equals(TABLE)
    write_table(path, TABLE.slice(1))
    with pytest.raises(InputError, match="differs from what was written"):
        read_finished(path)
