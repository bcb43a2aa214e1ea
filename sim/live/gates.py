"""Whether a live run says anything: named checks of how it went, each with its value and its bound.

A run that could not keep its schedule is invalid, not slow. What is measured is in
:class:`Measured`; :func:`gates` is a pure function of it.
"""

from __future__ import annotations

from dataclasses import dataclass

MS = 1_000_000
LATE_P99_NS = 10 * MS
"""Wall time by which one of a hundred attempts may leave, or arrive, too late."""
TURN_NS = MS
"""Wall time that each of several attempts due at one instant has for its turn: a thousand a second, which is what
one process is held to. They leave one after the other, whatever sends them; that is no schedule that was missed."""
MOST_CPU = 0.9
"""Share of a core beyond which a generator is not believed: what it measures is its own queue."""
MOST_CONNECTIONS = 1.05
"""Connections a request in flight, at the most: more means that answered ones are not used again."""


@dataclass(frozen=True)
class Lateness:
    """How late attempts were against the time at which their client meant to send them, wall ns."""

    count: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
    beyond_p99_ns: int = 0
    """The 99th percentile of what is beyond the attempt's turn among those that were due at its instant."""


@dataclass(frozen=True)
class Worker:
    """What one sending process did."""

    number: int
    planned: int
    """Rows of the plan that were its own."""
    started: int
    """Rows that it dealt with: sent, or decided not to send as their client would."""
    sent: int
    """Attempts."""
    cpu: float
    """Mean share of a core from the first planned arrival to the end."""
    cpu_peak: float
    """The same in its busiest second."""
    connections: int
    """Connections that were opened."""
    in_flight_peak: int
    """Most attempts under way at once."""
    pool_waits: int
    """Attempts that waited for a connection although one could have been had."""
    clock_offset_ns: int = 0
    """What its wall clock was ahead of the master's, as measured."""
    complete: bool = True
    """Whether its results arrived, with the hash that it said."""


@dataclass(frozen=True)
class Measured:
    """What gates look at: rows and attempts counted, lateness in wall ns."""

    planned: int
    """Rows of the plan that should have started: all but later steps of sessions that failed."""
    started: int
    late: Lateness
    """At the client: when attempts left."""
    late_at_server: Lateness | None
    """At the emulator, by its journal; None where the target is no emulator."""
    workers: tuple[Worker, ...]
    stop_reason: str = ""
    """Empty when the run came to its end; else ``max_requests``, ``max_spend``, ``interrupted``, ``worker_lost``, …"""


@dataclass(frozen=True)
class Gate:
    """One check."""

    name: str
    value: float
    limit: float
    passed: bool
    meaning: str
    unit: str = ""


def _at_most(name: str, value: float, limit: float, meaning: str, unit: str = "") -> Gate:
    return Gate(name, value, limit, value <= limit, meaning, unit)


def _at_least(name: str, value: float, limit: float, meaning: str, unit: str = "") -> Gate:
    return Gate(name, value, limit, value >= limit, meaning, unit)


_LEFT = "attempts left later than their turn, p99"
_ARRIVED = "attempts arrived later than their turn, p99"


def gates(measured: Measured, late_p99_ns: int = LATE_P99_NS) -> tuple[Gate, ...]:
    """Every check of a run; it is valid when all passed."""
    workers = measured.workers
    found = [
        _at_least("rows_sent", measured.started, measured.planned, "planned requests that were started", "requests"),
        _at_least(
            "workers_complete", sum(one.complete for one in workers), len(workers), "processes whose results arrived"
        ),
        _at_most("lateness_p99", measured.late.beyond_p99_ns / MS, late_p99_ns / MS, _LEFT, "ms"),
        _at_most("generator_cpu", max((one.cpu for one in workers), default=0.0), MOST_CPU, "share of a core", "cores"),
        _at_most("pool_waits", sum(one.pool_waits for one in workers), 0, "attempts that waited for a connection"),
    ]
    if measured.late_at_server is not None:
        value = measured.late_at_server.beyond_p99_ns / MS
        found.insert(3, _at_most("lateness_p99_at_server", value, late_p99_ns / MS, _ARRIVED, "ms"))
    return tuple(found)


def valid(found: tuple[Gate, ...]) -> bool:
    """Whether all gates passed."""
    return all(one.passed for one in found)
