"""Whether two runs of one plan agree: a pure function of their result tables.

Request by request by outcome, and team by team by counts, success, cost and latency, each with the
tolerance that it is held to. Nothing here knows which of the two was simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import RunInvalid
from sim.results.columns import OUTCOMES, SUCCEEDED
from sim.units import MICRO, SECOND

if TYPE_CHECKING:
    import pandas as pd

EVERYBODY = "all teams"


@dataclass(frozen=True)
class Tolerances:
    """How far the second run may be from the first."""

    outcomes: float = 0.98
    """Share of the requests whose outcome must be the same."""
    success: float = 0.01
    """Difference of success rates."""
    cost: float = 0.01
    """Share of the first run's cost."""
    latency: float = 0.05
    """Share of the first run's p95 …"""
    latency_s: float = 0.020
    """… or seconds, whichever is more."""
    counts: float = 0.02
    """Share of the first run's attempts by which attempts, admitted and refused ones may differ; one always may."""

    def times(self, factor: float) -> Tolerances:
        """So many times as wide."""
        return Tolerances(
            1 - (1 - self.outcomes) * factor, *(factor * one for one in
            (self.success, self.cost, self.latency, self.latency_s, self.counts))
        )  # fmt: skip


STRICT = Tolerances()


@dataclass(frozen=True)
class Line:
    """One number of one team in both runs. ``within``: whether the difference is; None where nothing is asked."""

    team: str
    metric: str
    unit: str
    first: float
    second: float
    tolerance: float | None
    within: bool | None

    @property
    def difference(self) -> float:
        """The second minus the first."""
        return self.second - self.first


@dataclass(frozen=True)
class Agreement:
    """What was compared and what came of it."""

    lines: tuple[Line, ...]
    requests: int
    same: int
    """Requests with the same outcome."""
    differing: tuple[int, ...]
    """The numbers of the others."""
    needed: float
    """The share that must be the same."""

    @property
    def share(self) -> float:
        """Of requests whose outcome is the same."""
        return self.same / self.requests if self.requests else 1.0

    @property
    def failed(self) -> tuple[Line, ...]:
        """Lines that are beyond their tolerance."""
        return tuple(line for line in self.lines if line.within is False)

    @property
    def agrees(self) -> bool:
        """Whether outcomes match often enough and every line is within its tolerance."""
        return self.share >= self.needed and not self.failed


@dataclass(frozen=True)
class _Numbers:
    """One team, or all, in one run."""

    offered: int
    admitted: int
    refused: int
    attempts: int
    success: float
    cost: float
    latency: tuple[float, float, float]


def compare(
    first: tuple[pd.DataFrame, pd.DataFrame], second: tuple[pd.DataFrame, pd.DataFrame], allowed: Tolerances = STRICT
) -> Agreement:
    """Compare (requests, attempts) of two runs of one configuration and replication.

    Raises RunInvalid where they are not of the same plan: other requests, or of other teams.
    """
    one, two = by_number(first[0]), by_number(second[0])
    if len(one) != len(two) or not all(_alike(one, two, name) for name in ("request", "team", "input_tokens")):
        raise RunInvalid(f"the runs are not of one plan: {len(one):,} and {len(two):,} requests, or others of them")
    same = _codes(one) == _codes(two)
    teams = sorted(set(one["team"].astype(str)))
    lines = [line for team in (*teams, None) for line in _lines(team, (one, first[1]), (two, second[1]), allowed)]
    differing = one["request"].to_numpy()[~same]
    return Agreement(tuple(lines), len(one), int(same.sum()), tuple(map(int, differing)), allowed.outcomes)


def by_number(requests: pd.DataFrame) -> pd.DataFrame:
    """Requests in the order of the plan."""
    return requests.sort_values("request", kind="stable").reset_index(drop=True)


def _alike(one: pd.DataFrame, two: pd.DataFrame, name: str) -> bool:
    return bool((one[name].astype(str).to_numpy() == two[name].astype(str).to_numpy()).all())


def _codes(requests: pd.DataFrame) -> Any:
    """Outcomes as numbers, whatever the order of the categories."""
    return requests["outcome"].map({name: at for at, name in enumerate(OUTCOMES)}).astype(int).to_numpy()


def _numbers(team: str | None, requests: pd.DataFrame, attempts: pd.DataFrame) -> _Numbers:
    if team is not None:
        requests, attempts = requests[requests["team"] == team], attempts[attempts["team"] == team]
    won = requests[_codes(requests) == SUCCEEDED]
    refused = int((attempts["refused_by"].astype(str) != "").sum())
    seconds = (won["finish_ns"].to_numpy() - won["arrival_ns"].to_numpy()) / SECOND
    shares = np.quantile(seconds, (0.5, 0.95, 0.99)) if len(seconds) else np.full(3, math.nan)
    cost = float(requests["cost_microusd"].sum()) / MICRO
    return _Numbers(
        len(requests), len(attempts) - refused, refused, len(attempts), len(won) / max(1, len(requests)), cost,
        (float(shares[0]), float(shares[1]), float(shares[2])),
    )  # fmt: skip


Tables = tuple["pd.DataFrame", "pd.DataFrame"]


def _lines(team: str | None, one: Tables, two: Tables, allowed: Tolerances) -> Iterator[Line]:
    name, a, b = team or EVERYBODY, _numbers(team, *one), _numbers(team, *two)
    counted = max(1.0, allowed.counts * a.attempts)
    yield _line(name, "offered", "requests", a.offered, b.offered, 0.0)
    for metric in ("admitted", "refused", "attempts"):
        yield _line(name, metric, "attempts", getattr(a, metric), getattr(b, metric), counted)
    yield _line(name, "success rate", "share", a.success, b.success, allowed.success)
    yield _line(name, "cost", "usd", a.cost, b.cost, allowed.cost * a.cost)
    for at, metric in enumerate(("p50", "p95", "p99")):
        bound = max(allowed.latency * a.latency[at], allowed.latency_s) if metric == "p95" else None
        yield _line(name, metric, "s", a.latency[at], b.latency[at], bound)


def _line(team: str, metric: str, unit: str, a: float, b: float, tolerance: float | None) -> Line:
    if tolerance is None:
        return Line(team, metric, unit, a, b, None, None)
    if math.isnan(a) or math.isnan(b):
        return Line(team, metric, unit, a, b, tolerance, math.isnan(a) and math.isnan(b))
    return Line(team, metric, unit, a, b, tolerance, abs(b - a) <= tolerance + 1e-9)


def worst(lines: Sequence[Line]) -> Line | None:
    """The line that is furthest beyond its tolerance, or nearest to it."""
    asked: Callable[[Line], float] = lambda line: abs(line.difference) / max(line.tolerance or 0.0, 1e-12)  # noqa: E731
    known = [line for line in lines if line.tolerance and not math.isnan(line.difference)]
    return max(known, key=asked, default=None)
