"""How the mean rate of a stream goes up and down: flat, by hours, by hours and days, or in steps.

Each shape is a profile of the scenario, so that what is fitted is what is drawn. Weights are those of
maximum likelihood for Poisson arrivals: requests in a cell over the time that the log spends there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sim.scenario.profiles import Profile
from sim.study.fitting.log import Log
from sim.units import DAY, HOUR, MINUTE, SECOND, WEEK, duration_text
from sim.workload.profile import DAYS, Warp
from sim.workload.rows import I64

F64 = NDArray[np.float64]

WIDTHS = tuple(each * SECOND for each in (1, 2, 5, 10, 15, 30)) + tuple(
    each * MINUTE for each in (1, 2, 5, 10, 30, 60)
)  # fmt: skip
MOST_STEPS, LEAST_STEPS = 2000, 3
FEWEST = 3
"""Requests a step on average, at least: finer steps would only draw the log's dice again."""
LEAST_DAYS, LEAST_WEEK_DAYS = 2, 10
"""A log has to be so long before hours, and weekdays, can be told from chance."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A profile (None: flat) and how many free parameters it has."""

    kind: str
    profile: Profile | None
    parameters: int

    def loads(self, times: I64 | F64) -> F64:
        """The clock on which the arrivals are stationary, float ``(n,)``."""
        return np.asarray(times, float) if self.profile is None else Warp(self.profile).loads(times)

    def log_weights(self, times: I64) -> F64:
        """The logarithm of the intensity at the arrivals, float ``(n,)``: what bending adds to a likelihood."""
        if self.profile is None:
            return np.zeros(len(times))
        return np.log(np.maximum(Warp(self.profile).weights(times), 1e-12))


FLAT = Shape("flat", None, 0)


def shapes(log: Log, times: I64) -> Iterator[Shape]:
    """All shapes that the log is long enough for, the simplest first."""
    yield FLAT
    if log.span_ns >= LEAST_DAYS * DAY:
        yield _rhythm(log, times, days=False)
    if log.span_ns >= LEAST_WEEK_DAYS * DAY:
        yield _rhythm(log, times, days=True)
    for width in reversed(WIDTHS):
        steps = -(-log.span_ns // width)
        if LEAST_STEPS <= steps <= min(MOST_STEPS, len(times) / FEWEST):
            yield _steps(log, times, width)


def start_of(log: Log) -> tuple[int, int]:
    """The weekday (Monday is 0) of the log's first request in UTC, and how long that day has lasted."""
    if log.clock == "relative":
        return int(log.origin_ns // DAY % 7), int(log.origin_ns % DAY)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=log.origin_ns // DAY)
    return moment.weekday(), int(log.origin_ns % DAY)


def _rhythm(log: Log, times: I64, *, days: bool) -> Shape:
    day, into = start_of(log)
    first = day * DAY + into
    cells = np.bincount((first + times) % WEEK // HOUR, minlength=168).reshape(7, 24).astype(float)
    spent = _spent(first, log.span_ns).reshape(7, 24)
    by_hour, by_day = np.ones(24), np.ones(7)
    for _ in range(50 if days else 1):
        by_hour = _ratio(cells.sum(axis=0), (spent * by_day[:, None]).sum(axis=0))
        if days:
            by_day = _ratio(cells.sum(axis=1), (spent * by_hour).sum(axis=1))
            by_day /= by_day.mean()
    said = {"hours": _rounded(by_hour), "day": DAYS[day], "starts_at": duration_text(into)}
    profile = Profile.model_validate(said | ({"days": _rounded(by_day)} if days else {}))
    return Shape("week" if days else "hours", profile, 23 + 6 * days)


def _spent(first: int, span: int) -> F64:
    """The time that the log spends in each hour of a week."""
    edges = np.arange(0, (first + span) // HOUR + 2) * HOUR
    inside = np.clip(np.minimum(edges[1:], first + span) - np.maximum(edges[:-1], first), 0, None)
    return np.bincount(np.arange(len(inside)) % 168, inside, 168).astype(float)


def _ratio(above: F64, below: F64) -> F64:
    """Rates; a cell that the log never saw has the mean."""
    known = below > 0
    rates = np.divide(above, below, out=np.zeros(len(above)), where=known)
    rates[~known] = above.sum() / max(float(below.sum()), 1e-300)
    return rates


def _rounded(weights: F64) -> tuple[float, ...]:
    """With a mean of 1, to four digits; never only zeros."""
    return tuple(float(f"{each:.4g}") for each in weights / weights.mean())


def _steps(log: Log, times: I64, width: int) -> Shape:
    """Requests in each step; the last, of which the log has a part only, at the rate of that part."""
    number = -(-log.span_ns // width)
    counts = np.bincount(times // width, minlength=number).astype(float)
    counts[-1] *= width / (log.span_ns - (number - 1) * width)
    said = {"every": duration_text(int(width)), "weights": tuple(float(f"{each:.6g}") for each in counts)}
    profile = Profile.model_validate(said)
    return Shape("steps", profile, len(counts) - 1)
