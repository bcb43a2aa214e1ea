"""Requests by hour and weekday of a time zone, and along the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

import numpy as np

from sim.units import DAY, HOUR, MINUTE, SECOND, WEEK
from sim.workload.rows import I64

QUARTER = 15 * MINUTE
"""Zones differ by whole quarters of an hour."""

CELLS = 7 * 24
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_BINS = 240
_WIDTHS = (
    *(each * SECOND for each in (1, 2, 5, 10, 15, 30)), *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 4, 6, 12)), DAY, 2 * DAY, WEEK, 4 * WEEK,
)  # fmt: skip


def bin_width(span_ns: int) -> int:
    """A round width of which at most :data:`MOST_BINS` cover the span."""
    return next((width for width in _WIDTHS if span_ns <= width * MOST_BINS), -(-span_ns // MOST_BINS))


class Rhythm:
    """Counts by weekday and hour: cell ``24 × day + hour``, Monday first.

    In a log that counts from its own zero, day 0 is its first day.
    """

    def __init__(self, tracks: int, local: tzinfo, *, relative: bool) -> None:
        self.counts = np.zeros((tracks, CELLS), np.int64)
        self._local, self._relative = local, relative
        self._cell = cache(self._place)

    def _place(self, quarter: int) -> int:
        """The cell of a quarter of an hour since 1970."""
        if self._relative:
            return quarter // 4 % CELLS
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)).astimezone(self._local)
        return 24 * moment.weekday() + moment.hour

    def take(self, starts: I64, track: I64) -> None:
        """A part of the log."""
        quarters, where = np.unique(starts // QUARTER, return_inverse=True)
        cells = np.asarray([self._cell(int(quarter)) for quarter in quarters])[where]
        tracks = len(self.counts)
        self.counts += np.bincount(track * CELLS + cells, minlength=tracks * CELLS).reshape(tracks, CELLS)

    def hours_seen(self, start_ns: int, end_ns: int) -> I64:
        """How many hours of each cell the log covers, in quarters of an hour: int64 ``(168,)``."""
        quarters = np.arange(start_ns // QUARTER, end_ns // QUARTER + 1)
        cells = np.asarray([self._cell(int(quarter)) for quarter in quarters])
        return np.asarray(np.bincount(cells, minlength=CELLS), np.int64)
