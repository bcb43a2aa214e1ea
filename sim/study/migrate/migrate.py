"""The whole study: boundaries, limits, order, every step simulated, and all of it in one dict.

A state's **risk** is how many services are as good as down: the services of each team times the share of
its own requests that are lost (not answered, or held up by refusals for more than 30 s), half of it on the
traffic as it is and half in drills of the biggest consumers (:mod:`sim.study.migrate.drills`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import BadInput
from sim.metrics.summary import json_safe
from sim.scenario.loader import Loaded
from sim.scenario.plan import expected_by_team
from sim.scenario.topology import Topology, build_topology
from sim.study.migrate.boundaries import Project, boundaries
from sim.study.migrate.drills import situations
from sim.study.migrate.exports import Plan, arrangement, read_back
from sim.study.migrate.history import Facts, busiest_minutes, facts
from sim.study.migrate.hybrid import Target, check
from sim.study.migrate.keys import key_names
from sim.study.migrate.lab import Lab, Work
from sim.study.migrate.limits import Allotment, allot, dimensions_of
from sim.study.migrate.options import AUTO, NONE, Options, near
from sim.study.migrate.order import EXACT, State, best, exposure, greedy, in_waves, states_of
from sim.study.migrate.source import Given
from sim.study.migrate.steps import Stage, replayed, rolled_back, stages
from sim.study.pool import THREADS, Pool, open_pool
from sim.study.progress import Progress
from sim.study.runs import compile_once
from sim.study.tune.arrange import with_capacity

ORDERING, REPLAYED = 3, 2
"""Replications on which orders are compared, at most; fewer where all replay one log. Steps are told on all of them."""
MANY = 8
"""From how many projects on a canary goes first."""


@dataclass(frozen=True)
class Study:
    """What a migration study found: the dict of ``summary.json``, objectives missed at the end, and where it is."""

    summary: dict[str, Any]
    missed: list[dict[str, Any]]
    directory: Path | None


@dataclass(frozen=True)
class Ordered:
    """The order that was chosen, and how: ``exact`` over all sets, or ``greedy``."""

    waves: tuple[tuple[str, ...], ...]
    how: str
    canary: str | None

    @property
    def states(self) -> list[State]:
        """Before the first wave and after each."""
        return states_of(self.waves)


@dataclass(frozen=True)
class Found:
    """Everything that a summary is made from."""

    given: Given
    options: Options
    facts: dict[str, Facts]
    projects: tuple[Project, ...]
    allotment: Allotment
    target: Target
    ordered: Ordered
    lab: Lab
    stages: list[Stage]
    restored: list[bool]
    plan: Plan
    digest: str

    @property
    def loaded(self) -> Loaded:
        """The scenario."""
        return self.given.loaded


def migrate(given: Given, options: Options, progress: Progress) -> Study:
    """Plan the migration of a scenario and run every step of it.

    Raises BadInput for keys that nobody shares, a mapping of unknown teams or an account that is too small, and
    RunInvalid when engines disagree or an exported configuration does not undo its step.
    """
    from sim.study.migrate.summary import summary_of

    compile_once(options.engine, progress)
    with open_pool(options.executor, _workers(options)) as pool:
        found = _found(given, options, pool, progress)
        summary = dict(json_safe(summary_of(found)))
    missed = [one for one in summary["objectives"] if not one["met"] and one["source"] == "scenario"]
    if options.out is not None:
        from sim.study.migrate.files import write

        write(options.out, found, summary)
    return Study(summary, missed, options.out)


def _workers(options: Options) -> int | None:
    return 1 if options.executor == THREADS and options.engine != "compiled" else options.workers


def _found(given: Given, options: Options, pool: Pool, progress: Progress) -> Found:
    loaded = given.loaded
    scenario, today = loaded.scenario, today_of(loaded, options)
    check(today, options.target)
    expected = expected_by_team(scenario, loaded.traces)
    consumers = sorted(expected, key=lambda team: (-expected[team].requests, team))[: options.drills]
    made = situations(scenario, today.accounts[0].limits, expected, consumers)
    work = Work(made, loaded.traces, Target(today, options.target, ()), options.engine)
    progress.start("looking at your traffic", 1)
    known = facts(work, loaded.traces, pool, scenario.replications, given.spend)
    progress.advance()
    projects = boundaries(known, options.group_below, options.mapping)
    allotment = allot(
        loaded, today, options.target, projects, known,
        options.dimensions or dimensions_of(today.accounts[0], busiest_minutes(scenario, work.plan(0, 0))),
        options.headroom, options.exports, options.engine, pool, progress,
    )  # fmt: skip
    target = Target(today, options.target, allotment.grants)
    work.aim(target)
    lab = Lab(work, pool, min(REPLAYED if replayed(work) else ORDERING, scenario.replications))
    ordered = _ordered(projects, known, lab, options, progress)
    found = stages(work, target, ordered.states, scenario.replications, pool, progress)
    names = key_names([one.name for one in projects], {model for grant in target.grants for model in grant.models})
    plan = Plan(target, {one.project.name: one for one in allotment.got}, names, scenario.name)
    restored = _restored(plan, work, found, loaded, progress)
    digest = work.check(ordered.states[-1])
    return Found(given, options, known, projects, allotment, target, ordered, lab, found, restored, plan, digest)


def today_of(loaded: Loaded, options: Options) -> Topology:
    """Today's keys. Raises BadInput for a configuration that does not exist."""
    known = loaded.scenario.configurations
    name = options.configuration or next(iter(known))
    if name not in known:
        raise BadInput("no such configuration", place="--from", value=repr(name), hint=near(name, list(known)))
    expected = expected_by_team(loaded.scenario, loaded.traces)
    return with_capacity(build_topology(name, known[name], expected), options.account_capacity)


# The order


def _ordered(
    projects: Sequence[Project], known: dict[str, Facts], lab: Lab, options: Options, progress: Progress
) -> Ordered:
    """The order of least exposure: exact where there are few projects, else greedy; a canary first where many.

    Cut into waves a greedy order may be worse than a plain one: the best of them is taken.
    """
    names = [one.name for one in projects]
    progress.start("finding the order that lowers risk fastest", 1)
    canary = _canary(projects, known, lab, options)
    rest = [name for name in names if name != canary]
    done: State = frozenset(() if canary is None else (canary,))
    exact = len(rest) <= EXACT
    order = (best if exact else greedy)(rest, lab.risks, done)
    found = [order] if exact else [order, rest, rest[::-1], sorted(rest)]
    first = [] if canary is None else [canary]
    waves = min((in_waves([*first, *one], options.waves) for one in found), key=lambda one: exposure(one, lab.risks))
    progress.advance()
    return Ordered(waves, "exact" if exact else "greedy", canary)


def _canary(projects: Sequence[Project], known: dict[str, Facts], lab: Lab, options: Options) -> str | None:
    """The project that tries the way: the one with fewest services behind it, then least traffic."""
    names = [one.name for one in projects]
    if options.canary not in (AUTO, NONE):
        if options.canary not in names:
            hint = near(options.canary, names)
            raise BadInput("no such project", place="--canary", value=repr(options.canary), hint=hint)
        return options.canary
    if options.canary == NONE or len(names) <= MANY:
        return None
    drilled = {one.team for one in lab.work.situations}
    calm = [one for one in projects if not drilled & set(one.teams)] or list(projects)
    chosen = min(calm, key=lambda one: (one.services(known), one.requests_share(known), one.name))
    return chosen.name


# Going back


def _restored(plan: Plan, work: Work, found: Sequence[Stage], loaded: Loaded, progress: Progress) -> list[bool]:
    """For each step: its exported rollback, read back and run, gives the results of the state before it."""
    expected = expected_by_team(loaded.scenario, loaded.traces)
    progress.start("rolling each step back", len(found) - 1)
    restored = []
    for at, before in enumerate(found[:-1]):
        written = read_back(arrangement(plan, at, before.state), expected)
        restored.append(rolled_back(work, written, before))
        progress.advance()
    return restored
