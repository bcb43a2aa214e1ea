"""The declared metrics, computed for every replication, team and total of one configuration."""

from __future__ import annotations

import numpy as np

from sim.metrics.context import Context
from sim.metrics.tables import F64, Attempts, Bool, Requests, lost_ns
from sim.results.columns import FAILED, GAVE_UP, NOT_STARTED, STATUS_NONE, STATUS_OK, UNFINISHED
from sim.units import MICRO, SECOND

Values = dict[str, F64]
"""Metric name → ``(replications, teams + 1)``; the last column is the total, NaN means no value."""

_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def ratio(above: F64, below: F64) -> F64:
    """``above / below``, NaN where there is nothing below."""
    shares: F64 = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return shares


def _counts(requests: Requests) -> Values:
    counted = requests.counted
    return {
        "offered": requests.per_cell(counted),
        "succeeded": requests.per_cell(requests.succeeded),
        "gave_up": requests.per_cell(counted & (requests.outcome == GAVE_UP)),
        "failed": requests.per_cell(counted & (requests.outcome == FAILED)),
        "unfinished": requests.per_cell(counted & (requests.outcome == UNFINISHED)),
        "not_started": requests.per_cell(requests.outcome == NOT_STARTED),
    }


def _rates(requests: Requests, counts: Values, context: Context) -> Values:
    own = requests.own
    in_time = requests.succeeded & (requests.arrival < context.scenario.duration)
    own_rate = ratio(requests.per_cell(requests.succeeded & own), requests.per_cell(requests.counted & own))
    return {
        "success_rate": ratio(counts["succeeded"], counts["offered"]),
        "own_success_rate": own_rate,
        "goodput_per_min": requests.per_cell(in_time) / context.measured_min,
        "attempts_per_request": ratio(requests.per_cell(requests.counted, requests.attempts), counts["offered"]),
        "jain_index": _total_only(jain(own_rate[:, :-1]), own_rate),
    }


def jain(shares: F64) -> F64:
    """Jain's index of each row of ``(rows, teams)``; NaN entries are no team, all zeros have no index."""
    some = np.where(np.isnan(shares), 0.0, shares)
    teams = np.sum(~np.isnan(shares), axis=1)
    return ratio(some.sum(axis=1) ** 2, teams * (some**2).sum(axis=1))


def _total_only(total: F64, like: F64) -> F64:
    grid = np.full(like.shape, np.nan)
    grid[:, -1] = total
    return grid


def _of_attempts(requests: Requests, attempts: Attempts | None, context: Context) -> Values:
    names = ("rate_limited_share", "server_error_share", "other_error_share", "time_lost_s")
    if attempts is None:
        return {name: np.full((requests.replications, requests.teams + 1), np.nan) for name in names}
    status, counted = attempts.status, attempts.counted
    limited, server = status == 429, status >= 500
    other = ~limited & ~server & (status != STATUS_OK) & (status != STATUS_NONE)
    made = _attempts_per_cell(requests, attempts, counted)
    shares = [ratio(_attempts_per_cell(requests, attempts, counted & kind), made) for kind in (limited, server, other)]
    lost = requests.per_cell(requests.counted, lost_ns(requests, attempts, context.end_ns)) / SECOND
    return dict(zip(names, [*shares, lost], strict=True))


def _attempts_per_cell(requests: Requests, attempts: Attempts, mask: Bool) -> F64:
    weights = np.bincount(attempts.row[mask], minlength=len(requests.arrival))
    return requests.per_cell(np.ones(len(weights), np.bool_), weights)


def _times(requests: Requests) -> Values:
    done = requests.succeeded
    latency = (requests.finish - requests.arrival) / SECOND
    waits = requests.throttle / SECOND
    quantiles = tuple(_QUANTILES.values())
    taken = requests.quantiles(done, latency, quantiles)
    throttled = requests.quantiles(requests.counted, waits, quantiles)
    values = {f"latency_{name}_s": grid for name, grid in zip(_QUANTILES, taken, strict=True)}
    values |= {f"throttle_wait_{name}_s": grid for name, grid in zip(_QUANTILES, throttled, strict=True)}
    values["latency_mean_s"] = ratio(requests.per_cell(done, latency), requests.per_cell(done))
    return values


def _money(requests: Requests, counts: Values) -> Values:
    cost = requests.per_cell(requests.counted, requests.cost) / MICRO
    return {
        "cost_usd": cost,
        "wasted_cost_usd": requests.per_cell(requests.counted, requests.wasted) / MICRO,
        "cost_per_success_usd": ratio(cost, counts["succeeded"]),
    }


def compute(requests: Requests, attempts: Attempts | None, context: Context) -> Values:
    """Every declared metric of one configuration.

    Without a table of attempts, what needs it (shares of attempts, time lost) has no value.
    """
    counts = _counts(requests)
    return {
        **counts,
        **_rates(requests, counts, context),
        **_of_attempts(requests, attempts, context),
        **_times(requests),
        **_money(requests, counts),
    }
