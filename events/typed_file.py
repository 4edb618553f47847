"""An Arrow, Parquet or JSON lines file of somebody else. A damaged one can end its reader: a child reads it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from factsurv.events import children
from factsurv.events.errors import InputError

PARQUETS = (".parquet", ".pq")
JSONS = (".jsonl", ".ndjson")
KINDS = dict.fromkeys(PARQUETS, "parquet") | dict.fromkeys(JSONS, "json")  # of the others: arrow
# Seconds for starting, and bytes a second afterwards: a damaged length must not keep anybody waiting.
PATIENCE, PACE = 60, 5e6
CHECK = """
import sys
import pyarrow as pa
path, kind = sys.argv[1:]
try:
    if kind == "parquet":
        import pyarrow.parquet
        table = pyarrow.parquet.read_table(path)
    elif kind == "json":
        import pyarrow.json
        table = pyarrow.json.read_json(path)
    else:
        table = pa.ipc.open_file(pa.memory_map(path)).read_all()
    table.validate(full=True)
except (pa.ArrowException, OSError, MemoryError, ValueError) as error:
    sys.exit(str(error) or type(error).__name__)
"""


def read_typed(path: Path) -> pa.Table:
    """Read an Arrow IPC file or, by its ending, Parquet or JSON lines, whose values and structure were checked whole.

    Raises
    ------
    InputError
        If it cannot be read, or reading it ends the process that tries.
    """
    kind = KINDS.get(path.suffix.lower(), "arrow")
    limit = PATIENCE + path.stat().st_size / PACE
    command = [sys.executable, "-P", "-c", CHECK, str(path), kind]
    try:
        tried = children.run(command, timeout=limit)
    except subprocess.TimeoutExpired:
        raise _damaged(path, f"reading it had not ended after {limit:.0f} s") from None
    if tried.returncode < 0:
        raise _damaged(path, f"reading it ends a process by signal {-tried.returncode}")
    if tried.returncode:
        raise _damaged(path, (tried.stderr.strip().splitlines() or ["no reason was given"])[0])
    if kind == "parquet":
        return pyarrow.parquet.read_table(path)
    if kind == "json":
        return pyarrow.json.read_json(path)
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _damaged(path: Path, reason: str) -> InputError:
    with path.open("rb") as file:
        stream = path.suffix.lower() not in KINDS and file.read(4) == b"\xff\xff\xff\xff"
    why = "it is an Arrow stream, which reads short without an error when it is cut: write the file format "
    why += "(pyarrow.ipc.new_file, or arrow::write_ipc_file in R)"
    other = "it is damaged, cut short, or of another kind than its name says: write it again"
    return InputError(f"the file cannot be read ({reason})", str(path), why if stream else other)
