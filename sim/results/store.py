"""The two result tables on disk: ``requests.parquet`` and ``attempts.parquet`` of one study.

A study appends run after run, so that memory holds one run at a time. Everything is written under
a temporary name and renamed when it is whole: a folder never holds half a table. Both files carry
one fingerprint, so that tables of two different studies are not read as one. A long study writes each
as a folder of parts (:mod:`sim.results.parts`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import BadInput
from sim.results.columns import ATTEMPTS, REQUESTS, Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

REQUESTS_FILE = "requests.parquet"
ATTEMPTS_FILE = "attempts.parquet"
ROW_GROUP = 1 << 17
"""Rows that are collected before a row group is written: small runs share one."""

_META = b"keystorm"
_NUMBERS_ONLY = re.compile(r'\[\n\s+([^\[\]{}"]*?)\n\s*\]')
_serial = itertools.count()


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    named = {"int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64()}
    return named.get(column.type) or pa.dictionary(pa.int32(), pa.string())


def _schema(columns: Sequence[Column]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(column.name, _arrow_type(column)) for column in columns])


def _array(values: pd.Series, column: Column) -> pa.Array:
    """One column as Arrow; raises ``ValueError`` where the frame's type would lose something."""
    import pandas as pd
    import pyarrow as pa

    if column.type == "category":
        if not isinstance(values.dtype, pd.CategoricalDtype):
            raise ValueError(f"column {column.name} must be categorical, not {values.dtype}")
        codes = values.cat.codes.to_numpy().astype(np.int32)
        names = pa.array([str(name) for name in values.cat.categories], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names)
    numbers = values.to_numpy()
    if not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(f"column {column.name} must be {column.type}, not {numbers.dtype}")
    return pa.array(numbers, pa.int64()).cast(_arrow_type(column))  # a safe cast: overflow raises


class Table:
    """One Parquet file that grows by frames, one row group at a time."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow.parquet as pq

        self._columns = columns
        self._schema = _schema(columns)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._categories: dict[str, dict[str, None]] = {
            column.name: {} for column in columns if column.type == "category"
        }

    def add(self, frame: pd.DataFrame) -> None:
        """Append the rows of ``frame``; raises ``ValueError`` when a column is missing."""
        import pyarrow as pa

        missing = [column.name for column in self._columns if column.name not in frame.columns]
        if missing:
            raise ValueError(f"the table lacks the columns {', '.join(missing)}")
        arrays = [_array(frame[column.name], column) for column in self._columns]
        for name, seen in self._categories.items():
            seen.update(dict.fromkeys(map(str, frame[name].cat.categories)))
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(table.num_rows for table in self._waiting) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            # One chunk a column: a row group has one dictionary.
            whole = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
            self._file.write_table(whole, row_group_size=4 * ROW_GROUP)
            self._waiting = []

    def finish(self, fingerprint: str) -> None:
        """Write what waits and the footer, with the categories and the study's fingerprint."""
        self._flush()
        footer = {"fingerprint": fingerprint, "categories": {k: list(v) for k, v in self._categories.items()}}
        self._file.add_key_value_metadata({_META: json.dumps(footer).encode()})
        self._file.close()

    def drop(self) -> None:
        """Close the file without a thought for what is in it."""
        self._file.close()


class Writer:
    """Writes the tables of one study into ``directory``; use as a context manager.

    ``add`` appends one run, ``commit`` renames the finished files into place. Leaving the block
    without a ``commit``, by an exception or otherwise, removes what was written and keeps the
    tables that stood there before. With ``attempts=False`` there is no table of attempts (and an
    old one is removed at the commit, as it would belong to other requests).
    """

    def __init__(self, directory: Path, *, attempts: bool = True) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self._directory))
        self._requests = Table(self._partial / REQUESTS_FILE, REQUESTS)
        self._attempts = Table(self._partial / ATTEMPTS_FILE, ATTEMPTS) if attempts else None
        self._hash = hashlib.sha256()
        self._finished = False

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(self, requests: pd.DataFrame, attempts: pd.DataFrame | None = None) -> None:
        """Append one run: one configuration, one replication. Raises ``ValueError`` on wrong columns."""
        if self._attempts is not None and attempts is None:
            raise ValueError("this writer keeps attempts: give the run's attempts too")
        self._requests.add(requests)
        self._hash.update(np.ascontiguousarray(requests["finish_ns"].to_numpy(), np.int64).tobytes())
        if self._attempts is not None and attempts is not None:
            self._attempts.add(attempts)

    def finish(self) -> None:
        """Nothing more is added: complete the files, where they are."""
        if not self._finished:
            self._finished = True
            for table in filter(None, (self._requests, self._attempts)):
                table.finish(self._hash.hexdigest())

    def commit(self) -> None:
        """Finish the files and put them in place."""
        self.finish()
        tables = {REQUESTS_FILE: self._requests, ATTEMPTS_FILE: self._attempts}
        for name, kept in tables.items():
            if kept is None:
                remove(self._directory / name)
            else:
                put(self._partial / name, self._directory / name)
        self.discard()

    def discard(self) -> None:
        """Remove whatever is not committed. Harmless after a commit."""
        if self._partial.exists():
            for table in filter(None, (self._requests, self._attempts)):
                table.drop()
            shutil.rmtree(self._partial, ignore_errors=True)


def part_name(number: int) -> str:
    """The name of one part of a table that is a folder."""
    return f"part-{number:05d}.parquet"


def remove(path: Path) -> None:
    """Remove a table, a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def put(made: Path, path: Path) -> None:
    """Move a finished table to where it belongs, instead of an earlier one."""
    if made.is_dir() or path.is_dir():  # a file takes another's place in one step, a folder can't
        remove(path)
    made.replace(path)


def _open(path: Path) -> Any:
    """The Parquet file; raises BadInput when it is absent or not one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    hint = "give the folder that keystorm compare or keystorm run wrote"
    if not path.is_file():
        raise BadInput("there is no table here", place=str(path.parent), value=f"no {path.name}", hint=hint)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput("not a Parquet file", place=str(path), value=str(error)[:200], hint=hint) from error


def _check(found: pa.Schema, columns: Sequence[Column], path: Path) -> None:
    wanted = _schema(columns)
    wrong = [
        f"{field.name} is {found.field(field.name).type if field.name in found.names else 'missing'}, not {field.type}"
        for field in wanted
        if field.name not in found.names or found.field(field.name).type != field.type
    ]
    if wrong:
        hint = "the folder comes from another version; run the scenario again"
        raise BadInput("the table has other columns", place=str(path), value="; ".join(wrong), hint=hint)


def _footer(file: Any) -> dict[str, Any]:
    text = (file.metadata.metadata or {}).get(_META)
    return dict(json.loads(text)) if text else {"fingerprint": None, "categories": {}}


def _load(path: Path, columns: Sequence[Column]) -> tuple[pd.DataFrame, Any]:
    """One table, a file or a folder of parts, with its categories as they were written, and its fingerprint."""
    if not path.is_dir():
        return _load_file(path, columns)
    found = [_load_file(part, columns) for part in sorted(path.iterdir()) or [path / part_name(0)]]
    if len({identity for _, identity in found}) > 1:
        hint = "remove the folder and run the scenario again"
        raise BadInput("the parts belong to different studies", place=str(path), hint=hint)
    return joined([frame for frame, _ in found]), found[0][1]


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames one after another; categories are those of all, in the order in which they are met."""
    import pandas as pd

    frames = [frame for frame in frames if len(frame)] or list(frames[:1])
    for name in [column for column in frames[0] if isinstance(frames[0][column].dtype, pd.CategoricalDtype)]:
        every = dict.fromkeys(category for frame in frames for category in frame[name].cat.categories)
        for frame in frames:
            frame[name] = frame[name].cat.set_categories(list(every))
    return pd.concat(frames, ignore_index=True)


def _load_file(path: Path, columns: Sequence[Column]) -> tuple[pd.DataFrame, Any]:
    import pyarrow as pa

    with _open(path) as file:
        _check(file.schema_arrow, columns, path)
        try:
            table = file.read([column.name for column in columns]).unify_dictionaries()
        except (pa.ArrowInvalid, OSError) as error:
            raise BadInput("the table is damaged", place=str(path), value=str(error)[:200]) from error
        footer = _footer(file)
    frame: pd.DataFrame = table.to_pandas()
    for name, categories in footer["categories"].items():
        frame[name] = frame[name].cat.set_categories(categories)
    return frame, footer["fingerprint"]


def empty(columns: Sequence[Column]) -> pd.DataFrame:
    """A frame with these columns and types, and no rows."""
    import pandas as pd

    return pd.DataFrame({column.name: pd.Series([], dtype=column.type) for column in columns})


def read(directory: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The requests and the attempts of a study; no rows of attempts when it kept none.

    Raises :class:`BadInput` when the folder has no tables, when they are damaged or have other
    columns, and when the two come from different studies.
    """
    directory = Path(directory)
    requests, identity = _load(directory / REQUESTS_FILE, REQUESTS)
    if not (directory / ATTEMPTS_FILE).exists():
        return requests, empty(ATTEMPTS)
    attempts, other = _load(directory / ATTEMPTS_FILE, ATTEMPTS)
    if identity != other:
        hint = "a run was interrupted between its two files; run the scenario again"
        raise BadInput(
            "requests.parquet and attempts.parquet belong to different runs", place=str(directory), hint=hint
        )
    return requests, attempts


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text under a temporary name, then rename: readers see the old or the new whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}-{next(_serial)}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON, indented, lists of numbers on one line. Raises ``ValueError`` on NaN or infinity."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, _NUMBERS_ONLY.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text) + "\n")
