"""What is to happen next, what is under way, and what has happened: in ordinary Python.

:mod:`sim.engine.agenda_compiled` has the same functions over arrays, for the compiled loop, where
only what is under way is in memory. Here the whole plan is, and a request's slot is its number.

An event is (time, tie, slot), where tie is class × 2^60 + number of the request. The attempt that
completes the tie key needs no place: a request has one event ahead of it, beside answers that were
overtaken and are ignored.
"""

from __future__ import annotations

import heapq
from typing import Any

CLASS_BITS = 60
ADMISSION_ROWS = 3
"""What ``w.rows`` keeps when admissions are kept."""


def schedule(s: Any, time: int, kind: int, slot: int) -> None:
    """Add an event of the request in this slot."""
    heapq.heappush(s.heap, (time, (kind << CLASS_BITS) + s.requests[slot].number, slot))


def schedule_wake(s: Any, time: int, number: int) -> None:
    """Add the end of brown-out ``number``."""
    heapq.heappush(s.heap, (time, number, -1))


def first_time(s: Any, never: int) -> int:
    """When the next event is; ``never`` when there is none."""
    return s.heap[0][0] if s.heap else never


def first_tie(s: Any) -> int:
    """The tie key of the next event; anything when there is none."""
    tie: int = s.heap[0][1] if s.heap else 0
    return tie


def first_slot(s: Any) -> int:
    """The slot of the next event."""
    slot: int = s.heap[0][2]
    return slot


def drop_first(s: Any) -> None:
    """Remove the next event."""
    heapq.heappop(s.heap)


def load(w: Any, s: Any, row: int) -> int:
    """Give the arriving request in this row of the plan a slot."""
    return row


def retire(w: Any, s: Any, slot: int) -> None:
    """The request is over; its report stays where it is."""


def write(w: Any, s: Any, slot: int, end_at: int, refuser: int, output: int, spent: int) -> None:
    """One line of the log, in the order of tables.LOG."""
    call, q = s.calls[slot], s.requests[slot]
    s.log.append(
        (q.number, call.number, call.at, end_at, call.status, refuser, call.retry_after, output, spent,
         q.team, q.key, call.model, q.uncached, call.arrival)
    )  # fmt: skip


def write_admission(w: Any, s: Any, slot: int, now: int) -> None:
    """Note that an attempt was let in, in the order of tables.ADMISSION."""
    if w.rows >= ADMISSION_ROWS:
        q = s.requests[slot]
        s.admissions.append((len(s.log), now, q.team, q.key, s.calls[slot].model, q.uncached))


def has_room(w: Any, s: Any, upcoming: int) -> bool:
    """Whether another event can be handled before memory must grow: lists grow by themselves."""
    return True


def is_full(s: Any) -> bool:
    """Whether heap, log or report must be given more room."""
    return False
