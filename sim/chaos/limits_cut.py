"""Limits are cut for a while: a provider lowers a tier, or a gateway is misconfigured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sim.chaos.base import Lasting, LimitCut, Scope
from sim.scenario.base import Share

Dimension = Literal["requests", "input_tokens", "output_tokens", "tokens", "concurrency"]


class LimitsCut(Lasting):
    """``limits_cut: {at: 10m, for: 5m, to: 50%, account: anthropic, dimensions: [requests]}``.

    Rate and capacity of the limits in scope fall to this share; when the cut begins, a bucket holds
    at most its new capacity. With ``account``, ``project`` or ``key`` only limits of that level and
    name are cut; with none of them those of accounts.
    """

    to: Share = Field(gt=0, lt=1)
    account: str | None = None
    project: str | None = None
    key: str | None = None
    dimensions: tuple[Dimension, ...] = ()

    @property
    def summary(self) -> str:
        """As ``limits cut to 50 %``."""
        return f"limits cut to {float(self.to):.0%}"

    def limit_cuts(self) -> Sequence[LimitCut]:
        """One cut."""
        start, end = self.window
        scope = Scope(account=self.account, project=self.project, key=self.key)
        return (LimitCut(start, end, self.to, scope, self.dimensions),)
