"""A configuration turned into a tree of accounts, projects and keys with concrete limits.

Both ways of writing a configuration (a rung of the ladder, or spelled out) end here as the same
:class:`Topology`; everything downstream sees only this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from sim.scenario.allocate import allocate, split_limits
from sim.scenario.keys import Account, Key, Ladder, Level, Limits, Project, SpelledOut, SpendCap
from sim.scenario.schema import Client
from sim.units import MoneyRate
from sim.workload.rows import Expected


@dataclass(frozen=True)
class Node:
    """An account, a project or a key: its limits and spend caps, and what stands below it."""

    level: str
    name: str
    limits: tuple[Limits, ...] = ()
    spend_caps: tuple[SpendCap, ...] = ()
    models: tuple[str, ...] | None = None
    children: tuple[Node, ...] = ()
    teams: tuple[str, ...] = ()
    allowed_content: tuple[str, ...] = ()
    """Categories that are no violation in this project."""
    gateway: bool = False
    """The provider sees this account only, nothing below it."""

    def leaves(self, path: tuple[Node, ...] = ()) -> Iterator[tuple[Node, ...]]:
        """Each key below, as its path (account, project, key)."""
        here = (*path, self)
        if not self.children:
            yield here
        for child in self.children:
            yield from child.leaves(here)


@dataclass(frozen=True)
class Topology:
    """One configuration: its accounts, and which rung of the ladder it is (``custom`` for none).

    ``client`` is what it changes of every team's client, see :meth:`client_of`.
    """

    name: str
    isolation: str
    accounts: tuple[Node, ...]
    client: Client | None = None
    nodes: tuple[Node, ...] = field(default=(), compare=False)

    def client_of(self, own: Client) -> Client:
        """A team's client here: its own, with the fields that the configuration states."""
        if self.client is None:
            return own
        return own.model_copy(update={name: getattr(self.client, name) for name in self.client.model_fields_set})

    def paths(self) -> tuple[tuple[Node, ...], ...]:
        """All keys as (account, project, key), in the order written."""
        return tuple(path for account in self.accounts for path in account.leaves())

    def key_of(self, team: str) -> int:
        """The position in :meth:`paths` of the key that a team uses."""
        return next(at for at, path in enumerate(self.paths()) if team in path[-1].teams)


def key_name(path: Sequence[Node]) -> str:
    """``account/project/key``."""
    return "/".join(node.name for node in path)


def _level(level: str, name: str, given: Level, children: Sequence[Node], teams: Sequence[str] = ()) -> Node:
    allowed = given.content_policy.allowed if isinstance(given, Project) and given.content_policy else ()
    gateway = isinstance(given, Account) and given.gateway
    return Node(
        level, name, given.limits, given.spend_cap, given.models, tuple(children), tuple(teams), allowed, gateway
    )


def _single_key(teams: Sequence[str]) -> Node:
    return Node("key", "default", teams=tuple(teams))


def _project(name: str, project: Project) -> Node:
    keys = [_key(key_name_, key) for key_name_, key in (project.keys or {}).items()]
    return _level("project", name, project, keys or [_single_key(project.teams or ())])


def _key(name: str, key: Key) -> Node:
    return _level("key", name, key, (), key.teams)


def _account(name: str, account: Account) -> Node:
    projects = [_project(project_name, project) for project_name, project in (account.projects or {}).items()]
    if not projects:
        projects = [Node("project", "default", children=(_single_key(account.teams or ()),))]
    return _level("account", name, account, projects)


def _shares(ladder: Ladder, expected: Mapping[str, Expected]) -> tuple[list[Fraction], list[Fraction]]:
    """Each team's share of requests and of tokens, in the order of ``expected``."""
    if isinstance(ladder.split, dict):
        given = [ladder.split.get(team, Fraction(0)) for team in expected]
        return given, given
    if ladder.split != "by-traffic":
        equal = [Fraction(1, len(expected))] * len(expected)
        return equal, equal
    requests = [one.requests for one in expected.values()]
    tokens = [one.input_tokens + one.output_tokens for one in expected.values()]
    return _portions(requests), _portions(tokens)


def _portions(amounts: Sequence[float]) -> list[Fraction]:
    """Each amount's share of their sum, to a millionth: an expectation is no more exact than that."""
    total = sum(amounts)
    return [Fraction(round(1_000_000 * one / total), 1_000_000) for one in amounts]


def _parts(ladder: Ladder, expected: Mapping[str, Expected]) -> list[tuple[Limits, ...]]:
    """The limits of each team's part."""
    by_request, by_token = _shares(ladder, expected)
    columns = [split_limits(one, by_request, by_token, ladder.overcommit) for one in ladder.limits]
    return [tuple(column[team] for column in columns) for team in range(len(expected))]


def _project_caps(ladder: Ladder, teams: int) -> tuple[SpendCap, ...]:
    """A team's own caps: as written, or for separate accounts an equal part of each total cap."""
    if ladder.project_spend_cap or ladder.isolation != "accounts":
        return ladder.project_spend_cap
    return tuple(_equal_part(cap, teams) for cap in ladder.spend_cap)


def _equal_part(cap: SpendCap, teams: int) -> SpendCap:
    part = allocate(cap.amount.micro_usd, [Fraction(1, teams)] * teams)[0]
    return cap.model_copy(update={"amount": MoneyRate(int(part), cap.amount.period_ns)})


def _shared(ladder: Ladder, expected: Mapping[str, Expected]) -> tuple[Node, ...]:
    project = Node("project", "default", children=(_single_key(tuple(expected)),))
    return (Node("account", "shared", ladder.limits, ladder.spend_cap, children=(project,)),)


def _keys(ladder: Ladder, expected: Mapping[str, Expected]) -> tuple[Node, ...]:
    keys = tuple(Node("key", team, teams=(team,)) for team in expected)
    project = Node("project", "default", children=keys)
    return (Node("account", "shared", ladder.limits, ladder.spend_cap, children=(project,)),)


def _projects(ladder: Ladder, expected: Mapping[str, Expected]) -> tuple[Node, ...]:
    caps = _project_caps(ladder, len(expected))
    projects = tuple(
        Node("project", team, part, caps, children=(_single_key([team]),), allowed_content=_allowed(ladder, team))
        for team, part in zip(expected, _parts(ladder, expected), strict=True)
    )
    gateway = ladder.isolation == "gateway"
    name = "provider" if gateway else "shared"
    return (Node("account", name, ladder.limits, ladder.spend_cap, children=projects, gateway=gateway),)


def _allowed(ladder: Ladder, team: str) -> tuple[str, ...]:
    return ladder.content_policy[team].allowed if team in ladder.content_policy else ()


def _accounts(ladder: Ladder, expected: Mapping[str, Expected]) -> tuple[Node, ...]:
    parts = _parts(ladder, expected) if ladder.split is not None else [ladder.limits] * len(expected)
    caps = _project_caps(ladder, len(expected))
    return tuple(
        Node("account", team, part, caps, children=(_only_project(ladder, team),))
        for team, part in zip(expected, parts, strict=True)
    )


def _only_project(ladder: Ladder, team: str) -> Node:
    return Node("project", "default", children=(_single_key([team]),), allowed_content=_allowed(ladder, team))


_RUNGS = {"shared": _shared, "keys": _keys, "projects": _projects, "gateway": _projects, "accounts": _accounts}


def build_topology(name: str, configuration: Ladder | SpelledOut, expected: Mapping[str, Expected]) -> Topology:
    """The tree of a configuration; ``expected`` has every team, in canonical (sorted) order.

    ``expected`` is what ``split: by-traffic`` divides by.
    """
    if isinstance(configuration, Ladder):
        accounts = _RUNGS[configuration.isolation](configuration, expected)
        return Topology(name, configuration.isolation, accounts, configuration.client)
    accounts = tuple(_account(account_name, account) for account_name, account in configuration.accounts.items())
    return Topology(name, "custom", accounts, configuration.client)
