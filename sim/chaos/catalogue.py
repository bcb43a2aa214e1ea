"""The faults that a scenario may write, by name. A new fault is one file and one line here."""

from __future__ import annotations

from sim.chaos.base import Fault
from sim.chaos.runaway_job import RunawayJob
from sim.chaos.storm import Storm
from sim.scenario.base import OneOf


class FaultEntry(OneOf):
    """One entry of ``chaos``: the fault's name and what it says."""

    storm: Storm | None = None
    runaway_job: RunawayJob | None = None

    @property
    def fault(self) -> Fault:
        """The fault itself."""
        fault: Fault = self.spec
        return fault

    def stream(self, place: int) -> str:
        """What the streams of its traffic are named by: its place in the timeline."""
        return str(place)
