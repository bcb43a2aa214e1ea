"""A thundering herd: many requests of one team at one instant, as after a deploy or a cron at the full hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from sim.chaos.base import OWN, ExtraTraffic, Fault, Sender
from sim.scenario.base import Whole
from sim.scenario.workloads import Arrivals, Herd

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class ThunderingHerd(Fault, Sender):
    """``thundering_herd: {team: batch, at: 10m, size: 500}``.

    The requests are the team's own: they go through its client, with its retries. Model and sizes
    are those of its first workload unless given.
    """

    size: Whole = Field(ge=1, le=1_000_000)

    @property
    def window(self) -> tuple[int, int]:
        """An instant."""
        return self.at, self.at + 1

    @property
    def summary(self) -> str:
        """As ``herd of 500 from batch``."""
        return f"herd of {self.size} from {self.team}"

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """All of them at once."""
        workload = self.workload(scenario, Arrivals(herd=Herd(size=self.size)))
        return (ExtraTraffic(self.team, workload, *self.window, OWN),)
