"""A runaway job: a loop of one team that calls without any backoff until somebody notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.chaos.base import ExtraTraffic, Fault
from sim.scenario.base import PerTime
from sim.scenario.workloads import Arrivals, Fixed, Poisson, Size, Workload

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class RunawayJob(Fault):
    """``runaway_job: {team: analytics, at: 30m, for: 20m, rate: 600/min}``.

    ``for`` is how long it takes to be detected and stopped. Its requests belong to the team, are
    never retried (the loop itself is the retry), and have the model and sizes of the team's first
    workload unless given.
    """

    team: str
    rate: PerTime
    model: str | None = None
    input_tokens: Size | None = None
    output_tokens: Size | None = None

    @property
    def summary(self) -> str:
        """As ``analytics runs away, 600/min``."""
        return f"{self.team} runs away, {self.rate}"

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """The loop's calls as Poisson arrivals at ``rate``."""
        first = scenario.teams[self.team].workload[0]
        workload = Workload(
            arrivals=Arrivals(poisson=Poisson(rate=self.rate)),
            model=self.model or first.model,
            input_tokens=self.input_tokens or first.input_tokens or Fixed(fixed=1000),
            output_tokens=self.output_tokens or first.output_tokens or Fixed(fixed=200),
            max_tokens=first.max_tokens,
        )
        start, end = self.window
        return (ExtraTraffic(self.team, "runaway_job", workload, start, end),)
