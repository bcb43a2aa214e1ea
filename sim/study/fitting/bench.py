"""Runs traffic against test limits in the real engine: one key, clients that never retry, refusals counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.engine.run import run_world
from sim.engine.tables import RunResult
from sim.engine.world import Setting, build_setting, build_world
from sim.errors import BadInput, RunInvalid
from sim.results.columns import NOT_STARTED
from sim.scenario.clients import Client
from sim.scenario.keys import Ladder, Limits
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names, nothing_arrives
from sim.scenario.schema import Model, Scenario, Team
from sim.scenario.topology import build_topology
from sim.scenario.workloads import Trace
from sim.workload.importers.trace_rows import TraceRows

F64 = NDArray[np.float64]

BISECTIONS = 24
CLOSE = 0.1
"""A test limit may miss the share that it is to refuse by so much of it."""
PER_HOUR = 20
"""Below so many requests a minute a limit is written per hour."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """What some teams send: a scenario's teams with workloads, and the rows of its traces."""

    teams: Mapping[str, Team]
    traces: Mapping[Trace, TraceRows]
    duration: int
    seed: int
    replications: int
    models: Mapping[str, Model] = field(default_factory=dict)


_SOMETHING = Scenario.model_validate({
    "name": "bench", "duration": "1s", "configurations": {"shared": {"isolation": "shared"}},
    "teams": {"a": {"workload": {"arrivals": {"poisson": {"rate": "1/s"}}, "model": "claude-haiku-4-5",
                                 "input_tokens": 1, "output_tokens": 1}}},
})  # fmt: skip


def _patient(team: Team) -> Team:
    """The same team without retries, whose sessions go on after a refusal."""
    works = []
    for work in team.workload:
        spec = work.arrivals.sessions
        if spec is not None:
            spec = spec.model_copy(update={"on_failure": "continue"})
            work = work.model_copy(update={"arrivals": work.arrivals.model_copy(update={"sessions": spec})})
        works.append(work)
    return team.model_copy(update={"workload": tuple(works), "client": Client(retry="none")})


class Bench:
    """Runs one traffic under many limits; plans are drawn once a replication and dropped after it."""

    def __init__(self, traffic: Traffic, engine: str) -> None:
        self.traffic, self._engine = traffic, engine

    @cached_property
    def scenario(self) -> Scenario:
        """The traffic on one key without a limit; nobody retries, and a refused step ends no session."""
        given = self.traffic
        return _SOMETHING.model_copy(update={
            "duration": given.duration, "replications": given.replications, "seed": given.seed,
            "teams": {name: _patient(team) for name, team in given.teams.items()}, "models": dict(given.models),
        })  # fmt: skip

    @property
    def teams(self) -> tuple[str, ...]:
        """In the order of :meth:`refused`."""
        return tuple(sorted(self.traffic.teams))

    def plan(self, replication: int) -> Plan | None:
        """One replication's requests; None where nothing comes."""
        try:
            return build_plan(self.scenario, replication, self.traffic.traces)
        except BadInput as error:
            if error.problem != nothing_arrives().problem:
                raise
            return None

    @cached_property
    def _first(self) -> Plan | None:
        return self.plan(0)

    def refused(self, limits: Sequence[Limits]) -> F64:
        """Shares of requests refused: float ``(replications, limits, teams + 1)``, everybody last."""
        settings = [self._setting(one) for one in limits]
        plans = (self._first if at == 0 else self.plan(at) for at in range(self.traffic.replications))
        return np.stack([self._all_shares(settings, plan) for plan in plans])

    def _all_shares(self, settings: Sequence[Setting], plan: Plan | None) -> F64:
        if plan is None:  # where nobody comes nobody is refused
            return np.zeros((len(settings), len(self.teams) + 1))
        return np.stack([self._shares(setting, plan) for setting in settings])

    def _setting(self, limits: Limits) -> Setting:
        scenario = self.scenario
        expected = expected_by_team(scenario, self.traffic.traces)
        topology = build_topology("shared", Ladder(isolation="shared", limits=(limits,)), expected)
        return build_setting(scenario, topology, self.teams, model_names(scenario))

    def _shares(self, setting: Setting, plan: Plan) -> F64:
        result = ended(run_world(self._engine, build_world(setting, plan)._replace(rows=1)))
        sent = np.bincount(plan.team, minlength=len(self.teams)).astype(float)
        lost = np.bincount(plan.team[result.status == 429], minlength=len(self.teams)).astype(float)
        sent, lost = np.append(sent, sent.sum()), np.append(lost, lost.sum())
        shares: F64 = np.divide(lost, sent, out=np.full(len(sent), np.nan), where=sent > 0)
        return shares


def ended(result: RunResult) -> RunResult:
    """The same run, every request of which has ended in one way. Raises RunInvalid otherwise."""
    lost = int(np.count_nonzero((result.outcome < 0) | (result.outcome > NOT_STARTED)))
    if lost:
        raise RunInvalid(f"{lost:,} of {len(result.outcome):,} requests are not reported; please report this log")
    return result


def limits_of(dimension: str, amount: int, unit: str) -> Limits:
    """``amount`` of a dimension per minute or hour, with a burst of as much."""
    return Limits.model_validate({dimension: f"{amount}/{unit}"})


def limit_text(dimension: str, limits: Limits) -> str:
    """As a reader knows it: ``1,200/min requests``."""
    amount, _, unit = str(getattr(limits, dimension).rate).partition("/")
    told = f"{int(amount):,}" if amount.isdigit() else amount
    return f"{told}/{unit} {dimension.replace('_', ' ')}"


def fitting_limits(
    bench: Bench, per_minute: float, shares: Sequence[float], dimension: str = "requests"
) -> list[Limits]:
    """For each share a limit that refuses about so much of this traffic (one replication of it).

    ``per_minute`` is the mean amount. Shares that no whole limit comes near are left out.
    """
    unit, mean = ("min", per_minute) if per_minute >= PER_HOUR else ("hour", 60 * per_minute)
    found: dict[int, Limits] = {}
    for share in shares:
        amount = _bisected(bench, dimension, unit, mean, share)
        if amount is not None:
            found.setdefault(amount, limits_of(dimension, amount, unit))
    return list(found.values())


def _bisected(bench: Bench, dimension: str, unit: str, mean: float, share: float) -> int | None:
    low, high = 1, max(2, int(64 * mean))
    best: tuple[float, int] | None = None
    amount = max(1, round(mean))
    for _ in range(BISECTIONS):
        refused = float(bench.refused([limits_of(dimension, amount, unit)])[0, 0, -1])
        miss = abs(refused - share)
        if refused > 0 and (best is None or miss < best[0]):
            best = miss, amount
        if miss <= CLOSE * share or high - low <= 1:
            break
        low, high = (amount, high) if refused > share else (low, amount)
        amount = max(1, round((low * high) ** 0.5))
        if amount in (low, high):
            amount = (low + high) // 2
    return None if best is None or best[0] > 0.5 * share else best[1]


def likely(value: F64, shares: F64) -> NDArray[np.bool_]:
    """Whether ``value`` lies in the 99 % prediction interval of one more replication; first axis: replications."""
    from scipy.special import stdtrit

    count = len(shares)
    reach = stdtrit(count - 1, 0.995) * shares.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count)
    inside: NDArray[np.bool_] = np.abs(value - shares.mean(axis=0)) <= reach
    return inside
