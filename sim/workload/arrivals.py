"""Open arrival processes: when requests come, as sorted int64 nanoseconds in [0, until).

Renewal processes (poisson, gamma, weibull) start *in equilibrium*: the first gap is the rest of a
gap that was already under way at time zero. Then the expected count of any [0, T) is exactly
rate × T. A plain start (an arrival at time zero, left out) would add (cv² - 1)/2 arrivals near the
start: 84 at a CV of 13, 544 at a CV of 33, a burst that no log has. The rest of a gap is U × L with
U uniform and L a gap drawn with a probability that grows with its length (Cox, Renewal Theory,
1962, §5): for gamma(k) L is gamma(k + 1), for weibull(k) L is gamma(1 + 1/k) to the power 1/k.

Times are added up as float64 nanoseconds (exact to the nanosecond for 104 days), gap after gap, so
a longer horizon only appends arrivals, and where a process is cut into pieces changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from sim.draws import Stream
from sim.scenario.workloads import Arrivals, Bursts, Constant, Herd, Poisson, Renewal, Sessions
from sim.units import Rate
from sim.workload import processes
from sim.workload.rows import I64

LARGE = 1 << 18
"""Rows of a piece where all pieces stand in memory together in the end."""


def gamma_shape(cv: float) -> float:
    """The shape of a gamma distribution with this coefficient of variation: 1/cv²."""
    return 1.0 / (cv * cv)


def _weibull_log_cv(shape: float) -> float:
    """ln(1 + cv²) of a Weibull distribution with this shape."""
    return math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)


@lru_cache(maxsize=4096)
def weibull_shape(cv: float) -> float:
    """The shape of a Weibull distribution with this coefficient of variation, by bisection.

    Solves 1 + cv² = Γ(1 + 2/k) / Γ(1 + 1/k)². Below a CV of 1e-4 the limit k = π/(√6 cv) is used,
    because the two sides then differ by less than float64 can say.
    """
    narrow = math.pi / math.sqrt(6) / cv
    if cv < 1e-4:
        return narrow
    low, high, wanted = 0.02, max(2 * narrow, 2.0), math.log1p(cv * cv)
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _weibull_log_cv(middle) > wanted else (low, middle)
    return math.sqrt(low * high)


def gamma(rate: Rate, cv: float, stream: Stream, until_ns: float, most: int = LARGE) -> processes.Renewal:
    """Arrivals with gamma gaps of mean 1/rate and coefficient of variation ``cv``."""
    shape, start = gamma_shape(cv), stream.generator("first")
    scale = processes.mean_gap(rate) / shape
    first = scale * start.standard_gamma(shape + 1) * start.random()
    return processes.Renewal(processes.Gamma(stream.generator("gaps"), scale, shape), first, until_ns, most)


def weibull(rate: Rate, cv: float, stream: Stream, until_ns: float, most: int = LARGE) -> processes.Renewal:
    """Arrivals with Weibull gaps of mean 1/rate and coefficient of variation ``cv``."""
    power, start = 1.0 / weibull_shape(cv), stream.generator("first")
    scale = processes.mean_gap(rate) * math.exp(-math.lgamma(1 + power))
    first = scale * start.standard_gamma(1 + power) ** power * start.random()
    return processes.Renewal(processes.Weibull(stream.generator("gaps"), scale, power), first, until_ns, most)


def process(spec: Arrivals, stream: Stream, until_ns: float, most: int = LARGE) -> Iterator[I64]:
    """Arrivals of a described process (of its starts, for sessions) in sorted pieces of up to ``most`` rows."""
    kind = spec.spec
    match kind:
        case Constant():
            return processes.Constant(kind.rate, until_ns, most)
        case Poisson() | Sessions():
            return processes.Whole(processes.poisson(kind.rate, stream, until_ns, most))
        case Renewal():
            draw = gamma if spec.kind == "gamma" else weibull
            return processes.Whole(draw(kind.rate, kind.cv, stream, until_ns, most))
        case Bursts():
            bursts = processes.RandomBursts if kind.random else processes.RegularBursts
            return bursts(kind, stream, until_ns, most)
        case Herd():
            return processes.Herds(kind, until_ns, most)
    raise TypeError(f"{spec.kind} is not a described process")


def joined(pieces: Iterator[I64]) -> I64:
    """All pieces as one array."""
    return np.concatenate([np.empty(0, np.int64), *pieces])


def arrivals(spec: Arrivals, stream: Stream, until_ns: float) -> I64:
    """All arrivals of :func:`process`; int64 ``(n,)``, sorted."""
    return joined(process(spec, stream, until_ns))


def mean_count(spec: Arrivals, until_ns: float) -> float:
    """The expected number of arrivals of :func:`arrivals`."""
    kind = spec.spec
    match kind:
        case Constant():
            return float(processes.constant_count(kind.rate, until_ns))
        case Poisson() | Renewal() | Sessions():
            return until_ns / processes.mean_gap(kind.rate)
        case Bursts():
            return processes.active_ns(kind, until_ns) / processes.mean_gap(kind.rate)
        case Herd():
            return float(processes.herds(kind, until_ns) * kind.size)
    raise TypeError(f"{spec.kind} is not a described process")
