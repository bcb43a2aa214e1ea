"""What must hold for a team: the scenario's objectives, and a success rate where it states none."""

from __future__ import annotations

from dataclasses import dataclass

from sim.metrics.declared import BY_NAME
from sim.metrics.slo import text_of
from sim.scenario.schema import Scenario, Slo

DEFAULT_SUCCESS = 0.99
SUCCESS = ("success_rate", "own_success_rate")
OF_TIME = tuple(name for name in BY_NAME if name.startswith(("latency_", "throttle_wait_")))
OF_ATTEMPTS = ("rate_limited_share", "server_error_share", "other_error_share", "time_lost_s", "overshoot_usd")


@dataclass(frozen=True)
class Goal:
    """One objective of one team (or ``total``). ``assumed``: the scenario does not state it."""

    team: str
    metric: str
    op: str
    bound: float
    text: str
    assumed: bool = False

    @property
    def upward(self) -> bool:
        """Whether larger values miss it."""
        return self.op in ("<=", "<")

    @property
    def allowed_loss(self) -> float | None:
        """The share of requests that may be lost; None where the objective is not about success."""
        return 1 - self.bound if self.metric in SUCCESS and not self.upward else None


def _goal(slo: Slo, team: str, *, assumed: bool = False) -> Goal:
    return Goal(team, slo.metric, slo.op, slo.bound, text_of(slo, team), assumed)


def goals_of(scenario: Scenario) -> tuple[Goal, ...]:
    """Every objective for every team that it speaks of; each team has one about success."""
    teams = tuple(scenario.teams)
    found: dict[str, Goal] = {}
    for slo in scenario.slos:
        for team in teams if slo.team == "*" and "*" not in teams else (slo.team,):
            goal = _goal(slo, team)
            found.setdefault(goal.text, goal)
    stated = {goal.team for goal in found.values() if goal.allowed_loss is not None}
    for team in teams:
        if team not in stated:
            slo = Slo(team=team, metric="own_success_rate", op=">=", bound=DEFAULT_SUCCESS)
            goal = _goal(slo, team, assumed=True)
            found[goal.text] = goal
    return tuple(found.values())


def allowances(goals: tuple[Goal, ...]) -> dict[str, float]:
    """The strictest share of requests that each team may lose."""
    found: dict[str, float] = {}
    for goal in goals:
        if goal.allowed_loss is not None and goal.team != "total":
            found[goal.team] = min(goal.allowed_loss, found.get(goal.team, 1.0))
    return found
