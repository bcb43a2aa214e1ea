"""Scenario → Plan: every request that will be sent, as arrays. The only bridge to the engines.

A plan belongs to one replication and is shared by all configurations, so that they see the same
arrivals, sizes and draw keys. Its order does not depend on the order of the file: rows by (time,
luck, stream, ordinal). Requests of one instant stand in an order drawn by their keys, so that no
team is first in every herd because of its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.schema import Scenario
from sim.scenario.workloads import Trace, Workload
from sim.workload.generate import expected, generate
from sim.workload.importers.base import TraceRows
from sim.workload.rows import Expected, Rows

I64 = NDArray[np.int64]
WORKLOAD, INJECTED = 0, 1


@dataclass(frozen=True)
class Plan:
    """``n`` requests; int64 arrays of shape ``(n,)`` unless said otherwise.

    ``teams`` and ``models`` are sorted names that ``team`` and ``model`` index. ``origin`` is 0
    for a team's own workload and 1 for what a fault sends. ``child`` is the session step that
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
        keep = np.flatnonzero(self.team != self.teams.index(team))
        moved = np.full(len(self) + 1, -1, np.int64)
        moved[keep] = np.arange(len(keep))
        columns = {name: getattr(self, name)[keep] for name in _COLUMNS}
        columns["child"] = moved[columns["child"]]
        return Plan(self.teams, self.models, **columns, duration_ns=self.duration_ns, horizon_ns=self.horizon_ns)


_COLUMNS = (
    "team", "model", "origin", "arrival_ns", "child", "think_ns", "stops",
    "input_tokens", "cached_tokens", "output_tokens", "max_tokens", "draw_key",
)  # fmt: skip


@dataclass(frozen=True)
class _Source:
    """One stream before it is drawn: whose, from where, when."""

    name: str
    team: str
    workload: Workload
    origin: int = WORKLOAD
    start_ns: int = 0
    end_ns: int = 0


def sources(scenario: Scenario) -> list[_Source]:
    """All streams in canonical order: workloads of the teams by name, then what faults send."""
    own = [
        _Source(f"{team}/{at}", team, workload, end_ns=scenario.duration)
        for team in sorted(scenario.teams)
        for at, workload in enumerate(scenario.teams[team].workload)
    ]
    extra = [
        _Source(f"chaos/{at}/{part}/{one.team}", one.team, one.workload, INJECTED, one.start_ns, one.end_ns)
        for at, entry in enumerate(scenario.chaos)
        for part, one in enumerate(entry.fault.traffic(scenario))
    ]
    return own + extra


def _draw(source: _Source, seed: int, replication: int, traces: Mapping[Trace, TraceRows]) -> dict[str, I64]:
    """The stream's columns, its times shifted to where it starts; ``parent`` within the stream."""
    stream = Stream(seed, replication, source.name)
    trace = source.workload.arrivals.trace
    rows = generate(source.workload, stream, source.end_ns - source.start_ns, traces[trace] if trace else None)
    count = np.arange(len(rows), dtype=np.int64)
    return {
        **_row_columns(rows, source.start_ns),
        "ordinal": count,
        "luck": stream.keys(_first_steps(rows.parent)),
        "draw_key": stream.keys(count),
    }


def _first_steps(parent: I64) -> I64:
    """For each row the first step of its session (itself for an open arrival)."""
    count = np.arange(len(parent), dtype=np.int64)
    return np.maximum.accumulate(np.where(parent < 0, count, 0))


def _row_columns(rows: Rows, start_ns: int) -> dict[str, I64]:
    return {
        "arrival_ns": np.where(rows.parent < 0, rows.arrival_ns + start_ns, -1),
        "order_ns": rows.order_ns + start_ns,
        "parent": rows.parent,
        "think_ns": rows.think_ns,
        "stops": rows.stops,
        "input_tokens": rows.input_tokens,
        "cached_tokens": rows.cached_tokens,
        # A provider never produces more than max_tokens, whatever a size distribution says.
        "output_tokens": np.minimum(rows.output_tokens, rows.max_tokens),
        "max_tokens": rows.max_tokens,
    }


def _children(parent: I64, offset: I64, position: I64) -> I64:
    """For each row, the row whose parent it is, in final positions; -1 for none."""
    child = np.full(len(parent), -1, np.int64)
    steps = np.flatnonzero(parent >= 0)
    child[position[parent[steps] + offset[steps]]] = position[steps]
    return child


def build_plan(scenario: Scenario, replication: int, traces: Mapping[Trace, TraceRows]) -> Plan:
    """Draw every request of one replication. Raises BadInput when nothing at all arrives."""
    streams = sources(scenario)
    drawn = [_draw(source, scenario.seed, replication, traces) for source in streams]
    sizes = [len(columns["ordinal"]) for columns in drawn]
    if sum(sizes) == 0:
        raise BadInput("no request arrives in the scenario's duration", hint="raise a rate or the duration")
    whole = {name: np.concatenate([columns[name] for columns in drawn]) for name in drawn[0]}
    number = np.repeat(np.arange(len(streams), dtype=np.int64), sizes)
    order = np.lexsort((whole["ordinal"], number, whole["luck"], whole["order_ns"]))
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    offset = np.repeat(np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64), sizes)
    teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
    per_stream = {
        "team": [teams.index(source.team) for source in streams],
        "model": [models.index(source.workload.model) for source in streams],
        "origin": [source.origin for source in streams],
    }
    columns = {name: np.asarray(values, np.int64)[number] for name, values in per_stream.items()}
    columns |= {name: whole[name] for name in _COLUMNS if name in whole}
    columns = {name: np.ascontiguousarray(values[order]) for name, values in columns.items()}
    columns["child"] = _children(whole["parent"], offset, position)
    horizon = scenario.duration + scenario.drain
    return Plan(teams, models, **columns, duration_ns=scenario.duration, horizon_ns=horizon)


def model_names(scenario: Scenario) -> tuple[str, ...]:
    """Every model that some stream asks for, sorted."""
    return tuple(sorted({source.workload.model for source in sources(scenario)}))


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
