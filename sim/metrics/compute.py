"""The declared metrics, computed for every replication, team and total of one configuration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.metrics.budgets import worst_overshoot
from sim.metrics.context import CapInfo, Context
from sim.metrics.tables import F64, Attempts, Bool, Requests, lost_ns
from sim.results.columns import FAILED, GAVE_UP, NOT_SENT, NOT_STARTED, STATUS_NONE, STATUS_OK, UNFINISHED
from sim.units import MICRO, SECOND

Values = dict[str, F64]
"""Metric name → ``(replications, teams + 1)``; the last column is the total, NaN means no value."""

Sums = dict[str, F64]
"""What the metrics are computed from, ``(replications, teams + 1)`` each, the last column the total.

Of counted requests (see :class:`~sim.metrics.tables.Requests`): ``offered succeeded gave_up failed
unfinished not_started own_offered own_succeeded in_time made cost wasted`` (micro-dollars) ``fallback
stopped held_s latency_s waiting_s answer_s`` (time without an answer, and of successes the rest); of their
attempts, absent where none are known: ``sent limited server other``. Of all attempts, in total and where
the spend caps are known: ``overshoot`` (dollars).
"""

Spread = dict[str, F64]
"""Quantiles (:data:`LEVELS`) of ``latency`` and ``throttle``, s, ``(3, replications, teams + 1)`` each."""

_NAMES = ("p50", "p95", "p99")
LEVELS = (0.50, 0.95, 0.99)
"""The quantiles that are metrics."""


def ratio(above: F64, below: F64) -> F64:
    """``above / below``, NaN where there is nothing below."""
    shares: F64 = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return shares


def sums_of(
    requests: Requests, attempts: Attempts | None, context: Context, caps: Sequence[CapInfo] | None = None
) -> Sums:
    """The sums of one configuration's rows; how far spend went over its ``caps`` only where they are given."""
    counted, succeeded, own = requests.counted, requests.succeeded, requests.own
    return {
        "offered": requests.per_cell(counted),
        "succeeded": requests.per_cell(succeeded),
        "gave_up": requests.per_cell(counted & (requests.outcome == GAVE_UP)),
        "failed": requests.per_cell(counted & (requests.outcome == FAILED)),
        "unfinished": requests.per_cell(counted & (requests.outcome == UNFINISHED)),
        "not_started": requests.per_cell(requests.outcome == NOT_STARTED),
        "own_offered": requests.per_cell(counted & own),
        "own_succeeded": requests.per_cell(succeeded & own),
        "in_time": requests.per_cell(succeeded & (requests.arrival < context.scenario.duration)),
        "made": requests.per_cell(counted, requests.attempts),
        "cost": requests.per_cell(counted, requests.cost),
        "wasted": requests.per_cell(counted, requests.wasted),
        "fallback": requests.per_cell(succeeded & requests.fell_back),
        "stopped": requests.per_cell(counted & np.isin(requests.status, NOT_SENT)),
        "held_s": requests.per_cell(counted, requests.held) / SECOND,
        "latency_s": requests.per_cell(succeeded, requests.finish - requests.arrival) / SECOND,
        **_waits(requests, attempts, context),
        **({} if attempts is None else _sent(requests, attempts)),
        **_overshoot(caps, attempts, context),
    }


def _overshoot(caps: Sequence[CapInfo] | None, attempts: Attempts | None, context: Context) -> Sums:
    """Nothing where it is not known; without caps it is, whatever the rows."""
    if caps is None or (caps and attempts is None):
        return {}
    worst = np.zeros(context.replications) if attempts is None else worst_overshoot(caps, attempts, context)
    return {"overshoot": total_only(worst, np.zeros((context.replications, len(context.teams) + 1)))}


def _waits(requests: Requests, attempts: Attempts | None, context: Context) -> Sums:
    # Without attempts, the wait after refusals is the best that is known about time without an answer.
    lost = requests.throttle if attempts is None else lost_ns(requests, attempts, context.end_ns)
    answer = requests.finish - requests.arrival - lost
    return {
        "waiting_s": requests.per_cell(requests.counted, lost) / SECOND,
        "answer_s": requests.per_cell(requests.succeeded, answer) / SECOND,
    }


def _sent(requests: Requests, attempts: Attempts) -> Sums:
    status, counted = attempts.status, attempts.counted
    limited, server = status == 429, status >= 500
    other = ~limited & ~server & (status != STATUS_OK) & (status != STATUS_NONE)
    return {
        "sent": _attempts_per_cell(requests, attempts, counted),
        "limited": _attempts_per_cell(requests, attempts, counted & limited),
        "server": _attempts_per_cell(requests, attempts, counted & server),
        "other": _attempts_per_cell(requests, attempts, counted & other),
    }


def _attempts_per_cell(requests: Requests, attempts: Attempts, mask: Bool) -> F64:
    weights = np.bincount(attempts.row[mask], minlength=len(requests.arrival))
    return requests.per_cell(np.ones(len(weights), np.bool_), weights)


def spread_of(requests: Requests) -> Spread:
    """The quantiles of one configuration's rows."""
    latency = (requests.finish - requests.arrival) / SECOND
    return {
        "latency": requests.quantiles(requests.succeeded, latency, LEVELS),
        "throttle": requests.quantiles(requests.counted, requests.throttle / SECOND, LEVELS),
    }


def jain(shares: F64) -> F64:
    """Jain's index of each row of ``(rows, teams)``; NaN entries are no team, all zeros have no index."""
    some = np.where(np.isnan(shares), 0.0, shares)
    teams = np.sum(~np.isnan(shares), axis=1)
    return ratio(some.sum(axis=1) ** 2, teams * (some**2).sum(axis=1))


def total_only(total: F64, like: F64) -> F64:
    """A grid shaped ``like`` another with values in its total column alone."""
    grid = np.full(like.shape, np.nan)
    grid[:, -1] = total
    return grid


def _rates(sums: Sums, context: Context) -> Values:
    own_rate = ratio(sums["own_succeeded"], sums["own_offered"])
    return {
        "success_rate": ratio(sums["succeeded"], sums["offered"]),
        "own_success_rate": own_rate,
        "goodput_per_min": sums["in_time"] / context.measured_min,
        "attempts_per_request": ratio(sums["made"], sums["offered"]),
        "jain_index": total_only(jain(own_rate[:, :-1]), own_rate),
    }


def _of_attempts(sums: Sums) -> Values:
    nothing = np.full(sums["offered"].shape, np.nan)
    if "sent" not in sums:
        return dict.fromkeys(("rate_limited_share", "server_error_share", "other_error_share", "time_lost_s"), nothing)
    return {
        "rate_limited_share": ratio(sums["limited"], sums["sent"]),
        "server_error_share": ratio(sums["server"], sums["sent"]),
        "other_error_share": ratio(sums["other"], sums["sent"]),
        "time_lost_s": sums["waiting_s"],
    }


def _times(sums: Sums, spread: Spread) -> Values:
    values = {f"latency_{name}_s": grid for name, grid in zip(_NAMES, spread["latency"], strict=True)}
    values |= {f"throttle_wait_{name}_s": grid for name, grid in zip(_NAMES, spread["throttle"], strict=True)}
    return values | {
        "latency_mean_s": ratio(sums["latency_s"], sums["succeeded"]),
        "client_wait_mean_s": ratio(sums["held_s"], sums["offered"]),
    }


def _money(sums: Sums) -> Values:
    cost = sums["cost"] / MICRO
    return {
        "cost_usd": cost,
        "wasted_cost_usd": sums["wasted"] / MICRO,
        "cost_per_success_usd": ratio(cost, sums["succeeded"]),
        "overshoot_usd": sums.get("overshoot", np.full(cost.shape, np.nan)),
    }


def values_of(sums: Sums, spread: Spread, context: Context) -> Values:
    """Every declared metric, from sums and quantiles.

    Without sums of attempts, what needs them (shares of attempts, time lost) has no value.
    """
    counts = ("offered", "succeeded", "gave_up", "failed", "unfinished", "not_started")
    return {
        **{name: sums[name] for name in counts},
        "fallback_answers": sums["fallback"],
        "stopped_by_client": sums["stopped"],
        **_rates(sums, context),
        **_of_attempts(sums),
        **_times(sums, spread),
        **_money(sums),
    }


def compute(
    requests: Requests, attempts: Attempts | None, context: Context, caps: Sequence[CapInfo] | None = None
) -> Values:
    """Every declared metric of one configuration's rows; ``caps`` as in :func:`sums_of`."""
    return values_of(sums_of(requests, attempts, context, caps), spread_of(requests), context)
