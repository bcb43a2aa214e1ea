"""Empty tallies for a run: the arrays that :mod:`sim.engine.tally` counts into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.results.axes import Axes, axes_of
from sim.results.tallies import (
    BUCKETS,
    CELLS,
    COUNTS,
    I64,
    LIMIT_FIELDS,
    RING,
    SERIES,
    SPAN,
    UNTIL,
    Tallies,
)
from sim.scenario.limit_rows import LimitRow
from sim.scenario.schema import Scenario
from sim.units import MINUTE, SECOND

if TYPE_CHECKING:
    from sim.engine.world import Setting


def fresh_tallies(scenario: Scenario, setting: Setting) -> Tallies:
    """Tallies of one run of ``setting``, before anything happened."""
    faults = [entry.fault.window for entry in scenario.chaos]
    axes = axes_of(scenario.warmup, scenario.duration, scenario.drain, faults)
    tallies = _tallies(axes, len(setting.teams), len(setting.models), len(setting.rows.limits))
    for row, limit in enumerate(setting.rows.limits):
        span, cells = _cells(limit)
        tallies.limits[row, [SPAN, UNTIL, CELLS]] = span, span, cells
    return tallies


def _cells(limit: LimitRow) -> tuple[int, int]:
    """The length of a cell of time, ns, and how many make the period that refusals look back on."""
    period = round(limit.period_s * SECOND)
    if limit.rate is None:  # what is in flight is known now: nothing to look back on
        return period // (RING - 1), 0
    cells = min(RING - 1, max(1, period // SECOND))
    return -(-period // cells), cells


def _tallies(axes: Axes, teams: int, models: int, limits: int) -> Tallies:
    minutes, after = (-(-time // MINUTE) for time in (axes.duration, max(0, axes.duration - axes.recovery_from)))

    def zeros(*shape: int) -> I64:
        return np.zeros(shape, np.int64)

    return Tallies(
        axes,
        counts=zeros(teams, len(COUNTS)),
        latency=zeros(teams, BUCKETS),
        throttle=zeros(teams, BUCKETS),
        series=zeros(teams, len(axes.edges) + 1, len(SERIES)),
        backlog=zeros(teams, len(axes.instants) + 1, 2),
        own=np.zeros((teams, minutes, 2), np.int32),
        after=np.zeros((teams, after, 2), np.int32),
        asked=zeros(teams, models),
        limits=zeros(limits, len(LIMIT_FIELDS)),
        charged=zeros(limits, minutes),
        used=zeros(limits, RING, teams),
        refused=zeros(limits, teams),
        flying=zeros(limits, teams),
        since=zeros(limits, teams),
        filled=zeros(teams),
        shares=zeros(teams, teams),
        cursor=zeros(3),
    )
