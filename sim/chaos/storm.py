"""A storm: for a while the provider refuses attempts with one status, each with a probability."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from sim.chaos.base import Effect, EffectKind, Scoped
from sim.scenario.base import Duration, Share, Whole

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class Storm(Scoped):
    """``storm: {status: 503, at: 70m, for: 5m, probability: 0.8, retry_after: 5s}``.

    The refusal comes before any limit is looked at and costs nothing. Without ``retry_after`` the
    answer carries none. ``fail_first: 20`` refuses the first 20 attempts that it would hit, no more.
    """

    status: Literal[429, 500, 503, 529] = 503
    probability: Share = Field(default=Fraction(1), gt=0)
    retry_after: Duration | None = None
    fail_first: Whole | None = Field(default=None, ge=1)

    @property
    def summary(self) -> str:
        """As ``503 storm, 80 %``."""
        first = f", first {self.fail_first}" if self.fail_first else ""
        return f"{self.status} storm, {float(self.probability):.0%}{first}"

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """One refusing effect."""
        start, end = self.window
        after = -1 if self.retry_after is None else self.retry_after
        return (
            Effect(
                start, end, EffectKind.REFUSE, self.scope, f"storm:{self.status}", self.status, self.probability,
                retry_after_ns=after, first=self.fail_first,
            ),
        )  # fmt: skip
