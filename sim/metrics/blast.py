"""Blast radius: which teams and services fall below their objective, for how long, and when it ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.metrics.compute import Sums, ratio
from sim.metrics.context import Context
from sim.metrics.stats import Interval, interval
from sim.metrics.tables import F64, Bool, Requests
from sim.units import MINUTE, SECOND

RULE = """\
## Blast radius

It looks at each team's own workload only: the calls of a runaway job are no victims. A team's
*threshold* is the bound of its first objective `success_rate >=` or `own_success_rate >=` (its own,
else that of `*`), else 99 %.

- *Teams and services below*: teams whose own success rate over the measured part is under their
  threshold, and the services that depend on them.
- *Service-minutes lost*: for each calendar minute in which requests of a team started and their
  success rate was under the team's threshold, as many minutes as the team has services.
- *Time to recover*: from the end of the last fault to the first minute from which three minutes
  together reach the team's target again: the smaller of its threshold and its success rate before
  the first fault. The slowest team counts. Minutes without requests say nothing; a team that sends
  nothing afterwards has nothing to recover. Resolution one minute; `recovered_share` is the
  fraction of replications in which all teams recovered before the duration ended, and the mean
  is over those.
"""
DEFAULT_THRESHOLD = 0.99
_HELD_MINUTES = 3
_SUCCESS = ("success_rate", "own_success_rate")


def thresholds(context: Context) -> F64:
    """Each team's threshold, ``(teams,)``."""
    wanted = [slo for slo in context.scenario.slos if slo.metric in _SUCCESS and slo.op in (">=", ">")]
    named: dict[str, float] = {}
    for slo in wanted:
        named.setdefault(slo.team, slo.bound)
    default = named.get("*", DEFAULT_THRESHOLD)
    return np.array([named.get(team, default) for team in context.teams], np.float64)


def _by_team(requests: Requests, mask: Bool) -> tuple[F64, F64]:
    """Own offered and succeeded under ``mask``, ``(replications, teams)`` each."""
    keep = mask & requests.own
    offered, succeeded = requests.per_cell(requests.counted & keep), requests.per_cell(requests.succeeded & keep)
    return offered[:, :-1], succeeded[:, :-1]


def minutes_lost(requests: Requests, context: Context) -> F64:
    """Service-minutes lost, ``(replications, teams)``."""
    mask = requests.counted & requests.own
    minute = requests.arrival[mask] // MINUTE
    width = int(minute.max(initial=0)) + 1
    # Only minutes in which something started, so that months of minutes cost nothing.
    slots, inverse = np.unique(requests.cell[mask] * width + minute, return_inverse=True)
    rate = np.bincount(inverse, weights=requests.succeeded[mask]) / np.bincount(inverse)
    cell = slots // width
    lost = cell[rate < thresholds(context)[cell % requests.teams]]
    grid = np.bincount(lost, minlength=requests.replications * requests.teams).astype(np.float64)
    return grid.reshape(requests.replications, requests.teams) * np.array(context.services, np.float64)


def first_held(offered: F64, succeeded: F64, target: F64) -> F64:
    """The first minute from which three together reach the target, ``(rows,)``; inf for never.

    ``offered`` and ``succeeded`` are ``(rows, minutes)``, ``target`` is ``(rows,)``.
    """
    sums = [np.cumsum(np.pad(counts, ((0, 0), (1, 0))), axis=1) for counts in (offered, succeeded)]
    minutes = offered.shape[1]
    start = np.arange(minutes)
    end = np.minimum(start + _HELD_MINUTES, minutes)
    some, good = (total[:, end] - total[:, start] for total in sums)
    held = (some > 0) & (ratio(good, some) >= target[:, None])
    found = np.where(held.any(axis=1), held.argmax(axis=1), np.inf)
    return np.where(offered.any(axis=1), found, 0.0)


def recovery_s(requests: Requests, context: Context) -> F64:
    """Seconds from the end of the last fault until each team recovered, ``(replications, teams)``.

    inf where it did not within the duration; NaN everywhere without faults, or when the last
    one lasts to the end.
    """
    runs, teams = requests.replications, requests.teams
    end = max((window.end_ns for window in context.chaos), default=context.scenario.duration)
    minutes = -(-(context.scenario.duration - end) // MINUTE)
    if minutes <= 0:
        return np.full((runs, teams), np.nan)
    before = ratio(*reversed(_by_team(requests, requests.arrival < min(w.start_ns for w in context.chaos))))
    targets = np.fmin(thresholds(context), before)
    after = requests.counted & requests.own & (requests.arrival >= end)
    after &= requests.arrival < context.scenario.duration
    result = np.empty((runs, teams))
    for team in range(teams):
        rows = np.flatnonzero(after & (requests.team == team))
        slot = requests.replication[rows] * minutes + (requests.arrival[rows] - end) // MINUTE
        good = requests.succeeded[rows].astype(np.float64)
        grids = [np.bincount(slot, weights=weights, minlength=runs * minutes) for weights in (None, good)]
        offered, succeeded = (grid.astype(np.float64).reshape(runs, minutes) for grid in grids)
        result[:, team] = first_held(offered, succeeded, targets[:, team]) * MINUTE / SECOND
    return result


def _one_team(context: Context, below: Bool, lost: Interval, index: int) -> dict[str, Any]:
    return {
        "threshold": float(thresholds(context)[index]),
        "services": context.services[index],
        "below_share": float(below[:, index].mean()),
        "service_minutes_lost": lost.json(index),
    }


def blast_radius(sums: Sums, lost: F64, recovery: F64, context: Context) -> dict[str, Any]:
    """The blast radius of one configuration as it stands in the summary; see :data:`RULE`.

    ``lost`` are the :func:`minutes_lost`, ``recovery`` is :func:`recovery_s`.
    """
    below = ratio(sums["own_succeeded"][:, :-1], sums["own_offered"][:, :-1]) < thresholds(context)
    slowest = recovery.max(axis=1)
    known = ~np.isnan(slowest)
    columns = np.column_stack([below.sum(axis=1), below @ np.array(context.services, np.float64), lost.sum(axis=1)])
    whole, parts = interval(columns), interval(lost)
    return {
        "teams_below": whole.json(0),
        "services_below": whole.json(1),
        "service_minutes_lost": whole.json(2),
        "time_to_recover_s": interval(slowest[:, None]).json(0),
        "recovered_share": float(np.isfinite(slowest[known]).mean()) if known.any() else None,
        "teams": {team: _one_team(context, below, parts, i) for i, team in enumerate(context.teams)},
    }
