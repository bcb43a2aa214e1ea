"""Scenario → Plan: every request that will be sent, as arrays. The only bridge to the engines.

A plan belongs to one replication and is shared by all configurations, so that they see the same
arrivals, sizes and draw keys. Its order does not depend on the order of the file: rows by (time,
luck, stream, ordinal). Requests of one instant stand in an order drawn by their keys, so that no
team is first in every herd because of its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.plan_rows import Piece, plan_columns
from sim.scenario.schema import Scenario
from sim.scenario.streams import WORKLOAD, Source, Streams, expected_requests, model_names, sources
from sim.scenario.workloads import Trace, Workload
from sim.workload.generate import expected, generate
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.rows import Expected, Rows

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

__all__ = [
    "MAX_IN_MEMORY", "WORKLOAD", "Plan", "build_plan", "expected_by_team", "expected_requests",
    "model_names", "requires_streaming", "sources",
]  # fmt: skip

I64 = NDArray[np.int64]

MAX_IN_MEMORY = 20_000_000
"""Requests of one replication that :func:`build_plan` holds: 2 GB of them."""


@dataclass(frozen=True)
class Plan:
    """``n`` requests; int64 arrays of shape ``(n,)`` unless said otherwise.

    ``teams`` and ``models`` are sorted names that ``team`` and ``model`` index. ``origin`` is 0
    for a team's own workload, else it tells what sends it (results.columns.ORIGINS). ``child`` is the session step that
    follows a row (-1 none), ``arrival_ns`` -1 until its parent ends. ``draw_key`` keys the luck.
    """

    teams: tuple[str, ...]
    models: tuple[str, ...]
    team: I64
    model: I64
    origin: I64
    arrival_ns: I64
    child: I64
    think_ns: I64
    stops: I64
    input_tokens: I64
    cached_tokens: I64
    output_tokens: I64
    max_tokens: I64
    draw_key: I64
    duration_ns: int
    horizon_ns: int

    def __len__(self) -> int:
        return len(self.team)

    def without(self, team: str) -> Plan:
        """The same plan with one team left out; everybody else keeps arrivals, sizes and luck."""
        return self.where(self.team != self.teams.index(team))

    def where(self, kept: NDArray[np.bool_]) -> Plan:
        """The same plan with some rows left out; a session must be kept or left out as a whole."""
        keep = np.flatnonzero(kept)
        moved = np.full(len(self) + 1, -1, np.int64)
        moved[keep] = np.arange(len(keep))
        columns = {name: getattr(self, name)[keep] for name in _COLUMNS}
        columns["child"] = moved[columns["child"]]
        return Plan(self.teams, self.models, **columns, duration_ns=self.duration_ns, horizon_ns=self.horizon_ns)


_COLUMNS = (
    "team", "model", "origin", "arrival_ns", "child", "think_ns", "stops",
    "input_tokens", "cached_tokens", "output_tokens", "max_tokens", "draw_key",
)  # fmt: skip


def build_plan(scenario: Scenario, replication: int, traces: Mapping[Trace, TraceRows]) -> Plan:
    """Draw every request of one replication. Raises BadInput when nothing at all arrives, or too much."""
    _check_size(expected_requests(scenario, traces))
    pieces = [
        Piece(number, _draw(source, scenario.seed, replication, traces))
        for number, source in enumerate(sources(scenario))
    ]
    if not any(len(piece.rows) for piece in pieces):
        raise nothing_arrives()
    return plan_of(Streams.of(scenario, replication), pieces)


def plan_of(streams: Streams, pieces: Sequence[Piece]) -> Plan:
    """The plan of these rows, which stand by (stream, ordinal)."""
    columns = plan_columns(streams, pieces)
    return Plan(
        streams.teams, streams.models, **columns, duration_ns=streams.duration_ns, horizon_ns=streams.horizon_ns
    )


def _draw(source: Source, seed: int, replication: int, traces: Mapping[Trace, TraceRows]) -> Rows:
    stream = Stream(seed, replication, source.name)
    return generate(source.workload, stream, source.length_ns, source.trace(traces))


def nothing_arrives() -> BadInput:
    """What is wrong with a scenario whose streams are all empty."""
    return BadInput("no request arrives in the scenario's duration", hint="raise a rate or the duration")


def _check_size(requests: float) -> None:
    if requests > MAX_IN_MEMORY:
        raise BadInput(
            f"more than {MAX_IN_MEMORY:,} requests a replication do not fit into memory",
            value=f"{requests:,.0f}",
            hint="keystorm compare --rows none streams them; or shorten duration, or lower rates",
        )  # fmt: skip


def requires_streaming(loaded: Loaded) -> bool:
    """Whether a replication has too many requests for :func:`build_plan`; a PlanStream has room for any."""
    return expected_requests(loaded.scenario, loaded.traces) > MAX_IN_MEMORY


def expected_by_team(scenario: Scenario, traces: Mapping[Trace, TraceRows]) -> dict[str, Expected]:
    """What each team's own workloads are expected to send in all, teams sorted by name."""
    return {team: _sum([_expect(one, scenario, traces) for one in scenario.teams[team].workload])
            for team in sorted(scenario.teams)}  # fmt: skip


def _expect(workload: Workload, scenario: Scenario, traces: Mapping[Trace, TraceRows]) -> Expected:
    trace = workload.arrivals.trace
    return expected(workload, scenario.duration, traces[trace] if trace else None)


def _sum(parts: Sequence[Expected]) -> Expected:
    return Expected(
        sum(part.requests for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
    )
