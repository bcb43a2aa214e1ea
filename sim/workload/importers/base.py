"""What every importer shares: the rows it returns, the rows it refuses, and its own shape."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.errors import BadInput, BadRow, Problem
from sim.scenario.workloads import Trace
from sim.units import SECOND
from sim.workload.importers.reader import Record, Source, records
from sim.workload.rows import I64

BadRowNote = Problem
"""One refused row: what is wrong, ``file:line``, the value, what would be right."""

SHOWN = 10
"""So many refused rows are listed one by one."""

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rates:
    """Traffic known as rates, not rows: ``w`` windows, sorted by client, then start.

    ``start_ns`` and ``width_ns`` int64 ``(w,)``; ``count`` float, the requests of the window; ``cv``
    float; ``weibull`` bool (else gamma); ``sizes`` int64, the row of ``quantiles`` or -1.
    ``quantiles`` is float ``(m, 2, 6)``: input and output, each mean, p50, p90, p95, p99, max.
    """

    start_ns: I64
    width_ns: I64
    count: F64
    cv: F64
    weibull: NDArray[np.bool_]
    client_code: NDArray[np.int32]
    sizes: I64
    quantiles: F64


@dataclass(frozen=True, eq=False)
class TraceRows:
    """A trace as read; times in nanoseconds from its first row (or from its ``window``'s start).

    ``arrival_ns`` (sorted), ``input_tokens`` (cached ones included), ``cached_tokens``,
    ``output_tokens`` int64 ``(n,)``; ``client_code`` int32 ``(n,)`` points into ``client``, the
    names, which is ``("",)`` where the format names none. ``span_ns`` is the length after which the
    trace may be repeated. A format that has rates (ServeGen) has no rows but ``rates``.
    ``rejected`` are the first refused rows of ``rejected_count``; ``notes`` are sentences for people.
    """

    arrival_ns: I64
    input_tokens: I64
    cached_tokens: I64
    output_tokens: I64
    client: tuple[str, ...]
    client_code: NDArray[np.int32]
    span_ns: int
    rejected: tuple[BadRowNote, ...] = ()
    rejected_count: int = 0
    read_count: int = 0
    notes: tuple[str, ...] = ()
    rates: Rates | None = None

    @property
    def requests(self) -> F64:
        """Requests of each client, float ``(len(client),)``."""
        if self.rates is not None:
            return np.bincount(self.rates.client_code, self.rates.count, len(self.client)).astype(float)
        return np.bincount(self.client_code, minlength=len(self.client)).astype(float)

    @property
    def mean_gap_ns(self) -> float:
        """The trace's length a request."""
        return self.span_ns / max(1.0, float(self.requests.sum()))


@dataclass
class Rejects:
    """Counts rows and keeps the first that were refused."""

    file: str
    read: int = 0
    count: int = 0
    shown: list[Problem] = field(default_factory=list)

    def add(self, line: int, error: BadInput) -> None:
        """Counts a refused row that starts on this line."""
        self.count += 1
        if len(self.shown) < SHOWN:
            found = error.problem
            self.shown.append(Problem(found.message, f"{self.file}:{line}", found.value, found.hint))

    @property
    def note(self) -> str:
        """One sentence, as "12 of 8,819 rows skipped in trace.csv"."""
        return f"{self.count:,} of {self.read:,} rows skipped in {self.file}"


class Importer(Protocol):
    """One log format. ``example`` is a small valid file, which tests and error messages use."""

    name: str
    columns: str
    example: str

    def recognise(self, first_line: str, trace: Trace) -> str:
        """Why a file that starts with this line is of this format; empty when it is not."""
        ...

    def read(self, source: Source, trace: Trace) -> TraceRows:
        """All rows; refused ones are counted, never lost. Raises BadInput for a wrong header."""
        ...


@dataclass
class Builder:
    """Collects rows in the order of the file."""

    times: array[int] = field(default_factory=lambda: array("q"))
    inputs: array[int] = field(default_factory=lambda: array("q"))
    cached: array[int] = field(default_factory=lambda: array("q"))
    outputs: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("i"))
    names: dict[str, int] = field(default_factory=dict)

    def add(self, time_ns: int, inputs: int, outputs: int, cached: int = 0, client: str = "") -> None:
        """One row. Refuses, with BadRow, more cached than input tokens."""
        if cached > inputs:
            hint = "input_tokens must count cached input too"
            raise BadRow("more cached than input tokens", value=f"{cached} > {inputs}", hint=hint)
        self.times.append(time_ns)
        self.inputs.append(inputs)
        self.cached.append(cached)
        self.outputs.append(outputs)
        self.codes.append(self.names.setdefault(client, len(self.names)))

    def finish(self, rejects: Rejects, notes: tuple[str, ...] = ()) -> TraceRows:
        """The rows sorted by time (equal times as in the file), counted from the earliest."""
        times = np.asarray(self.times, np.int64)
        order = np.argsort(times, kind="stable")
        unsorted = int(np.count_nonzero(np.diff(times) < 0))
        if unsorted:
            notes += (f"{unsorted:,} rows in {rejects.file} are earlier than the row before them: sorted",)
        times = times[order] - (times[order[0]] if len(times) else 0)
        return TraceRows(
            times,
            np.asarray(self.inputs, np.int64)[order],
            np.asarray(self.cached, np.int64)[order],
            np.asarray(self.outputs, np.int64)[order],
            tuple(self.names) or ("",),
            np.asarray(self.codes, np.int32)[order],
            natural_span(times),
            tuple(rejects.shown),
            rejects.count,
            rejects.read,
            notes,
        )


def natural_span(times: I64) -> int:
    """The last arrival plus a mean gap, so that a repeated trace keeps its rate; at least 1 ns.

    One row, or all rows at one instant, say nothing about a rate: one second.
    """
    last = int(times[-1]) if len(times) else 0
    return last + max(1, last // (len(times) - 1)) if last else SECOND


def gather(
    source: Source, wanted: tuple[str, ...], optional: tuple[str, ...], parse: Callable[[Record], None]
) -> Rejects:
    """Calls ``parse`` with each record's values of ``wanted + optional``; counts what it refuses."""
    rejects = Rejects(source.shown)
    for line, found in records(source, wanted, optional):
        rejects.read += 1
        try:
            if isinstance(found, BadRow):
                raise found
            parse(found)
        except BadRow as error:
            rejects.add(line, error)
    return rejects
