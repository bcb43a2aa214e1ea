"""Numbers over months and replications as curves, and the month in which a curve crosses a bound.

The date of a crossing is where the *mean* over replications crosses; its interval is where the two
edges of the 95 % t-interval of that mean cross. So the interval on a date is what a reader sees in
a chart: the months over which the band lies across the line. Where the true mean only grows it
covers the true date as often as the band covers the mean (Fieller's argument). Between two months
that were run a straight line is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim.metrics.stats import Interval, interval
from sim.metrics.tables import F64
from sim.study.capacity.measure import Key, Measured

FULL = 1e-9
"""Rounding that a share may miss its bound by and still count as having reached it."""


@dataclass(frozen=True)
class Date:
    """A month, and the months between which the mean crosses with 95 % confidence.

    ``at`` None: not within the study. ``early`` and ``late`` are None where the edge does not cross
    within the study, and both where there is no interval (one replication).
    """

    at: float | None
    early: float | None = None
    late: float | None = None

    def json(self) -> dict[str, float | None]:
        """As it stands in capacity.json."""
        return {"month": self.at, "early": self.early, "late": self.late}


NEVER = Date(None)


class Table:
    """Everything that was measured of one case: numbers over its months and replications."""

    def __init__(self, measured: Iterable[Measured] = ()) -> None:
        self._points: dict[tuple[float, int], Measured] = {}
        self._grids: dict[Key, F64] = {}
        for one in measured:
            self.add(one)

    def add(self, one: Measured) -> None:
        """One more point of the case."""
        self._points[one.month, one.replication] = one
        self._grids = {}

    @property
    def measured(self) -> tuple[Measured, ...]:
        """All points, by month and replication."""
        return tuple(self._points[place] for place in sorted(self._points))

    @property
    def months(self) -> tuple[float, ...]:
        """The months that were run."""
        return tuple(sorted({month for month, _ in self._points}))

    @property
    def replications(self) -> int:
        """How many replications each month has."""
        return 1 + max((replication for _, replication in self._points), default=-1)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key of any point, in the order of first sight."""
        return tuple(self._all())

    def _all(self) -> dict[Key, F64]:
        """All numbers as grids ``(months, replications)``, NaN where there is none; made again after an addition."""
        if not self._grids:
            months = {month: at for at, month in enumerate(self.months)}
            shape = len(months), self.replications
            for one in self.measured:
                for key, value in one.numbers.items():
                    if key not in self._grids:
                        self._grids[key] = np.full(shape, np.nan)
                    self._grids[key][months[one.month], one.replication] = value
        return self._grids

    def values(self, key: Key, missing: float = np.nan) -> F64:
        """One number over months and replications, ``(months, replications)``."""
        found = self._all().get(key)
        if found is None:
            return np.full((len(self.months), self.replications), missing)
        return found.copy() if np.isnan(missing) else np.where(np.isnan(found), missing, found)

    def curve(self, key: Key, missing: float = np.nan) -> Curve:
        """One number as a curve."""
        return Curve.of(self.months, self.values(key, missing))


@dataclass(frozen=True)
class Curve:
    """A mean over months with its 95 % t-interval, ``(months,)`` each; NaN where there is no value."""

    months: F64
    mean: F64
    low: F64
    high: F64

    @classmethod
    def of(cls, months: Iterable[float], values: F64) -> Curve:
        """From values ``(months, replications)``."""
        found: Interval = interval(values.T)
        return cls(np.asarray(tuple(months), np.float64), found.mean, found.low, found.high)

    def scaled(self, by: float) -> Curve:
        """All three times ``by`` (> 0)."""
        return Curve(self.months, self.mean * by, self.low * by, self.high * by)

    def at(self, month: float) -> tuple[float, float, float]:
        """Mean, low and high in a month, by straight lines between the months that were run."""
        return tuple(float(np.interp(month, self.months, line)) for line in (self.mean, self.low, self.high))  # type: ignore[return-value]

    def crosses(self, bound: float, *, upward: bool = True, strict: bool = False) -> Date:
        """When the curve reaches ``bound`` (``strict``: passes it), from below or from above."""
        sign = 1.0 if upward else -1.0
        ahead, behind = (self.high, self.low) if upward else (self.low, self.high)
        at = _crossing(self.months, sign * self.mean, sign * bound, strict)
        known = np.isfinite(self.high - self.low).any()
        if not known:
            return Date(at)
        early = _crossing(self.months, sign * _or(ahead, self.mean), sign * bound, strict)
        late = _crossing(self.months, sign * _or(behind, self.mean), sign * bound, strict)
        return Date(at, early, late)


def _or(line: F64, other: F64) -> F64:
    """``line``, and ``other`` where it has no value."""
    return np.where(np.isfinite(line), line, other)


def _crossing(months: F64, line: F64, bound: float, strict: bool) -> float | None:
    """The first month in which ``line`` is at (beyond) ``bound``."""
    edge = bound + FULL * max(1.0, abs(bound)) * (1 if strict else -1)
    over = np.flatnonzero(line >= edge)
    if not len(over):
        return None
    at = int(over[0])
    if at == 0 or not np.isfinite(line[at - 1]) or not np.isfinite(line[at]):
        return float(months[at])
    share = (bound - line[at - 1]) / (line[at] - line[at - 1])
    return float(months[at - 1] + min(max(share, 0.0), 1.0) * (months[at] - months[at - 1]))
