"""Quantiles of values that were counted in buckets (:mod:`sim.results.tallies`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.metrics.tables import F64, I64
from sim.results.tallies import BUCKETS, middles


def quantiles(counts: I64, levels: Sequence[float]) -> F64:
    """Quantiles of each histogram of ``(rows, BUCKETS)``: ``(levels, rows)``, NaN where it is empty.

    As ``numpy.quantile`` between order statistics, each of which stands for the middle of its
    bucket: at most 1/256 (0.4 %) off what the values themselves would say.
    """
    found = np.full((len(levels), len(counts)), np.nan)
    middle = middles()
    for row in np.flatnonzero(counts.any(axis=1)):
        filled = np.flatnonzero(counts[row])
        up_to = np.cumsum(counts[row, filled])
        place = np.asarray(levels) * (up_to[-1] - 1)
        low, high = np.floor(place), np.ceil(place)
        below, above = (middle[filled[np.searchsorted(up_to, rank, side="right")]] for rank in (low, high))
        found[:, row] = below + (above - below) * (place - low)
    return found


def with_total(counts: I64) -> I64:
    """The histograms of teams, and last that of all together."""
    return np.vstack([counts, counts.sum(axis=0)])


def packed(counts: I64) -> tuple[I64, I64]:
    """Where the counts of a histogram stand, and what they are: most of one is empty."""
    places = np.flatnonzero(counts)
    return places, counts.ravel()[places]


def unpacked(sparse: tuple[I64, I64], rows: int) -> I64:
    """The histograms ``(rows, BUCKETS)`` that :func:`packed` was given."""
    counts = np.zeros(rows * BUCKETS, np.int64)
    counts[sparse[0]] = sparse[1]
    return counts.reshape(rows, BUCKETS)
