"""Which configuration is tuned, and what its accounts can give in all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from sim.errors import BadInput
from sim.scenario.keys import Ladder, Limits, RateLimit, SpelledOut
from sim.scenario.schema import Scenario
from sim.scenario.topology import Node, Topology, build_topology
from sim.study.tune.settings import RATES, amounts
from sim.study.tune.subjects import Path, Subject, changed, splits, subjects_of
from sim.units import Rate
from sim.workload.rows import Expected

BUILT = "projects (made by tune)"


@dataclass(frozen=True)
class Arrangement:
    """The configuration to tune, and the one that it is compared with.

    ``built``: the scenario has none that limits each team by itself, so one was made: a project
    for each team, the total divided by traffic.
    """

    topology: Topology
    today: Topology
    built: bool

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose limits are tuned."""
        return subjects_of(self.topology)


def arrangement(scenario: Scenario, expected: Mapping[str, Expected], name: str | None) -> Arrangement:
    """The configuration of this name; by default the first in which every limit is one team's own."""
    if name is not None:
        if name not in scenario.configurations:
            raise _unknown(name, list(scenario.configurations))
        found = build_topology(name, scenario.configurations[name], expected)
        return Arrangement(found, found, built=False)
    given = [build_topology(key, one, expected) for key, one in scenario.configurations.items()]
    split = next((one for one in given if splits(one)), None)
    if split is not None:
        return Arrangement(split, split, built=False)
    first = next(iter(scenario.configurations.values()))
    return Arrangement(build_topology(BUILT, _projects(first), expected), given[0], built=True)


def _unknown(name: str, known: list[str]) -> BadInput:
    near = get_close_matches(name, known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(known)}"
    return BadInput("no such configuration", place="--configuration", value=repr(name), hint=hint)


def _projects(configuration: Ladder | SpelledOut) -> Ladder:
    """A project a team under the limits of a configuration's account (the first, where it has several)."""
    if isinstance(configuration, Ladder):
        limits = configuration.limits
    else:
        limits = next(iter(configuration.accounts.values())).limits
    return Ladder.model_construct(isolation="projects", limits=limits, split="by-traffic", client=configuration.client)


def check(found: Arrangement, dimensions: Sequence[str]) -> None:
    """Raise BadInput when a burst is asked for and neither a rate is tuned nor one configured."""
    if "burst" not in dimensions or "rpm" in dimensions:
        return
    bare = [one.name for one in found.subjects if one.base.tuned is None or one.base.tuned.requests is None]
    if bare:
        hint = "tune both: --dimensions rpm,burst"
        raise BadInput("a burst needs a limit on requests", place="--dimensions", value=repr(bare[0]), hint=hint)


# What an account gives


@dataclass(frozen=True)
class Account:
    """What one account gives to the projects in it, by dimension; None where it has no bound of its own."""

    name: str
    subjects: tuple[str, ...]
    gives: Mapping[str, int | None]


def accounts_of(found: Arrangement, dimensions: Sequence[str], capacity: Rate | None) -> tuple[Account, ...]:
    """The accounts whose capacity is divided; with ``capacity`` all projects together are one.

    An account that is tuned itself (an account a team) divides nothing, unless ``capacity`` says so.
    """
    subjects = found.subjects
    if capacity is not None:
        gives = _gives(_only(found.topology), dimensions) | {"rpm": math.floor(capacity.per_minute)}
        name = found.topology.accounts[0].name if len(found.topology.accounts) == 1 else "all accounts"
        return (Account(name, tuple(one.name for one in subjects), gives),)
    made = []
    for account in found.topology.accounts:
        inside = tuple(one.name for one in subjects if one.account == account.name and len(one.path) > 1)
        gives = _gives(account, dimensions)
        if inside and any(most is not None for most in gives.values()):
            made.append(Account(account.name, inside, gives))
    return tuple(made)


def _only(topology: Topology) -> Node | None:
    return topology.accounts[0] if len(topology.accounts) == 1 else None


def _gives(account: Node | None, dimensions: Sequence[str]) -> dict[str, int | None]:
    """The tightest of an account's limits on all models, in requests, their burst, and tuned tokens."""
    sets = [amounts(one) for one in account.limits if one.models is None] if account is not None else []
    names = ("rpm", "burst", *(name for name in RATES if name in dimensions))
    return {name: min((math.floor(one[name]) for one in sets if name in one), default=None) for name in names}


def with_capacity(topology: Topology, capacity: Rate | None) -> Topology:
    """The configuration whose only account has this limit on requests; as it is where there are several."""
    if capacity is None or len(topology.accounts) > 1:
        return topology
    name = topology.accounts[0].name

    def change(path: Path, node: Node) -> Node:
        return replace(node, limits=_limited(node.limits, capacity)) if path == (name,) else node

    return changed(topology, change)


def _limited(limits: Sequence[Limits], capacity: Rate) -> tuple[Limits, ...]:
    """The sets of limits with the rate of the first one on all models replaced; one is added where there is none."""
    new = RateLimit.model_construct(rate=capacity, burst=None)
    found = next((one for one in limits if one.requests is not None and one.models is None), None)
    if found is None:
        return (*limits, Limits.model_construct(requests=new))
    burst = found.burst or (found.requests.burst if found.requests is not None else None)
    return tuple(one.model_copy(update={"requests": new, "burst": burst}) if one is found else one for one in limits)
