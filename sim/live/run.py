"""Running a live run: Locust in processes of its own, watched for a bounded time; what it found, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sim.live.gates import Gate, Measured
from sim.live.order import LiveOrder

if TYPE_CHECKING:
    import pandas as pd

    from sim.engine.tables import RunResult


class Watching(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, done: int, planned: int, note: str) -> None:
        """So many of the planned requests have started; ``note`` says what is going on, or nothing new."""
        ...


@dataclass(frozen=True)
class LiveOutcome:
    """What a live run leaves. The tables have the columns of a simulation's (:mod:`sim.results.columns`)."""

    order: LiveOrder
    requests: pd.DataFrame
    """One row a planned request, in the plan's order, whether it was sent or not. Virtual ns from the run's start."""
    attempts: pd.DataFrame
    """One row an attempt that was sent; costs are the emulator's where it answered, else by usage and catalogue."""
    result: RunResult
    """The same as numbers, as an engine gives it."""
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


def run_live(
    order: LiveOrder, folder: Path, environment: Mapping[str, str], progress: Watching | None = None
) -> LiveOutcome:
    """Send a plan to its target, and wait for the end.

    ``folder`` gets ``requests.parquet``, ``attempts.parquet``, ``live.json`` (what was measured, and the
    gates) and the order. ``environment`` is that of the sending processes: secrets reach them by it alone.
    Raises BadInput for an order that can't be carried out, RunInvalid when the processes did not come
    to their end; a run that came to its end is returned whatever its gates say.
    """
    raise NotImplementedError
