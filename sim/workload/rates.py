"""Draws requests from rates (ServeGen): arrivals by window, sizes by quantiles.

What a window records as a fact is kept: its number of requests. What is drawn is where in the
window they stand. ``n`` gaps of the window's family and CV are scaled to fill the window as a
circle, which is turned by a uniform angle. So the expected count of any part of a window is exactly
its share, no instant (such as the seam between windows, which all clients have in common) attracts
requests, and a client's silences may reach over seams. Independent renewal windows would instead
vary by cv × √n requests: at n = 1000 and a CV of 27 by 85 %.

The CV of n gaps that fill a circle is √((n - 1)/(n k + 1)) for gamma gaps of shape k (the moments of
a Dirichlet distribution), less than that of single gaps. The shape is chosen so that this is the
recorded CV; for Weibull gaps the same correction is an approximation.

``scale`` multiplies the counts. Above 1 the CV stays; below 1 it becomes that of a thinned renewal
process, cv² = 1 + scale (cv² - 1). Counts that are not whole are rounded up or down by a draw.
Sizes follow the recorded quantiles and mean exactly: between quantiles a and b the value is
a + (b - a) s^c for s from 0 to 1, from 1 token up to the median likewise, and the one c makes the mean
right. Input and output are independent, as the source has no joint statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.scenario.workloads import Trace
from sim.workload.arrivals import weibull_shape
from sim.workload.importers.trace_rows import Rates, TraceRows
from sim.workload.replay import Replay, laps
from sim.workload.rows import I64

F64 = NDArray[np.float64]

LEVELS = np.array([0.0, 0.5, 0.9, 0.95, 0.99, 1.0])
_LEAST_SPREAD = 1e-3
"""Smallest n × shape: beyond, all requests of the window stand at one instant anyway."""

INPUT, OUTPUT = 0, 1


@dataclass(frozen=True)
class _Windows:
    """The windows of one client over all laps, by start; times in float ns of the scenario."""

    start: F64
    width: F64
    count: F64
    cv: F64
    weibull: NDArray[np.bool_]
    sizes: I64


def _client_windows(trace: Trace, rows: TraceRows, rates: Rates, client: int, until_ns: int) -> _Windows:
    mine = np.flatnonzero(rates.client_code == client)
    number = laps(trace, rows.span_ns, until_ns)
    speed, scale = float(trace.speed), float(trace.scale)
    lap = np.repeat(np.arange(number) * float(rows.span_ns), len(mine))
    mine = np.tile(mine, number)
    start = (rates.start_ns[mine] + lap) / speed
    mine, start = mine[start < until_ns], start[start < until_ns]
    cv = rates.cv[mine]
    thinned = np.sqrt(np.maximum(1 + scale * (cv * cv - 1), 0.0)) if scale < 1 else cv
    return _Windows(
        start, rates.width_ns[mine] / speed, rates.count[mine] * scale, thinned, rates.weibull[mine], rates.sizes[mine]
    )


def gap_shapes(count: I64, cv: F64) -> F64:
    """The gamma shape whose ``count`` gaps (1 or more) on a circle have this CV on average."""
    shapes: F64 = np.maximum((count - 1) / (cv * cv) - 1, _LEAST_SPREAD) / count
    return shapes


def _log_gaps(count: I64, cv: F64, weibull: NDArray[np.bool_], stream: Stream, client: str) -> F64:
    """Logarithms of gaps, window after window; logarithms because at a high CV gaps underflow."""
    shape = gap_shapes(count, cv)
    # Four digits are enough, and let the cache of shapes work.
    shape[weibull] = [weibull_shape(float(f"{each**-0.5:.4g}")) for each in shape[weibull]]
    power, exponential = np.repeat(shape, count), np.repeat(weibull, count)
    uniform = 1.0 - stream.generator(f"gaps/{client}").random(len(power))
    # weibull(k) = exponential^(1/k), and gamma(k) = gamma(k + 1) × U^(1/k)
    base = np.where(exponential, np.maximum(-np.log(uniform), 1e-300), uniform)
    gamma = stream.generator(f"gamma/{client}").standard_gamma(np.where(exponential, 1.0, power + 1))
    logs: F64 = np.log(base) / power + np.where(exponential, 0.0, np.log(gamma))
    return logs


def _places(count: I64, logs: F64, turns: F64) -> F64:
    """Where in its window, from 0 to 1, each request stands; windows of 1 request or more."""
    first = np.cumsum(count) - count
    gaps = np.exp(logs - np.repeat(np.maximum.reduceat(logs, first), count))
    gaps /= np.repeat(np.add.reduceat(gaps, first), count)
    ends = np.cumsum(gaps)
    ends -= np.repeat(ends[first] - gaps[first], count)
    places: F64 = (ends + np.repeat(turns, count)) % 1.0
    return places


def _arrivals(windows: _Windows, stream: Stream, client: str) -> tuple[I64, I64]:
    """All arrivals of these windows, sorted, and the token row of each."""
    whole = np.floor(windows.count)
    count = whole.astype(np.int64) + (stream.generator(f"count/{client}").random(len(whole)) < windows.count - whole)
    turns = stream.generator(f"turns/{client}").random(len(count))
    busy = np.flatnonzero(count)
    if not len(busy):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    count = count[busy]
    logs = _log_gaps(count, windows.cv[busy], windows.weibull[busy], stream, client)
    inside = _places(count, logs, turns[busy]) * np.repeat(windows.width[busy], count)
    times = np.floor(np.repeat(windows.start[busy], count) + inside).astype(np.int64)
    return np.sort(times), np.repeat(windows.sizes[busy], count)


def client_draw(
    trace: Trace, rows: TraceRows, rates: Rates, client: int, stream: Stream, until_ns: int
) -> tuple[I64, I64, I64]:
    """Arrivals, input and output tokens of one client; draws do not depend on other clients."""
    name = rows.client[client]
    times, size = _arrivals(_client_windows(trace, rows, rates, client, until_ns), stream, name)
    inputs = tokens(rates, size, INPUT, stream.generator(f"input/{name}").random(len(size)))
    outputs = tokens(rates, size, OUTPUT, stream.generator(f"output/{name}").random(len(size)))
    before = times < until_ns
    return times[before], inputs[before], outputs[before]


def tokens(rates: Rates, rows: I64, side: int, uniforms: F64) -> I64:
    """Sizes at these uniform draws, by the token rows ``rows``; 0 where there is none (-1)."""
    if not len(rates.quantiles):
        return np.zeros(len(rows), np.int64)
    knots, bend = _curve(rates.quantiles[:, side])
    piece = np.minimum(np.searchsorted(LEVELS, uniforms, side="right") - 1, len(LEVELS) - 2)
    low, high = knots[rows, piece], knots[rows, piece + 1]
    inside = (uniforms - LEVELS[piece]) / np.diff(LEVELS)[piece]
    values: I64 = np.maximum(np.rint(low + (high - low) * inside ** bend[rows]), 1).astype(np.int64)
    return values


def _curve(statistics: F64) -> tuple[F64, F64]:
    """Quantiles at LEVELS, ``(m, 6)``, and the exponents that make the means right, ``(m,)``."""
    median = statistics[:, 1:2]
    knots = np.concatenate((np.minimum(1.0, median), statistics[:, 1:]), axis=1)
    weight = np.diff(LEVELS)
    low, rise = knots[:, :-1] @ weight, np.diff(knots, axis=1) @ weight
    # The mean of a piece is low + rise/(1 + c).
    share = np.divide(statistics[:, 0] - low, rise, out=np.full(len(low), 0.5), where=rise > 0)
    return knots, 1 / np.clip(share, 1e-3, 1 - 1e-3) - 1


def mean_tokens(rates: Rates, side: int) -> F64:
    """The mean size of each token row, as :func:`tokens` draws it up to rounding."""
    knots, bend = _curve(rates.quantiles[:, side])
    weight = np.diff(LEVELS)
    return np.maximum(knots[:, :-1] @ weight + np.diff(knots, axis=1) @ weight / (1 + bend), 1.0)


def draw(trace: Trace, rows: TraceRows, rates: Rates, stream: Stream, until_ns: int) -> Replay:
    """The requests of all clients before ``until_ns``; sizes are 0 without a tokens file."""
    clients = [client_draw(trace, rows, rates, client, stream, until_ns) for client in range(len(rows.client))]
    times, inputs, outputs = (np.concatenate(column) for column in zip(*clients, strict=True))
    order = np.argsort(times, kind="stable")
    return Replay(times[order], inputs[order], np.zeros(len(order), np.int64), outputs[order])


def expected_counts(trace: Trace, rows: TraceRows, rates: Rates, until_ns: int) -> F64:
    """How many requests of each window are expected before ``until_ns``, float ``(w,)``."""
    end = until_ns * float(trace.speed)
    total = np.zeros(len(rates.count))
    last = laps(trace, rows.span_ns, until_ns)
    full = min(last, int(end // rows.span_ns))
    for lap in range(full, last):
        left = (end - lap * float(rows.span_ns) - rates.start_ns) / rates.width_ns
        total += np.clip(left, 0.0, 1.0)
    return (total + full) * rates.count * float(trace.scale)
