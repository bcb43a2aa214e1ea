"""Replays the rows of a trace: faster, thinned, multiplied, again and again.

On the trace's own clock, row r of lap j comes at its time plus j × span. ``scale`` gives a row
⌊scale⌋ copies, and one more with the probability of the rest, so below 1 it thins. The first copy
keeps the row's time; each further one comes up to a mean gap later, which keeps the shape of
bursts without doubling instants. ``spread_ticks`` moves every copy by up to one tick. Time is
divided by ``speed`` last. Rows are drawn for in order, and nothing moves back in time, so a longer
horizon only appends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Trace
from sim.units import SECOND
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.rows import I64

F64 = NDArray[np.float64]

MAX_LAPS = 1_000_000


@dataclass(frozen=True)
class Replay:
    """``n`` requests: when, and of what size; int64 ``(n,)``, sorted by time."""

    arrival_ns: I64
    input_tokens: I64
    cached_tokens: I64
    output_tokens: I64


def horizon(trace: Trace, until_ns: int) -> float:
    """``until_ns`` on the trace's own clock."""
    return float(until_ns * trace.speed)


def laps(trace: Trace, span_ns: int, until_ns: int) -> int:
    """How often the trace starts before ``until_ns``. Raises BadInput beyond MAX_LAPS."""
    if not trace.loop:
        return 1
    number = max(1, math.ceil(horizon(trace, until_ns) / span_ns))
    if number > MAX_LAPS:
        hint = f"at most {MAX_LAPS:,} times: a longer piece of the trace, or arrivals that are described"
        value = f"{span_ns / SECOND:g} s, {number:,} times"
        raise BadInput("this trace is too short to be looped for so long", place=trace.file, value=value, hint=hint)
    return number


def _reach(trace: Trace, rows: TraceRows) -> tuple[float, float]:
    """The farthest that the first copy of a row may move, and the others."""
    tick = float(trace.spread_ticks or 0)
    return tick, max(tick, rows.mean_gap_ns)


def _started(trace: Trace, rows: TraceRows, until_ns: int) -> int:
    """How many rows, lap by lap, have a time of their own before the horizon."""
    before = laps(trace, rows.span_ns, until_ns) - 1
    rest = horizon(trace, until_ns) - before * float(rows.span_ns)
    return before * len(rows.arrival_ns) + int(np.searchsorted(rows.arrival_ns, rest, side="left"))


def replay(trace: Trace, rows: TraceRows, stream: Stream, until_ns: int) -> Replay:
    """The requests before ``until_ns``."""
    lap, row = np.divmod(np.arange(_started(trace, rows, until_ns)), max(1, len(rows.arrival_ns)))
    own = rows.arrival_ns[row] + lap * float(rows.span_ns)
    whole, extra = divmod(float(trace.scale), 1.0)
    copies = np.full(len(row), int(whole))
    if extra:
        copies += stream.generator("copies").random(len(row)) < extra
    moved = np.repeat(own, copies) + _moves(trace, rows, copies, stream)
    times = np.floor(moved / float(trace.speed)).astype(np.int64)
    order = np.argsort(times, kind="stable")
    order = order[times[order] < until_ns]
    source = np.repeat(row, copies)[order]
    return Replay(times[order], rows.input_tokens[source], rows.cached_tokens[source], rows.output_tokens[source])


def _moves(trace: Trace, rows: TraceRows, copies: I64, stream: Stream) -> F64:
    """How much later than its row each copy comes, on the trace's clock."""
    total = int(copies.sum())
    number = np.arange(total) - np.repeat(np.cumsum(copies) - copies, copies)
    first, others = _reach(trace, rows)
    if first == 0 and trace.scale <= 1:
        return np.zeros(total)
    moves: F64 = np.where(number == 0, first, others) * stream.generator("moves").random(total)
    return moves


def expected_copies(trace: Trace, rows: TraceRows, until_ns: int) -> F64:
    """How often each row is expected before ``until_ns``, float ``(n,)``."""
    first, others = _reach(trace, rows)
    scale = float(trace.scale)
    copies = min(1.0, scale) * _expected_laps(trace, rows, until_ns, first)
    if scale > 1:
        copies += (scale - 1) * _expected_laps(trace, rows, until_ns, others)
    return copies


def _expected_laps(trace: Trace, rows: TraceRows, until_ns: int, reach: float) -> F64:
    """In how many laps a row that moves by up to ``reach`` is expected before ``until_ns``."""
    end, span = horizon(trace, until_ns), float(rows.span_ns)
    last = laps(trace, rows.span_ns, until_ns)
    full = min(last, max(0, math.floor((end - reach) / span)))
    total = np.full(len(rows.arrival_ns), float(full))
    for lap in range(full, last):
        left = end - lap * span - rows.arrival_ns
        total += np.where(left <= 0, 0.0, np.minimum(1.0, left / max(reach, 1e-9)))
    return total
