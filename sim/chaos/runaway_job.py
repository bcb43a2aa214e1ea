"""A runaway job: a loop of one team that calls without any backoff until somebody notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.chaos.base import ExtraTraffic, Lasting, Sender
from sim.scenario.base import PerTime
from sim.scenario.workloads import Arrivals, Poisson

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class RunawayJob(Lasting, Sender):
    """``runaway_job: {team: analytics, at: 30m, for: 20m, rate: 600/min}``.

    ``for`` is how long it takes to be detected and stopped. Its requests belong to the team, are
    never retried (the loop itself is the retry), and have the model and sizes of the team's first
    workload unless given.
    """

    rate: PerTime

    @property
    def summary(self) -> str:
        """As ``analytics runs away, 600/min``."""
        return f"{self.team} runs away, {self.rate}"

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """The loop's calls as Poisson arrivals at ``rate``."""
        arrivals = Arrivals(poisson=Poisson(rate=self.rate))
        return (ExtraTraffic(self.team, self.workload(scenario, arrivals), *self.window),)
