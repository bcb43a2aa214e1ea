"""Quantile tables of answer times, made once with floats so that engines need only integers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import log1p, ndtri

from sim.policy.service import KNOTS, LONGEST, WIDTH
from sim.scenario.workloads import FixedTime, SpreadTime

Z95 = 1.6448536269514722


def exponential_mean(time: SpreadTime | FixedTime) -> float:
    """The mean of exponential answer times: a single duration is it, of a spread the median decides."""
    return float(time.fixed) if isinstance(time, FixedTime) else time.median / float(np.log(2))


def _constant(time: SpreadTime | FixedTime, service: str) -> int | None:
    """The one value of a time that never varies; None for one that does."""
    if isinstance(time, FixedTime):
        return time.fixed if service != "exponential" or time.fixed == 0 else None
    if service == "exponential":
        return None
    return time.median if time.p95 == time.median else None


def _quantiles(time: SpreadTime | FixedTime, service: str, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at probabilities ``p``; infinite for p = 1."""
    if service == "exponential" or isinstance(time, FixedTime):
        return np.asarray(-log1p(-p) * exponential_mean(time))
    sigma = np.log(time.p95 / time.median) / Z95
    with np.errstate(over="ignore"):
        return np.asarray(time.median * np.exp(sigma * ndtri(p)))


def _cells(low: float, high: float, time: SpreadTime | FixedTime, service: str) -> NDArray[np.float64]:
    """KNOTS + 1 quantiles between two probabilities, at most LONGEST; the last cell before 1 keeps its mean."""
    knots = np.minimum(_quantiles(time, service, np.linspace(low, high, KNOTS + 1)), LONGEST)
    if high == 1.0:
        width = (high - low) / KNOTS
        inside = _quantiles(time, service, high - width + width * (np.arange(2000) + 0.5) / 2000)
        knots[-1] = 2 * np.minimum(inside, LONGEST).mean() - knots[-2]
    return np.minimum(knots, LONGEST)


@cache
def knots(time: SpreadTime | FixedTime, service: str) -> tuple[int, ...]:
    """The table of :func:`sim.policy.service.drawn`, ``WIDTH`` nanosecond values."""
    constant = _constant(time, service)
    if constant is not None:
        return (constant,) * WIDTH
    head = _cells(0.0, 1.0, time, service)
    tail = _cells(1 - 1 / KNOTS, 1.0, time, service)
    both = np.rint(np.concatenate([head, tail])).astype(np.int64)
    return tuple(both.tolist())
