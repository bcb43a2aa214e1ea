"""Which way to share an account is recommended, given what each gives when everybody is run together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from sim.metrics.tables import F64
from sim.scenario.schema import Slo
from sim.study.tune.divide import Way, choose
from sim.study.tune.goals import Goal, Objective, Reading, Source
from sim.study.tune.project import Found
from sim.study.tune.together import Joint


@dataclass(frozen=True)
class Shown:
    """A run with everybody in it, as far as goals ask: success by team in each replication."""

    success: dict[str, F64]

    def reading(self, objective: Objective) -> Reading:
        values = self.success[objective.slo.team]
        return Reading(values, np.full(len(values), 100.0))


@dataclass(frozen=True)
class Asks:
    """A project, as far as choosing asks."""

    goals: tuple[Goal, ...]


def goal(team: str, source: Source = "scenario") -> Goal:
    objective = Objective(Slo(team=team, metric="success_rate", op=">=", bound=0.9), source)
    return Goal.of(objective, Reading(np.full(6, 0.99), np.full(6, 100.0)))


SURE, HAIR, FAR = (np.array([0.0, 0.02, -0.02, 0.01, -0.01, 0.0]) + mean for mean in (0.97, 0.902, 0.5))
"""Met for sure; met by less than what new draws move the mean; missed."""
NEAR = HAIR - 0.05


def chosen(goals: dict[str, Goal], **ways: tuple[F64, ...]) -> str:
    tried = [
        (Way(name, {}), cast(Joint, Shown(dict(zip(goals, success, strict=True))))) for name, success in ways.items()
    ]
    found: dict[str, Any] = {name: Asks((one,)) for name, one in goals.items()}
    return choose(tried, cast(dict[str, Found], found)).name


THREE = {name: goal(name) for name in "abc"}


def test_two_sure_goals_are_better_than_three_that_are_met_by_a_hair() -> None:
    assert chosen(THREE, hair=(HAIR, HAIR, HAIR), sure=(SURE, SURE, FAR)) == "sure"
    assert chosen(THREE, two=(SURE, SURE, FAR), three=(SURE, SURE, SURE)) == "three"


def test_of_equally_good_ways_the_worst_goal_decides_then_the_one_that_promises_less() -> None:
    assert chosen(THREE, far=(SURE, SURE, FAR), near=(SURE, SURE, NEAR)) == "near"
    assert chosen(THREE, first=(SURE, SURE, SURE), second=(SURE, SURE, SURE)) == "first"


def test_goals_of_the_scenario_come_before_all_that_are_assumed() -> None:
    goals = {"a": goal("a"), "b": goal("b", "default"), "c": goal("c", "default")}
    assert chosen(goals, assumed=(FAR, SURE, SURE), asked=(SURE, FAR, FAR)) == "asked"
    assert chosen(goals, less=(SURE, SURE, FAR), more=(SURE, SURE, SURE)) == "more"
