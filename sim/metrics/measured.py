"""What one configuration's runs say, before it is put into words: the same from rows and from tallies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sim.metrics import series
from sim.metrics.blast import minutes_lost, recovery_s
from sim.metrics.budgets import Budget, budget
from sim.metrics.compute import Spread, Sums, Values, spread_of, sums_of, values_of
from sim.metrics.contention import consumption
from sim.metrics.context import Context
from sim.metrics.incidents import incidents
from sim.metrics.limits import Use, use
from sim.metrics.load import backlog
from sim.metrics.review import reviews
from sim.metrics.tables import F64, Attempts, Requests


@dataclass(frozen=True)
class Measured:
    """One configuration in all its replications.

    ``lost`` are service-minutes and ``recovery`` seconds, ``(replications, teams)``; ``backlog`` is
    ``(samples, replications, teams + 1)``; ``series`` are means, ``(teams + 1, intervals)``;
    ``uses`` is one entry a limit and ``budgets`` one a spend cap, None without attempts; ``latency`` are the quantiles
    :data:`~sim.metrics.series.LEVELS` of all replications together, s, ``(levels, teams + 1)``.
    """

    context: Context
    sums: Sums
    spread: Spread
    lost: F64
    recovery: F64
    backlog: F64
    series: Mapping[str, F64]
    uses: tuple[Use | None, ...]
    consumption: Mapping[str, Mapping[str, float]]
    latency: F64
    budgets: tuple[Budget | None, ...] = ()
    incidents: Mapping[str, Any] = field(default_factory=dict)
    """What faults did to whom; needs rows."""
    reviews: Sequence[Mapping[str, Any]] | None = None
    """What each desk of :mod:`sim.metrics.review` sees; None without desks, or without rows."""

    @cached_property
    def values(self) -> Values:
        """Every declared metric."""
        return values_of(self.sums, self.spread, self.context)


def of_rows(requests: Requests, attempts: Attempts | None, context: Context, name: str) -> Measured:
    """Measure one configuration from its rows; without attempts, what needs them is absent."""
    info, step = context.configurations[name], series.interval_ns(context)
    limits, caps = info.limits, info.caps
    width = series.intervals([(requests, attempts)], context, step)
    return Measured(
        context,
        sums_of(requests, attempts, context, caps),
        spread_of(requests),
        minutes_lost(requests, context),
        recovery_s(requests, context),
        backlog(requests, context),
        series.over_time_grids(requests, attempts, context, step, width),
        tuple(None if attempts is None else use(limit, attempts, context) for limit in limits),
        {} if attempts is None else consumption(attempts, limits, context),
        series.latency_grid(requests, series.LEVELS),
        tuple(None if attempts is None else budget(cap, attempts, context) for cap in caps),
        incidents(requests, attempts, context),
        reviews(requests, attempts, context),
    )
