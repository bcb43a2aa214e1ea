"""How a new credential reaches teams: at once, after a time, or after a time of its own for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from sim.scenario.base import DURATION, Duration, Strict, also, short, text

if TYPE_CHECKING:
    pass


class Rollout(Strict):
    """``30m`` for every team, or ``{default: 30m, teams: {checkout: 5m}}``."""

    default: Duration = 0
    teams: dict[str, Duration] = Field(default_factory=dict)

    def of(self, team: str) -> int:
        """How long it takes until a team uses the new credential, ns."""
        return self.teams.get(team, self.default)

    def longest(self) -> int:
        """Until the last team does, ns."""
        return max([self.default, *self.teams.values()])


RolloutText = Annotated[
    Rollout,
    BeforeValidator(short("default", (str, int), "rollout", "30m, or {default: 30m, teams: {checkout: 5m}}")),
    also(text(DURATION, "30m")),
]
"""``30m``, or ``{default: 30m, teams: {checkout: 5m}}``."""
