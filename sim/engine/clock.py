"""A SimPy environment whose events at one instant come in the project's explicit tie order.

SimPy orders by (time, priority, event id), and event ids depend on when things were scheduled.
Here timed events carry the tie key (class, request, attempt) as their priority; what happens as an
immediate consequence (a process resumed, a place handed over) keeps SimPy's own small priorities
and so comes before the next timed event.
"""

from __future__ import annotations

from heapq import heappush
from typing import Any

import simpy
from simpy.events import Event

_AFTER_IMMEDIATE = 2
_BITS = 40


class KeyedEnvironment(simpy.Environment):
    """Integer nanoseconds, and :meth:`at` instead of ``timeout``."""

    @property
    def now(self) -> int:
        """The time in nanoseconds."""
        return int(self._now)

    def at(self, time: int, kind: int, request: int, attempt: int) -> Event:
        """An event at an absolute time, ordered among others of that time by its key."""
        event = Event(self)
        event._ok = True
        event._value = None
        key = ((kind << _BITS | request) << _BITS | attempt) + _AFTER_IMMEDIATE
        queue: list[Any] = self._queue
        heappush(queue, (time, key, next(self._eid), event))
        return event
