"""How full a limit is, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.metrics.context import LimitInfo
from sim.metrics.limits import Charges
from sim.metrics.tables import F64
from sim.scenario.schema import Scenario
from sim.units import MINUTE

BUSY = 0.99
"""The quantile of the minutes that is called the busy minute."""


@dataclass(frozen=True)
class Fullness:
    """Amounts a minute: the mean of the measured part, the 99th percentile of its minutes, the busiest."""

    mean: float
    busy: float
    peak: float

    def of(self, capacity: float) -> Fullness:
        """The same as shares of a capacity a minute."""
        return Fullness(self.mean / capacity, self.busy / capacity, self.peak / capacity)


def window_ns(period_ns: int, scenario: Scenario) -> int:
    """What is called a minute for a limit: one, or the limit's own period where that is longer.

    A limit of 1,000 a day lets a hundred pass in one minute: its days have to be counted. Where the
    measured part is shorter than the period, the whole of it is the window.
    """
    return min(max(MINUTE, period_ns), scenario.duration - scenario.warmup)


def of_rate(taken: Charges, scenario: Scenario, window: int) -> Fullness:
    """What was charged a minute; windows start at the end of the warm-up, a part at the end is left out."""
    inside = (taken.time >= scenario.warmup) & (taken.time < scenario.duration)
    time, weight = taken.time[inside] - scenario.warmup, taken.weight[inside]
    whole = max(1, (scenario.duration - scenario.warmup) // window)
    slots = np.bincount(np.minimum(time // window, whole), weights=weight, minlength=whole + 1)[:whole]
    minutes = (scenario.duration - scenario.warmup) / MINUTE
    return _of(float(weight.sum()) / minutes, slots.astype(np.float64) * (MINUTE / window))


def of_places(taken: Charges, scenario: Scenario) -> Fullness:
    """How many were in flight: on average over time, and the most in each minute."""
    start, end = scenario.warmup, scenario.duration
    held = float((taken.weight * (end - np.clip(taken.time, start, end))).sum())
    order = np.lexsort((taken.weight, taken.time))  # at one instant, ends come first
    time, level = taken.time[order], np.cumsum(taken.weight[order])
    edges = np.arange(start, end, MINUTE)
    at_edge = np.concatenate([[0], level])[np.searchsorted(time, edges, side="right")]
    inside = (time >= start) & (time < end)
    most = at_edge.astype(np.float64)
    np.maximum.at(most, (time[inside] - start) // MINUTE, level[inside])
    return _of(held / (end - start), most)


def _of(mean: float, minutes: F64) -> Fullness:
    return Fullness(mean, float(np.quantile(minutes, BUSY)), float(minutes.max(initial=0.0)))


def fullness(limit: LimitInfo, taken: Charges, scenario: Scenario, period_ns: int) -> Fullness:
    """A limit's utilization: shares of its rate, or of the number that it allows at once."""
    if limit.dimension == "concurrency":
        return of_places(taken, scenario).of(limit.burst)
    return of_rate(taken, scenario, window_ns(period_ns, scenario)).of(limit.per_minute)
