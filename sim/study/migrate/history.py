"""What the traffic says of each team: size, burstiness, cost of a month, and who takes what from whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim.catalogue import resolve_model
from sim.metrics.stats import Interval, ratio_of_means
from sim.metrics.tables import F64
from sim.scenario.plan import WORKLOAD, Plan, expected_by_team
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace
from sim.study.capacity.cost import month_factors
from sim.study.capacity.growth import Base
from sim.study.migrate.lab import Read, Work
from sim.study.pool import Pool
from sim.study.tune.traffic import busiest, rates
from sim.units import MICRO
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.rows import I64, Expected

CULPRITS = 24
"""Teams that are left out in turn, the biggest; nobody smaller takes much from anybody."""
LOOKED = 3
"""Replications for that, at most."""
HURTS = 0.05
"""A share of a team's loss below which somebody is no cause of it."""
LEAST_LOSS = 0.001
"""A team that loses less than this is hurt by nobody."""


@dataclass(frozen=True)
class Facts:
    """One team's traffic. Shares are of all teams; ``month_usd`` at list prices, if everything is answered."""

    team: str
    services: int
    requests_share: float
    tokens_share: float
    per_minute: float
    gap_cv: float | None
    busiest_minute: float
    month_usd: float
    loss: float
    objectives: int
    hurts: tuple[tuple[str, float], ...] = ()
    hurt_by: tuple[tuple[str, float], ...] = ()

    @property
    def peak(self) -> float:
        """The busiest minute as a multiple of the mean one."""
        return self.busiest_minute / self.per_minute if self.per_minute > 0 else math.nan


def facts(
    work: Work, traces: Mapping[Trace, TraceRows], pool: Pool, replications: int, spend: Mapping[str, float]
) -> dict[str, Facts]:
    """Every team's facts, by name. ``spend``: dollars a month by team as a log knows them, where it does."""
    scenario = work.scenario
    expected = expected_by_team(scenario, traces)
    plans = [work.plan(0, at) for at in range(min(LOOKED, replications))]
    month = {**month_usd(scenario, traces, plans), **spend}
    whole, victims = _contention(work, pool, expected, len(plans))
    requests, tokens = _sum(expected, "requests"), _sum(expected, "input_tokens") + _sum(expected, "output_tokens")
    found = {}
    for at, team in enumerate(work.teams):
        one, own = expected[team], [_arrivals(plan, team) for plan in plans]
        told = rates(own, scenario.duration)
        found[team] = Facts(
            team, scenario.teams[team].services, one.requests / requests,
            (one.input_tokens + one.output_tokens) / tokens if tokens else 0.0,
            told["per_minute"] or 0.0, told["gap_cv"], float(told["busiest_minute"] or 0.0), month[team],
            float(whole[:, at].mean()), sum(slo.team == team for slo in scenario.slos),
            _hurts(victims, team), _hurt_by(victims, team),
        )  # fmt: skip
    return found


def _sum(expected: Mapping[str, Expected], name: str) -> float:
    return float(sum(getattr(one, name) for one in expected.values()))


def _arrivals(plan: Plan, team: str) -> I64:
    rows: I64 = plan.arrival_ns[(plan.team == plan.teams.index(team)) & (plan.origin == WORKLOAD)]
    return rows


def month_usd(scenario: Scenario, traces: Mapping[Trace, TraceRows], plans: Sequence[Plan]) -> dict[str, float]:
    """What each team's measured requests cost at list prices, scaled to 30 days by its rhythm."""
    factors = month_factors(Base(scenario, traces))
    sums = np.array([_list_usd(scenario, plan) for plan in plans]).mean(axis=0)
    return {team: float(sums[at] * factors[team]) for at, team in enumerate(plans[0].teams)}


def _list_usd(scenario: Scenario, plan: Plan) -> F64:
    """Dollars by team, in the plan's order; the steps of sessions count, whenever they come."""
    models = [resolve_model(scenario, name) for name in plan.models]
    fresh, cached, output = (
        np.array([getattr(one, name) for one in models], np.float64)[plan.model]
        for name in ("price_input", "price_cached_input", "price_output")
    )
    cost = fresh * (plan.input_tokens - plan.cached_tokens) + cached * plan.cached_tokens + output * plan.output_tokens
    late = (plan.arrival_ns < 0) | (plan.arrival_ns >= scenario.warmup)
    own = (plan.origin == WORKLOAD) & late
    return np.bincount(plan.team[own], cost[own], len(plan.teams)) / MICRO / MICRO


def busiest_minutes(scenario: Scenario, plan: Plan) -> dict[str, float]:
    """What everybody together asks for in the busiest minute, by dimension; output when it is asked for."""
    own = (plan.origin == WORKLOAD) & (plan.arrival_ns >= 0)
    at, fresh, output = plan.arrival_ns[own], (plan.input_tokens - plan.cached_tokens)[own], plan.output_tokens[own]
    return {
        "input_tokens": busiest(at, fresh), "output_tokens": busiest(at, output), "tokens": busiest(at, fresh + output),
    }  # fmt: skip


# Who takes what from whom

Victims = dict[str, dict[str, Interval]]
"""Victim → culprit → the share of the victim's loss that vanishes without the culprit."""


def _contention(work: Work, pool: Pool, expected: Mapping[str, Expected], replications: int) -> tuple[F64, Victims]:
    """What each team loses today ``(replications, teams)``, and by whom (leaving one team out on the same draws)."""
    runs = range(replications)
    whole = list(pool.map(work.read, [(0, at, frozenset()) for at in runs]))
    base = np.array([one.loss for one in whole])
    ranked = sorted(work.teams, key=lambda team: (-expected[team].requests, team))[:CULPRITS]
    if len(work.teams) < 2 or float(base.mean(axis=0).max()) < LEAST_LOSS:
        return base, {}
    found = pool.map(partial(_without, work), [(at, team) for team in ranked for at in runs])
    victims: Victims = {}
    for culprit in ranked:
        loss = np.array([next(found).loss for _ in runs])
        for at, victim in enumerate(work.teams):
            if victim != culprit and base[:, at].mean() >= LEAST_LOSS:
                victims.setdefault(victim, {})[culprit] = ratio_of_means(base[:, at] - loss[:, at], base[:, at])
    return base, victims


def _without(work: Work, job: tuple[int, str]) -> Read:
    return work.without(job)


def _counts(one: Interval) -> bool:
    """Whether a share is a cause: large enough, and above chance where there is an interval."""
    return float(one.mean) >= HURTS and not float(one.low) <= 0


def _hurts(victims: Victims, team: str) -> tuple[tuple[str, float], ...]:
    pairs = [(victim, float(one[team].mean)) for victim, one in victims.items() if team in one and _counts(one[team])]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _hurt_by(victims: Victims, team: str) -> tuple[tuple[str, float], ...]:
    pairs = [(culprit, float(one.mean)) for culprit, one in victims.get(team, {}).items() if _counts(one)]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
