"""One month of one replication: run every case on the same draws, and boil each run down to numbers.

A run becomes a flat mapping ``key → number``, a key being a tuple of words. Whatever is derived
later (dates, tiers, costs, curves) comes from these numbers, over months and replications:

    ("limit", NAME, "used")         what the limit was charged with, as a share of its rate
    ("limit", NAME, "asked" | "busy" | "peak")   what its teams ask for without any limit: on average,
                                    in the busy and in the busiest minute
    ("limit", NAME, "refusals" | "refused_share")
    ("lost", REFUSER, TEAM)         share of a team's own requests lost to one refuser
    ("refused", REFUSER, TEAM)      attempts of a team that it refused
    ("objective", TEXT)             the value of an objective's metric
    ("unhindered", TEXT)            the same for a metric of time, had nobody waited after a refusal
    ("team", TEAM, "success" | "requests" | "usd") and ("total", …)
    ("cap", NAME, "usd" | "refusals")   dollars in one of the cap's windows
    ("asked", ACCOUNT, CLASS, DIMENSION), ("asked_usd", ACCOUNT), ("total", "asked_usd")
                                    without any limit (see tiers)

What is *asked for* comes from the same draws run without limits: what a limit was charged with says
little about how much is missing, as a full limit is charged with what it lets pass.
``requests`` and ``usd`` are scaled to a month of 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.engine.world import Setting
from sim.metrics.compute import Values, compute
from sim.metrics.context import Context, LimitInfo
from sim.metrics.limits import charges, members, refusals, under
from sim.metrics.tables import Attempts, Requests
from sim.results.columns import SUCCEEDED
from sim.scenario.keys import SpendCap
from sim.scenario.limit_rows import CapRow, LimitRow
from sim.scenario.plan import build_plan
from sim.study.capacity.arrange import NO_LIMITS, Settings, Today, growths_of, joined
from sim.study.capacity.cost import month_factors
from sim.study.capacity.facts import NO_REFUSAL, Seen
from sim.study.capacity.fullness import Fullness, fullness
from sim.study.capacity.goals import OF_ATTEMPTS, OF_TIME, Goal, goals_of
from sim.study.capacity.growth import Base, grown
from sim.study.capacity.options import Growth
from sim.study.capacity.tiers import asked
from sim.study.capacity.what_if import Case
from sim.study.runs import Run, checked_run
from sim.units import MICRO, MINUTE, MONTH

Key = tuple[str, ...]
Numbers = Mapping[Key, float]


@dataclass(frozen=True)
class Work:
    """Everything that a point needs beside its own numbers. Pickles."""

    base: Base
    today: Today
    cases: tuple[Case, ...]
    settings: Settings
    engine: str

    def setting(self, name: str, growth: Growth, month: float) -> Setting:
        """The keys of a case (or of NO_LIMITS) in a month."""
        return self.settings[name, joined(growth, month)]


@dataclass(frozen=True)
class Point:
    """One month and one replication to run, for these cases."""

    month: float
    replication: int
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """One case at one point: its numbers, the identity of its run, and rows planned."""

    case: str
    month: float
    replication: int
    numbers: Numbers
    digest: str
    rows: int


def measure(work: Work, point: Point) -> list[Measured]:
    """Run all cases of a point. Raises BadInput for too many requests, RunInvalid when rows are missing."""
    chosen = tuple(case for case in work.cases if case.name in point.cases)
    return [one for cases in growths_of(chosen).values() for one in _measure(work, point, cases)]


def _measure(work: Work, point: Point, cases: tuple[Case, ...]) -> Iterator[Measured]:
    """The cases that see the same plan, as they share their growth."""
    growth = cases[0].growth
    month = grown(work.base, growth, point.month)
    plan = build_plan(month.scenario, point.replication, month.traces)
    factors = month_factors(month)
    unlimited = work.setting(NO_LIMITS, growth, point.month)
    free = Seen.of(checked_run(work.engine, unlimited, plan, point.replication), month.scenario)
    for case in cases:
        setting = work.setting(case.name, growth, point.month)
        seen = Seen.of(checked_run(work.engine, setting, plan, point.replication), month.scenario)
        numbers = {**numbers_of(seen, free, factors), **asked(setting, free, factors)}
        yield Measured(case.name, point.month, point.replication, numbers, seen.run.digest, len(plan))


def numbers_of(seen: Seen, free: Seen, factors: Mapping[str, float]) -> dict[Key, float]:
    """Everything about one run that a study keeps; ``factors`` scale a team's measured part to a month."""
    found: dict[Key, float] = {}
    for row in seen.run.setting.rows.limits:
        found.update(_limit(row, seen, free))
    found.update(_lost(seen.requests, seen.run))
    found.update(_refused(seen.attempts, seen.run))
    found.update(_values(seen.requests, seen.attempts, seen.context))
    usd = dict(_money(seen.requests, seen.run, factors))
    found.update(usd)
    for cap in seen.run.setting.rows.caps:
        found.update(_cap(cap, usd, seen.attempts, seen.run.plan.teams))
    return found


def _limit(row: LimitRow, seen: Seen, free: Seen) -> dict[Key, float]:
    """How full one limit is, and how often it refuses."""
    limit, cached = LimitInfo.of(row), row.limits.count_cached_input
    attempts = seen.attempts_for(cached)
    rows = under(limit, attempts, members(limit, seen.context))
    refused, made = len(refusals(limit, attempts, rows)), int(np.count_nonzero(attempts.counted[rows]))
    wanted = _fullness(row, free)
    return {
        ("limit", row.name, "used"): _fullness(row, seen).mean,
        ("limit", row.name, "asked"): wanted.mean,
        ("limit", row.name, "busy"): wanted.busy,
        ("limit", row.name, "peak"): wanted.peak,
        ("limit", row.name, "refusals"): float(refused),
        ("limit", row.name, "refused_share"): refused / made if made else 0.0,
    }


def _fullness(row: LimitRow, seen: Seen) -> Fullness:
    """What a run charges (or would charge) a limit with."""
    limit, attempts = LimitInfo.of(row), seen.attempts_for(row.limits.count_cached_input)
    taken = charges(limit, attempts, under(limit, attempts, members(limit, seen.context)))
    return fullness(limit, taken, seen.context.scenario, MINUTE if row.rate is None else row.rate.period_ns)


def _lost(requests: Requests, run: Run) -> Iterator[tuple[Key, float]]:
    """The share of each team's own requests that ended with a refusal by each refuser.

    Shares of zero are kept only where a limit or a cap may refuse the team: their curves begin there.
    """
    own = requests.counted & requests.own
    offered = np.bincount(requests.team[own], minlength=requests.teams)
    lost = own & (requests.outcome != SUCCEEDED) & ~np.isin(requests.status, NO_REFUSAL)
    names, width = run.plan.teams, len(run.setting.refusers)
    places = requests.team[lost] * width + run.result.refused_by[lost]
    counts = np.bincount(places, minlength=requests.teams * width).reshape(requests.teams, width)
    rows = run.setting.rows
    for refuser, teams in enumerate([row.teams for row in rows.all_limits] + [row.teams for row in rows.caps]):
        for code in map(names.index, teams):
            if not counts[code, refuser] and offered[code]:
                yield ("lost", run.setting.refusers[refuser], names[code]), 0.0
    for code, refuser in np.argwhere(counts > 0).tolist():
        yield ("lost", run.setting.refusers[refuser], names[code]), float(counts[code, refuser] / offered[code])


def _refused(attempts: Attempts, run: Run) -> Iterator[tuple[Key, float]]:
    """How many attempts of each team each refuser refused; where there were any."""
    rows = attempts.counted & (attempts.refused > 0)
    width = len(attempts.refusers)
    counts = np.bincount(attempts.team[rows] * width + attempts.refused[rows], minlength=attempts.teams * width)
    for place in np.flatnonzero(counts).tolist():
        team, refuser = divmod(place, width)
        yield ("refused", attempts.refusers[refuser], run.plan.teams[team]), float(counts[place])


def _values(requests: Requests, attempts: Attempts, context: Context) -> Iterator[tuple[Key, float]]:
    """The objectives' metrics, and success of each team and of all."""
    goals = goals_of(context.scenario)
    needed = attempts if any(goal.metric in OF_ATTEMPTS for goal in goals) else None
    caps = next(iter(context.configurations.values())).caps
    values = compute(requests, needed, context, caps)
    for goal in goals:
        yield ("objective", goal.text), _value(values, goal, context)
    if any(goal.metric in OF_TIME for goal in goals):
        eager = replace(requests, finish=np.maximum(requests.finish - requests.throttle, requests.arrival))
        swift = compute(replace(eager, throttle=np.zeros_like(eager.throttle)), None, context)
        for goal in goals:
            if goal.metric in OF_TIME:
                yield ("unhindered", goal.text), _value(swift, goal, context)
    for at, team in enumerate(context.teams):
        yield ("team", team, "success"), float(values["own_success_rate"][0, at])
    yield ("total", "success"), float(values["own_success_rate"][0, -1])


def _value(values: Values, goal: Goal, context: Context) -> float:
    column = len(context.teams) if goal.team == "total" else context.teams.index(goal.team)
    return float(values[goal.metric][0, column])


def _money(requests: Requests, run: Run, factors: Mapping[str, float]) -> Iterator[tuple[Key, float]]:
    """Requests and dollars a month of 30 days, each team by its own factor."""
    cost = np.bincount(requests.team[requests.counted], requests.cost[requests.counted], requests.teams) / MICRO
    offered = np.bincount(requests.team[requests.counted], minlength=requests.teams)
    each = np.array([factors[team] for team in run.plan.teams])
    for at, team in enumerate(run.plan.teams):
        yield ("team", team, "usd"), float(cost[at] * each[at])
        yield ("team", team, "requests"), float(offered[at] * each[at])
    yield ("total", "usd"), float(cost @ each)
    yield ("total", "requests"), float(offered @ each)


def _cap(row: CapRow, usd: Mapping[Key, float], attempts: Attempts, teams: Sequence[str]) -> dict[Key, float]:
    """What a cap's teams spend (on its models) in one of its windows, and how many attempts it refused."""
    month = sum(usd["team", team, "usd"] * _part(row.cap, team, teams, attempts) for team in row.teams)
    code = attempts.refusers.index(f"budget:{row.name}")
    refused = int(np.count_nonzero(attempts.counted & (attempts.refused == code)))
    return {
        ("cap", row.name, "usd"): month * row.cap.amount.period_ns / MONTH,
        ("cap", row.name, "refusals"): float(refused),
    }


def _part(cap: SpendCap, team: str, teams: Sequence[str], attempts: Attempts) -> float:
    """The part of a team's spend that is on a cap's models."""
    if cap.models is None:
        return 1.0
    rows = attempts.counted & (attempts.team == teams.index(team))
    counts = rows & np.isin(attempts.model, [at for at, name in enumerate(attempts.models) if name in cap.models])
    whole = float(attempts.cost[rows].sum())
    return float(attempts.cost[counts].sum()) / whole if whole else 0.0
