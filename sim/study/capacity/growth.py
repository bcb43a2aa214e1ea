"""A scenario some months from now: the same teams with more traffic, and the teams that join.

Growth multiplies rates: of every described process, of sessions, the ``scale`` of a trace, the
``size`` of a herd (to the nearest whole request). Everything else stays: sizes, rhythms, the
lengths of bursts, coefficients of variation. Draws are keyed by the stream's name, so a described
stream keeps its sequence of gaps, sizes and luck in every month: month m sends the requests of
month m - 1, closer together, and then more. Month 0 is the scenario as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from sim.scenario.schema import Scenario, Slo, Team
from sim.scenario.workloads import Herd, Trace, Workload
from sim.study.capacity.options import Growth

if TYPE_CHECKING:
    from sim.workload.importers import TraceRows

FINEST = 10**6
"""Factors are fractions with at most this denominator: exact to 1e-12, and rates stay small integers."""


@dataclass(frozen=True)
class Base:
    """What a study starts from: a scenario and the rows of its traces. Pickles, unlike ``Loaded``."""

    scenario: Scenario
    traces: Mapping[Trace, TraceRows]


def factor(growth: Growth, team: str, month: float) -> Fraction:
    """How many times its first traffic a team sends in ``month``; 0 before it joins."""
    joined = next((new.month for new in growth.new_teams if new.name == team), 0)
    if month < joined:
        return Fraction(0)
    exact = Fraction(float(1 + growth.of(team)) ** (month - joined))
    return max(exact.limit_denominator(FINEST), Fraction(1, FINEST))


def scaled(workload: Workload, by: Fraction) -> Workload:
    """A workload with ``by`` times as many requests."""
    arrivals = workload.arrivals
    spec = arrivals.spec
    if isinstance(spec, Herd):
        change: dict[str, object] = {"size": max(1, round(spec.size * by))}
    elif isinstance(spec, Trace):
        change = {"scale": spec.scale * by}
    else:
        change = {"rate": spec.rate.times(by)}
    grown = arrivals.model_copy(update={arrivals.kind: spec.model_copy(update=change)})
    return workload.model_copy(update={"arrivals": grown})


def grown(base: Base, growth: Growth, month: float) -> Base:
    """The scenario of ``month`` (fractions allowed) and the traces by their scaled names."""
    scenario, traces = base.scenario, dict(base.traces)
    teams: dict[str, Team] = {}
    for name, like in cast(scenario, growth, month).items():
        by, entry = factor(growth, name, month), scenario.teams[like]
        workloads = tuple(scaled(one, by) for one in entry.workload)
        teams[name] = entry.model_copy(update={"workload": workloads})
        for before, after in zip(entry.workload, workloads, strict=True):
            if before.arrivals.trace is not None and after.arrivals.trace is not None:
                traces[after.arrivals.trace] = base.traces[before.arrivals.trace]
    return Base(scenario.model_copy(update={"teams": teams, "slos": objectives(scenario, growth, month)}), traces)


def cast(scenario: Scenario, growth: Growth, month: float) -> dict[str, str]:
    """Each team that is there in ``month``, with the team of the file that it is a copy of (itself)."""
    own = {name: name for name in scenario.teams}
    return own | {new.name: new.like for new in growth.new_teams if new.month <= month}


def objectives(scenario: Scenario, growth: Growth, month: float) -> tuple[Slo, ...]:
    """The scenario's objectives, and those of ``like`` for each copy."""
    copies = [(new.name, new.like) for new in growth.new_teams if new.month <= month]
    more = [slo.model_copy(update={"team": name}) for name, like in copies for slo in scenario.slos if slo.team == like]
    return (*scenario.slos, *more)
