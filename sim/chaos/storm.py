"""A storm: for a while the provider refuses attempts with one status, each with a probability."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Scoped
from sim.scenario.base import Duration, Share


class Storm(Scoped):
    """``storm: {status: 503, at: 70m, for: 5m, probability: 0.8, retry_after: 5s}``.

    The refusal comes before any limit is looked at and costs nothing. Without ``retry_after`` the
    answer carries none.
    """

    status: Literal[429, 500, 503, 529] = 503
    probability: Share = Field(default=Fraction(1), gt=0)
    retry_after: Duration | None = None

    @property
    def summary(self) -> str:
        """As ``503 storm, 80 %``."""
        return f"{self.status} storm, {float(self.probability):.0%}"

    def effects(self) -> Sequence[Effect]:
        """One refusing effect."""
        start, end = self.window
        after = -1 if self.retry_after is None else self.retry_after
        return (Effect(start, end, EffectKind.REFUSE, self.scope, self.status, self.probability, after),)
