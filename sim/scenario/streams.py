"""The streams of requests of a scenario, in their canonical order: whose, from where, when, how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace, Workload
from sim.workload.generate import mean_requests
from sim.workload.importers.trace_rows import TraceRows

I64 = NDArray[np.int64]
WORKLOAD = 0
"""The origin of a team's own requests (results.columns.ORIGINS)."""


@dataclass(frozen=True)
class Source:
    """One stream before it is drawn: whose, from where, when."""

    name: str
    team: str
    workload: Workload
    origin: int = WORKLOAD
    start_ns: int = 0
    end_ns: int = 0

    @property
    def length_ns(self) -> int:
        """For how long it sends."""
        return self.end_ns - self.start_ns

    def trace(self, traces: Mapping[Trace, TraceRows]) -> TraceRows | None:
        """The rows that it replays, if it does."""
        trace = self.workload.arrivals.trace
        return None if trace is None else traces[trace]


def sources(scenario: Scenario) -> list[Source]:
    """All streams in canonical order: workloads of the teams by name, then what faults send."""
    own = [
        Source(f"{team}/{at}", team, workload, end_ns=scenario.duration)
        for team in sorted(scenario.teams)
        for at, workload in enumerate(scenario.teams[team].workload)
    ]
    extra = [
        Source(
            f"chaos/{entry.stream(at)}/{part}/{one.team}", one.team, one.workload, one.origin, one.start_ns, one.end_ns
        )
        for at, entry in enumerate(scenario.chaos)
        for part, one in enumerate(entry.fault.traffic(scenario))
    ]
    return own + extra


def model_names(scenario: Scenario) -> tuple[str, ...]:
    """Every model that some stream asks for or some client falls back to, sorted."""
    clients = [team.client for team in scenario.teams.values()]
    clients += [one.client for one in scenario.configurations.values() if one.client is not None]
    fallbacks = {client.fallback.model for client in clients if client.fallback is not None}
    return tuple(sorted({source.workload.model for source in sources(scenario)} | fallbacks))


def expected_requests(scenario: Scenario, traces: Mapping[Trace, TraceRows]) -> float:
    """Requests of a replication on average, those that faults send included."""
    return sum(
        mean_requests(source.workload, source.length_ns, source.trace(traces))
        for source in sources(scenario)
    )  # fmt: skip


@dataclass(frozen=True)
class Streams:
    """What the rows of each stream have in common: int64 arrays by the number of the stream.

    ``teams`` and ``models`` are sorted names that ``team`` and ``model`` index.
    """

    teams: tuple[str, ...]
    models: tuple[str, ...]
    team: I64
    model: I64
    origin: I64
    start_ns: I64
    key_base: I64
    duration_ns: int
    horizon_ns: int

    @classmethod
    def of(cls, scenario: Scenario, replication: int) -> Streams:
        """All streams of one replication, in canonical order."""
        teams, models, found = tuple(sorted(scenario.teams)), model_names(scenario), sources(scenario)

        def by_stream(values: Iterator[int]) -> I64:
            return np.fromiter(values, np.int64, len(found))

        return cls(
            teams,
            models,
            team=by_stream(teams.index(source.team) for source in found),
            model=by_stream(models.index(source.workload.model) for source in found),
            origin=by_stream(source.origin for source in found),
            start_ns=by_stream(source.start_ns for source in found),
            key_base=by_stream(Stream(scenario.seed, replication, source.name).key_base for source in found),
            duration_ns=scenario.duration,
            horizon_ns=scenario.duration + scenario.drain,
        )
