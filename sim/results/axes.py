"""The time axes that results are counted on: the measured part, instants of the backlog, intervals of charts.

Metrics that read rows and tallies that are made while a run goes on must cut time at the same
nanoseconds, so the cuts are made here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.units import DAY, HOUR, MINUTE, SECOND

I64 = NDArray[np.int64]

_STEPS = (
    *(SECOND * step for step in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * step for step in (1, 2, 5, 10, 15, 30)),
    *(HOUR * step for step in (1, 2, 3, 6, 12)),
    DAY,
)
POINTS = 60
"""Intervals that a chart over time has at most, unless the duration is over 60 days."""
SAMPLES = 60
"""Instants at which the backlog is looked at."""
WIDEST = 1 << 12
"""Intervals that tallies keep at most; what is sent later (in a drain that is far longer than the
duration) counts in the last one."""


def round_step(duration_ns: int, most: int = POINTS) -> int:
    """A round step (1 s to 1 day) that cuts the duration into at most ``most`` intervals, ns."""
    return next((step for step in _STEPS if duration_ns <= step * most), _STEPS[-1])


def sample_instants(warmup_ns: int, duration_ns: int) -> I64:
    """The :data:`SAMPLES` evenly spaced instants of the measured part, the last at its end, ns."""
    return np.linspace(warmup_ns, duration_ns, SAMPLES + 1)[1:].astype(np.int64)


class Axes(NamedTuple):
    """What tallies need to know of a scenario's time, ns."""

    warmup: int
    duration: int
    horizon: int
    """The end of the drain."""
    first_fault: int
    """When the first fault begins; 0 without faults, as no rate before them is needed then."""
    recovery_from: int
    """When the last fault ends, the duration without faults."""
    instants: I64
    edges: I64
    """The last nanosecond of each interval of a chart, but for the last interval."""


def axes_of(warmup_ns: int, duration_ns: int, drain_ns: int, faults: Sequence[tuple[int, int]]) -> Axes:
    """The axes of a scenario; ``faults`` are the windows (start, end) of its faults."""
    horizon, step = duration_ns + drain_ns, round_step(duration_ns)
    width = min(WIDEST, horizon // step + 1)
    return Axes(
        warmup_ns,
        duration_ns,
        horizon,
        min((start for start, _ in faults), default=0),
        max((end for _, end in faults), default=duration_ns),
        sample_instants(warmup_ns, duration_ns),
        np.arange(1, width, dtype=np.int64) * step - 1,
    )
