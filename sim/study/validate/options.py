"""How a validation is to be done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.study.validate.agree import STRICT, Agreement, Tolerances
from sim.units import MINUTE

if TYPE_CHECKING:
    import pandas as pd

    from sim.live.outcome import LiveOutcome
    from sim.study.validate.boundary import Analysis
    from sim.study.validate.compress import Slice

WIDER = 2
"""By so much tolerances are wider where time is compressed: an error of the wall clock counts speed times."""


@dataclass(frozen=True)
class Options:
    """``configurations``: which, the first of the file where none is named; ``wall_ns``: how long each may take."""

    out: Path
    configurations: tuple[str, ...] = ()
    wall_ns: int = MINUTE
    speed: Fraction = Fraction(1)
    workers: int = 1
    api: str = "anthropic"
    command: tuple[str, ...] = ()

    @property
    def tolerances(self) -> Tolerances:
        """What is asked of the two runs."""
        return STRICT if self.speed <= 1 else STRICT.times(WIDER)


@dataclass(frozen=True)
class Compared:
    """One configuration in both worlds."""

    name: str
    slice: Slice
    simulated: tuple[pd.DataFrame, pd.DataFrame]
    outcome: LiveOutcome
    agreement: Agreement
    analysis: Analysis
    digest: str
    invalid: tuple[str, ...]
    """Why the live run says nothing; empty for a valid one."""

    @property
    def passed(self) -> bool:
        """Whether the live run is valid and agrees."""
        return self.agreement.agrees and not self.invalid


@dataclass(frozen=True)
class Validation:
    """Everything that was found, as ``summary.json`` has it."""

    summary: dict[str, Any]
    directory: Path

    @property
    def agrees(self) -> bool:
        """Whether all configurations agree in valid runs."""
        return bool(self.summary["agrees"])
