"""Reads a request log that ``keystorm import`` wrote, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import BadInput
from sim.workload.log.columns import COLUMNS, META, NAME, VERSION, YES, schema
from sim.workload.log.rows import ROW, Names, Rows

_HINT = "a log that keystorm import wrote"


def open_log(path: Path, shown: str = "") -> Any:
    """The Parquet file. Raises BadInput when it is no request log of this version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shown = shown or str(path)
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput("not a Parquet file", place=shown, value=str(error)[:120], hint=_HINT) from error
    meta = (file.schema_arrow.metadata or {}).get(META)
    if meta is None or json.loads(meta).get("version") != VERSION:
        there = ", ".join(file.schema_arrow.names)[:200]
        raise BadInput("this Parquet table is no request log", place=shown, value=there, hint=_HINT)
    wrong = [field.name for field in schema() if field.name not in file.schema_arrow.names]
    if wrong:
        raise BadInput(f"no column {' and no column '.join(wrong)}", place=shown, hint=_HINT)
    return file


def clock_of(file: Any) -> str:
    """Utc or relative."""
    return str(json.loads(file.schema_arrow.metadata[META]).get("clock", "utc"))


def parts_of(file: Any, names: Names, shown: str, size: int = 1 << 17) -> Iterator[Rows]:
    """All rows in order, in parts; names get numbers in ``names``. Raises BadInput when it is damaged."""
    import pyarrow as pa

    try:
        for batch in file.iter_batches(size, columns=[column.name for column in COLUMNS]):
            yield _rows(batch, names)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            "the table is damaged", place=shown, value=str(error)[:120], hint="import the log again"
        ) from error


def _rows(batch: Any, names: Names) -> Rows:
    rows = np.empty(batch.num_rows, ROW)
    for column in COLUMNS:
        values = batch.column(column.name)
        if column.kind == NAME:
            own = np.asarray(names.codes(column.field, values.dictionary.to_pylist()), np.int32)
            rows[column.field] = own[values.indices.to_numpy(zero_copy_only=False)]
        elif column.kind == YES:
            rows[column.field] = values.cast("int8").fill_null(-1).to_numpy(zero_copy_only=False)
        else:
            rows[column.field] = values.fill_null(-1).to_numpy(zero_copy_only=False)
    return rows
