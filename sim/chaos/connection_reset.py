"""Connections that break: at the door, or in the middle of an answer that has cost money by then."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Scoped, percent
from sim.scenario.base import Share

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class ConnectionReset(Scoped):
    """``connection_reset: {at: 10m, for: 5m, probability: 5%, when: answer}``.

    ``connect``: the request never arrives, costs nothing and charges no limit. ``answer``: the
    connection breaks at a random place of the answer, uniform in time; what was produced until then
    is billed (unless ``bill_abandoned: false``). The client sees a connection error (status 0).
    """

    probability: Share = Field(default=Fraction(1), gt=0)
    when: Literal["connect", "answer"] = "answer"

    @property
    def summary(self) -> str:
        """As ``connection resets, 5 %``."""
        return f"connection resets, {percent(self.probability)}" if self.probability < 1 else "connection resets"

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """A refusal without a status, or a cut."""
        start, end = self.window
        kind = EffectKind.DENY if self.when == "connect" else EffectKind.RESET
        return (Effect(start, end, kind, self.scope, "connection:reset", probability=self.probability),)
