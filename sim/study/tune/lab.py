"""One project alone with its own traffic: run it under any settings, on the same draws each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim.engine.run import run_world
from sim.engine.tables import RunResult, World
from sim.engine.world import Setting, build_setting, build_world
from sim.metrics.compute import Values
from sim.metrics.tables import F64
from sim.scenario.keys import Limits
from sim.scenario.plan import WORKLOAD, Plan
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology
from sim.study.tune.goals import Objective, Reading
from sim.study.tune.measure import Frame, needs_log
from sim.study.tune.settings import AS_CONFIGURED, Settings
from sim.study.tune.subjects import Subject, alone, free, with_limits
from sim.study.tune.traffic import refused_share

SHOWN = ("success_rate", "own_success_rate", "latency_p95_s", "attempts_per_request", "throttle_wait_p95_s", "cost_usd")
"""Metrics that are told of a setting besides those of its objectives."""


@dataclass(frozen=True)
class Job:
    """What it takes to search one project: everything a worker elsewhere needs.

    ``plans`` hold its own teams only, one a replication. ``contained``: requests that a fault sends
    in the teams' own name are left out of them.
    """

    scenario: Scenario
    topology: Topology
    subject: Subject
    plans: tuple[Plan, ...]
    objectives: tuple[Objective, ...]
    dimensions: tuple[str, ...]
    engine: str
    contained: bool = False


def own_plan(plan: Plan, teams: Sequence[str], *, contained: bool) -> Plan:
    """The part of a plan that some teams send, without what faults send in their name where ``contained``."""
    codes = [plan.teams.index(team) for team in teams]
    kept = np.isin(plan.team, codes)
    return plan.where(kept & (plan.origin == WORKLOAD) if contained else kept)


def with_retry(scenario: Scenario, topology: Topology, teams: Sequence[str], retry: str) -> tuple[Scenario, Topology]:
    """The scenario in which some teams' clients retry by another preset; all else of a client stays."""
    changed = {
        name: team.model_copy(update={"client": team.client.model_copy(update={"retry": retry})})
        for name, team in scenario.teams.items()
        if name in teams
    }
    client = topology.client and topology.client.model_copy(update={"retry": retry})
    return scenario.model_copy(update={"teams": {**scenario.teams, **changed}}), replace(topology, client=client)


@dataclass(frozen=True)
class Trial:
    """What is tried: settings, another retry preset, or limits spelled out; ``free`` is no limit and no cap at all."""

    settings: Settings = AS_CONFIGURED
    retry: str | None = None
    limits: tuple[Limits, ...] | None = None
    free: bool = False


class Lab:
    """Runs trials of one project and remembers their metrics."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.trials = 0
        """Different trials that were run, each on every replication."""
        self._frame = Frame.of(job.scenario, job.plans)
        self._metrics = {one.slo.metric for one in job.objectives} | {"success_rate", "own_success_rate"}
        self._known: dict[Trial, Values] = {}

    @property
    def replications(self) -> int:
        """Runs of one trial."""
        return len(self.job.plans)

    @cached_property
    def _worlds(self) -> list[World]:
        setting = self._setting(Trial())
        worlds = [build_world(setting, plan) for plan in self.job.plans]
        if self.job.engine != "compiled":
            return worlds
        # Converted once instead of in each run; the interpreted engines want lists.
        knots = np.array(setting.knots, np.int64)
        return [world._replace(knots=knots) for world in worlds]

    def _setting(self, trial: Trial) -> Setting:
        job = self.job
        scenario, topology = job.scenario, alone(job.topology, job.subject)
        if trial.retry is not None:
            scenario, topology = with_retry(scenario, topology, job.subject.teams, trial.retry)
        limits = job.subject.base.limits(trial.settings) if trial.limits is None else trial.limits
        topology = free(topology) if trial.free else with_limits(topology, {job.subject.path: limits})
        return build_setting(scenario, topology, job.plans[0].teams, job.plans[0].models)

    def run(self, trial: Trial, *, log: bool = True) -> list[RunResult]:
        """Every replication under a trial; ``log``: with the attempts."""
        self.trials += 1
        setting = self._setting(trial)
        return [
            run_world(
                self.job.engine,
                world._replace(
                    rules=setting.rules, clients=setting.clients, delays=setting.delays, rows=2 if log else 1
                ),
            )
            for world in self._worlds
        ]

    def refused(self, trial: Trial) -> F64:
        """In each replication the share of requests that the tuned limit on requests refused last, ``(n,)``."""
        tuned = self.job.subject.base.limits(trial.settings)[0]
        rows = self._setting(trial).rows.limits
        codes = [at for at, row in enumerate(rows) if row.dimension == "requests" and row.limits == tuned]
        return refused_share(self.run(trial, log=False), codes, self.job.scenario.warmup)

    def values(self, trial: Trial) -> Values:
        """The metrics of the objectives, and success rates; remembered."""
        if trial not in self._known:
            results = self.run(trial, log=needs_log(self._metrics))
            self._known[trial] = self._frame.values(results, self._metrics)
        return self._known[trial]

    def all_values(self, trial: Trial) -> tuple[Values, list[RunResult]]:
        """Every declared metric, and the runs themselves; not remembered."""
        results = self.run(trial)
        return self._frame.values(results), results

    def reading(self, values: Values, objective: Objective) -> Reading:
        """What an objective is judged by."""
        return reading(values, objective, self._frame.context.teams)

    def readings(self, trial: Trial) -> dict[Objective, Reading]:
        """The same of every objective of the project."""
        values = self.values(trial)
        return {one: self.reading(values, one) for one in self.job.objectives}


def reading(values: Values, objective: Objective, teams: Sequence[str]) -> Reading:
    """One objective's metric in a table of metrics whose columns are ``teams`` and the total."""
    column = teams.index(objective.slo.team)
    return Reading(values[objective.slo.metric][:, column], values["offered"][:, column])
