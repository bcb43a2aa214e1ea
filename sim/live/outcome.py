"""What a live run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.live.gates import Gate, Measured
from sim.live.order import LiveOrder

if TYPE_CHECKING:
    import pandas as pd

    from sim.engine.tables import RunResult


@dataclass(frozen=True)
class LiveOutcome:
    """The tables have the columns of a simulation's (:mod:`sim.results.columns`)."""

    order: LiveOrder
    requests: pd.DataFrame
    """One row a planned request, in the plan's order, whether it was sent or not. Virtual ns from the run's start."""
    attempts: pd.DataFrame
    """One row an attempt that was sent; costs are the emulator's where it answered, else by usage and catalogue."""
    result: RunResult
    """The same as numbers, as an engine gives it; refusers are places in ``refusers``."""
    refusers: tuple[str, ...]
    measured: Measured
    gates: tuple[Gate, ...]
    start_unix_ns: int
    """The wall time of virtual time 0."""
    wall_s: float
    """How long it took from there to the end."""

    @property
    def valid(self) -> bool:
        """Whether all gates passed."""
        return all(one.passed for one in self.gates)
