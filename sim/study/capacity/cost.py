"""What the measured part stands for in a month of 30 days, and what the months together cost."""

from __future__ import annotations

import numpy as np

from sim.metrics.tables import F64
from sim.scenario.workloads import Workload
from sim.study.capacity.growth import Base
from sim.units import MONTH
from sim.workload.generate import expected
from sim.workload.profile import Warp


def month_factors(month: Base) -> dict[str, float]:
    """For each team: a month of 30 days as a multiple of the measured part.

    The ratio of the times. Where a workload has a daily or weekly rhythm, of the times on its own
    clock, which has an average hour at its mean: two busy hours stand for less than they last. A
    team's workloads are weighted by the requests that they are expected to send.
    """
    return {name: _factor(month, name) for name in month.scenario.teams}


def _factor(month: Base, team: str) -> float:
    workloads = month.scenario.teams[team].workload
    ratios = [MONTH / _measured(month, one) for one in workloads]
    if len(set(ratios)) == 1:
        return ratios[0]
    weights = [_weight(month, one) for one in workloads]
    total = sum(weights)
    if total <= 0:
        return MONTH / (month.scenario.duration - month.scenario.warmup)
    return sum(weight * ratio for weight, ratio in zip(weights, ratios, strict=True)) / total


def _measured(month: Base, workload: Workload) -> float:
    """The length of the measured part on the workload's own clock, ns; the plain length where that is 0."""
    start, end = month.scenario.warmup, month.scenario.duration
    if workload.profile is None:
        return float(end - start)
    warp = Warp(workload.profile)
    return (warp.load(end) - warp.load(start)) or float(end - start)


def _weight(month: Base, workload: Workload) -> float:
    """Expected requests in the measured part."""
    trace = workload.arrivals.trace
    rows = month.traces[trace] if trace is not None else None
    until = [expected(workload, at, rows).requests if at > 0 else 0.0 for at in _ends(month)]
    return until[1] - until[0]


def _ends(month: Base) -> tuple[int, int]:
    return month.scenario.warmup, month.scenario.duration


def together(months: F64, usd: F64) -> F64:
    """Dollars spent from the first month to the last, by the trapezoid rule; ``usd`` is ``(months, runs)``."""
    return np.asarray(np.trapezoid(usd, months, axis=0), np.float64)
