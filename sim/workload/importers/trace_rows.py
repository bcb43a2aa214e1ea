"""A log as a scenario replays it: arrays in order of time, or rates that requests are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.errors import Problem
from sim.units import SECOND
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


def natural_span(times: I64) -> int:
    """The last arrival plus a mean gap, so that a repeated trace keeps its rate; at least 1 ns.

    One row, or all rows at one instant, say nothing about a rate: one second.
    """
    last = int(times[-1]) if len(times) else 0
    return last + max(1, last // (len(times) - 1)) if last and len(times) > 1 else last + SECOND
