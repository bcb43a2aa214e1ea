"""Writes a request log as Parquet, row group by row group, in place only when it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.workload.log.columns import COLUMNS, META, NAME, SMALL, VERSION, YES, LogColumn, schema
from sim.workload.log.rows import Names, Rows

FILE = "requests.parquet"


def write(path: Path, parts: Iterator[Rows], names: Names, clock: str) -> Iterator[Rows]:
    """Write every part as it comes by; yields it again. ``clock`` is utc or relative."""
    import pyarrow.parquet as pq

    said = json.dumps({"version": VERSION, "clock": clock}).encode()
    wanted = schema().with_metadata({META: said})
    with pq.ParquetWriter(path, wanted, compression="zstd") as file:
        for part in parts:
            file.write_table(_table(part, names, wanted), row_group_size=len(part))
            yield part


def _table(part: Rows, names: Names, wanted: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_arrays([_array(part, column, names) for column in COLUMNS], schema=wanted)


def _array(part: Rows, column: LogColumn, names: Names) -> Any:
    import pyarrow as pa

    values = np.ascontiguousarray(part[column.field])
    mask = values < 0 if column.null else None
    if column.kind == NAME:
        return pa.DictionaryArray.from_arrays(
            pa.array(values, pa.int32()), pa.array(names.list(column.field), pa.string())
        )
    if column.kind == YES:
        return pa.array(values > 0, pa.bool_(), mask=mask)
    return pa.array(values, pa.int16() if column.kind == SMALL else pa.int64(), mask=mask)
