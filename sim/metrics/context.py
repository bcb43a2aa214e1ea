"""What metrics must know beside the two tables: the scenario, the limits, what was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from sim.units import MINUTE

if TYPE_CHECKING:
    from sim.chaos.base import Mark
    from sim.scenario.limit_rows import CapRow, LimitRow
    from sim.scenario.schema import Scenario


@dataclass(frozen=True)
class LimitInfo:
    """One limit of one configuration, as the metrics need it.

    ``name`` is what ``refused_by`` says, ``dimension`` one of ``requests``, ``input_tokens``,
    ``output_tokens``, ``tokens``, ``concurrency``; ``per_minute`` its rate in that unit, ``burst``
    the most at one instant (for concurrency: the number at once; ``per_minute`` is then 0).
    ``teams`` pass through it, with any model unless ``models`` names some. ``charge_rejected`` and
    ``output_reserved`` are the two switches of the schema.
    """

    name: str
    level: str
    dimension: str
    per_minute: float
    burst: float
    teams: tuple[str, ...]
    models: tuple[str, ...] | None = None
    period_s: float = 60.0
    charge_rejected: bool = False
    output_reserved: bool = False

    @classmethod
    def of(cls, row: LimitRow) -> LimitInfo:
        """A limit as the scenario's topology has it."""
        limits, rate = row.limits, row.rate
        return cls(
            name=row.name,
            level=row.level,
            dimension=row.dimension,
            per_minute=0.0 if rate is None else rate.per_minute,
            burst=row.capacity,
            teams=row.teams,
            models=limits.models,
            period_s=row.period_s,
            charge_rejected=limits.charge_rejected,
            output_reserved=limits.charge_output == "reserved",
        )


@dataclass(frozen=True)
class CapInfo:
    """One spend cap of one configuration: micro-dollars a window of ``period_ns``, windows from time 0.

    ``per`` is the cap as a file writes it, ``alerts`` are shares of it. It counts and refuses the
    ``models`` that it names, or all.
    """

    name: str
    level: str
    amount: int
    period_ns: int
    per: str
    mode: str
    teams: tuple[str, ...]
    models: tuple[str, ...] | None = None
    alerts: tuple[Fraction, ...] = ()

    @property
    def refuser(self) -> str:
        """What ``refused_by`` says where this cap refused."""
        return f"budget:{self.name}"

    @property
    def alert_amounts(self) -> tuple[int, ...]:
        """The spend of each alert, micro-dollars, rounded up."""
        return tuple(int(-(-self.amount * share // 1)) for share in self.alerts)

    @classmethod
    def of(cls, row: CapRow) -> CapInfo:
        """A cap as the scenario's topology has it."""
        cap, amount = row.cap, row.cap.amount
        return cls(
            row.name, row.level, amount.micro_usd, amount.period_ns, str(amount), cap.mode, row.teams, cap.models,
            tuple(sorted(set(cap.alerts))),
        )  # fmt: skip


@dataclass(frozen=True)
class KeyInfo:
    """One key of one configuration: where it stands, and who uses it."""

    account: str
    project: str
    key: str
    teams: tuple[str, ...]


@dataclass(frozen=True)
class ConfigurationInfo:
    """One configuration: its total ``capacity`` as the report prints it, its limits, spend caps and keys."""

    capacity: Mapping[str, object] = field(default_factory=dict)
    limits: tuple[LimitInfo, ...] = ()
    caps: tuple[CapInfo, ...] = ()
    keys: tuple[KeyInfo, ...] = ()


@dataclass(frozen=True)
class ChaosWindow:
    """A fault's time on the axis of a chart, with its few words."""

    start_ns: int
    end_ns: int
    label: str
    kind: str = ""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything about one study that is not in its tables.

    ``configurations`` holds those that were run, in order: the first is the one that others are
    compared with. ``rows_planned``, ``rows_reported`` and ``digest`` pass through to the summary.
    """

    scenario: Scenario
    sha256: str
    engine: str
    configurations: Mapping[str, ConfigurationInfo]
    rows_planned: int
    rows_reported: int
    digest: str

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams, in the scenario's order."""
        return tuple(self.scenario.teams)

    @property
    def services(self) -> tuple[int, ...]:
        """The dependent services of each of :attr:`teams`."""
        return tuple(team.services for team in self.scenario.teams.values())

    @property
    def replications(self) -> int:
        """How many replications each configuration was run."""
        return self.scenario.replications

    @property
    def end_ns(self) -> int:
        """The end of the drain, when a run stops."""
        return self.scenario.duration + self.scenario.drain

    @property
    def measured_min(self) -> float:
        """The minutes from the end of the warm-up to the end of the duration."""
        return (self.scenario.duration - self.scenario.warmup) / MINUTE

    @property
    def chaos(self) -> tuple[ChaosWindow, ...]:
        """The scenario's faults as windows, in the order of the file."""
        return tuple(
            ChaosWindow(*entry.fault.window, entry.fault.summary, entry.kind, entry.fault.marks)
            for entry in self.scenario.chaos
        )

    def isolation(self, configuration: str) -> str:
        """The rung of the isolation ladder, or ``custom``."""
        return str(getattr(self.scenario.configurations[configuration], "isolation", "custom"))
