"""What each spend cap let pass and refused, window by window: exact, from the rows of attempts alone.

A cap knows no warm-up: everything counts from time 0 to the end of the drain, as on a bill. Spend
stands in the window in which an attempt ended, a refusal in that in which it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.metrics.context import CapInfo, Context
from sim.metrics.stats import interval
from sim.metrics.tables import F64, I64, Attempts, Bool, picked
from sim.results.axes import round_step
from sim.units import MICRO, SECOND

RULE = """\
## Budgets

Each spend cap is told window by window, warm-up and drain included, because a bill knows neither.
*Spend* is what attempts that ended in the window were billed. *Overshoot* is how far it went over
the cap, at most, in dollars and as a share of the cap. *Reached* is when the spend of the window was
at or over the cap, an *alert* the same for its share of the cap. *Refused* counts requests that the
cap refused at least once. Where a cap has many windows the fullest are listed. All of it needs the
table of attempts: a study that keeps none (`--rows none`, `--rows requests`) says so.
"""
LISTED = 60
"""Windows of a cap that a summary tells one by one."""
SMALL = 60
"""Up to so many windows a chart shows spend within each; above, what each had at its end."""


@dataclass(frozen=True)
class Budget:
    """One cap in all replications. Arrays ``(replications, windows)``; money in micro-dollars, times in s.

    ``reached`` and ``first_refusal`` are NaN where it did not happen; ``alerts`` has an array like
    ``reached`` for each threshold. ``refused`` counts requests, ``refusals`` attempts; a request
    refused in two windows counts in both, and once in ``requests``, ``(replications,)``.
    ``points`` are instants in s, ``(points,)``, and ``level`` the spend of their window until then,
    ``(replications, points)``.
    """

    spend: I64
    reached: F64
    alerts: tuple[F64, ...]
    refused: I64
    refusals: I64
    requests: I64
    first_refusal: F64
    points: F64
    level: I64


@dataclass(frozen=True)
class _Booked:
    """What counts against a cap, by (replication, time): its window, and the window's spend with it."""

    replication: I64
    time: I64
    cost: I64
    window: I64
    total: I64


def _under(cap: CapInfo, attempts: Attempts, context: Context) -> I64:
    """The positions of the attempts that come under a cap: its teams, its models."""
    rows = attempts.rows_of([code for code, team in enumerate(context.teams) if team in cap.teams])
    if cap.models is None:
        return rows
    included = np.array([name in cap.models for name in attempts.models] + [False])
    return rows[picked(included, attempts.model[rows])]


def _booked(cap: CapInfo, attempts: Attempts, rows: I64) -> _Booked:
    rows = rows[(attempts.end[rows] >= 0) & (attempts.cost[rows] > 0)]
    rows = rows[np.lexsort((attempts.end[rows], attempts.replication[rows]))]
    replication, time, cost = attempts.replication[rows], attempts.end[rows], attempts.cost[rows]
    window = time // cap.period_ns
    running, first = np.cumsum(cost), np.ones(len(rows), np.bool_)
    first[1:] = (window[1:] != window[:-1]) | (replication[1:] != replication[:-1])
    starts = np.flatnonzero(first)
    before = np.repeat((running - cost)[starts], np.diff(np.append(starts, len(rows))))
    return _Booked(replication, time, cost, window, running - before)


def _count(mask: Bool | None, replication: I64, window: I64, shape: tuple[int, int], weights: I64 | None = None) -> I64:
    """Entries (or their weights) by replication and window."""
    found = np.zeros(shape, np.int64)
    take = slice(None) if mask is None else mask
    np.add.at(found, (replication[take], window[take]), 1 if weights is None else weights[take])
    return found


def _first(mask: Bool, replication: I64, time: I64, window: I64, shape: tuple[int, int]) -> F64:
    """The earliest time under ``mask`` in each window, s; NaN where there is none."""
    found = np.full(shape, np.inf)
    np.minimum.at(found, (replication[mask], window[mask]), time[mask] / SECOND)
    return np.where(np.isfinite(found), found, np.nan)


def windows(cap: CapInfo, context: Context) -> int:
    """How many windows of a cap begin within a run."""
    return context.end_ns // cap.period_ns + 1


def _instants(cap: CapInfo, booked: _Booked, context: Context) -> I64:
    """When a chart looks at the spend, ns: at round steps, and at the last and first moments of windows."""
    last = max(context.scenario.duration, int(booked.time.max(initial=0)) + 1)
    count = last // cap.period_ns + 1
    edges = np.arange(1, count, dtype=np.int64) * cap.period_ns
    if count > SMALL:
        return np.append(edges - 1, last)
    step = round_step(last)
    return np.unique(np.concatenate([np.arange(0, last + step, step, dtype=np.int64), edges - 1, edges]))


def _level(cap: CapInfo, booked: _Booked, points: I64, runs: int) -> I64:
    """The spend of each instant's window up to it, ``(runs, points)``."""
    grid = np.zeros((runs, len(points)), np.int64)
    np.add.at(grid, (booked.replication, np.searchsorted(points, booked.time)), booked.cost)
    running, window = np.cumsum(grid, axis=1), points // cap.period_ns
    starts = np.flatnonzero(np.append(True, window[1:] != window[:-1]))
    before = (running - grid)[:, starts]
    return running - np.repeat(before, np.diff(np.append(starts, len(points))), axis=1)


def budget(cap: CapInfo, attempts: Attempts, context: Context) -> Budget:
    """Everything about one cap, from the attempts of its configuration."""
    shape = context.replications, windows(cap, context)
    rows = _under(cap, attempts, context)
    booked = _booked(cap, attempts, rows)

    def reached(amount: int) -> F64:
        return _first(booked.total >= amount, booked.replication, booked.time, booked.window, shape)

    refused = rows[
        picked(np.array([name == cap.refuser for name in attempts.refusers] + [False]), attempts.refused[rows])
    ]
    run, time = attempts.replication[refused], attempts.at[refused]
    window = time // cap.period_ns
    once = np.unique(np.stack([run, window, attempts.row[refused]]), axis=1)
    points = _instants(cap, booked, context)
    return Budget(
        spend=_count(None, booked.replication, booked.window, shape, booked.cost),
        reached=reached(cap.amount),
        alerts=tuple(reached(amount) for amount in cap.alert_amounts),
        refused=_count(None, once[0], once[1], shape),
        refusals=_count(None, run, window, shape),
        requests=np.bincount(np.unique(np.stack([run, attempts.row[refused]]), axis=1)[0], minlength=shape[0]),
        first_refusal=_first(np.ones(len(run), np.bool_), run, time, window, shape),
        points=points / SECOND,
        level=_level(cap, booked, points, shape[0]),
    )


def overshoot(cap: CapInfo, found: Budget) -> I64:
    """How far each window's spend went over the cap, micro-dollars, ``(replications, windows)``."""
    return np.maximum(found.spend - cap.amount, 0)


def worst_overshoot(caps: Sequence[CapInfo], attempts: Attempts, context: Context) -> F64:
    """The most that any window of any cap went over it, dollars, ``(replications,)``; 0 without caps."""
    worst = np.zeros(context.replications)
    for cap in caps:
        shape = context.replications, windows(cap, context)
        booked = _booked(cap, attempts, _under(cap, attempts, context))
        spend = _count(None, booked.replication, booked.window, shape, booked.cost)
        worst = np.maximum(worst, np.maximum(spend - cap.amount, 0).max(axis=1) / MICRO)
    return worst


# In words of the summary


def describe(cap: CapInfo, found: Budget | None, context: Context) -> dict[str, Any]:
    """One cap as it stands in the summary; ``known`` is false where its attempts were not kept."""
    head = {
        "name": cap.name, "level": cap.level, "cap_usd": cap.amount / MICRO, "per": cap.per,
        "period_s": cap.period_ns / SECOND, "mode": cap.mode, "teams": list(cap.teams),
        "models": None if cap.models is None else list(cap.models), "alerts": list(cap.alerts),
        "known": found is not None,
    }  # fmt: skip
    if found is None:
        return head
    over = overshoot(cap, found).max(axis=1)
    columns = {
        "spend_usd": found.spend.max(axis=1) / MICRO,
        "overshoot_usd": over / MICRO,
        "overshoot_share": over / cap.amount,
        "requests_refused": found.requests.astype(np.float64),
        "attempts_refused": found.refusals.sum(axis=1).astype(np.float64),
    }
    return {
        **head,
        **{name: interval(values).json() for name, values in columns.items()},
        "reached_share": float(np.isfinite(found.reached).any(axis=1).mean()),
        "windows": found.spend.shape[1],
        "by_window": [_window(cap, found, at, context) for at in _fullest(found)],
        "events": sorted(_events(cap, found), key=lambda event: (event["at_s"], event["kind"])),
        "series": {
            "at_s": found.points,
            "spend_usd": found.level.mean(axis=0) / MICRO,
            "least_usd": found.level.min(axis=0) / MICRO,
            "most_usd": found.level.max(axis=0) / MICRO,
        },
    }


def _fullest(found: Budget) -> list[int]:
    """The windows with the largest spend (at most LISTED, and only those with any), in order of time."""
    total = found.spend.sum(axis=0)
    order = np.argsort(-total, kind="stable")[:LISTED]
    return sorted(int(at) for at in order if total[at] > 0 or found.refusals[:, at].any())


def _window(cap: CapInfo, found: Budget, at: int, context: Context) -> dict[str, Any]:
    over = overshoot(cap, found)[:, at]
    columns = {
        "spend_usd": found.spend[:, at] / MICRO,
        "overshoot_usd": over / MICRO,
        "overshoot_share": over / cap.amount,
        "reached_s": found.reached[:, at],
        "first_refusal_s": found.first_refusal[:, at],
        "requests_refused": found.refused[:, at].astype(np.float64),
    }
    return {
        "window": at,
        "start_s": at * cap.period_ns / SECOND,
        "end_s": min((at + 1) * cap.period_ns, context.end_ns) / SECOND,
        **{name: interval(values).json() for name, values in columns.items()},
        "reached_share": float(np.isfinite(found.reached[:, at]).mean()),
    }


def _events(cap: CapInfo, found: Budget) -> Iterator[dict[str, Any]]:
    """What a timeline shows: alerts, the cap reached, the first refusal; at the median time where it happens."""
    kinds: list[tuple[str, float | None, F64]] = [
        ("reached", 1.0, found.reached),
        ("refusing", None, found.first_refusal),
    ]
    kinds += [("alert", float(share), times) for share, times in zip(cap.alerts, found.alerts, strict=True)]
    for at in _fullest(found):
        for kind, share, times in kinds:
            known = times[np.isfinite(times[:, at]), at]
            if len(known):
                yield {
                    "at_s": float(np.median(known)), "window": at, "kind": kind, "share_of_cap": share,
                    "replications": len(known) / len(times),
                }  # fmt: skip
