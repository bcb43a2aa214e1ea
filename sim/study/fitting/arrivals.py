"""The processes that may stand for the arrivals of a stream, each fitted by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.scenario.profiles import Profile
from sim.study.fitting import gaps as renewal
from sim.study.fitting.gaps import GapFit, Sample, logarithmic
from sim.study.fitting.log import Log
from sim.study.fitting.shapes import Shape, shapes
from sim.study.fitting.types import Burstiness, Candidate, Estimate
from sim.units import MINUTE, SECOND
from sim.workload.rows import I64

F64 = NDArray[np.float64]

SCALES = {"1s": SECOND, "1min": MINUTE, "10min": 10 * MINUTE}
EVEN = 0.02
"""Gaps that differ by less than this from their mean are a constant rate."""
ROUNDED, SHORTEST = 5, 1000
"""Gaps are told only when longer than so many steps of the time stamps, and than so many nanoseconds."""
FEW = 8
"""Below so many requests only a rate can be told."""


def burstiness(times: I64, span_ns: int) -> Burstiness:
    """How unevenly sorted ``times`` within ``span_ns`` come."""
    peak: dict[str, float | None] = {}
    spread: dict[str, float | None] = {}
    for name, width in SCALES.items():
        whole = int(span_ns // width)
        counts = np.bincount(times // width, minlength=whole)[:whole].astype(float)
        mean = float(counts.mean()) if whole >= 2 else 0.0
        peak[name] = float(counts.max() / mean) if mean else None
        spread[name] = float(counts.var() / mean) if mean else None
    between = np.diff(times) if len(times) > 2 else np.zeros(0)
    cv = float(between.std() / between.mean()) if len(between) and between.mean() > 0 else None
    return Burstiness(len(times) * MINUTE / span_ns, cv, peak, spread)


def resolution(times: I64) -> int:
    """The step on which all time stamps stand, in nanoseconds."""
    return max(1, int(np.gcd.reduce(times))) if len(times) else 1


def candidates(log: Log, times: I64) -> tuple[Candidate, ...]:
    """Every process that could be fitted, the one with the fewest parameters first."""
    special = _special(times, log.span_ns)
    if special is not None:
        return (special,)
    if len(times) < FEW:
        return (_plain(times, log.span_ns),)
    limit = max(ROUNDED * resolution(times), SHORTEST)
    found = [each for shape in shapes(log, times) for each in _of_shape(log, shape, times, limit)]
    regular = _regular_bursts(times.astype(float), log.span_ns)
    if regular is not None:
        found.append(regular)
    return tuple(sorted(found, key=lambda each: (each.parameters, each.aic)))


def _plain(times: I64, span_ns: int) -> Candidate:
    count = len(times)
    rate = logarithmic(count * MINUTE / span_ns, 1 / math.sqrt(count))
    return Candidate("poisson", {"rate": rate}, count * math.log(count / span_ns) - count, 1)


def _of_shape(log: Log, shape: Shape, times: I64, limit: int) -> Iterator[Candidate]:
    """Renewal processes on the clock of the shape. Gaps up to ``limit`` only count as such."""
    logs = shape.log_weights(times[1:])
    short = np.diff(times) <= limit
    # On the clock of the shape the limit is longer where more comes: its mean there, of the gaps that it censors.
    bent = limit * float(np.exp(logs[short].mean())) if short.any() else 0.0
    sample = Sample(np.maximum(np.diff(shape.loads(times))[~short], 1e-3), int(short.sum()), bent)
    if not len(sample.above):
        return
    extra, whole = float(logs[~short].sum()), float(shape.loads(np.array([log.span_ns]))[0])
    for fit in renewal.RENEWAL:
        if shape.kind == "steps" and fit is renewal.bursts:
            continue
        found = fit(sample)
        if found is not None:
            yield _candidate(found, shape, len(times) * MINUTE / whole, extra)


def _candidate(found: GapFit, shape: Shape, per_minute: float, extra: float) -> Candidate:
    """In the units of a scenario. The rate is the log's own count: it has no bias at all."""
    values = dict(found.values)
    if found.process == "bursts":
        values = {"rate": _scaled(values["rate"], MINUTE), "on": _scaled(values["on"], 1 / SECOND),
                  "off": _scaled(values["off"], 1 / SECOND)}  # fmt: skip
    else:
        rate = values["rate"]
        values["rate"] = Estimate(per_minute, per_minute * rate.low / rate.value, per_minute * rate.high / rate.value)
    profile = shape.profile
    return Candidate(
        found.process, values, found.log_likelihood + extra, found.parameters + shape.parameters, shape.kind,
        _weights(profile), profile.days if profile is not None and shape.kind == "week" else (),
        profile.every / SECOND if profile is not None and profile.every else 0.0,
    )  # fmt: skip


def _weights(profile: Profile | None) -> tuple[float, ...]:
    if profile is None:
        return ()
    return profile.hours if profile.weights is None else profile.weights


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _special(times: I64, span_ns: int) -> Candidate | None:
    """What leaves no doubt: herds at equal distances, or a constant rate."""
    instants, sizes = np.unique(times, return_counts=True)
    if len(times) >= FEW and sizes.min() > 1 and np.ptp(sizes) == 0 and _even(np.diff(instants)):
        size = float(sizes[0])
        values = {"size": Estimate(size, size, size), "at": Estimate(float(instants[0]) / SECOND)}
        if len(instants) > 1:
            every = float(np.diff(instants).mean()) / SECOND
            values["every"] = Estimate(every, every, every)
        return Candidate("herd", values, 0.0, len(values))
    if len(times) >= FEW and _even(np.diff(times)):
        step = float(np.diff(times).mean())
        rate = MINUTE / step
        jitter = float(np.diff(times).std()) / step / math.sqrt(len(times))
        return Candidate("constant", {"rate": logarithmic(rate, max(jitter, 1e-9))}, 0.0, 1)
    return None


def _even(between: I64) -> bool:
    if not len(between):
        return True
    mean = float(between.mean())
    return bool(np.abs(between - mean).max() <= EVEN * mean)


def _regular_bursts(moved: F64, span_ns: int) -> Candidate | None:
    """Poisson arrivals in bursts of one length at equal distances; None where silences are not regular."""
    between = np.diff(moved)
    order = np.sort(between)
    if len(order) < FEW:
        return None
    # The widest jump between two neighbours in the sorted gaps' logarithms parts silences from gaps.
    upper = order[len(order) // 2 :]
    jump = int(np.argmax(np.diff(np.log(np.maximum(upper, 1.0))))) if len(upper) > 1 else 0
    silences = np.flatnonzero(between > upper[jump])
    if len(silences) < 2:
        return None
    starts = np.concatenate((moved[:1], moved[silences + 1]))
    ends = np.concatenate((moved[silences], moved[-1:]))
    number = np.rint((starts - starts[0]) / np.diff(starts).min()).astype(int)
    cycle, first = (float(each) for each in np.polyfit(number, starts, 1))
    gap = float(between[between <= upper[jump]].mean())
    if np.abs(starts - first - cycle * number).max() > 8 * gap or cycle <= 0 or len(number) != number[-1] + 1:
        return None
    return _bursts_at(moved, starts - cycle * number, ends - cycle * number, cycle, gap, span_ns)


def _bursts_at(moved: F64, begins: F64, ends: F64, cycle: float, gap: float, span_ns: int) -> Candidate | None:
    """The tightest window in each cycle that holds all arrivals, widened by what extremes of a sample fall short."""
    count = len(begins)
    low, high = float(begins.min()), float(ends[:-1].max() if count > 1 else ends.max())
    high = max(high, float(ends[-1]))
    # The earliest of `count` first arrivals is gap/count late, the latest last one as early.
    start, stop = max(0.0, low - gap / count), high + gap / count
    on, off = stop - start, cycle - (stop - start)
    if off <= 0:
        return None
    active = sum(min(on, max(0.0, span_ns - start - at * cycle)) for at in range(count))
    rate = len(moved) / active
    # The edges of a window are exponential: their interval is one-sided, four gaps of the extremes.
    slack = 4 * gap / count / SECOND
    values = {
        "rate": _scaled(logarithmic(rate, 1 / math.sqrt(len(moved))), MINUTE),
        "on": Estimate(on / SECOND, (high - low) / SECOND, on / SECOND + 2 * slack),
        "off": Estimate(off / SECOND, max(0.0, off / SECOND - 2 * slack), off / SECOND + 2 * slack),
        "start": Estimate(start / SECOND, max(0.0, start / SECOND - slack), low / SECOND),
    }
    return Candidate("bursts", values, len(moved) * math.log(rate) - len(moved), 4)
