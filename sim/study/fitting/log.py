"""A request log in memory, as a fit reads it: columns by row, in order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import BadInput
from sim.workload.importers.trace_rows import TraceRows, natural_span
from sim.workload.rows import I64

MOST = 20_000_000
"""Rows that are held in memory: what a plan holds, too."""

FIELDS = ("start", "duration", "first", "team", "model", "input", "read", "output", "session", "status", "failed",
          "retries", "cost", "cached", "assumed")  # fmt: skip
NONE = "(none)"


@dataclass(frozen=True, eq=False)
class Log:
    """``n`` rows in order of time; -1 is unknown. Times in nanoseconds, the first start is 0.

    ``columns`` are int64 ``(n,)`` by the fields of :data:`FIELDS`. ``team`` and ``model`` point into
    ``teams`` and ``models``. ``origin_ns`` is the first start, since 1970 unless ``clock`` is
    relative. ``span_ns`` is the length of the log, a mean gap after its last start included.
    """

    shown: str
    clock: str
    origin_ns: int
    span_ns: int
    teams: tuple[str, ...]
    models: tuple[str, ...]
    columns: Mapping[str, I64]
    batch: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.columns["start"])

    def __getitem__(self, name: str) -> I64:
        return self.columns[name]

    def where(self, kept: NDArray[np.bool_]) -> Log:
        """Some of the rows; origin, span and names stay."""
        return replace(
            self, columns={name: values[kept] for name, values in self.columns.items()}, batch=self.batch[kept]
        )

    @property
    def replayed(self) -> NDArray[np.bool_]:
        """The rows that a replay sends: none out of a gateway's cache, none in batches, no failures without a size."""
        sized = (self["input"] > 0) | (self["output"] > 0)
        good = (self["failed"] != 1) & (self["status"] < 400)
        found: NDArray[np.bool_] = (self["cached"] != 1) & ~self.batch & (sized | good)
        return found

    def trace(self) -> TraceRows:
        """What :func:`sim.workload.importers.read_trace` would return for these rows."""
        return TraceRows(
            self["start"], self["input"], self["read"], self["output"], ("",), np.zeros(len(self), np.int32),
            self.span_ns,
        )  # fmt: skip


def read_log(path: Path | str) -> Log:
    """The log of a folder that ``keystorm import`` wrote, or of its ``requests.parquet``. Raises BadInput."""
    from sim.workload.log.read import clock_of, open_log, parts_of
    from sim.workload.log.rows import Names
    from sim.workload.log.write import FILE

    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        hint = "the folder or the requests.parquet that keystorm import wrote, or a log that it reads"
        raise BadInput("no such log", place=str(path), hint=hint)
    names = Names()
    with open_log(file, str(path)) as opened:
        rows = opened.metadata.num_rows
        if rows > MOST:
            hint = "fit a part of it: import fewer days"
            raise BadInput("too many rows to fit at once", place=str(path), value=f"{rows:,}", hint=hint)
        clock = clock_of(opened)
        parts = [{name: part[name].astype(np.int64) for name in (*FIELDS, "tier")}
                 for part in parts_of(opened, names, str(path))]  # fmt: skip
    return of_columns(_joined(parts), names.list("team"), names.list("model"), names.list("tier"), clock, str(path))


def _joined(parts: Sequence[Mapping[str, I64]]) -> dict[str, I64]:
    empty = np.empty(0, np.int64)
    return {name: np.concatenate([empty, *(part[name] for part in parts)]) for name in (*FIELDS, "tier")}


def of_columns(
    columns: Mapping[str, Any], teams: Sequence[str], models: Sequence[str], tiers: Sequence[str] = ("",),
    clock: str = "utc", shown: str = "the log",
) -> Log:  # fmt: skip
    """A log of columns (missing ones are unknown), sorted by ``start``. Raises BadInput without rows."""
    start = np.asarray(columns["start"], np.int64)
    if not len(start):
        raise BadInput("no request to fit", place=shown, hint="a log with requests")
    order = np.argsort(start, kind="stable")
    unknown = np.full(len(start), -1, np.int64)
    zero = {"team", "model", "read", "cached", "assumed", "output", "input"}
    found = {
        name: np.asarray(columns.get(name, unknown * (name not in zero)), np.int64)[order] for name in FIELDS
    }  # fmt: skip
    origin = int(found["start"][0])
    found["start"] = found["start"] - origin
    batch = np.isin(columns.get("tier", unknown)[order], [at for at, name in enumerate(tiers) if name == "batch"])
    span = natural_span(found["start"])
    return Log(shown, clock, origin, span, tuple(teams), tuple(models), found, batch)
