"""Answers take longer: every time of an answer, multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Scoped
from sim.scenario.base import Ratio, Share

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class Latency(Scoped):
    """``latency: {at: 10m, for: 5m, factor: 4, probability: 50%}``: time to first token and per token × 4.

    For answers that begin in the window, to their end. Several that hit one answer multiply.
    """

    factor: Ratio = Field(ge=Fraction(1, 1000), le=1000)
    probability: Share = Field(default=Fraction(1), gt=0)

    @property
    def summary(self) -> str:
        """As ``latency × 4``."""
        return f"latency × {float(self.factor):g}"

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """One slowing effect, on answers that begin in the window."""
        start, end = self.window
        return (
            Effect(start, end, EffectKind.SLOW, self.scope, probability=self.probability, factor=self.factor),
        )  # fmt: skip
