"""What is measured of a sorted log while it streams by: each class takes part after part, for many tracks.

A track is a team, or everybody. Parts are in order of time; ``track`` is int ``(n,)``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim.units import SECOND
from sim.workload.rows import I64

F64 = NDArray[np.float64]

STEPS = 50.0
"""Steps of a histogram in which a quantity grows by a factor of e: quantiles are right within 1 %."""


class Gaps:
    """The coefficient of variation of the gaps between requests."""

    def __init__(self, tracks: int) -> None:
        self._last = np.full(tracks, -1, np.int64)
        self._count, self._sum, self._squares = (np.zeros(tracks) for _ in range(3))

    def take(self, starts: I64, track: I64) -> None:
        """A part of the log."""
        order = np.argsort(track, kind="stable")
        ordered, times = track[order], starts[order]
        first = np.flatnonzero(np.diff(ordered, prepend=-1))
        before = np.concatenate(([0], times[:-1]))
        before[first] = self._last[ordered[first]]
        known = before >= 0
        gaps = np.where(known, (times - before) / SECOND, 0.0)
        self._count += np.bincount(ordered, known, len(self._last))
        self._sum += np.bincount(ordered, gaps, len(self._last))
        self._squares += np.bincount(ordered, gaps * gaps, len(self._last))
        last = np.append(first[1:], len(ordered)) - 1
        self._last[ordered[last]] = times[last]

    def cv(self, track: int) -> float | None:
        """Of one track; None below three requests, or when all came at once."""
        count, total = self._count[track], self._sum[track]
        if count < 2 or total <= 0:
            return None
        mean = total / count
        return float(math.sqrt(max(0.0, self._squares[track] / count - mean * mean)) / mean)


class Peaks:
    """The most requests in any interval of one width, counted from the log's start."""

    def __init__(self, tracks: int, start_ns: int, width_ns: int) -> None:
        self._start, self.width_ns = start_ns, width_ns
        self._open, self._count = np.full(tracks, -1, np.int64), np.zeros(tracks, np.int64)
        self.most = np.zeros(tracks, np.int64)

    def take(self, starts: I64, track: I64) -> None:
        """A part of the log."""
        bins = (starts - self._start) // self.width_ns
        order = np.lexsort((bins, track))
        tracks, bins = track[order], bins[order]
        first = np.flatnonzero((np.diff(tracks, prepend=-1) != 0) | (np.diff(bins, prepend=-1) != 0))
        count = np.diff(np.append(first, len(tracks)))
        which, where = tracks[first], bins[first]
        # The interval that the part before left open goes on.
        count = count + np.where(where == self._open[which], self._count[which], 0)
        np.maximum.at(self.most, which, count)
        # Later entries of a track overwrite earlier ones: its last interval stays open.
        self._open[which], self._count[which] = where, count

    def ratio(self, track: int, requests: int, span_ns: int) -> float | None:
        """The peak to the mean; None for a log of less than two intervals."""
        if span_ns < 2 * self.width_ns or not requests:
            return None
        return float(self.most[track] / (requests * self.width_ns / span_ns))


class Sizes:
    """Quantiles and extremes of a quantity of 0 or more."""

    def __init__(self, tracks: int, bins: int) -> None:
        self._counts = np.zeros((tracks, bins), np.int64)
        self._sum, self._count = np.zeros(tracks), np.zeros(tracks, np.int64)
        self._least, self._most = np.full(tracks, np.inf), np.zeros(tracks)

    def take(self, values: I64, track: I64) -> None:
        """A part of the log; unknown values (below zero) are left out."""
        known = values >= 0
        values, track = values[known].astype(float), track[known]
        if not len(values):
            return
        tracks, bins = self._counts.shape
        place = np.zeros(len(values), np.int64)
        some = values >= 1
        place[some] = np.minimum(1 + np.floor(np.log(values[some]) * STEPS), bins - 1)
        self._counts += np.bincount(track * bins + place, minlength=tracks * bins).reshape(tracks, bins)
        self._sum += np.bincount(track, values, tracks)
        self._count += np.bincount(track, minlength=tracks)
        np.minimum.at(self._least, track, values)
        np.maximum.at(self._most, track, values)

    def told(self, track: int, scale: float = 1.0) -> dict[str, float] | None:
        """Mean, p50, p95, p99 and max, times ``scale``; None without values."""
        count = int(self._count[track])
        if not count:
            return None
        found = {"mean": self._sum[track] / count}
        ends = np.cumsum(self._counts[track])
        for name, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            place = int(np.searchsorted(ends, level * count, side="left"))
            middle = math.exp((place - 0.5) / STEPS) if place else 0.0
            found[name] = min(max(middle, self._least[track]), self._most[track])
        return {name: float(value * scale) for name, value in (found | {"max": self._most[track]}).items()}


class Busy:
    """How many requests are under way at once, where durations are known."""

    def __init__(self, tracks: int) -> None:
        self._now, self.most = np.zeros(tracks, np.int64), np.zeros(tracks, np.int64)
        self._ends, self._tracks = np.empty(0, np.int64), np.empty(0, np.int64)
        self._time = np.zeros(tracks)
        self.known = np.zeros(tracks, np.int64)

    def take(self, starts: I64, durations: I64, track: I64) -> None:
        """A part of the log."""
        known = durations >= 0
        starts, durations, track = starts[known], durations[known], track[known]
        if not len(starts):
            return
        self._time += np.bincount(track, durations / SECOND, len(self._now))
        self.known += np.bincount(track, minlength=len(self._now))
        ends = np.concatenate((self._ends, starts + durations))
        tracks = np.concatenate((self._tracks, track))
        over = ends <= starts[-1]
        self._ends, self._tracks = ends[~over], tracks[~over]
        self._sweep(starts, track, ends[over], tracks[over])

    def _sweep(self, starts: I64, track: I64, ends: I64, over: I64) -> None:
        """Starts and ends in order, an end before a start of the same instant."""
        times, tracks = np.concatenate((ends, starts)), np.concatenate((over, track))
        steps = np.concatenate((np.full(len(ends), -1), np.full(len(starts), 1)))
        order = np.lexsort((steps, times, tracks))
        tracks, steps = tracks[order], steps[order]
        first = np.flatnonzero(np.diff(tracks, prepend=-1))
        which = tracks[first]
        level = np.cumsum(steps)
        base = level[first] - steps[first] - self._now[which]
        level = level - np.repeat(base, np.diff(np.append(first, len(tracks))))
        self.most[which] = np.maximum(self.most[which], np.maximum.reduceat(level, first))
        self._now[which] = level[np.append(first[1:], len(tracks)) - 1]

    def told(self, track: int, span_ns: int) -> dict[str, float] | None:
        """Mean and peak; None where no duration is known."""
        if not self.known[track]:
            return None
        return {"mean": float(self._time[track] * SECOND / max(1, span_ns)), "peak": int(self.most[track])}
