"""Means, spreads, quantiles and chances of months, each with a 95 % interval.

- **mean**: Student's t over months.
- **standard deviation**: percentiles of :data:`RESAMPLES` bootstrap resamples (Efron and Tibshirani 1993, §13).
- **quantile**: order statistics, whatever the distribution: the ranks between which the quantile lies with at
  least 95 % by the binomial (Hahn and Meeker 1991, §5.2). Where so few months have no such rank
  above, there is no upper bound.
- **chance**: Clopper and Pearson (1934), exact.
- **worst**: the largest month seen, and how likely a worse one may be at most (the rule of three, exact).
- **difference**: months are paired; of means by t, of quantiles by resampling months, both sides together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.metrics.stats import interval

F64 = NDArray[np.float64]
RESAMPLES = 2000
CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; ``None`` where months are too few to bound it on that side."""

    value: float
    low: float | None = None
    high: float | None = None

    def json(self) -> dict[str, object]:
        """``{"mean", "ci95": [low, high]}``, as every interval of a summary."""
        return {"mean": self.value, "ci95": [self.low, self.high]}


def mean(values: F64) -> Estimate:
    """The mean over months."""
    found = interval(values[:, None])
    low, high = float(found.low[0]), float(found.high[0])
    known = np.isfinite(low)
    return Estimate(float(found.mean[0]), low if known else None, high if known else None)


def deviation(values: F64, seed: int) -> Estimate:
    """The standard deviation over months."""
    if len(values) < 2:
        return Estimate(0.0)
    value = float(values.std(ddof=1))
    resampled = values[resamples(len(values), seed)].std(axis=1, ddof=1)
    low, high = (float(one) for one in np.quantile(resampled, [TAIL, 1 - TAIL]))
    return Estimate(value, low, high)


@lru_cache(maxsize=2)
def resamples(count: int, seed: int) -> NDArray[np.int64]:
    """Which months stand in each resample, ``(RESAMPLES, count)``; keyed by the seed alone."""
    found: NDArray[np.int64] = Stream(seed, 0, "cost/resamples").generator("months").integers(
        0, count, (RESAMPLES, count)
    )  # fmt: skip
    return found


def quantile(values: F64, share: float) -> Estimate:
    """A quantile of the months: the smallest month that at least this share of months does not exceed."""
    ordered, count = np.sort(values), len(values)
    low, high = ranks(count, share)
    value = float(ordered[min(count, max(1, int(np.ceil(share * count - 1e-9)))) - 1])
    return Estimate(
        value,
        float(ordered[low - 1]) if low is not None else None,
        float(ordered[high - 1]) if high is not None else None,
    )


def ranks(count: int, share: float) -> tuple[int | None, int | None]:
    """Ranks (1 is the least) of the order statistics around a quantile; at most 2.5 % lie outside on each side."""
    from scipy.special import bdtr

    counts = np.arange(count + 1)
    below = bdtr(counts, count, share)  # chance that at most k months are at or under the quantile
    low = int(np.searchsorted(below, TAIL, side="right"))
    high = int(np.searchsorted(below, 1 - TAIL, side="left")) + 1
    return (low if low >= 1 else None), (high if high <= count else None)


def chance(hits: int, count: int) -> Estimate:
    """The share of months with something, by Clopper and Pearson."""
    from scipy.special import betaincinv

    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, TAIL))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1 - TAIL))
    return Estimate(hits / count, low, high)


def chance_of_worse(count: int) -> float:
    """At most how likely is a month worse than the worst of ``count``, with 95 % confidence."""
    return float(1 - (1 - CONFIDENCE) ** (1 / count))


def quantile_difference(first: F64, second: F64, share: float, seed: int) -> Estimate:
    """``second - first`` of a quantile; months are resampled in pairs."""
    value = quantile(second, share).value - quantile(first, share).value
    picked = resamples(len(first), seed)
    at = max(1, int(np.ceil(share * len(first) - 1e-9))) - 1
    found = np.partition(second[picked], at, axis=1)[:, at] - np.partition(first[picked], at, axis=1)[:, at]
    low, high = (float(one) for one in np.quantile(found, [TAIL, 1 - TAIL]))
    return Estimate(value, low, high)
