"""What a project has to reach: the scenario's objectives, made into goals that a search can aim at.

A goal is met when the worse end of the 95 % interval of the mean over replications satisfies the
objective. Where even no limits at all can't do that, the goal is what can be done instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sim.metrics.declared import BY_NAME
from sim.metrics.slo import text_of
from sim.metrics.stats import Interval, interval, paired
from sim.metrics.tables import F64
from sim.scenario.schema import Scenario, Slo

Source = Literal["scenario", "total", "default"]
Reach = Literal["sure", "mean", "missed"]

_SUCCESS = ("success_rate", "own_success_rate")
_GAINING = frozenset((
    *_SUCCESS, "succeeded", "goodput_per_min", "gave_up", "failed", "unfinished", "not_started", "time_lost_s",
    "attempts_per_request", "rate_limited_share", "latency_p50_s", "latency_p95_s", "latency_p99_s", "latency_mean_s",
    "throttle_wait_p50_s", "throttle_wait_p95_s", "throttle_wait_p99_s",
))  # fmt: skip
"""Metrics that larger limits improve; others (cost, server errors) are judged, not tuned for."""

DEFAULT = Slo(team="*", metric="own_success_rate", op=">=", bound=0.99)
"""Asked of a team whose success nobody has an objective for. Requests that a fault sends in a team's name are not
the team's own."""

NEAR_SHARE, NEAR = 0.001, 0.05
"""How near to unlimited is near enough where an objective is out of reach: 0.1 points of a share, 5 % of the rest."""


@dataclass(frozen=True)
class Objective:
    """An objective of one team, and who asked for it."""

    slo: Slo
    source: Source

    @property
    def text(self) -> str:
        """As ``checkout: success_rate >= 99.5%``."""
        return text_of(self.slo, self.slo.team)

    @property
    def asked(self) -> bool:
        """Whether the scenario asks for it; the others were added by default."""
        return self.source != "default"


def _helped(slo: Slo) -> bool:
    """Whether larger limits can only help: the metric is one of those, and the bound on its good side."""
    better = BY_NAME[slo.metric].better
    return slo.metric in _GAINING and (slo.op in (">", ">=")) == (better == "higher")


def _asked(scenario: Scenario, team: str) -> list[Objective]:
    found = [
        Objective(slo.model_copy(update={"team": team}), "scenario") for slo in scenario.slos if slo.team in (team, "*")
    ]
    if any(one.slo.metric in _SUCCESS and _helped(one.slo) for one in found):
        return found
    whole = [slo for slo in scenario.slos if slo.team == "total" and slo.metric in _SUCCESS and _helped(slo)]
    if whole:
        return found + [Objective(slo.model_copy(update={"team": team}), "total") for slo in whole]
    return [*found, Objective(DEFAULT.model_copy(update={"team": team}), "default")]


def objectives(scenario: Scenario) -> dict[str, tuple[Objective, ...]]:
    """Each team's objectives that limits can help: its own and those of ``*``.

    A team without one about its success takes that of ``total``, or :data:`DEFAULT`: with every
    limit so small that nobody succeeds, the few answers would have the best latency.
    """
    return {team: tuple(one for one in _asked(scenario, team) if _helped(one.slo)) for team in sorted(scenario.teams)}


def untuned(scenario: Scenario) -> tuple[str, ...]:
    """The scenario's objectives that nothing is tuned for: larger limits do not help them."""
    return tuple(text_of(slo, slo.team) for slo in scenario.slos if not _helped(slo))


def with_objectives(scenario: Scenario) -> Scenario:
    """The scenario with the objectives that were added by default, so that they are judged too."""
    added = [one.slo for team in objectives(scenario).values() for one in team if one.source == "default"]
    return scenario.model_copy(update={"slos": (*scenario.slos, *added)})


def worse_end(found: Interval, slo: Slo) -> float:
    """The end of a 95 % interval that is worse for an objective; the mean where there is no interval."""
    return _end(found, found.low if slo.op in (">", ">=") else found.high)


def better_end(found: Interval, slo: Slo) -> float:
    """The other end."""
    return _end(found, found.high if slo.op in (">", ">=") else found.low)


def _end(found: Interval, end: F64) -> float:
    return float(end[()]) if math.isfinite(float(end[()])) else float(found.mean[()])


@dataclass(frozen=True)
class Reading:
    """One metric of one team in each replication, ``(n,)``, and how many requests it offered."""

    values: F64
    offered: F64

    @property
    def silent(self) -> bool:
        """Whether some replication offered requests and has no value all the same: nothing succeeded."""
        return bool(np.any(~np.isfinite(self.values) & (self.offered > 0)))

    @property
    def interval(self) -> Interval:
        """The mean over replications with its 95 % interval."""
        return interval(self.values)


@dataclass(frozen=True)
class Goal:
    """An objective and how far it can be reached without limits.

    ``sure``: the worse end of the interval meets it. ``mean``: only the mean does, so the mean has
    to. ``missed``: not even the mean; then a setting has to come near to what no limits give,
    replication by replication.
    """

    objective: Objective
    reach: Reach
    unlimited: F64
    """The metric without limits in each replication, ``(n,)``."""

    @classmethod
    def of(cls, objective: Objective, unlimited: Reading) -> Goal:
        """What can be asked of an objective, given what no limits reach."""
        slo, found = objective.slo, unlimited.interval
        reach: Reach = "missed"
        if not unlimited.silent and slo.met_by(float(found.mean[()])):
            reach = "sure" if slo.met_by(worse_end(found, slo)) else "mean"
        return cls(objective, reach, unlimited.values)

    @property
    def attainable(self) -> bool:
        """Whether some setting meets the objective."""
        return self.reach != "missed"

    @property
    def near(self) -> float:
        """How far below unlimited is near enough where the objective is out of reach, in the metric's unit."""
        if BY_NAME[self.objective.slo.metric].unit == "share":
            return NEAR_SHARE
        return NEAR * abs(float(interval(self.unlimited).mean[()]))

    def met(self, reading: Reading, part: float = 1.0) -> bool:
        """Whether ``reading`` meets the goal; ``part`` < 1 allows only that part of the way from unlimited to it."""
        slo = self.objective.slo
        if self.reach == "missed":
            return self._near_enough(reading, part)
        if reading.silent:
            return False
        return slo.model_copy(update={"bound": self._bound(part)}).met_by(self._judged(reading.interval))

    def _judged(self, found: Interval) -> float:
        """The number that has to satisfy the objective."""
        return worse_end(found, self.objective.slo) if self.reach == "sure" else float(found.mean[()])

    def _bound(self, part: float) -> float:
        bound = self.objective.slo.bound
        return bound if part >= 1 else (1 - part) * self._judged(interval(self.unlimited)) + part * bound

    def met_on_average(self, reading: Reading) -> bool:
        """Whether the mean over replications meets the goal, as a verdict on an objective asks."""
        if not self.attainable:
            return self.met(reading)
        return not reading.silent and self.objective.slo.met_by(float(reading.interval.mean[()]))

    def possible(self, reading: Reading) -> bool:
        """Whether the better end of the interval meets the goal: these replications do not rule it out."""
        slo = self.objective.slo
        if self.reach == "missed":
            return self._near_enough(reading, 1.0, better_end)
        return not reading.silent and slo.met_by(better_end(reading.interval, slo))

    def chance(self, reading: Reading) -> float:
        """The chance that the mean of as many new replications meets the goal.

        Old mean and new mean differ by a t of n - 1 degrees times the standard error times sqrt 2
        (the prediction interval of a mean; Hahn and Meeker, Statistical Intervals, 1991, §4.7).
        """
        margin, error = self._margin(reading)
        count = int(np.isfinite(reading.values).sum())
        if not math.isfinite(margin) or count < 2 or error <= 0:
            return float(self.met_on_average(reading))
        from scipy.special import stdtr

        return float(stdtr(count - 1, margin / (error * math.sqrt(2))))

    def _margin(self, reading: Reading) -> tuple[float, float]:
        """By how much the mean is on the good side of what has to be reached, and its standard error."""
        slo = self.objective.slo
        way = 1.0 if slo.op in (">", ">=") else -1.0
        above = reading.values - slo.bound if self.attainable else reading.values - self.unlimited + way * self.near
        if reading.silent:
            return math.nan, math.nan
        known = way * above[np.isfinite(above)]
        if len(known) < 2:
            return math.nan, math.nan
        return float(known.mean()), float(known.std(ddof=1) / math.sqrt(len(known)))

    def distance(self, reading: Reading) -> float:
        """How far a reading is from the goal: points of a share, or a part of the bound; 0 where it is met."""
        if self.met(reading):
            return 0.0
        found = self._judged(reading.interval)
        if reading.silent or not math.isfinite(found):
            return 1.0
        slo = self.objective.slo
        aim = slo.bound if self.attainable else self._judged(interval(self.unlimited))
        scale = 1.0 if BY_NAME[slo.metric].unit == "share" else max(abs(aim), 1e-9)
        return abs(found - aim) / scale

    def _near_enough(self, reading: Reading, part: float, end: Callable[[Interval, Slo], float] = worse_end) -> bool:
        if not np.isfinite(reading.values).any():
            return not np.isfinite(self.unlimited).any()
        found = end(paired(self.unlimited, reading.values), self.objective.slo)
        loss = -found if self.objective.slo.op in (">", ">=") else found
        return loss <= part * self.near


def gap(slo: Slo, value: float) -> float:
    """By how much a value misses a bound, in the metric's unit; 0 when it does not."""
    if slo.met_by(value):
        return 0.0
    return abs(slo.bound - value)


def met_share(slo: Slo, values: F64) -> float:
    """The share of replications that satisfy an objective by themselves; NaN without any value."""
    known = values[np.isfinite(values)]
    return float(np.mean([slo.met_by(float(value)) for value in known])) if len(known) else math.nan


ASKED = 1000
"""What a goal of the scenario counts beside one that was added by default: no number of these outweighs it."""


def worth(goals: Iterable[Goal]) -> int:
    """How much some goals count together: those of the scenario first, then the others."""
    return sum(ASKED if goal.objective.asked else 1 for goal in goals)


def counted(worth: int) -> int:
    """How many goals a worth stands for."""
    return worth // ASKED + worth % ASKED


def level(goals: Sequence[Goal], readings: Mapping[Objective, Reading]) -> int:
    """What the goals that are met count together (:func:`worth`)."""
    return worth(goal for goal in goals if goal.met(readings[goal.objective]))


def levels(goals: Sequence[Goal]) -> list[int]:
    """The worths below that of all goals at which a project may be served: one goal more each, the scenario's first."""
    asked = sum(goal.objective.asked for goal in goals)
    steps = [ASKED * (at + 1) for at in range(asked)] or [at + 1 for at in range(len(goals))]
    return [one for one in steps if one < worth(goals)]


def interval_json(values: F64) -> dict[str, Any]:
    """``{"mean", "ci95"}`` of values over replications."""
    return interval(values[:, None]).json(0)
