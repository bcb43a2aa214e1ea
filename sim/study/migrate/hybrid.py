"""The keys between today and the target: some projects have moved, the others are still on the shared key.

What becomes of the shared key's limits depends on the rung:

| rung | moved projects | the shared key |
| --- | --- | --- |
| ``keys`` | a key each beside it | as today: keys have no limits of their own |
| ``projects`` | a project each, with limits | the account's limits less what the moved projects got |
| ``gateway`` | a project each behind a gateway | no limit of its own: it does not pass the gateway |
| ``accounts`` | an account each, with limits inside | as today: its account gives nothing away |

So at every step on ``projects`` the limits of all projects and of the shared key sum to at most what the
account gives, and nobody who has moved can be crowded out by those who have not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from sim.errors import BadInput
from sim.scenario.keys import DIMENSIONS, Limits, RateLimit, SpendCap
from sim.scenario.topology import Node, Topology
from sim.study.migrate.order import State
from sim.units import MINUTE, Rate

Rung = Literal["keys", "projects", "gateway", "accounts"]
RUNGS: tuple[Rung, ...] = ("keys", "projects", "gateway", "accounts")
SHARED = "shared-key"
"""What the shared key's project is called once others stand beside it, unless a project has that name."""


@dataclass(frozen=True)
class Grant:
    """What one project gets: its teams, their models, its limits and its spend caps."""

    name: str
    teams: tuple[str, ...]
    models: tuple[str, ...] = ()
    limits: tuple[Limits, ...] = ()
    caps: tuple[SpendCap, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where a migration goes: today's keys, the rung, and what each project gets there."""

    today: Topology
    rung: Rung
    grants: tuple[Grant, ...]

    @property
    def account(self) -> Node:
        """Today's only account."""
        return self.today.accounts[0]

    @property
    def shared_name(self) -> str:
        """The name of the shared key's own project on a half-way state."""
        taken = {grant.name for grant in self.grants}
        return next(name for name in (SHARED, *(f"{SHARED}-{at}" for at in range(2, 999))) if name not in taken)

    def moved(self, state: State) -> list[Grant]:
        """The grants of the projects in a state, in the target's order."""
        return [grant for grant in self.grants if grant.name in state]

    def remaining(self, state: State) -> tuple[str, ...]:
        """The teams that are still on the shared key."""
        gone = {team for grant in self.moved(state) for team in grant.teams}
        return tuple(team for path in self.today.paths() for team in path[-1].teams if team not in gone)

    def shared_limits(self, state: State) -> tuple[Limits, ...]:
        """The limits that the shared key's own project has in a state; none where only the account limits it."""
        if self.rung != "projects" or not state or not self.remaining(state):
            return ()
        left = (residual(limits, self.moved(state)) for limits in self.account.limits)
        return tuple(one for one in left if one is not None)

    def topology(self, state: State, name: str) -> Topology:
        """The keys of a state, as a configuration called ``name``."""
        if not state:
            return replace(self.today, name=name)
        accounts = self._accounts(state)
        return Topology(name, "custom", accounts, self.today.client)

    def _accounts(self, state: State) -> tuple[Node, ...]:
        moved, stays = self.moved(state), self._shared_project(state)
        if self.rung == "accounts":
            own = [self._own_account(grant) for grant in moved]
            shared = [replace(self.account, children=(stays,))] if stays is not None else []
            return (*shared, *own)
        if self.rung == "keys":
            keys = tuple(Node("key", grant.name, teams=grant.teams) for grant in moved)
            old = self.account.children[0]
            project = replace(old, children=(*(stays.children if stays is not None else ()), *keys))
            return (replace(self.account, children=(project,)),)
        projects = tuple(_project(grant) for grant in moved)
        children = (stays, *projects) if stays is not None else projects
        return (replace(self.account, children=children, gateway=self.rung == "gateway" or self.account.gateway),)

    def _shared_project(self, state: State) -> Node | None:
        """Today's project without those who have moved; None once nobody is left."""
        old, stay = self.account.children[0], set(self.remaining(state))
        keys = tuple(
            replace(key, teams=tuple(team for team in key.teams if team in stay))
            for key in old.children
            if any(team in stay for team in key.teams)
        )
        if not keys:
            return None
        if self.rung in ("keys", "accounts"):
            return replace(old, children=keys)
        return replace(old, name=self.shared_name, children=keys, limits=(*old.limits, *self.shared_limits(state)))

    def _own_account(self, grant: Grant) -> Node:
        """A new account of the same size, with the project's own limits inside."""
        name = grant.name if grant.name != self.account.name else f"{grant.name}-new"
        return Node("account", name, self.account.limits, children=(_project(grant),))


def _project(grant: Grant) -> Node:
    key = Node("key", "default", teams=grant.teams)
    return Node("project", grant.name, grant.limits, grant.caps, children=(key,))


def check(today: Topology, rung: Rung) -> None:
    """Raise BadInput where today's keys are no shared key that a project could leave."""
    place = "--from"
    if len(today.accounts) != 1 or len(today.accounts[0].children) != 1:
        parts = f"{len(today.accounts)} accounts" if len(today.accounts) != 1 else "several projects"
        hint = "name a configuration with one account and one project (shared, or keys), as it is today"
        raise BadInput("not a key that teams share", place=place, value=f"{today.name!r} has {parts}", hint=hint)
    keys = today.paths()
    if rung == "keys" and all(len(path[-1].teams) == 1 for path in keys):
        hint = "choose a higher rung: --to projects, gateway or accounts"
        raise BadInput("every team has a key of its own already", place=place, value=repr(today.name), hint=hint)
    limited = [path[-1].name for path in keys if path[-1].limits]
    if limited:
        hint = "limits of keys would have to be split too; name a configuration whose account has the limits"
        raise BadInput("a key has limits of its own", place=place, value=repr(limited[0]), hint=hint)


# What is left of the account's limits


def in_minutes(limit: RateLimit) -> Rate:
    """The rate by the minute where its period is shorter."""
    rate = limit.rate
    return rate if rate.period_ns >= MINUTE else Rate(rate.count * MINUTE / rate.period_ns, MINUTE)


def applies(limits: Limits, grant: Grant) -> bool:
    """Whether a set of limits counts what a project sends."""
    return limits.models is None or not grant.models or any(model in limits.models for model in grant.models)


def granted(grant: Grant, dimension: str, period_ns: int) -> Fraction | None:
    """The tightest rate that a project has in one dimension, a period; None where it has none."""
    rates = [getattr(one, dimension).rate for one in grant.limits if getattr(one, dimension) is not None]
    return min((rate.count * period_ns / rate.period_ns for rate in rates), default=None)


def burst_of(limits: Limits) -> int | None:
    """The burst of requests of a token bucket; None where there is no such thing."""
    if limits.requests is None or limits.algorithm != "token_bucket":
        return None
    return limits.burst or limits.requests.burst or max(1, int(limits.requests.rate.count))


def residual(limits: Limits, moved: Iterable[Grant]) -> Limits | None:
    """What a set of the account's limits leaves when ``moved`` have theirs; None where nothing can be told.

    A dimension in which some moved project has no limit is left out: the account's own limit stays above.
    Rates are whole numbers a minute (or the account's longer period), rounded down but at least 1.
    """
    mine = [grant for grant in moved if applies(limits, grant)]
    update: dict[str, object] = {name: _rate_left(limits, mine, name) for name in DIMENSIONS}
    update["burst"] = _burst_left(limits, mine) if update["requests"] is not None else None
    update["concurrency"] = _places_left(limits, mine)
    made = limits.model_copy(update=update)
    some = any(update[name] is not None for name in (*DIMENSIONS, "concurrency"))
    return made if some else None


def _rate_left(limits: Limits, moved: Sequence[Grant], dimension: str) -> RateLimit | None:
    limit: RateLimit | None = getattr(limits, dimension)
    if limit is None:
        return None
    rate = in_minutes(limit)
    taken = [granted(grant, dimension, rate.period_ns) for grant in moved]
    if any(one is None for one in taken):
        return None
    left = rate.count - sum(one for one in taken if one is not None)
    kept = Rate(Fraction(max(1, int(left))), rate.period_ns)
    burst = None if limit.burst is None or dimension == "requests" else max(1, int(limit.burst * left / rate.count))
    return RateLimit.model_construct(rate=kept, burst=burst)


def _burst_left(limits: Limits, moved: Sequence[Grant]) -> int | None:
    """The account's burst less those of the moved; at least the part that the rate left has of the rate."""
    whole, limit = burst_of(limits), limits.requests
    if whole is None or limit is None:
        return None
    bursts = [
        min((burst for one in grant.limits if (burst := burst_of(one)) is not None), default=0) for grant in moved
    ]
    left = _rate_left(limits, moved, "requests")
    share = left.rate.count / in_minutes(limit).count if left is not None else Fraction(1)
    return max(1, int(whole * min(share, Fraction(1))), whole - sum(bursts))


def _places_left(limits: Limits, moved: Sequence[Grant]) -> int | None:
    if limits.concurrency is None:
        return None
    taken = [min((one.concurrency for one in grant.limits if one.concurrency), default=None) for grant in moved]
    if any(one is None for one in taken):
        return None
    return max(1, limits.concurrency - sum(one for one in taken if one is not None))


# That nothing is given twice


def sums(target: Target, state: State) -> list[dict[str, object]]:
    """For each limit of the account in a state: what it gives, and what the limits below it sum to.

    ``given`` is None where somebody below has no limit in that dimension: then only the account's holds.
    """
    found: list[dict[str, object]] = []
    for limits in target.account.limits:
        for name in DIMENSIONS:
            limit: RateLimit | None = getattr(limits, name)
            if limit is None:
                continue
            rate = in_minutes(limit)
            parts = [granted(one, name, rate.period_ns) for one in _below(target, state) if applies(limits, one)]
            given = None if any(part is None for part in parts) else sum(part for part in parts if part is not None)
            found.append({
                "dimension": name, "models": None if limits.models is None else list(limits.models),
                "gives": float(rate.count), "period_s": rate.period_ns / 1e9,
                "given": None if given is None else float(given),
                "fits": given is None or given <= rate.count,
            })  # fmt: skip
    return found


def _below(target: Target, state: State) -> list[Grant]:
    """The moved projects and the shared key, as grants."""
    stay = target.remaining(state)
    shared = [Grant(target.shared_name, stay, (), target.shared_limits(state))] if stay and state else []
    return [*target.moved(state), *shared]


def differences(before: Topology, after: Topology) -> Mapping[str, Collection[str]]:
    """Which projects (as account/project) are new, gone, or have other limits, teams or caps."""

    def nodes(topology: Topology) -> dict[str, Node]:
        return {f"{one.name}/{two.name}": two for one in topology.accounts for two in one.children}

    old, new = nodes(before), nodes(after)
    return {
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and new[name] != old[name]],
    }
