"""Whose limits are tuned: the projects of a configuration, or its accounts where each team has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sim.scenario.keys import Limits
from sim.scenario.topology import Node, Topology
from sim.study.tune.settings import Base

Path = tuple[str, ...]
"""Names from the account down."""


@dataclass(frozen=True)
class Subject:
    """A node of a configuration whose limits are tuned, and the teams that use it and nothing else."""

    name: str
    path: Path
    teams: tuple[str, ...]
    base: Base

    @property
    def account(self) -> str:
        """The account that it is, or stands in."""
        return self.path[0]


def subjects_of(topology: Topology) -> tuple[Subject, ...]:
    """The tuned nodes of a configuration: for each team the lowest node with limits of its own.

    A node that another team's lies below is left alone, and the node under it taken instead. Where
    no node of a team has limits, its project is taken, or its account if that has one project only.
    """
    chosen = [_lowest(path, topology) for path in topology.paths()]
    while True:
        names = [_names(path) for path in chosen]
        wide = [at for at, own in enumerate(names) if any(_below(other, own) for other in names)]
        if not wide:
            break
        for at in wide:
            chosen[at] = topology.paths()[at][: len(chosen[at]) + 1]
    found: dict[Path, list[str]] = {}
    for path, whole in zip(chosen, topology.paths(), strict=True):
        found.setdefault(_names(path), []).extend(whole[-1].teams)
    nodes = {_names(path): path[-1] for path in chosen}
    return tuple(
        Subject(name, path, tuple(teams), Base.of(nodes[path].limits))
        for name, (path, teams) in zip(_labels(list(found)), found.items(), strict=True)
    )


def _names(path: Sequence[Node]) -> Path:
    return tuple(node.name for node in path)


def _below(path: Path, other: Path) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _lowest(path: tuple[Node, ...], topology: Topology) -> tuple[Node, ...]:
    limited = [at for at, node in enumerate(path) if node.limits]
    if limited:
        return path[: limited[-1] + 1]
    return path[:2] if len(path[0].children) > 1 or len(topology.accounts) == 1 else path[:1]


def _labels(paths: list[Path]) -> list[str]:
    """The shortest names that tell the paths apart."""
    last = [path[-1] for path in paths]
    return [
        name if last.count(name) == 1 and name != "default" else "/".join(path)
        for name, path in zip(last, paths, strict=True)
    ]


def splits(topology: Topology) -> bool:
    """Whether every tuned node belongs to one team alone, so that limits differ by team."""
    found = subjects_of(topology)
    return len(found) == sum(len(one.teams) for one in found)


def changed(topology: Topology, change: Callable[[Path, Node], Node]) -> Topology:
    """The same tree with every node replaced by what ``change(path, node)`` gives; children are kept."""

    def visit(node: Node, above: Path) -> Node:
        path = (*above, node.name)
        children = tuple(visit(child, path) for child in node.children)
        return replace(change(path, node), children=children)

    return replace(topology, accounts=tuple(visit(account, ()) for account in topology.accounts))


def with_limits(topology: Topology, limits: Mapping[Path, tuple[Limits, ...]]) -> Topology:
    """The same tree with some nodes' limits replaced."""
    return changed(topology, lambda path, node: replace(node, limits=limits.get(path, node.limits)))


def alone(topology: Topology, subject: Subject) -> Topology:
    """The tree in which only the subject and what is below it limit anything."""

    def strip(path: Path, node: Node) -> Node:
        if path[: len(subject.path)] == subject.path:
            return node
        return replace(node, limits=(), spend_caps=())

    return changed(topology, strip)


def free(topology: Topology) -> Topology:
    """The tree in which nothing limits anything: no limits, no spend caps."""
    return changed(topology, lambda _, node: replace(node, limits=(), spend_caps=()))
