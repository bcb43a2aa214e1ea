"""Every limit and every cap of a topology as one row with a name, and which rows a key meets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd

from sim.chaos.base import LimitCut
from sim.errors import BadInput
from sim.scenario.keys import DIMENSIONS, Limits, SpendCap
from sim.scenario.topology import Node, Topology
from sim.units import MAX_TIME, MINUTE, SECOND, Rate

IN_FLIGHT = "concurrency"
ALWAYS = 1 << 62


@dataclass(frozen=True)
class LimitRow:
    """One limit: ``level:name:dimension``, its rate (none for concurrency) and its capacity in units.

    ``node`` is the account, project or key that has it. It holds from ``start_ns`` to ``end_ns``; ``cut_of``
    is the number of the row that it cuts.
    """

    name: str
    level: str
    dimension: str
    limits: Limits
    rate: Rate | None
    capacity: int
    teams: tuple[str, ...]
    node: str = ""
    start_ns: int = 0
    end_ns: int = ALWAYS
    cut_of: int = -1

    @property
    def credit(self) -> tuple[int, int]:
        """(credits refilled a nanosecond, credits of one unit), the reduced exact rate."""
        rate = self.rate or Rate(Fraction(1), 1)
        exact = rate.count / rate.period_ns
        divisor = gcd(exact.numerator, exact.denominator)
        return exact.numerator // divisor, exact.denominator // divisor

    @property
    def per_minute(self) -> float | None:
        """The sustained rate; none for concurrency."""
        return None if self.rate is None else float(self.rate.count * MINUTE / self.rate.period_ns)

    @property
    def period_s(self) -> float:
        """How far back a refusal is laid on: the rate's period, or up to a minute for a bucket that fills slower."""
        if self.rate is None:
            return 60.0
        return max(self.rate.period_ns / SECOND, min(60.0, self.capacity / self.rate.per_second))


@dataclass(frozen=True)
class CapRow:
    """One spend cap: ``level:name``, with its models and, where a level has several, its amount."""

    name: str
    level: str
    cap: SpendCap
    teams: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """All rows of a topology, and for each key (in :meth:`Topology.paths` order) those that it meets.

    A key's own rows come first, then its project's, then its account's. ``cuts`` are limits that a
    fault lowers for a while, beside the rows that they lower; they are numbered after ``limits``.
    """

    limits: tuple[LimitRow, ...]
    caps: tuple[CapRow, ...]
    limits_of_key: tuple[tuple[int, ...], ...]
    caps_of_key: tuple[tuple[int, ...], ...]
    cuts: tuple[LimitRow, ...] = ()

    @property
    def all_limits(self) -> tuple[LimitRow, ...]:
        """Every limit by its number."""
        return self.limits + self.cuts

    def with_cuts(self, cuts: Sequence[LimitCut]) -> Rows:
        """The same with each limit in the scope of a cut beside a lower one, while it lasts.

        Both must agree, so a limit that is cut in the middle of a run has at most what was left of it.
        """
        lower = [(at, _checked(_cut(row, at, cut)))
                 for cut in cuts for at, row in enumerate(self.limits) if _in_scope(row, cut)]  # fmt: skip
        beside: dict[int, list[int]] = {}
        for number, (at, _) in enumerate(lower, len(self.limits)):
            beside.setdefault(at, []).append(number)
        # A cut is asked before the limit that it cuts: it starts with what that one had at this time.
        of_key = tuple(tuple(one for row in rows for one in (*beside.get(row, ()), row)) for rows in self.limits_of_key)
        return replace(self, limits_of_key=of_key, cuts=tuple(row for _, row in lower))


def _in_scope(row: LimitRow, cut: LimitCut) -> bool:
    if cut.dimensions and row.dimension not in cut.dimensions:
        return False
    named = {level: getattr(cut.scope, level) for level in ("account", "project", "key")}
    if not any(named.values()):
        return row.level == "account"
    return bool(named[row.level] == row.node)


def _cut(row: LimitRow, at: int, cut: LimitCut) -> LimitRow:
    rate = None if row.rate is None else Rate(row.rate.count * cut.share, row.rate.period_ns)
    capacity = max(1, int(row.capacity * cut.share))
    return replace(row, rate=rate, capacity=capacity, start_ns=cut.start_ns, end_ns=cut.end_ns, cut_of=at)


def _teams(node: Node) -> tuple[str, ...]:
    return tuple(team for path in node.leaves() for team in path[-1].teams)


def _label(path: tuple[Node, ...]) -> str:
    """A node's name, with its parents' where that is not the only account or project."""
    return "/".join(node.name for node in path if node.name != "default") or path[-1].name


def _capacity(limits: Limits, name: str, rate: Rate, burst: int | None) -> int:
    """What may pass at one instant: the burst, or as much as one period (a window) lets pass."""
    if burst is not None:
        return burst
    return max(1, int(rate.count))


def _rows_of(path: tuple[Node, ...], limits: Limits) -> Iterator[LimitRow]:
    node = path[-1]
    models = "" if limits.models is None else f"[{'+'.join(limits.models)}]"
    head = f"{node.level}:{_label(path)}"
    for name in DIMENSIONS:
        limit = getattr(limits, name)
        if limit is not None:
            burst = limits.burst if name == "requests" and limits.burst is not None else limit.burst
            capacity = _capacity(limits, name, limit.rate, burst)
            title = f"{head}:{name}{models}"
            yield _checked(LimitRow(title, node.level, name, limits, limit.rate, capacity, _teams(node), node.name))
    if limits.concurrency is not None:
        title, most = f"{head}:{IN_FLIGHT}{models}", limits.concurrency
        yield LimitRow(title, node.level, IN_FLIGHT, limits, None, most, _teams(node), node.name)


def _checked(row: LimitRow) -> LimitRow:
    if row.rate is not None and row.rate.count <= 0:
        raise BadInput(
            f"{row.name} has no rate: its team is expected to send nothing",
            hint="split equal, or give shares by team",
        )
    if row.limits.algorithm == "token_bucket" and row.capacity * row.credit[1] >= MAX_TIME // 4:
        raise BadInput(
            f"{row.name} is too large to be counted exactly",
            value=f"{row.rate}, burst {row.capacity}",
            hint="use a rounder rate, or a shorter period",
        )
    return row


def _told_apart(rows: list[LimitRow]) -> list[LimitRow]:
    """Limits of one level with one name, as 60/min beside 1000/day, get their rates into their names."""
    names = [row.name for row in rows]
    return [replace(row, name=f"{row.name}@{row.rate}") if names.count(row.name) > 1 else row for row in rows]


def _caps_of(path: tuple[Node, ...]) -> list[CapRow]:
    node = path[-1]
    rows = []
    for cap in node.spend_caps:
        models = "" if cap.models is None else f"[{'+'.join(cap.models)}]"
        rows.append(CapRow(f"{node.level}:{_label(path)}{models}", node.level, cap, _teams(node)))
    names = [row.name for row in rows]
    return [replace(row, name=f"{row.name}@{row.cap.amount}") if names.count(row.name) > 1 else row for row in rows]


def rows_of(topology: Topology) -> Rows:
    """Number the limits and caps of a topology, accounts first, as written."""
    limits: list[LimitRow] = []
    caps: list[CapRow] = []
    placed: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}

    def visit(path: tuple[Node, ...]) -> None:
        node = path[-1]
        own = _told_apart([row for one in node.limits for row in _rows_of(path, one)])
        here = list(range(len(limits), len(limits) + len(own)))
        limits.extend(own)
        capped = _caps_of(path)
        placed[tuple(one.name for one in path)] = here, list(range(len(caps), len(caps) + len(capped)))
        caps.extend(capped)
        for child in node.children:
            visit((*path, child))

    for account in topology.accounts:
        visit((account,))
    places = [[tuple(node.name for node in path[:depth]) for depth in (3, 2, 1)] for path in topology.paths()]
    return Rows(
        tuple(limits),
        tuple(caps),
        tuple(tuple(row for place in three for row in placed[place][0]) for three in places),
        tuple(tuple(row for place in three for row in placed[place][1]) for three in places),
    )
