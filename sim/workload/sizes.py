"""Token sizes and durations: fixed, lognormal by median and 95th percentile, or sizes by their quantiles.

A lognormal value is median × exp(σ z) with σ = ln(p95 / median) / 1.6449, rounded, at least
``least`` (1 token) and at most ``max``, or 10^8 tokens where no ``max`` is given. :func:`mean` is the
expectation of just that, rounding and both bounds included.

Between quantiles a and b, at the part s of the way, the value is a (b/a)^s, rounded; 0 counts as 1 there.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.scenario.base import MAX_TOKENS
from sim.scenario.workloads import Fixed, FixedTime, Quantiles, Size, Spread, SpreadTime
from sim.units import MAX_TIME
from sim.workload.rows import I64

Z95 = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""

LONGEST = MAX_TIME // 4
"""No drawn duration exceeds this (36 years), so that a few can be added up in int64."""

_EXACT, _SAMPLE = 512, 20_000

LEVELS = np.array([*range(0, 91, 10), 95, 99, 100]) / 100
"""Of the quantiles of a size."""

Drawn = Spread | Fixed | SpreadTime | FixedTime | Quantiles


def _bounds(spec: Spread | SpreadTime, least: int) -> tuple[float, int]:
    """(σ, upper bound)."""
    sigma = math.log(spec.p95 / spec.median) / Z95
    if isinstance(spec, SpreadTime):
        return sigma, LONGEST
    return sigma, max(least, MAX_TOKENS if spec.max is None else spec.max)


def draw(spec: Drawn, draws: np.random.Generator, count: int, least: int = 1) -> I64:
    """``count`` values, int64; the first values do not depend on ``count``."""
    if isinstance(spec, (Fixed, FixedTime)):
        return np.full(count, max(least, spec.fixed), np.int64)
    if isinstance(spec, Quantiles):
        return _between(spec, draws.random(count), least)
    sigma, top = _bounds(spec, least)
    exponents = np.minimum(sigma * draws.standard_normal(count), 700.0)
    values: I64 = np.clip(np.rint(spec.median * np.exp(exponents)), least, top).astype(np.int64)
    return values


def _between(spec: Quantiles, uniforms: NDArray[np.float64], least: int) -> I64:
    """The sizes at these uniform draws."""
    logs = np.interp(uniforms, LEVELS, np.log(np.maximum(spec.knots, 1)))
    values: I64 = np.maximum(np.rint(np.exp(logs)), least).astype(np.int64)
    return values


def middle(spec: Size) -> int:
    """The median as it is written."""
    if isinstance(spec, Fixed):
        return spec.fixed
    return spec.p50 if isinstance(spec, Quantiles) else spec.median


@lru_cache(1024)  # a study asks again for every run
def mean(spec: Drawn, least: int = 1) -> float:
    """The expectation of :func:`draw`: Σ P(value ≥ k), the tail beyond 512 as an integral."""
    if isinstance(spec, (Fixed, FixedTime)):
        return float(max(least, spec.fixed))
    if isinstance(spec, Quantiles):
        return float(_between(spec, (np.arange(_SAMPLE) + 0.5) / _SAMPLE, least).mean())
    sigma, top = _bounds(spec, least)
    if sigma == 0:
        return float(min(max(least, spec.median), top))
    centre = math.log(spec.median)
    exact = min(top, least + _EXACT)
    head = sum(_normal_tail((math.log(k - 0.5) - centre) / sigma) for k in range(least + 1, exact + 1))
    tail = _bounded(centre, sigma, top) - _bounded(centre, sigma, exact) if top > exact else 0.0
    return least + head + tail


def _normal_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))


def _bounded(centre: float, sigma: float, bound: float) -> float:
    """E min(X, bound) of a lognormal X: the integral of P(X > x) from 0 to ``bound``."""
    if bound <= 0:
        return 0.0
    z = (math.log(bound) - centre) / sigma
    inner = _normal_tail(sigma - z)
    # exp may overflow where its factor is zero: both belong together
    whole = math.exp(centre + sigma * sigma / 2 + math.log(inner)) if inner > 0 else 0.0
    return whole + bound * _normal_tail(z)


def part(share: Fraction, whole: I64) -> I64:
    """``share`` of each value, rounded, never more than the value."""
    parts: I64 = np.minimum(np.rint(whole * float(share)).astype(np.int64), whole)
    return parts
