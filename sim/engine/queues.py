"""Queues as lists linked through the calls: a client's for its places, a model's for its slots.

``queue`` is any record with ``head`` and ``tail`` (-1 when empty), ``calls`` the table of calls.
"""

from __future__ import annotations

from typing import Any


def push_back(queue: Any, calls: Any, r: int) -> None:
    """Append to a client's or a model's queue, a list linked through the calls."""
    calls[r].next = -1
    if queue.head < 0:
        queue.head = r
    else:
        calls[queue.tail].next = r
    queue.tail = r


def pop_front(queue: Any, calls: Any) -> int:
    """Take the first of a queue; -1 when it is empty."""
    r: int = queue.head
    if r >= 0:
        queue.head = calls[r].next
    return r


def unlink(queue: Any, calls: Any, r: int) -> None:
    """Remove ``r`` from anywhere in a queue."""
    if queue.head == r:
        queue.head = calls[r].next
        return
    at = queue.head
    while calls[at].next != r:
        at = calls[at].next
    calls[at].next = calls[r].next
    if queue.tail == r:
        queue.tail = at
