"""What a fault is to the engines: effects over intervals, asked for by time, and extra traffic.

A fault never runs. It is written in a scenario, and *queried*: it lists :class:`Effect` rows
(from when to when, on whom, what), the extra workloads that it sends, and what it changes about
limits and prices. Engines read the rows only, so a new fault made of known effects needs no change
in any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from sim.policy import faults
from sim.scenario.base import Duration, Strict
from sim.scenario.workloads import Arrivals, Fixed, Size, Workload

if TYPE_CHECKING:
    from sim.scenario.schema import Prices, Scenario

OWN, INJECTED, FOREIGN = 0, 1, 2
"""Origins of requests: codes of results.columns.ORIGINS."""
FOREVER = 1 << 62
"""The end of what no fault ends."""


class EffectKind(IntEnum):
    """What an effect does to an attempt that meets it."""

    DENY = faults.DENY
    """Before anything else: no connection (status 0), or a key that is not valid (401)."""
    REFUSE = faults.REFUSE
    """Answer with ``status`` at once, before any budget or limit is asked."""
    SLOW = faults.SLOW
    """Multiply the times of its answer by ``factor``; without one no answer ever comes. Several multiply."""
    RESET = faults.RESET
    """Cut the connection while the answer comes."""
    SLOTS = faults.SLOTS
    """Leave only the share ``factor`` of the model's slots."""
    VIOLATE = faults.VIOLATE
    """Refuse it for what it says, and ban at the threshold."""


@dataclass(frozen=True)
class Scope:
    """On whom an effect works; ``None`` is everybody. Names, not indices.

    ``key_of`` is the key that this team uses, whatever it is called in a configuration.
    """

    team: str | None = None
    model: str | None = None
    account: str | None = None
    project: str | None = None
    key: str | None = None
    key_of: str | None = None
    origin: int | None = None


@dataclass(frozen=True)
class Ban:
    """What is banned (0 the key, 1 its project, 2 its account), after how many violations in a time, for how long."""

    level: int
    threshold: int
    within_ns: int
    lasts_ns: int


@dataclass(frozen=True)
class Effect:
    """One effect from ``start_ns`` (included) to ``end_ns`` (excluded)."""

    start_ns: int
    end_ns: int
    kind: EffectKind
    scope: Scope = Scope()
    name: str = ""
    """What stands in ``refused_by``."""
    status: int = 0
    probability: Fraction = Fraction(1)
    least: Fraction = Fraction(0)
    """It hits where the draw lies in [least, least + probability): effects with one ``luck`` exclude each other."""
    luck: int = 0
    """Which of the fault's own draws decides, 0 to 7."""
    retry_after_ns: int = -1
    """-1: the answer carries no ``retry-after``."""
    first: int | None = None
    """It stops after so many hits."""
    before: int | None = None
    """Only attempts of a request before this one."""
    factor: Fraction | None = None
    category: str = ""
    """Of content: projects may allow it."""
    ban: Ban | None = None


@dataclass(frozen=True)
class ExtraTraffic:
    """Requests that a fault sends: in a team's name without any retry, by strangers, or by the team's own client.

    ``origin`` tells which (results.columns.ORIGINS); they go to the key that the team uses.
    """

    team: str
    workload: Workload
    start_ns: int
    end_ns: int
    origin: int = INJECTED


@dataclass(frozen=True)
class LimitCut:
    """For a while, limits in scope have this share of their rate and capacity. No dimensions: all of them."""

    start_ns: int
    end_ns: int
    share: Fraction
    scope: Scope
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class PriceChange:
    """For a while a model (all without a name) costs something else: prices, or a multiple of its own."""

    start_ns: int
    end_ns: int
    model: str | None
    prices: Prices | None
    factor: Fraction


@dataclass(frozen=True)
class Mark:
    """An instant worth a line on a timeline."""

    at_ns: int
    text: str


def percent(share: Fraction) -> str:
    """A share in a label, as ``2.5 %``."""
    return f"{100 * float(share):.3g} %"


class Fault(Strict):
    """Something on the timeline that begins at ``at``."""

    at: Duration

    @property
    def window(self) -> tuple[int, int]:
        """Start and end in nanoseconds, for shading a chart and for recovery times."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """A few words for a label."""
        raise NotImplementedError

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Instants inside the window that matter."""
        return ()

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """What it does to attempts."""
        return ()

    def traffic(self, scenario: Scenario) -> Sequence[ExtraTraffic]:
        """What it sends by itself."""
        return ()

    def limit_cuts(self) -> Sequence[LimitCut]:
        """What it takes from limits."""
        return ()

    def price_changes(self) -> Sequence[PriceChange]:
        """What it does to prices."""
        return ()


class Lasting(Fault):
    """A fault from ``at``, for a while."""

    for_: Duration = Field(alias="for", gt=0)

    @property
    def window(self) -> tuple[int, int]:
        """From ``at`` for ``for``."""
        return self.at, self.at + self.for_


class Scoped(Lasting):
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


class Sender(Strict):
    """What a fault that sends in a team's name may say of its requests; else they are as in its first workload."""

    team: str
    model: str | None = None
    input_tokens: Size | None = None
    output_tokens: Size | None = None

    def workload(self, scenario: Scenario, arrivals: Arrivals) -> Workload:
        """The requests that it sends."""
        first = scenario.teams[self.team].workload[0]
        return Workload(
            arrivals=arrivals,
            model=self.model or first.model,
            input_tokens=self.input_tokens or first.input_tokens or Fixed(fixed=1000),
            output_tokens=self.output_tokens or first.output_tokens or Fixed(fixed=200),
            max_tokens=first.max_tokens,
        )
