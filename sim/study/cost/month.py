"""One month: its assumptions and incidents drawn, each case run on the same draws, each run boiled down to a bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.chaos.incidents import IncidentEntry, Occurrence, Rates, occurrences, specimen
from sim.draws import FAULT, LUCKS
from sim.engine.agenda_compiled import REQUEST_ROWS
from sim.engine.world import Setting, build_setting
from sim.errors import RunInvalid
from sim.results.columns import SUCCEEDED
from sim.scenario.plan import WORKLOAD, Plan, build_plan
from sim.scenario.schema import Model, Scenario
from sim.scenario.topology import Topology
from sim.scenario.workloads import Trace
from sim.study.cost.assumptions import Assumption, Values, at_modes, drawn, length_key, rate_key
from sim.study.runs import Run, checked_run
from sim.workload.importers.trace_rows import TraceRows

I64 = NDArray[np.int64]
CAUSES = ("answers", "waste", "incidents")
"""Own requests' answers; what own requests were billed without an answer; all that incidents sent."""
MOST_FAULTS = (1024 - FAULT) // LUCKS
"""Faults of one month that have luck of their own (sim.draws)."""


@dataclass(frozen=True)
class Case:
    """A configuration at the scenario's prices or at the ``repriced`` ones; ``quiet``: without incidents."""

    configuration: str
    repriced: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Job:
    """A month to run. ``fixed``: every assumption at its mode but for this one (key, value)."""

    month: int
    cases: tuple[Case, ...]
    fixed: tuple[str, float] | None = None


@dataclass(frozen=True)
class Bill:
    """What a month of one case came to, int64 by team (in the order of their names).

    ``micro_usd`` has a column a cause. ``reached``: for each incident by name, the share of the teams that
    lost requests of their own to what it does.
    """

    micro_usd: I64
    offered: I64
    lost: I64
    reached: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Micro-dollars in all."""
        return int(self.micro_usd.sum())


@dataclass(frozen=True)
class Month:
    """A month that was run: what was assumed, how many incidents started, and each case's bill."""

    month: int
    values: Values
    counts: Mapping[str, int]
    bills: Mapping[Case, Bill]
    digests: tuple[str, ...]
    requests: int


@dataclass(frozen=True)
class Work:
    """What all months share. Pickles."""

    scenario: Scenario
    traces: Mapping[Trace, TraceRows]
    topologies: Mapping[str, Topology]
    known: tuple[Assumption, ...]
    engine: str

    def values(self, job: Job) -> dict[str, float]:
        """What is assumed in a month."""
        if job.fixed is None:
            return drawn(self.known, self.scenario.seed, job.month)
        return at_modes(self.known, *job.fixed)


def run_month(work: Work, job: Job) -> Month:
    """Run every case of a month. Raises BadInput for too many requests, RunInvalid when rows are missing."""
    values = work.values(job)
    timeline = timeline_of(work.scenario, job.month, values)
    counts = {entry.title: 0 for entry in work.scenario.incidents}
    for one in timeline:
        counts[one.title] += 1
    runs = dict(runs_of(work, job, timeline))
    bills = {case: bill_of(run, work.scenario.incidents, work.scenario) for case, run in runs.items()}
    if not timeline:
        bills |= {case: bills[_loud(case)] for case in job.cases if case.quiet}
    digests = tuple(run.digest for run in runs.values())
    return Month(job.month, values, counts, bills, digests, sum(len(run.plan) for run in runs.values()))


def _loud(case: Case) -> Case:
    return Case(case.configuration, case.repriced)


def timeline_of(scenario: Scenario, month: int, values: Values) -> tuple[Occurrence, ...]:
    """The incidents of a month as faults."""
    found = tuple(
        one
        for entry in scenario.incidents
        for one in occurrences(
            entry, Rates(values[rate_key(entry.title)], values[length_key(entry.title)]), scenario.seed, month,
            scenario.duration,
        )
    )  # fmt: skip
    if len(found) + len(scenario.chaos) > MOST_FAULTS:
        raise RunInvalid(f"month {month} has {len(found)} incidents: more than {MOST_FAULTS} faults have no luck left")
    return found


def runs_of(work: Work, job: Job, timeline: tuple[Occurrence, ...]) -> Iterator[tuple[Case, Run]]:
    """Each case's run. A month without any incident has nothing to leave out: then quiet cases are not run."""
    loud = work.scenario.model_copy(update={"chaos": (*work.scenario.chaos, *timeline)})
    plan = build_plan(loud, job.month, work.traces)
    quiet = _without(plan, work, job) if timeline else plan
    for case in job.cases:
        if timeline or not case.quiet:
            scenario = work.scenario if case.quiet else loud
            mine = quiet if case.quiet else plan
            setting = setting_of(work, case, scenario, mine)
            yield case, checked_run(work.engine, setting, mine, job.month, rows=REQUEST_ROWS)


def _without(plan: Plan, work: Work, job: Job) -> Plan:
    """The month's plan without what its incidents send; the scenario's own faults stay."""
    if work.scenario.chaos:
        return build_plan(work.scenario, job.month, work.traces)
    return plan.where(plan.origin == WORKLOAD)


def setting_of(work: Work, case: Case, scenario: Scenario, plan: Plan) -> Setting:
    """The rules of a case in a month whose faults stand in ``scenario``."""
    priced = repriced(scenario) if case.repriced else scenario
    return build_setting(priced, work.topologies[case.configuration], plan.teams, plan.models)


def repriced(scenario: Scenario) -> Scenario:
    """The scenario at the prices that its saving speaks of."""
    saving = scenario.finance.saving if scenario.finance is not None else None
    assert saving is not None  # cases are repriced for a saving only
    changed = {
        name: scenario.models.get(name, Model()).model_copy(update={"price": prices})
        for name, prices in saving.prices.items()
    }
    return scenario.model_copy(update={"models": {**scenario.models, **changed}})


# Bills


def bill_of(run: Run, entries: Sequence[IncidentEntry], scenario: Scenario) -> Bill:
    """A run as a bill."""
    plan, result = run.plan, run.result
    own, teams = plan.origin == WORKLOAD, len(plan.teams)
    lost = own & (result.outcome != SUCCEEDED)
    causes = (
        _sum(plan.team[own], (result.cost - result.wasted)[own], teams),
        _sum(plan.team[own], result.wasted[own], teams),
        _sum(plan.team[~own], result.cost[~own], teams),
    )
    reached = {entry.title: _reached(run, lost, entry, scenario) for entry in entries}
    offered = np.bincount(plan.team[own], minlength=teams)
    return Bill(np.stack(causes, axis=1), offered, np.bincount(plan.team[lost], minlength=teams), reached)


def _sum(team: I64, amount: I64, teams: int) -> I64:
    """Exact sums by team: a team's month stays far below 2^53 micro-dollars, nine billion dollars."""
    return np.rint(np.bincount(team, amount, teams)).astype(np.int64)


def _reached(run: Run, lost: NDArray[np.bool_], entry: IncidentEntry, scenario: Scenario) -> float:
    """The share of teams with own requests that an incident's effects, or bans that follow, refused for good."""
    answers = refuser_names(entry, scenario)
    codes = [code for code, name in enumerate(run.setting.refusers) if name in answers]
    if not codes:
        return 0.0
    hit = lost & np.isin(run.result.refused_by, codes)
    return len(np.unique(run.plan.team[hit])) / len(run.plan.teams)


def refuser_names(entry: IncidentEntry, scenario: Scenario) -> set[str]:
    """What stands in ``refused_by`` where an incident refused."""
    effects: Sequence[Any] = specimen(entry, scenario.duration).fault.effects(scenario)
    names = {effect.name for effect in effects if effect.name}
    bans = {f"ban:{level}" for level in ("key", "project", "account")}
    return names | (bans if any(effect.ban is not None for effect in effects) else set())
