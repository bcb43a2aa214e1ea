"""The smallest settings with which one project, alone, meets its goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.metrics.compute import Values
from sim.scenario.plan import WORKLOAD
from sim.study.tune.goals import Goal, Objective, Reading, level
from sim.study.tune.grid import at_least, rounded_up, value
from sim.study.tune.lab import Job, Lab, Trial
from sim.study.tune.search import Cell, Plane, cheapest, diagonal, frontier, smallest, spread
from sim.study.tune.settings import ENDLESS, EXTRAS, Settings
from sim.units import MINUTE

COLUMNS = 9
"""Rates at which the contour is looked at, besides those that the search looks at."""


@dataclass(frozen=True)
class Room:
    """What can matter of a project's settings: below ``floor`` requests a minute it falls behind for good,

    a burst of ``burst`` or ``tokens`` tokens a minute refuses nothing.
    """

    floor: int
    burst: int
    tokens: int


@dataclass(frozen=True)
class Ceiling:
    """What a project reaches without the limits that are tuned, and without any limit or cap at all."""

    goals: tuple[Goal, ...]
    kept: Mapping[Objective, Reading]
    free: Mapping[Objective, Reading]
    widest: Settings


@dataclass(frozen=True)
class Needs:
    """What was found: the cheapest settings (None if no setting meets the goals), and the contour they stand on."""

    ceiling: Ceiling
    room: Room
    settings: Settings | None
    contour: tuple[Cell, ...]
    """(RPM, burst): the smallest burst at each rate that was looked at, the chosen one among them."""
    violations: int


@dataclass
class Search:
    """One project's search: goals that its objectives were made into, and the questions asked of its lab."""

    lab: Lab
    goals: tuple[Goal, ...]
    planes: list[Plane] = field(default_factory=list)

    def meets(self, settings: Settings, part: float = 1.0) -> bool:
        """Whether every goal is met; ``part`` as in :meth:`Goal.met`."""
        readings = self.lab.readings(Trial(settings))
        return all(goal.met(readings[goal.objective], part) for goal in self.goals)

    def plane(self, base: Settings, good: Callable[[Settings], bool] | None = None) -> Plane:
        """RPM × burst with the other settings as in ``base``; ``good`` instead of :meth:`meets`."""
        test = good or self.meets
        made = Plane(lambda rpm, burst: test(base.but(rpm=rpm, burst=burst)))
        self.planes.append(made)
        return made


def widest(job: Job, burst: int = ENDLESS) -> Settings:
    """The settings that limit least in the dimensions that are tuned.

    A burst that stays as configured stays with a rate that has no end; a burst that is tuned under
    a rate that stays is as large as it can matter.
    """
    chosen: dict[str, int | None] = dict.fromkeys(job.dimensions)
    base = job.subject.base.tuned
    own_burst = base is not None and base.requests is not None and (base.burst or base.requests.burst) is not None
    if "rpm" in chosen and "burst" not in chosen and own_burst:
        chosen["rpm"] = ENDLESS
    if "burst" in chosen and "rpm" not in chosen:
        chosen["burst"] = burst
    return Settings.of(chosen)


def ceiling_of(lab: Lab) -> Ceiling:
    """What no tuned limits and no limits at all reach, and the goals that follow."""
    settings = widest(lab.job)
    kept, free = lab.readings(Trial(settings)), lab.readings(Trial(free=True))
    return Ceiling(tuple(Goal.of(one, kept[one]) for one in lab.job.objectives), kept, free, settings)


def room_of(lab: Lab, ceiling: Ceiling) -> Room:
    """The bounds of the search, from what the project sends and what its goals need of it."""
    values = lab.values(Trial(ceiling.widest))
    results = lab.run(Trial(ceiling.widest), log=False)
    attempts = max(int(one.attempts.sum()) for one in results)
    tokens = max(int((one.attempts * (one.uncached + one.cached + one.output)).sum()) for one in results)
    floor = rounded_up(_needed_rate(lab, values, ceiling.goals))
    return Room(floor, rounded_up(max(1, attempts)), rounded_up(max(1, tokens)))


def _needed_rate(lab: Lab, values: Values, goals: tuple[Goal, ...]) -> float:
    """The requests a minute that have to succeed in the long run, at least 1."""
    success = [goal for goal in goals if goal.objective.slo.metric in ("success_rate", "own_success_rate")]
    share = 1.0
    for goal in success:
        reached = float(np.nanmean(goal.unlimited)) if np.isfinite(goal.unlimited).any() else 0.0
        share = min(share, goal.objective.slo.bound if goal.attainable else reached)
    scenario = lab.job.scenario
    minutes = (scenario.duration - scenario.warmup) / MINUTE
    sent = float(np.mean(values["offered"][:, -1])) * _own_part(lab.job)
    return max(1.0, share * sent / minutes) if success else 1.0


def _own_part(job: Job) -> float:
    """The share of the planned requests that the teams' own workloads send."""
    count = sum(len(plan) for plan in job.plans)
    return sum(int((plan.origin == WORKLOAD).sum()) for plan in job.plans) / count if count else 1.0


def find(lab: Lab) -> Needs:
    """Search one project.

    Tokens and concurrency come first, each allowed an equal part of the way from what no limits
    reach down to the goals; requests use up the rest; then what can still be lowered is.
    """
    ceiling = ceiling_of(lab)
    room = room_of(lab, ceiling)
    search = Search(lab, ceiling.goals)
    base = _extras(search, _least(lab.job, ceiling, room), room)
    found = None if base is None else _requests(search, base, room)
    if found is None or base is None:
        return Needs(ceiling, room, None, (), 0)
    found = _lowered(search, found)
    contour = _contour(search, found, room)
    return Needs(ceiling, room, found, contour, sum(plane.violations() for plane in search.planes))


def _least(job: Job, ceiling: Ceiling, room: Room) -> Settings:
    """The widest settings with a burst that is as large as it can matter, where one is asked for."""
    return widest(job, room.burst) if ceiling.widest["burst"] is not None else ceiling.widest


def _extras(search: Search, base: Settings, room: Room) -> Settings | None:
    """The token and concurrency limits, one after another, each with its part of the slack."""
    extras = [name for name in EXTRAS if name in search.lab.job.dimensions]
    axes = len(extras) + bool({"rpm", "burst"} & set(search.lab.job.dimensions))
    for at, name in enumerate(extras, 1):
        most = room.burst if name == "concurrency" else room.tokens
        found = _smallest(search, base, name, 1, most, at / axes)
        if found is None:
            return None
        base = base.but(**{name: found})
    return base


def _smallest(search: Search, base: Settings, name: str, low: int, high: int, part: float = 1.0) -> int | None:
    return smallest(lambda v: search.meets(base.but(**{name: v}), part), low, high)


def _requests(search: Search, base: Settings, room: Room) -> Settings | None:
    """The requests a minute and the burst, whichever of them are tuned; a window has no burst."""
    if "burst" in base.values and not search.lab.job.subject.base.has_burst:
        base = base.but(burst=None)
    chosen = {name for name, _ in base.chosen if name != "burst" or search.lab.job.subject.base.has_burst}
    if {"rpm", "burst"} <= chosen:
        plane = search.plane(base)
        start = diagonal(plane, room.floor, max(room.burst, room.floor))
        if start is None:
            return None
        rpm, burst = cheapest(plane, room.floor, start)
        return base.but(rpm=rpm, burst=burst)
    if "rpm" in chosen:
        most = ENDLESS if base["rpm"] is not None else max(room.burst, room.floor)
        rate = _smallest(search, base, "rpm", room.floor, most)
        return None if rate is None else base.but(rpm=rate)
    if "burst" in chosen:
        size = _smallest(search, base, "burst", 1, room.burst)
        return None if size is None else base.but(burst=size)
    return base


def _lowered(search: Search, found: Settings) -> Settings:
    """The same with every token and concurrency limit as small as the rest allows."""
    for name in EXTRAS:
        now = found[name]
        if now is not None:
            found = found.but(**{name: _smallest(search, found, name, 1, now) or now})
    return found


def _contour(search: Search, found: Settings, room: Room) -> tuple[Cell, ...]:
    """The contour around what was found: from the slowest rate that keeps up to three times the chosen one."""
    rpm, burst = found["rpm"], found["burst"]
    if rpm is None or burst is None:
        return ()
    plane = search.planes[0] if search.planes else search.plane(found)
    rates = [*spread(room.floor, value(at_least(3 * rpm)), COLUMNS), rpm]
    return tuple(frontier(plane, rates, room.burst))


def partial_contour(lab: Lab, needs: Needs, least: int) -> tuple[Cell, ...]:
    """The cheapest cell and the contour at which the goals that are met count at least ``least``, whichever."""
    found = needs.settings
    if found is None or found["rpm"] is None or found["burst"] is None:
        return ()
    search = Search(lab, needs.ceiling.goals)

    def good(settings: Settings) -> bool:
        return level(search.goals, lab.readings(Trial(settings))) >= least

    plane = search.plane(found, good)
    start = diagonal(plane, needs.room.floor, max(needs.room.burst, needs.room.floor))
    if start is None:
        return ()
    best = cheapest(plane, needs.room.floor, start)
    rates = [*spread(needs.room.floor, value(at_least(2 * best[0])), COLUMNS), best[0]]
    return tuple(frontier(plane, rates, needs.room.burst))
