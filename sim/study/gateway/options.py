"""How a comparison with a gateway is to be done, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.study.gateway.verdicts import Verdict
from sim.study.validate.agree import Agreement, Tolerances
from sim.units import MINUTE, MS

if TYPE_CHECKING:
    import pandas as pd

    from sim.live.outcome import LiveOutcome

WINDOW_S = 10
PEAK = 12.0
"""Planned requests in the busiest second: so few that the speed of the proxy decides nothing."""
HELD = Tolerances(outcomes=0.90, success=0.05, cost=0.05, latency=0.5, latency_s=2.0, counts=0.10)
"""A gateway's windows begin when it gets to a request, in whole seconds: wider than between simulator and emulator."""
LATE_P99_NS = 250 * MS
"""How late one of a hundred attempts may leave: far less than the whole seconds in which the gateway counts."""
DECIDED = 0.95
"""Share of the live attempts that the rules must decide as the gateway did, by the attempts' own times."""


@dataclass(frozen=True)
class Options:
    """``configurations``: which, all where none is named; ``wall_ns``: how long each live run may take.

    ``litellm``: the command that starts it, found by itself where it is None. ``window_s``: of its limits.
    """

    out: Path
    configurations: tuple[str, ...] = ()
    wall_ns: int = 2 * MINUTE
    window_s: int = WINDOW_S
    peak: float = PEAK
    litellm: Path | None = None
    probes: bool = True
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """The live run's attempts, fed to the simulator's rules at their own times."""

    asked: int
    same: int
    near: int
    """Those decided otherwise that are within a second of a window's end: the gateway counts in whole seconds."""

    @property
    def share(self) -> float:
        """Of attempts that are decided as the gateway did."""
        return self.same / self.asked if self.asked else 1.0


Tables = tuple["pd.DataFrame", "pd.DataFrame"]


@dataclass(frozen=True)
class Compared:
    """One configuration, predicted and at the gateway."""

    name: str
    predicted: Mapping[bool, Tables]
    """By whether refusals say when to come back."""
    told: bool
    """Whether the gateway's refusals do: by that prediction it is measured."""
    outcome: LiveOutcome
    agreement: Agreement
    decisions: Decisions
    invalid: tuple[str, ...]
    keys: Mapping[str, Mapping[str, Any]]
    """What each key may do, in LiteLLM's words."""

    @property
    def passed(self) -> bool:
        """Whether the run is valid, and the gateway did what was predicted."""
        return not self.invalid and self.agreement.agrees and self.decisions.share >= DECIDED


@dataclass(frozen=True)
class Found:
    """Everything of one run."""

    compared: tuple[Compared, ...]
    verdicts: tuple[Verdict, ...]
    version: str
    started_s: float
    overhead_ms: tuple[float, float]
    """What the proxy adds to an answer by its own log: median and p95."""


@dataclass(frozen=True)
class GatewayStudy:
    """What was found, as ``summary.json`` has it, and where it is."""

    summary: dict[str, Any]
    directory: Path

    @property
    def agrees(self) -> bool:
        """Whether the gateway did what was predicted in all configurations."""
        return bool(self.summary["agrees"])
