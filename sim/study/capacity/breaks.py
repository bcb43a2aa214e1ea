"""When what breaks. The definitions, which :mod:`sim.report.capacity_report` repeats for its readers:

- a **limit is full** when in the busiest minute its teams ask for 100 % of its rate (of its places,
  for concurrency). A burst and retries may still hide that from them.
- a **limit breaks** when its refusals alone make a team miss an objective: the requests of the team
  that end refused by it are more than a success objective allows (99 % where none is stated); or an
  objective of time is missed, would be met without the waits after refusals, and this limit is the
  one that refused the team most.
- a **cap is reached** when its teams' spend in one of its windows (an hour, a day, a month) is at
  least the cap, or when the cap refused anybody.
- an **objective is missed** when the mean over replications no longer satisfies it, whatever the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sim.study.capacity.curves import NEVER, Curve, Date, Table
from sim.study.capacity.goals import OF_TIME, Goal, allowances

OTHER = ""
"""The cause of a miss that no refusal explains: answer times, errors of the provider, timeouts."""


@dataclass(frozen=True)
class Missed:
    """An objective's date, and what refused most of what was lost (or delayed) then."""

    goal: Goal
    date: Date
    cause: str


@dataclass(frozen=True)
class Broken:
    """A limit's dates; ``team`` and ``goal`` are the first that it harms, empty when it harms none."""

    name: str
    full: Date
    breaks: Date
    team: str = ""
    goal: str = ""


def order(date: Date) -> tuple[float, float]:
    """Dates by when they come; those that never come last, by how soon they might."""
    far = float("inf")
    return (far if date.at is None else date.at, far if date.early is None else date.early)


def missed(table: Table, goals: Iterable[Goal]) -> list[Missed]:
    """Every objective with its date, in the order of ``goals``."""
    found = []
    for goal in goals:
        date = miss_date(table.curve(("objective", goal.text)), goal)
        found.append(Missed(goal, date, _cause(table, goal, date)))
    return found


def miss_date(curve: Curve, goal: Goal) -> Date:
    """When an objective's metric leaves what the objective asks for."""
    return curve.crosses(goal.bound, upward=goal.upward, strict=goal.op in (">=", "<="))


def _cause(table: Table, goal: Goal, date: Date) -> str:
    """What to blame at the first month that was run at or after the date."""
    if date.at is None:
        return OTHER
    months = table.months
    at = next(place for place, month in enumerate(months) if month >= date.at - 1e-12)
    if goal.allowed_loss is not None:
        return _loser(table, goal, at)
    if goal.metric in OF_TIME:
        swift = float(np.nanmean(table.values(("unhindered", goal.text))[at]))
        if not (swift <= goal.bound if goal.upward else swift >= goal.bound):
            return OTHER
    return _largest(table, "refused", goal.team, at)[0]


def _loser(table: Table, goal: Goal, at: int) -> str:
    """The refuser of the most requests lost, if refusals are at least half of the loss."""
    value = table.values(("objective", goal.text))[at]
    loss = 1 - float(np.nanmean(value)) if np.isfinite(value).any() else 1.0
    cause, share, whole = _largest(table, "lost", goal.team, at)
    return cause if share > 0 and (whole >= loss / 2 or goal.team == "total") else OTHER


def _largest(table: Table, what: str, team: str, at: int) -> tuple[str, float, float]:
    """The refuser with the largest mean under ("lost" | "refused", REFUSER, team), its mean, and the sum."""
    sums: dict[str, float] = {}
    for key in table.keys:
        if key[0] == what and team in (key[2], "total"):
            mean = float(np.nan_to_num(table.values(key, 0.0)[at]).mean())
            sums[key[1]] = sums.get(key[1], 0.0) + mean
    if not sums or max(sums.values()) <= 0:
        return OTHER, 0.0, 0.0
    name = max(sums, key=lambda refuser: sums[refuser])
    return name, sums[name], sum(sums.values())


def broken(table: Table, goals: tuple[Goal, ...], misses: Iterable[Missed]) -> list[Broken]:
    """Every limit with its dates, in the order of the configuration."""
    names = dict.fromkeys(key[1] for key in table.keys if key[0] == "limit")
    delays = [one for one in misses if one.goal.metric in OF_TIME and one.cause]
    return [_broken(table, name, goals, delays) for name in names]


def _broken(table: Table, name: str, goals: tuple[Goal, ...], delays: list[Missed]) -> Broken:
    full = table.curve(("limit", name, "peak")).crosses(1.0)
    harms = [*_losses(table, name, goals), *(one for one in delays if one.cause == name)]
    if not harms:
        return Broken(name, full, NEVER)
    first = min(harms, key=lambda one: (order(one.date), one.goal.assumed))
    if first.date == NEVER:
        return Broken(name, full, NEVER)
    return Broken(name, full, first.date, first.goal.team, first.goal.text)


def _losses(table: Table, name: str, goals: tuple[Goal, ...]) -> Iterator[Missed]:
    """When the requests lost to one limit alone exceed what each team may lose."""
    allowed = allowances(goals)
    for key in table.keys:
        if key[:2] == ("lost", name) and key[2] in allowed:
            date = table.curve(key).crosses(allowed[key[2]], strict=True)
            yield Missed(_strictest(goals, key[2]), date, name)


def _strictest(goals: tuple[Goal, ...], team: str) -> Goal:
    about = [goal for goal in goals if goal.team == team and goal.allowed_loss is not None]
    return min(about, key=lambda goal: goal.allowed_loss or 0.0)


def reached(table: Table, name: str, amount_usd: float) -> Date:
    """When a spend cap is reached."""
    share = table.values(("cap", name, "usd")) / amount_usd
    refused = table.values(("cap", name, "refusals"), 0.0) > 0
    return Curve.of(table.months, np.where(refused, np.maximum(share, 1.0), share)).crosses(1.0)


def midpoints(table: Table, dates: Iterable[Date], finest: float, most: int) -> tuple[float, ...]:
    """Months to run next: the middles of the gaps in which these dates fall, the earliest dates first.

    Gaps around a date are halved down to ``finest`` months, those around the edges of its interval,
    which are no more certain than that, down to twice as many.
    """
    months, found = table.months, dict[float, None]()
    for date in sorted(dates, key=order):
        for month, size in ((date.at, finest), (date.early, 2 * finest), (date.late, 2 * finest)):
            gap = _gap(months, month)
            if gap is not None and gap[1] - gap[0] > size and len(found) < most:
                found[(gap[0] + gap[1]) / 2] = None
    return tuple(sorted(found))


def _gap(months: tuple[float, ...], month: float | None) -> tuple[float, float] | None:
    """The two months that were run around ``month``; None at the first."""
    if month is None or month <= months[0]:
        return None
    after = next((place for place, one in enumerate(months) if one >= month - 1e-12), None)
    return None if after is None else (months[after - 1], months[after])
