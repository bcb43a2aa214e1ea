"""What a fault is to the engines: effects over intervals, asked for by time, and extra traffic.

A fault never runs. It is written in a scenario, and *queried*: it lists :class:`Effect` rows
(from when to when, on whom, what) and the extra workloads that it sends. Engines read the rows
only, so a new fault made of known effects needs no change in any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from sim.scenario.base import Duration, Strict

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario
    from sim.scenario.workloads import Workload


class EffectKind(IntEnum):
    """What an effect does to an attempt that meets it."""

    REFUSE = 0
    """Answer with ``status`` at once, with ``probability``."""


@dataclass(frozen=True)
class Scope:
    """On whom an effect works; ``None`` is everybody. Names, not indices."""

    team: str | None = None
    model: str | None = None
    account: str | None = None
    project: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Effect:
    """One effect from ``start_ns`` (included) to ``end_ns`` (excluded)."""

    start_ns: int
    end_ns: int
    kind: EffectKind
    scope: Scope = Scope()
    status: int = 0
    probability: Fraction = Fraction(1)
    retry_after_ns: int = -1
    """-1: the answer carries no ``retry-after``."""


@dataclass(frozen=True)
class ExtraTraffic:
    """Requests that a fault sends in a team's name, without any retry."""

    team: str
    label: str
    workload: Workload
    start_ns: int
    end_ns: int


class Fault(Strict):
    """A fault on the timeline: from ``at``, for a while."""

    at: Duration
    for_: Duration = Field(alias="for", gt=0)

    @property
    def window(self) -> tuple[int, int]:
        """Start and end in nanoseconds, for shading a chart and for recovery times."""
        return self.at, self.at + self.for_

    @property
    def summary(self) -> str:
        """A few words for a label."""
        raise NotImplementedError

    def effects(self) -> Sequence[Effect]:
        """What it does to attempts."""
        return ()

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """What it sends by itself."""
        return ()


class Scoped(Fault):
    """A fault that may be confined to a team, model, account, project or key."""

    team: str | None = None
    model: str | None = None
    account: str | None = None
    project: str | None = None
    key: str | None = None

    @property
    def scope(self) -> Scope:
        """The scope as written."""
        return Scope(self.team, self.model, self.account, self.project, self.key)
