"""From what projects need to what they get of an account: the ways to share it, tried with everybody together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.study.tune.allocate import Claim, Division, Level, divide
from sim.study.tune.arrange import Account
from sim.study.tune.goals import counted, worth
from sim.study.tune.project import Found
from sim.study.tune.search import Cell
from sim.study.tune.settings import Settings
from sim.study.tune.together import Joint

NEEDS, GUARANTEED, BY_RATE, OVER = "needs", "guaranteed", "by_rate", "over"
"""Everybody gets what it needs, whatever the account gives; rates and bursts sum to at most the account's,
so that it never refuses; only rates do; rates sum to more, as not everybody is busy at once."""

OVERCOMMIT = (1.1, 1.2, 1.35, 1.5, 1.75)
"""How many times the account's rates those of the projects may sum to."""

EQUAL = 0.1
"""Ways whose expected numbers of goals differ by less are equally good."""

Chosen = dict[str, Settings]
Levels = Mapping[str, Mapping[int, Sequence[Cell]]]
"""Project → what the goals that are met count (:func:`sim.study.tune.goals.worth`) → the contour of that."""


@dataclass(frozen=True)
class Way:
    """One way to share an account: everybody's settings, who falls short of its need, and by which part."""

    name: str
    settings: Chosen
    met: Mapping[str, int] = field(default_factory=dict)
    shortfall: Mapping[str, float] = field(default_factory=dict)
    exact: bool = True
    overcommit: float = 1.0

    @property
    def worst(self) -> float:
        """The worst shortfall."""
        return max(self.shortfall.values(), default=0.0)


def total(settings: Mapping[str, Settings], names: Sequence[str], dimension: str) -> int | None:
    """The sum of one dimension over some projects; None when one of them is not limited in it."""
    each = [settings[name][dimension] for name in names if name in settings]
    return None if any(one is None for one in each) else sum(one for one in each if one is not None)


def fits(account: Account, needs: Mapping[str, Settings]) -> bool:
    """Whether an account gives everybody what it needs, in every dimension that it bounds."""
    for name, most in account.gives.items():
        wanted = total(needs, account.subjects, name)
        if most is not None and wanted is not None and wanted > most:
            return False
    return True


def bounded(account: Account, needs: Mapping[str, Settings]) -> list[str]:
    """The dimensions that are divided: those that every project has a setting for, the rate first."""
    return [name for name in account.gives if total(needs, account.subjects, name) is not None]


def claims(account: Account, found: Mapping[str, Found], levels: Levels) -> list[Claim]:
    """What the projects of an account ask of it."""
    needs = {name: one.settings for name, one in found.items() if one.settings is not None}
    things = bounded(account, needs)
    return [_claim(account, found[name], things, levels.get(name, {})) for name in account.subjects if name in needs]


def _claim(account: Account, found: Found, things: Sequence[str], partial: Mapping[int, Sequence[Cell]]) -> Claim:
    settings = found.settings or Settings()
    need = tuple(settings[name] or 1 for name in things)

    def uses(cells: Iterable[Cell]) -> tuple[tuple[int, ...], ...]:
        return tuple(_use(settings, cell, things) for cell in cells if _sensible(account, cell))

    fewer = [Level(met, uses(cells)) for met, cells in sorted(partial.items()) if uses(cells)]
    whole = tuple(dict.fromkeys((need, *uses(found.needs.contour))))
    return Claim(found.name, (*fewer, Level(worth(found.goals), whole, whole=True)), need)


def _sensible(account: Account, cell: Cell) -> bool:
    """Whether an account could ever admit a burst at once."""
    most = account.gives.get("burst")
    return most is None or cell[1] <= most


def _use(settings: Settings, cell: Cell, things: Sequence[str]) -> tuple[int, ...]:
    changed = settings.but(rpm=cell[0], burst=cell[1])
    return tuple(changed[name] or 1 for name in things)


def way(name: str, account: Account, found: Mapping[str, Found], levels: Levels, overcommit: float = 1.0) -> Way | None:
    """The best division of an account under one rule; None where not even 1 each fits."""
    needs = {key: one.settings for key, one in found.items() if one.settings is not None}
    things = bounded(account, needs)
    if not things:
        return None
    capacity = [_capacity(account.gives[thing], thing, name, overcommit) for thing in things]
    division = divide(claims(account, found, levels), capacity)
    return None if division is None else _way(name, division, things, found, overcommit)


def _capacity(most: int | None, thing: str, name: str, overcommit: float) -> int | None:
    if most is None or (thing == "burst" and name != GUARANTEED):
        return None
    return math.floor(most * overcommit)


def _way(name: str, division: Division, things: Sequence[str], found: Mapping[str, Found], overcommit: float) -> Way:
    settings: Chosen = {}
    for share in division.shares:
        base = found[share.name].settings or Settings()
        settings[share.name] = base.but(**dict(zip(things, share.amounts, strict=True)))
    return Way(
        name, settings,
        {share.name: counted(share.met) for share in division.shares},
        {share.name: share.shortfall for share in division.shares if share.shortfall > 0},
        division.exact, overcommit,
    )  # fmt: skip


def ways(account: Account, found: Mapping[str, Found], levels: Levels) -> list[Way]:
    """What fits the account, then what sums to more and more, last what everybody needs; that alone where it fits."""
    needs = {name: one.settings for name, one in found.items() if name in account.subjects and one.settings is not None}
    if fits(account, needs):
        return [Way(NEEDS, needs)]
    rules = [(GUARANTEED, 1.0), (BY_RATE, 1.0), *((OVER, factor) for factor in OVERCOMMIT)]
    made: list[Way] = []
    for name, factor in rules:
        one = way(name, account, found, levels, factor)
        if one is not None and one.settings != needs and all(one.settings != other.settings for other in made):
            made.append(one)
    return [*made, Way(NEEDS, needs)]


@dataclass(frozen=True)
class Served:
    """What a way gives with everybody together, goal by goal.

    ``met`` by the mean over replications, ``sure`` by the worse end of its interval; ``asked`` and
    ``added`` are how many of the scenario's goals and of those added by default can be expected to
    be met on new draws, and ``worst`` is how far the worst is from being met.
    """

    met: int
    sure: int
    asked: float
    added: float
    worst: float

    @classmethod
    def of(cls, joint: Joint, found: Iterable[Found]) -> Served:
        """Judge every goal of every project."""
        goals = [goal for one in found for goal in one.goals]
        readings = [joint.reading(goal.objective) for goal in goals]
        pairs = list(zip(goals, readings, strict=True))
        return cls(
            sum(goal.met_on_average(one) for goal, one in pairs),
            sum(goal.met(one) for goal, one in pairs),
            sum(goal.chance(one) for goal, one in pairs if goal.objective.asked),
            sum(goal.chance(one) for goal, one in pairs if not goal.objective.asked),
            max((goal.distance(one) for goal, one in pairs), default=0.0),
        )


def choose(tried: Sequence[tuple[Way, Joint]], found: Mapping[str, Found]) -> Way:
    """The way with most goals to be expected on new draws, the scenario's before those added by default.

    Of ways that differ by less than :data:`EQUAL` the one with the worst goal least missed, then the
    one that promises less. What was met on the draws of the search alone would favour whatever
    happened to pass there by a hair.
    """
    served = [(way, Served.of(joint, found.values())) for way, joint in tried]
    most = max(one.asked for _, one in served)
    served = [(way, one) for way, one in served if one.asked > most - EQUAL]
    most = max(one.added for _, one in served)
    served = [(way, one) for way, one in served if one.added > most - EQUAL]
    return min(served, key=lambda pair: pair[1].worst)[0]


def told(
    account: Account, tried: Sequence[tuple[Way, Joint]], chosen: Way, found: Mapping[str, Found],
    sums: Callable[[Way], dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """How an account was shared, for the summary."""
    needs = tried[-1][0].settings
    return {
        "name": account.name, "projects": list(account.subjects), "gives": dict(account.gives),
        "needed": {name: total(needs, account.subjects, name) for name in account.gives},
        "fits": fits(account, needs),
        "ways": [_told(one, joint, chosen, found, sums) for one, joint in tried],
    }  # fmt: skip


def _told(
    one: Way, joint: Joint, chosen: Way, found: Mapping[str, Found], sums: Callable[[Way], dict[str, Any]]
) -> dict[str, Any]:
    served = Served.of(joint, found.values())
    return {
        "name": one.name, "overcommit": one.overcommit, "chosen": one is chosen, **sums(one),
        "met": served.met, "sure": served.sure, "expected": served.asked + served.added,
        "of": sum(len(each.goals) for each in found.values()),
        "worst_distance": served.worst,
        "promised": sum(one.met.values()) if one.met else None,
        "shortfall": dict(one.shortfall), "worst_shortfall": one.worst, "exact": one.exact,
        "settings": {name: settings.values for name, settings in one.settings.items()},
    }  # fmt: skip
