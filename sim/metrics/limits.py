"""What each limit was charged with and by whom, and how full it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.metrics.compute import ratio
from sim.metrics.context import Context, LimitInfo
from sim.metrics.stats import interval
from sim.metrics.tables import F64, I64, Attempts, Bool, picked
from sim.units import MINUTE

RULE = """\
## Limits

*Utilization* is what a limit was charged with during the measured part, divided by its rate times
that time; for concurrency, the mean number in flight divided by the number allowed. *Peak* is the
same in the busiest calendar minute (the most in flight, for concurrency); a burst can lift it over
100 %. *Refusals* count attempts of offered requests that this limit refused, *refused share* is
their part of the attempts that came to it. Where a limit counts refused attempts, each counts as one
request, so a limit under siege shows more than 100 %.
"""
_LEVELS = ("account", "project", "key")


@dataclass(frozen=True)
class Charges:
    """What one limit was charged with: arrays ``(n,)``, in no order; weights may be negative."""

    replication: I64
    time: I64
    team: I64
    weight: I64


def members(limit: LimitInfo, context: Context) -> list[int]:
    """The codes of the limit's teams."""
    return [code for code, team in enumerate(context.teams) if team in limit.teams]


def under(limit: LimitInfo, attempts: Attempts, teams: Sequence[int]) -> I64:
    """The positions of the attempts that come under a limit: its teams, its models."""
    rows = attempts.rows_of(teams)
    if limit.models is None:
        return rows
    included = np.array([name in limit.models for name in attempts.models] + [False])
    return rows[picked(included, attempts.model[rows])]


def refusals(limit: LimitInfo, attempts: Attempts, rows: I64) -> I64:
    """Of ``rows``, the attempts of counted requests that this limit answered with 429."""
    named = np.array([name == limit.name for name in attempts.refusers] + [False])
    refused: Bool = picked(named, attempts.refused[rows]) & (attempts.status[rows] == 429) & attempts.counted[rows]
    return rows[refused]


def _charged(limit: LimitInfo, attempts: Attempts, rows: I64) -> I64:
    """The attempts that take from a limit: those admitted, and with the switch those that a limit refused."""
    keep = attempts.admitted[rows]
    if limit.charge_rejected and limit.dimension == "requests":
        by_limit = np.array([name.split(":")[0] in _LEVELS for name in attempts.refusers] + [False])
        keep = keep | (picked(by_limit, attempts.refused[rows]) & (attempts.status[rows] == 429))
    return rows[keep]


def charges(limit: LimitInfo, attempts: Attempts, rows: I64) -> Charges:
    """What the attempts ``rows`` took from a limit.

    Requests and input are charged when an attempt arrives, output when it ends (or, reserved,
    when it arrives). A place in flight is +1 at the start and -1 at the end.
    """
    taken = _charged(limit, attempts, rows)
    ended = taken[attempts.end[taken] >= 0]
    start, one = attempts.at[taken], np.ones(len(taken), np.int64)
    if limit.dimension == "requests":
        return _join(attempts, (taken, start, one))
    if limit.dimension == "concurrency":
        return _join(attempts, (taken, start, one), (ended, attempts.end[ended], -one[: len(ended)]))
    input_part = (taken, start, attempts.input[taken])
    output_part = (ended, attempts.end[ended], attempts.output[ended])
    if limit.output_reserved:
        output_part = (taken, start, attempts.output[taken])
    parts = {"input_tokens": (input_part,), "output_tokens": (output_part,), "tokens": (input_part, output_part)}
    return _join(attempts, *parts[limit.dimension])


def _join(attempts: Attempts, *parts: tuple[I64, I64, I64]) -> Charges:
    rows = np.concatenate([part[0] for part in parts])
    times, weights = (np.concatenate([part[index] for part in parts]) for index in (1, 2))
    return Charges(attempts.replication[rows], times, attempts.team[rows], weights)


def _full_rate(limit: LimitInfo, taken: Charges, context: Context) -> tuple[F64, F64]:
    """Mean and peak-minute utilization of a rate limit, ``(replications,)`` each."""
    scenario, runs = context.scenario, context.replications
    inside: Bool = (taken.time >= scenario.warmup) & (taken.time < scenario.duration)
    total = np.bincount(taken.replication[inside], weights=taken.weight[inside], minlength=runs)
    minutes = -(-scenario.duration // MINUTE)
    slot = taken.replication[inside] * minutes + taken.time[inside] // MINUTE
    by_minute = np.bincount(slot, weights=taken.weight[inside], minlength=runs * minutes)
    peak = by_minute.reshape(runs, minutes).max(axis=1)
    return total / (limit.per_minute * context.measured_min), peak / limit.per_minute


def _full_places(limit: LimitInfo, taken: Charges, context: Context) -> tuple[F64, F64]:
    """Mean and peak utilization of a concurrency limit, ``(replications,)`` each."""
    scenario, runs = context.scenario, context.replications
    left = scenario.duration - np.clip(taken.time, scenario.warmup, scenario.duration)
    held = np.bincount(taken.replication, weights=taken.weight * left, minlength=runs)
    order = np.lexsort((taken.weight, taken.time, taken.replication))  # at one instant, ends come first
    run, level = taken.replication[order], np.cumsum(taken.weight[order])
    first = np.searchsorted(run, np.arange(runs))
    before = np.concatenate([[0], level])[first]  # what earlier replications left in flight
    peak = np.zeros(runs)
    np.maximum.at(peak, run, level - before[run])
    places = limit.burst or limit.per_minute
    return held / (places * (scenario.duration - scenario.warmup)), peak / places


def fullness(limit: LimitInfo, taken: Charges, context: Context) -> tuple[F64, F64]:
    """Mean and peak utilization of a limit in each replication, ``(replications,)`` each."""
    measure = _full_places if limit.dimension == "concurrency" else _full_rate
    return measure(limit, taken, context)


@dataclass(frozen=True)
class Use:
    """How one limit was used in each replication; arrays ``(replications,)``.

    ``mean`` and ``peak`` are utilizations, ``refusals`` its refusals of attempts of counted requests,
    ``made`` such attempts that came under it.
    """

    mean: F64
    peak: F64
    refusals: F64
    made: F64


def use(limit: LimitInfo, attempts: Attempts, context: Context) -> Use:
    """How a limit was used, from the rows of attempts."""
    rows = under(limit, attempts, members(limit, context))
    mean, peak = fullness(limit, charges(limit, attempts, rows), context)
    refused = _per_run(attempts, refusals(limit, attempts, rows), context)
    return Use(mean, peak, refused, _per_run(attempts, rows[attempts.counted[rows]], context))


def describe(limit: LimitInfo, found: Use | None) -> dict[str, Any]:
    """One limit as it stands in the summary; without values when its use is not known."""
    shown = {
        "name": limit.name, "level": limit.level, "dimension": limit.dimension,
        "per_minute": limit.per_minute, "burst": limit.burst, "teams": list(limit.teams),
    }  # fmt: skip
    if found is None:
        nothing = {"mean": None, "ci95": [None, None]}
        return {**shown, "utilization": nothing, "peak": nothing, "refusals": nothing, "refused_share": nothing}
    share = ratio(found.refusals, found.made)
    columns = {"utilization": found.mean, "peak": found.peak, "refusals": found.refusals, "refused_share": share}
    return {**shown, **{name: interval(values).json() for name, values in columns.items()}}


def _per_run(attempts: Attempts, rows: I64, context: Context) -> F64:
    return np.bincount(attempts.replication[rows], minlength=context.replications).astype(np.float64)
