"""The heap and the log over int64 arrays: :mod:`sim.engine.agenda` for the compiled loop.

No memory is taken here, so that the whole kernel compiles without reference counts. ``s.heap`` is
``(capacity, 2)`` with its first event in row 1, ``s.log`` ``(capacity, LOG_WIDTH)``; ``s.used``
holds how many rows of each are in use. Whoever runs the kernel gives more room when it is full.
"""

from __future__ import annotations

from typing import Any

CLASS_BITS = 60
ROOM = 16
HEAP, LOG = 0, 1
"""Places in ``s.used``."""


def is_before(heap: Any, row: int, time: int, tie: int) -> bool:
    """Whether the event in ``row`` comes before an event of this time and tie key."""
    its_time: int = heap[row, 0]
    its_tie: int = heap[row, 1]
    return its_time < time or (its_time == time and its_tie < tie)


def place(heap: Any, row: int, time: int, tie: int) -> None:
    """Put an event into a row."""
    heap[row, 0] = time
    heap[row, 1] = tie


def schedule(s: Any, time: int, kind: int, request: int) -> None:
    """Add an event: sift it up from the end."""
    tie = (kind << CLASS_BITS) + request
    at = s.used[HEAP] + 1
    s.used[HEAP] = at
    while at > 1 and not is_before(s.heap, at >> 1, time, tie):
        above = at >> 1
        place(s.heap, at, s.heap[above, 0], s.heap[above, 1])
        at = above
    place(s.heap, at, time, tie)


def first_time(s: Any, never: int) -> int:
    """When the next event is; ``never`` when there is none."""
    time: int = s.heap[1, 0]
    return time if s.used[HEAP] > 0 else never


def first_tie(s: Any) -> int:
    """The tie key of the next event."""
    tie: int = s.heap[1, 1]
    return tie


def drop_first(s: Any) -> None:
    """Remove the next event: sift the last one down from the top."""
    last = s.used[HEAP]
    s.used[HEAP] = last - 1
    time = s.heap[last, 0]
    tie = s.heap[last, 1]
    at = 1
    below = 2
    while below < last:
        if below + 1 < last and is_before(s.heap, below + 1, s.heap[below, 0], s.heap[below, 1]):
            below += 1
        if not is_before(s.heap, below, time, tie):
            break
        place(s.heap, at, s.heap[below, 0], s.heap[below, 1])
        at = below
        below = at * 2
    place(s.heap, at, time, tie)


def write(
    s: Any, request: int, attempt: int, at: int, end_at: int, status: int, refused_by: int,
    retry_after: int, output: int, spent: int,
) -> None:  # fmt: skip
    """One line of the log, in the order of tables.LOG."""
    row = s.used[LOG]
    s.used[LOG] = row + 1
    log = s.log
    log[row, 0] = request
    log[row, 1] = attempt
    log[row, 2] = at
    log[row, 3] = end_at
    log[row, 4] = status
    log[row, 5] = refused_by
    log[row, 6] = retry_after
    log[row, 7] = output
    log[row, 8] = spent


def is_full(s: Any) -> bool:
    """Whether heap or log must be given more room before another event."""
    most: int = max(s.used[HEAP] - s.heap.shape[0], s.used[LOG] - s.log.shape[0])
    return most + ROOM > 0
