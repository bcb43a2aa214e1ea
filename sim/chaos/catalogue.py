"""The faults that a scenario may write, by name. A new fault is one file and one line here."""

from __future__ import annotations

from sim.chaos.base import Fault
from sim.chaos.brown_out import BrownOut
from sim.chaos.connection_reset import ConnectionReset
from sim.chaos.key_rotation import KeyRotation
from sim.chaos.latency import Latency
from sim.chaos.leaked_key import LeakedKey
from sim.chaos.limits_cut import LimitsCut
from sim.chaos.policy_violations import PolicyViolations
from sim.chaos.price_change import NewPrice
from sim.chaos.runaway_job import RunawayJob
from sim.chaos.stall import Stall
from sim.chaos.storm import Storm
from sim.chaos.thundering_herd import ThunderingHerd
from sim.scenario.base import OneOf


class FaultEntry(OneOf):
    """One entry of ``chaos``: the fault's name and what it says."""

    storm: Storm | None = None
    latency: Latency | None = None
    stall: Stall | None = None
    connection_reset: ConnectionReset | None = None
    brown_out: BrownOut | None = None
    limits_cut: LimitsCut | None = None
    runaway_job: RunawayJob | None = None
    thundering_herd: ThunderingHerd | None = None
    policy_violations: PolicyViolations | None = None
    leaked_key: LeakedKey | None = None
    key_rotation: KeyRotation | None = None
    price_change: NewPrice | None = None

    @property
    def fault(self) -> Fault:
        """The fault itself."""
        fault: Fault = self.spec
        return fault

    def stream(self, place: int) -> str:
        """What the streams of its traffic are named by: its place in the timeline."""
        return str(place)
