"""Means over replications with their intervals, paired differences, and split regimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.metrics.tables import F64

RULE = """\
## Two regimes

A mean misleads when some replications collapse and the others do not (a metastable system). The
success rates of the replications are split at their largest gap. Two regimes are reported, as the
fraction stuck in the lower one, only if there are at least 8 replications, at least 2 on each side,
and the gap is at least 0.2 and at least twice as wide as either side.
"""
_FEWEST, _FEWEST_SIDE, _GAP, _CLEAR = 8, 2, 0.2, 2.0


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; arrays of one shape, NaN where there is none."""

    mean: F64
    low: F64
    high: F64

    def json(self, *index: int) -> dict[str, Any]:
        """``{"mean", "ci95": [low, high]}`` of one entry."""
        return {"mean": self.mean[index], "ci95": [self.low[index], self.high[index]]}


def half_width(spread: F64, count: F64) -> F64:
    """Half of the 95 % t-interval of a mean of ``count`` values with this standard deviation."""
    # scipy.special instead of scipy.stats: the same quantile, a tenth of the import time.
    from scipy.special import stdtrit

    with np.errstate(invalid="ignore", divide="ignore"):
        half: F64 = stdtrit(count - 1, 0.975) * spread / np.sqrt(count)
    return np.where(count >= 2, half, np.nan)


def interval(values: F64) -> Interval:
    """The mean over the first axis (replications) and its t-interval; NaN values are left out.

    One value alone has a mean and no interval, none has neither. Student (1908).
    """
    known = np.isfinite(values)
    count = known.sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
        half = half_width(np.sqrt(squares / (count - 1)), count)
    return Interval(mean, mean - half, mean + half)


def paired(first: F64, second: F64) -> Interval:
    """``second - first`` replication by replication, then as :func:`interval`."""
    return interval(second - first)


def ratio_of_means(above: F64, below: F64) -> Interval:
    """mean(above) / mean(below) of paired values ``(n,)``, with its interval by linearization.

    Unlike the mean of ratios it stays finite when some ``below`` are 0. Cochran, Sampling
    Techniques (1977), §6.4.
    """
    base = float(np.mean(below)) if len(below) else 0.0
    if base <= 0:
        nothing = np.full((), np.nan)
        return Interval(nothing, nothing, nothing)
    share = float(np.mean(above)) / base
    errors = interval(above - share * below)
    half = (errors.high - errors.mean) / base
    return Interval(np.asarray(share), share - half, share + half)


@dataclass(frozen=True)
class Regimes:
    """Two clear regimes: the share of replications in the lower one, and the mean of each."""

    stuck_share: float
    stuck_mean: float
    well_mean: float
    replications: int

    def json(self) -> dict[str, Any]:
        """As it stands in the summary."""
        return {
            "stuck_share": self.stuck_share, "stuck_mean": self.stuck_mean,
            "well_mean": self.well_mean, "replications": self.replications,
        }  # fmt: skip


def regimes(values: F64 | Sequence[float]) -> Regimes | None:
    """The two regimes that shares of replications split into, or None; see :data:`RULE`."""
    given = np.asarray(values, np.float64)
    ordered = np.sort(given[np.isfinite(given)])
    if len(ordered) < _FEWEST:
        return None
    cut = int(np.argmax(np.diff(ordered))) + 1
    low, high = ordered[:cut], ordered[cut:]
    gap = high[0] - low[-1]
    wide = max(low[-1] - low[0], high[-1] - high[0])
    if min(len(low), len(high)) < _FEWEST_SIDE or gap < max(_GAP, _CLEAR * wide):
        return None
    return Regimes(len(low) / len(ordered), float(low.mean()), float(high.mean()), len(ordered))
