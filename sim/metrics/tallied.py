"""What was counted while runs went on, read as the metrics want it: a summary without any rows.

Everything equals what rows would have given, except that quantiles are up to 0.4 % off
(:mod:`sim.metrics.histogram`) and that the consumption form of contention cuts a limit's period into eighths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim.errors import RunInvalid
from sim.metrics import series
from sim.metrics.blast import first_held, thresholds
from sim.metrics.compute import LEVELS, ratio, total_only
from sim.metrics.context import Context, LimitInfo
from sim.metrics.histogram import packed, quantiles, unpacked, with_total
from sim.metrics.limits import Use, members
from sim.metrics.measured import Measured
from sim.metrics.tables import F64, I64
from sim.results.columns import FAILED, GAVE_UP, NOT_STARTED, SUCCEEDED, UNFINISHED
from sim.results.tallies import (
    ANSWER,
    BEFORE,
    BEFORE_SUCCEEDED,
    CAME,
    COST,
    ENDED,
    FALLBACK,
    GOOD,
    HELD,
    IN_TIME,
    LATENCY,
    LIMITED,
    LOST,
    MADE,
    OTHER,
    OWN,
    OWN_SUCCEEDED,
    PEAK,
    REFUSALS,
    S_ATTEMPTS,
    S_OFFERED,
    SENT,
    SERIES,
    SERVER,
    STARTED,
    STOPPED,
    WAITED,
    WASTED,
    WORD_BITS,
    Tallies,
)
from sim.scenario.plan import model_names
from sim.units import MINUTE, SECOND

_COUNTS = {
    "succeeded": SUCCEEDED, "gave_up": GAVE_UP, "failed": FAILED, "unfinished": UNFINISHED, "not_started": NOT_STARTED,
    "own_offered": OWN, "own_succeeded": OWN_SUCCEEDED, "in_time": IN_TIME, "made": MADE, "cost": COST,
    "wasted": WASTED, "sent": SENT, "limited": LIMITED, "server": SERVER, "other": OTHER,
    "fallback": FALLBACK, "stopped": STOPPED,
}  # fmt: skip
_LONG = {"latency_s": LATENCY, "answer_s": ANSWER, "waiting_s": LOST, "held_s": WAITED}
_OFFERED = [SUCCEEDED, FAILED, GAVE_UP, UNFINISHED]


@dataclass(frozen=True)
class Reading:
    """One run's tallies as the metrics want them: small enough to be kept by the thousand, and pickled.

    Teams as in the scenario, the total last where there is one. ``uses`` is mean and peak
    utilization, refusals and attempts of each limit, ``(limits, 4)``; ``latency`` is sparse.
    """

    sums: dict[str, F64]
    spread: dict[str, F64]
    lost: F64
    recovery: F64
    backlog: F64
    series: I64
    uses: F64
    shares: I64
    latency: tuple[I64, I64]


def reported(tallies: Tallies) -> int:
    """How many requests are in the tallies: those that came and those that never started."""
    return int(tallies.series[:, :, S_OFFERED].sum() + tallies.counts[:, NOT_STARTED].sum())


def offered_and_succeeded(tallies: Tallies) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Counted requests, and those that succeeded, of each team as the plan numbers them."""
    offered = tallies.counts[:, _OFFERED].sum(axis=1)
    return tuple(offered.tolist()), tuple(tallies.counts[:, SUCCEEDED].tolist())


def read(tallies: Tallies, context: Context, name: str) -> Reading:
    """Read the tallies of one run of a configuration.

    Raises :class:`RunInvalid` when the requests made other attempts than were counted.
    """
    counts = _ordered(tallies.counts, context)
    if np.any(counts[:, MADE] != counts[:, SENT]):
        raise RunInvalid("the attempts that requests made are not those that were counted")
    latency = _ordered(tallies.latency, context)
    return Reading(
        _sums(counts),
        {
            "latency": quantiles(with_total(latency), LEVELS) / SECOND,
            "throttle": quantiles(with_total(_ordered(tallies.throttle, context)), LEVELS) / SECOND,
        },
        _minutes_lost(_ordered(tallies.own, context), context),
        _recovery(counts, _ordered(tallies.after, context), context),
        _backlog(_ordered(tallies.backlog, context)),
        _trimmed(_ordered(tallies.series, context), context),
        np.array([_use(tallies, at, context, name) for at in range(len(tallies.limits))]).reshape(-1, 4),
        _ordered(_ordered(tallies.shares, context).T, context).T,
        packed(latency),
    )


def _ordered(by_team: I64, context: Context) -> I64:
    """Rows of teams numbered by name → in the order of the scenario."""
    names = sorted(context.teams)
    rows: I64 = by_team[[names.index(team) for team in context.teams]]
    return rows


def _totalled(by_team: F64) -> F64:
    return np.append(by_team, by_team.sum())


def _sums(counts: I64) -> dict[str, F64]:
    table = counts.astype(np.float64)
    long = {name: (table[:, at + 1] * 2.0**WORD_BITS + table[:, at]) / SECOND for name, at in _LONG.items()}
    plain = {name: table[:, at] for name, at in _COUNTS.items()}
    found = {"offered": table[:, _OFFERED].sum(axis=1), **plain, **long}
    return {name: _totalled(column) for name, column in found.items()}


def _minutes_lost(own: I64, context: Context) -> F64:
    """Service-minutes lost of each team, as :func:`sim.metrics.blast.minutes_lost`."""
    rate = ratio(own[:, :, GOOD].astype(np.float64), own[:, :, STARTED].astype(np.float64))
    below = rate < thresholds(context)[:, None]
    lost: F64 = below.sum(axis=1) * np.array(context.services, np.float64)
    return lost


def _recovery(counts: I64, after: I64, context: Context) -> F64:
    """Seconds to recover of each team, as :func:`sim.metrics.blast.recovery_s`."""
    if not after.shape[1]:
        return np.full(len(counts), np.nan)
    table = counts.astype(np.float64)
    target = np.fmin(thresholds(context), ratio(table[:, BEFORE_SUCCEEDED], table[:, BEFORE]))
    offered, succeeded = after[:, :, STARTED].astype(np.float64), after[:, :, GOOD].astype(np.float64)
    return first_held(offered, succeeded, target) * MINUTE / SECOND


def _backlog(seen: I64) -> F64:
    """Requests in the system at each instant, ``(samples, teams + 1)``."""
    level = (seen[:, :-1, CAME] - seen[:, :-1, ENDED]).cumsum(axis=1).astype(np.float64)
    return np.vstack([level, level.sum(axis=0)]).T


def _trimmed(counts: I64, context: Context) -> I64:
    """The intervals up to the last in which anything started, and all of the duration."""
    busy = np.flatnonzero(counts[:, :, [S_OFFERED, S_ATTEMPTS]].any(axis=(0, 2)))
    least = (context.scenario.duration - 1) // series.interval_ns(context) + 1
    return counts[:, : max(least, int(busy.max(initial=-1)) + 1)]


def _use(tallies: Tallies, at: int, context: Context, name: str) -> tuple[float, float, float, float]:
    """Mean and peak utilization, refusals and attempts of one limit, as :func:`sim.metrics.limits.use`."""
    limits = context.configurations[name].limits
    limit = limits[at]
    refusals = sum(int(tallies.limits[row, REFUSALS]) for row, one in enumerate(limits) if one.name == limit.name)
    if limit.dimension == "concurrency":
        mean, peak = _places(tallies.limits[at], limit, context)
    else:
        charged = tallies.charged[at]
        mean = float(charged.sum()) / (limit.per_minute * context.measured_min)
        peak = float(charged.max()) / limit.per_minute
    return mean, peak, float(refusals), float(_asked(tallies, limit, context))


def _places(row: I64, limit: LimitInfo, context: Context) -> tuple[float, float]:
    places = limit.burst or limit.per_minute
    held = int(row[HELD]) + (int(row[HELD + 1]) << WORD_BITS)
    return held / (places * (context.scenario.duration - context.scenario.warmup)), int(row[PEAK]) / places


def _asked(tallies: Tallies, limit: LimitInfo, context: Context) -> int:
    """Attempts of counted requests that came under the limit."""
    models = [limit.models is None or model in limit.models for model in model_names(context.scenario)]
    return int(_ordered(tallies.asked, context)[members(limit, context)][:, models].sum())


def of_readings(readings: Iterable[Reading], context: Context, name: str) -> Measured:
    """Measure one configuration from the readings of all its replications, taken one at a time."""
    kept, pool = [], _Pool(len(context.teams))
    for one in readings:
        kept.append(one)
        pool.add(one)
    if len(kept) != context.replications:
        raise RunInvalid(f"{name}: {context.replications} replications planned, {len(kept)} tallied")
    caps, sums = (
        context.configurations[name].caps,
        {key: np.stack([one.sums[key] for one in kept]) for key in kept[0].sums},
    )
    if not caps:  # then nothing can overshoot; otherwise it is not counted
        sums["overshoot"] = total_only(np.zeros(len(kept)), sums["cost"])
    return Measured(
        context,
        sums,
        {key: np.stack([one.spread[key] for one in kept], axis=1) for key in kept[0].spread},
        np.stack([one.lost for one in kept]),
        np.stack([one.recovery for one in kept]),
        np.stack([one.backlog for one in kept], axis=1),
        _over_time(pool.series, context),
        tuple(Use(*np.stack([one.uses[at] for one in kept], axis=1)) for at in range(len(kept[0].uses))),
        _consumption(pool.shares, context),
        quantiles(with_total(pool.latency), series.LEVELS) / SECOND,
        (None,) * len(caps),
    )


def of_tallies(tallies: Iterable[Tallies], context: Context, name: str) -> Measured:
    """Measure one configuration from the tallies of its replications, in order, one at a time."""
    return of_readings((read(one, context, name) for one in tallies), context, name)


class _Pool:
    """What all replications are added up in."""

    def __init__(self, teams: int) -> None:
        self.series = np.zeros((teams, 0, len(SERIES)), np.int64)
        self.shares = np.zeros((teams, teams), np.int64)
        self.latency = unpacked((np.zeros(0, np.int64), np.zeros(0, np.int64)), teams)

    def add(self, one: Reading) -> None:
        missing = one.series.shape[1] - self.series.shape[1]
        self.series = np.pad(self.series, ((0, 0), (0, max(0, missing)), (0, 0)))
        self.series[:, : one.series.shape[1]] += one.series
        self.shares += one.shares
        self.latency += unpacked(one.latency, len(self.latency))


def _over_time(counts: I64, context: Context) -> dict[str, F64]:
    """Means over replications, as :func:`sim.metrics.series.over_time_grids`."""
    means = counts / context.replications
    whole = np.concatenate([means, means.sum(axis=0, keepdims=True)])
    return series.with_ratios({name: whole[:, :, at] for at, name in enumerate(SERIES)})


def _consumption(shares: I64, context: Context) -> dict[str, dict[str, float]]:
    """``{victim: {culprit: share}}``; each row sums to 1."""
    part = ratio(shares.astype(np.float64), np.repeat(shares.sum(axis=1, keepdims=True), len(shares), axis=1))
    return {
        victim: {culprit: float(part[v, c]) for c, culprit in enumerate(context.teams) if shares[v, c] > 0}
        for v, victim in enumerate(context.teams)
        if shares[v].any()
    }
