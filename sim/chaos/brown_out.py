"""A brown-out: the provider has fewer slots for a while; what waits beyond them is refused or times out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Lasting, Scope
from sim.scenario.base import Share

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class BrownOut(Lasting):
    """``brown_out: {at: 10m, for: 5m, slots: 25%, model: claude-sonnet-4-5}``.

    For models with ``slots``: a quarter of them is left, rounded down. Answers under way go on;
    no new one begins until fewer run. ``model``: only this one.
    """

    slots: Share = Field(lt=1)
    model: str | None = None

    @property
    def summary(self) -> str:
        """As ``brown-out, 25 % of slots left``."""
        return f"brown-out, {float(self.slots):.0%} of slots left"

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """One effect on slots."""
        start, end = self.window
        return (Effect(start, end, EffectKind.SLOTS, Scope(model=self.model), factor=self.slots),)
