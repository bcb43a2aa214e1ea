"""What is to happen next, and what has happened: the heap of events and the log, in ordinary Python.

:mod:`sim.engine.agenda_compiled` is the same over arrays, for the compiled loop. An event is
(time, tie), where tie is class × 2^60 + request. The attempt that completes the tie key needs no
place here: a request has one event ahead of it, beside answers that were overtaken and are ignored.
"""

from __future__ import annotations

import heapq
from typing import Any

CLASS_BITS = 60
ROOM = 16
"""Free places in heap and log that one event may need at most, with a margin."""


def schedule(s: Any, time: int, kind: int, request: int) -> None:
    """Add an event."""
    heapq.heappush(s.heap, (time, (kind << CLASS_BITS) + request))


def first_time(s: Any, never: int) -> int:
    """When the next event is; ``never`` when there is none."""
    return s.heap[0][0] if s.heap else never


def first_tie(s: Any) -> int:
    """The tie key of the next event."""
    tie: int = s.heap[0][1]
    return tie


def drop_first(s: Any) -> None:
    """Remove the next event."""
    heapq.heappop(s.heap)


def write(
    s: Any, request: int, attempt: int, at: int, end_at: int, status: int, refused_by: int,
    retry_after: int, output: int, spent: int,
) -> None:  # fmt: skip
    """One line of the log, in the order of tables.LOG."""
    s.log.append((request, attempt, at, end_at, status, refused_by, retry_after, output, spent))


def is_full(s: Any) -> bool:
    """Whether heap or log must be given more room before another event: lists grow by themselves."""
    return False
