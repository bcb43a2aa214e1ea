"""A leaked key: strangers spend on it until it is revoked, and then its own users need the new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from sim.chaos.base import FOREIGN, Effect, EffectKind, ExtraTraffic, Lasting, Mark, Scope, Sender
from sim.chaos.rollout import Rollout, RolloutText
from sim.scenario.base import Duration, PerTime
from sim.scenario.workloads import Arrivals, Poisson

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


class LeakedKey(Lasting, Sender):
    """``leaked_key: {team: mobile, at: 1h, for: 3h, rate: 120/min, rollout: 30m, grace: 10m}``.

    The key that ``team`` uses leaks, whoever else uses it. Strangers send ``rate`` on it; ``for`` is
    how long until the leak is detected and the key replaced. The old key is then valid for ``grace``
    more, for strangers too. A team of the key whose ``rollout`` takes longer than that is answered
    401 until it has the new one. Strangers stop when they are locked out.
    """

    rate: PerTime
    grace: Duration = 0
    rollout: RolloutText = Field(default_factory=Rollout)

    @property
    def window(self) -> tuple[int, int]:
        """Until the last team has the new key."""
        return self.at, self.at + self.for_ + max(self.grace, self.rollout.longest())

    @property
    def summary(self) -> str:
        """As ``key of mobile leaks, 120/min``."""
        return f"key of {self.team} leaks, {self.rate}"

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Leak, revocation, last rollout."""
        detected = self.at + self.for_
        return (
            Mark(self.at, "leak"),
            Mark(detected + self.grace, "old key revoked"),
            Mark(detected + self.rollout.longest(), "last team rolled over"),
        )

    @property
    def revoked_ns(self) -> int:
        """When the old key stops to work."""
        return self.at + self.for_ + self.grace

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """401 for each team of the key from the revocation until it has the new one."""
        revoked = self.revoked_ns
        late = [(team, self.at + self.for_ + self.rollout.of(team)) for team in sorted(scenario.teams)]
        return [
            Effect(revoked, ready, EffectKind.DENY, Scope(team=team, key_of=self.team), "credential:revoked", 401)
            for team, ready in late
            if ready > revoked
        ]

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """What strangers send until they are locked out."""
        workload = self.workload(scenario, Arrivals(poisson=Poisson(rate=self.rate)))
        end = min(self.revoked_ns, scenario.duration)
        return (ExtraTraffic(self.team, workload, self.at, max(end, self.at + 1), FOREIGN),)
