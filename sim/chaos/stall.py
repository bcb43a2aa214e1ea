"""Answers that never come: the connection stays open, and the client waits until its timeout."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Scoped, percent
from sim.scenario.base import Share

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class Stall(Scoped):
    """``stall: {at: 10m, for: 5m, probability: 2%}``: admitted, charged to limits, and never answered.

    The client hangs up at its timeout (499). Nothing was produced, so only the input is billed.
    """

    probability: Share = Field(default=Fraction(1), gt=0)

    @property
    def summary(self) -> str:
        """As ``stalls, 2 %``."""
        return f"stalls, {percent(self.probability)}" if self.probability < 1 else "stalls"

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """One effect without a factor: no answer."""
        start, end = self.window
        return (Effect(start, end, EffectKind.SLOW, self.scope, probability=self.probability),)
