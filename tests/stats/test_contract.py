"""The analysis tables of R and of the Arrow schemas are the same, in names, order and types."""

import pyarrow as pa

from factsurv.events.schema import ANALYSIS
from factsurv.stats.bridge import RWorkers

KINDS = {"character": "dictionary", "integer": "int32", "numeric": "double", "double": "double", "logical": "bool"}


def test_r_and_python_agree_on_every_column():
    with RWorkers(workers=1) as r:
        answer = r.call("contract_columns")
    assert answer.ok, answer.error
    told = {table: {n: KINDS[k] for n, k in columns.items()} for table, columns in answer.value.items()}
    names = {pa.int32(): "int32", pa.float64(): "double", pa.bool_(): "bool"}
    assert told == {t: {n: names.get(k, "dictionary") for n, k in c.items()} for t, c in ANALYSIS.items()}
    assert [list(c) for c in told.values()] == [list(ANALYSIS[t]) for t in told]
