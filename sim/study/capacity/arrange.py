"""Keys for every month: limits stay what they are now, and teams that join get a place.

A total that is split ``by-traffic`` is divided by *today's* traffic in every month: a limit that grew
with its team would never be reached. When a team joins, a split total is divided anew (the joiner
counted with the traffic of the team that it is a copy of, or with that team's share); in a
configuration that is spelled out it gets a copy of what its model has for itself alone, or else
shares its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.engine.world import Setting, build_setting
from sim.scenario.keys import Account, Key, Ladder, Project, SpelledOut
from sim.scenario.limit_rows import rows_of
from sim.scenario.plan import expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import Node, Topology, build_topology
from sim.study.capacity.growth import Base, cast, grown
from sim.study.capacity.options import Growth, NewTeam
from sim.study.capacity.what_if import Case
from sim.workload.rows import Expected

NO_LIMITS = "no limits"
"""The name of the arrangement in which every request is let through: it shows what is asked for."""


@dataclass(frozen=True)
class Today:
    """What each team of the file is expected to send in month 0."""

    expected: Mapping[str, Expected]

    @classmethod
    def of(cls, base: Base) -> Today:
        """By the scenario as it stands."""
        return cls(expected_by_team(base.scenario, base.traces))

    def with_copies(self, teams: Mapping[str, str]) -> dict[str, Expected]:
        """The traffic that a total is divided by when these teams (name → model) are there, sorted."""
        return {name: self.expected[teams[name]] for name in sorted(teams)}


def topology_of(case: Case, scenario: Scenario, today: Today, month: float) -> Topology:
    """The keys of a case in ``month``. Raises BadInput when a part has no rate."""
    teams = cast(scenario, case.growth, month)
    configuration = case.configuration
    for new in case.growth.new_teams:
        if new.month <= month:
            configuration = with_team(configuration, new)
    topology = build_topology(case.name, configuration, today.with_copies(teams))
    rows_of(topology)
    return topology


def joined(growth: Growth, month: float) -> int:
    """How many teams have joined by ``month``: what a configuration's keys depend on."""
    return sum(new.month <= month for new in growth.new_teams)


Settings = dict[tuple[str, int], Setting]
"""(case, teams that have joined) → the case's keys, the same in all months in between."""


def settings_of(cases: Iterable[Case], base: Base, today: Today) -> Settings:
    """The keys of every case, and of :data:`NO_LIMITS`. Raises BadInput when a part has no rate."""
    found: Settings = {}
    for case in cases:
        for month in (0, *sorted(new.month for new in case.growth.new_teams)):
            count = joined(case.growth, month)
            scenario = grown(base, case.growth, month).scenario
            teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
            topology = topology_of(case, base.scenario, today, month)
            found[case.name, count] = build_setting(scenario, topology, teams, models)
            found[NO_LIMITS, count] = build_setting(scenario, _unlimited(teams), teams, models)
    return found


def _unlimited(teams: tuple[str, ...]) -> Topology:
    key = Node("key", "default", teams=teams)
    account = Node("account", "default", children=(Node("project", "default", children=(key,)),))
    return Topology(NO_LIMITS, "custom", (account,))


def with_team(configuration: Ladder | SpelledOut, new: NewTeam) -> Ladder | SpelledOut:
    """The configuration with a place for one more team."""
    if isinstance(configuration, SpelledOut):
        return _spelled(configuration, new)
    if not isinstance(configuration.split, dict):
        return configuration
    shares = dict(configuration.split)
    whole = sum(shares.values(), Fraction(0))
    shares[new.name] = shares.get(new.like, Fraction(0))
    shrink = whole / sum(shares.values(), Fraction(0))
    return configuration.model_copy(update={"split": {team: share * shrink for team, share in shares.items()}})


def _spelled(configuration: SpelledOut, new: NewTeam) -> SpelledOut:
    accounts: dict[str, Account] = {}
    for name, account in configuration.accounts.items():
        teams = _teams(account)
        accounts[name] = account if new.like not in teams or teams == (new.like,) else _inside(account, new)
        if teams == (new.like,):
            accounts[_free(new.name, configuration.accounts)] = _renamed(account, new)
    return configuration.model_copy(update={"accounts": accounts})


def _inside(level: Any, new: NewTeam) -> Any:
    """An account or project with the new team beside the team that it is a copy of."""
    below, children = _children(level)
    if children is None:
        return level.model_copy(update={"teams": (*level.teams, new.name)})
    changed: dict[str, Any] = {}
    for name, child in children.items():
        teams = _teams(child)
        changed[name] = child if new.like not in teams or teams == (new.like,) else _inside(child, new)
        if teams == (new.like,):
            changed[_free(new.name, children)] = _renamed(child, new)
    return level.model_copy(update={below: changed})


def _children(level: Account | Project | Key) -> tuple[str, Mapping[str, Any] | None]:
    """Under which field a level holds others, and those; None when it holds teams."""
    for field in ("projects", "keys"):
        if getattr(level, field, None) is not None:
            return field, getattr(level, field)
    return "", None


def _teams(level: Account | Project | Key) -> tuple[str, ...]:
    """All teams at or below a level."""
    children = _children(level)[1]
    if children is None:
        return level.teams or ()
    return tuple(team for child in children.values() for team in _teams(child))


def _renamed(level: Any, new: NewTeam) -> Any:
    """A copy of a level that one team has for itself, for the new team."""
    below, children = _children(level)
    if children is None:
        return level.model_copy(update={"teams": (new.name,)})
    return level.model_copy(update={below: {name: _renamed(child, new) for name, child in children.items()}})


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """``name``, or with a number behind it where a level is called so already."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def growths_of(cases: tuple[Case, ...]) -> dict[Growth, tuple[Case, ...]]:
    """Cases that share their growth, and so their plan."""
    found: dict[Growth, list[Case]] = {}
    for case in cases:
        found.setdefault(case.growth, []).append(case)
    return {growth: tuple(group) for growth, group in found.items()}
