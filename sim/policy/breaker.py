"""A circuit breaker: after failures a client stops sending for a while, then tries with a few probes.

Closed: attempts pass and are counted. It opens after ``trip_count`` failures in a row, or when of at
least ``trip_calls`` answers of the last ten slices of time a share failed. Open: nothing is sent until
``open_ns`` have passed. Half-open: ``probes`` attempts pass; one failure opens it again, as many good
answers as probes close it. Answers of attempts that left before the last change say nothing about now
and are not counted; each change begins a new ``era``. (The states and the eras are those of
sony/gobreaker, the window is like that of resilience4j.)
"""

from __future__ import annotations

from typing import Any

from sim.policy.backoff import status_class
from sim.policy.retry_budget import SLICES
from sim.policy.tables import ClientMemory, ClientRule
from sim.policy.window import roll

CLOSED, OPEN, HALF_OPEN = 0, 1, 2
PARTS = 1_000_000
"""A share of failures is in millionths."""


def blocks(rule: ClientRule, memory: ClientMemory, now: int) -> bool:
    """Whether nothing may be sent now."""
    if memory.circuit == OPEN:
        return memory.opens_until > now
    return memory.circuit == HALF_OPEN and memory.probing >= rule.probes


def passes(memory: ClientMemory, now: int) -> int:
    """An attempt leaves, which the breaker must not block; returns its era."""
    if memory.circuit == OPEN:
        turn(memory, HALF_OPEN)
    memory.probing += 1
    return memory.era


def turn(memory: ClientMemory, state: int) -> None:
    """Change the state, and forget what was counted in the last one."""
    memory.circuit = state
    memory.era += 1
    memory.probing = 0
    memory.calls = 0
    memory.failures = 0


def answered(rule: ClientRule, memory: ClientMemory, cells: Any, era: int, status: int, now: int) -> None:
    """An attempt that left in ``era`` has its answer."""
    if era != memory.era:
        return
    bad = (rule.trip_on >> status_class(status)) & 1
    if memory.circuit == HALF_OPEN:
        memory.calls += 1
        if bad == 1:
            trip(rule, memory, now)
        elif memory.calls >= rule.probes:
            turn(memory, CLOSED)
            empty(rule, memory, cells, now)
    elif memory.circuit == CLOSED and fails_too_often(rule, memory, cells, bad, now):
        trip(rule, memory, now)


def trip(rule: ClientRule, memory: ClientMemory, now: int) -> None:
    """Open."""
    turn(memory, OPEN)
    memory.opens_until = now + rule.open_ns


def fails_too_often(rule: ClientRule, memory: ClientMemory, cells: Any, bad: int, now: int) -> bool:
    """Count an answer in the closed state: whether there are too many failures now."""
    if rule.trip_count > 0:
        memory.failures = memory.failures + 1 if bad == 1 else 0
        return memory.failures >= rule.trip_count
    index = now // rule.trip_slice
    at = rule.cells + SLICES
    memory.calls -= roll(cells, at, SLICES, memory.slice, index)
    memory.failures -= roll(cells, at + SLICES, SLICES, memory.slice, index)
    memory.slice = index
    cells[at + index % SLICES] += 1
    cells[at + SLICES + index % SLICES] += bad
    memory.calls += 1
    memory.failures += bad
    return memory.calls >= rule.trip_calls and memory.failures * PARTS >= rule.trip_share * memory.calls


def empty(rule: ClientRule, memory: ClientMemory, cells: Any, now: int) -> None:
    """Forget the window."""
    for at in range(2 * SLICES):
        cells[rule.cells + SLICES + at] = 0
    if rule.trip_slice > 0:
        memory.slice = now // rule.trip_slice
