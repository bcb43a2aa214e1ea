"""A rhythm of days and weeks, or of steps, laid over any arrival process by bending its time.

The weights make an intensity w(t), constant within each hour (or step), with a mean of 1 over a whole
week (or over all steps, which are called a week here too).
A process of the unmodulated kind runs on the clock Λ(t) = ∫ w, and each arrival at u of that clock
comes at Λ⁻¹(u) of the real one. This keeps what the process is (its CV on its own clock, its
bursts, which are shorter and more frequent in busy hours) and keeps the mean rate exactly over
each whole week. Over part of a week the mean is that part's: a Monday morning is busier than the
week, and :func:`Warp.load` says by how much.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.scenario.profiles import Profile
from sim.units import DAY, HOUR
from sim.workload.rows import I64

F64 = NDArray[np.float64]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Warp:
    """Λ and its inverse for one profile; times are nanoseconds from the start of the scenario."""

    def __init__(self, profile: Profile) -> None:
        if profile.weights is None or profile.every is None:
            weights = np.outer(_scaled(profile.days), _scaled(profile.hours)).ravel()
            self._step, first = HOUR, DAYS.index(profile.day) * DAY
        else:
            weights, self._step, first = _scaled(profile.weights), profile.every, 0
        self._week = self._step * len(weights)
        # Divided by its own last value, so that a week of load is a week of time to the last bit.
        load = np.concatenate(([0.0], np.cumsum(weights)))
        self._load = load / load[-1] * self._week
        self._clock = np.arange(len(load)) * float(self._step)
        self._start = (first + profile.starts_at) % self._week
        self._offset = float(np.interp(self._start, self._clock, self._load))

    def load(self, until_ns: float) -> float:
        """Λ(until): how much time of an unmodulated process passes until then."""
        return float(self.loads(np.asarray(until_ns)))

    def loads(self, times: NDArray[Any]) -> F64:
        """Λ of many times."""
        weeks, rest = np.divmod(self._start + times, self._week)
        found: F64 = weeks * self._week + np.interp(rest, self._clock, self._load) - self._offset
        return found

    def weights(self, times: NDArray[Any]) -> F64:
        """The intensity at many times: 1 on average over a week."""
        place = (np.mod(self._start + times, self._week) // self._step).astype(np.int64)
        found: F64 = np.diff(self._load)[np.minimum(place, len(self._load) - 2)] / self._step
        return found

    def times(self, loads: I64, least: int = 0) -> I64:
        """Λ⁻¹ of sorted loads, int64 ``(n,)``; jumps over the hours in which nothing comes.

        ``least`` is the time of the arrival before these, where there was one.
        """
        weeks, rest, hour = self._places(loads + self._offset)
        width = self._load[hour + 1] - self._load[hour]
        inside = np.where(width > 0, (rest - self._load[hour]) / np.where(width > 0, width, 1.0), 0.0)
        within = self._clock[hour] + inside * self._step
        times = np.floor(weeks * self._week + within - self._start).astype(np.int64)
        # Rounding may turn the order of two arrivals within a nanosecond.
        return np.maximum.accumulate(np.maximum(times, least))

    def _places(self, loads: NDArray[np.floating]) -> tuple[Any, Any, Any]:
        """Week, load within the week, and hour of sorted loads; one week and one hour where all share them."""
        weeks, _, hour = self._each(loads[[0, -1]] if len(loads) else loads)
        if len(loads) and weeks[0] == weeks[1] and hour[0] == hour[1]:
            # The same to the last bit: whole weeks and what is left of them are exact.
            return weeks[0], loads - weeks[0] * self._week, hour[0]
        return self._each(loads)

    def _each(self, loads: NDArray[np.floating]) -> tuple[F64, F64, I64]:
        weeks, rest = np.divmod(loads, self._week)
        hour = np.searchsorted(self._load, rest, side="right") - 1
        return weeks, rest, np.minimum(hour, len(self._load) - 2)


def _scaled(weights: tuple[float, ...]) -> F64:
    values = np.asarray(weights, float)
    if not math.isfinite(float(values.sum())):
        raise ValueError("weights must be finite")
    scaled: F64 = values / values.mean()
    return scaled
