"""What is to happen next, what is under way, and what has happened: over int64 arrays.

:mod:`sim.engine.agenda` for the compiled loop. Only requests under way are in memory: ``load``
copies an arriving request (a session with all its steps) from the chunk of the plan into free
slots, ``retire`` writes its report and frees its slot. No memory is taken here, so that the whole
kernel compiles without reference counts; whoever runs it gives more room when it is full.

``s.heap`` is ``(capacity, 3)`` with its first event in row 1, ``s.log`` ``(LOG_WIDTH, capacity)``,
``s.report`` ``(REPORT_WIDTH, capacity)``, ``s.admissions`` ``(ADMISSION_WIDTH, capacity)``, ``s.free``
a stack of free slots. ``s.used`` holds how many rows of each are in use. What is written is in
columns, which nobody has to copy apart later; with ``w.in_order`` reports stand at their request's
number, which nobody has to sort then.
"""

from __future__ import annotations

from typing import Any

from sim.draws import MASK62
from sim.engine.fold import SALTS, fold
from sim.policy.bucket import NEVER

CLASS_BITS = 60
ROOM = 16
"""Rows that one event may need at most, with a margin."""
HEAP, LOG, REPORT, FREE, ADMISSIONS = 0, 1, 2, 3, 4
"""Places in ``s.used``."""
NO_ROWS, REQUEST_ROWS, ATTEMPT_ROWS, ADMISSION_ROWS = 0, 1, 2, 3
"""What ``w.rows`` keeps: nothing, reports, the log too, or admissions too."""


def is_before(heap: Any, row: int, time: int, tie: int) -> bool:
    """Whether the event in ``row`` comes before an event of this time and tie key."""
    its_time: int = heap[row, 0]
    its_tie: int = heap[row, 1]
    # No branch: the outcome is a coin toss, and a wrong guess costs more than the second comparison.
    return (its_time < time) | ((its_time == time) & (its_tie < tie))


def place(heap: Any, row: int, time: int, tie: int, slot: int) -> None:
    """Put an event into a row."""
    heap[row, 0] = time
    heap[row, 1] = tie
    heap[row, 2] = slot


def schedule(s: Any, time: int, kind: int, slot: int) -> None:
    """Add an event of the request in this slot."""
    push(s, time, (kind << CLASS_BITS) + s.requests[slot].number, slot)


def push(s: Any, time: int, tie: int, slot: int) -> None:
    """Add an event: sift it up from the end."""
    heap = s.heap
    at = s.used[HEAP] + 1
    s.used[HEAP] = at
    while at > 1 and not is_before(heap, at >> 1, time, tie):
        above = at >> 1
        place(heap, at, heap[above, 0], heap[above, 1], heap[above, 2])
        at = above
    place(heap, at, time, tie, slot)


def schedule_wake(s: Any, time: int, number: int) -> None:
    """Add the end of brown-out ``number``."""
    push(s, time, number, -1)


def first_time(s: Any, never: int) -> int:
    """When the next event is; ``never`` when there is none."""
    time: int = s.heap[1, 0]
    return time if s.used[HEAP] > 0 else never


def first_tie(s: Any) -> int:
    """The tie key of the next event; anything when there is none."""
    tie: int = s.heap[1, 1]
    return tie


def first_slot(s: Any) -> int:
    """The slot of the next event."""
    slot: int = s.heap[1, 2]
    return slot


def drop_first(s: Any) -> None:
    """Remove the next event: sift the last one down from the top."""
    heap = s.heap
    last = s.used[HEAP]
    s.used[HEAP] = last - 1
    time = heap[last, 0]
    tie = heap[last, 1]
    slot = heap[last, 2]
    heap[last, 0] = NEVER
    at = 1
    below = 2
    while below < last:
        below += int(is_before(heap, below + 1, heap[below, 0], heap[below, 1]))
        if not is_before(heap, below, time, tie):
            break
        place(heap, at, heap[below, 0], heap[below, 1], heap[below, 2])
        at = below
        below = at * 2
    place(heap, at, time, tie, slot)


def occupy(w: Any, s: Any, row: int) -> int:
    """Copy one row of the chunk into a free slot."""
    top = s.used[FREE] - 1
    s.used[FREE] = top
    slot: int = s.free[top]
    s.requests[slot] = w.requests[row]
    s.calls[slot] = s.blank[0]
    s.calls[slot].arrival = w.requests[row].arrival
    s.calls[slot].model = w.requests[row].model
    return slot


def load(w: Any, s: Any, row: int) -> int:
    """Give the arriving request in this row of the chunk a slot, and each later step of its session."""
    first = occupy(w, s, row)
    slot = first
    child = w.requests[row].child
    while child >= 0:
        step = occupy(w, s, child)
        s.requests[slot].child = step
        slot = step
        child = w.requests[child].child
    return first


def retire(w: Any, s: Any, slot: int) -> None:
    """Write the report of a request that is over, add it to a stream's digest, and free its slot."""
    if w.in_order == 1:  # the digest of a whole plan is made from its reports, and what was planned is at hand
        if w.rows >= REQUEST_ROWS:
            report(s.report, s.requests[slot].number, s.calls[slot])
    else:
        add_to_digest(s.sums, s.requests[slot].number, s.calls[slot])
        if w.rows >= REQUEST_ROWS:
            row = s.used[REPORT]
            s.used[REPORT] = row + 1
            report(s.report, row, s.calls[slot])
            report_plan(s.report, row, s.requests[slot], s.calls[slot])
    s.free[s.used[FREE]] = slot
    s.used[FREE] += 1


def add_to_digest(sums: Any, number: int, call: Any) -> None:
    """Add what became of a request to the run's sums."""
    for at in range(len(SALTS)):
        hashed = fold(number, call.outcome, call.attempts, call.finish, call.cost, SALTS[at])
        sums[at] = (sums[at] + hashed) & MASK62


def report(rows: Any, row: int, call: Any) -> None:
    """What became of a request, one line of the report in the order of tables.REPORT."""
    rows[1, row] = call.arrival
    rows[2, row] = call.attempts
    rows[3, row] = call.outcome
    rows[4, row] = call.finish
    rows[5, row] = call.status
    rows[6, row] = call.cost
    rows[7, row] = call.wasted
    rows[8, row] = call.throttle
    rows[9, row] = call.refused_by
    rows[10, row] = call.held
    rows[11, row] = call.model


def report_plan(rows: Any, row: int, q: Any, call: Any) -> None:
    """The rest of the line: what was planned, and the start of the last attempt."""
    rows[0, row] = q.number
    rows[12, row] = q.origin
    rows[13, row] = q.team
    rows[14, row] = q.key
    rows[15, row] = q.model
    rows[16, row] = q.uncached
    rows[17, row] = q.cached
    rows[18, row] = q.output
    rows[19, row] = call.at


def write(w: Any, s: Any, slot: int, end_at: int, refuser: int, output: int, spent: int) -> None:
    """One line of the log, in the order of tables.LOG."""
    if w.rows < ATTEMPT_ROWS:
        return
    row = s.used[LOG]
    s.used[LOG] = row + 1
    call = s.calls[slot]
    rows = s.log
    q = s.requests[slot]
    rows[0, row] = q.number
    rows[1, row] = call.number
    rows[2, row] = call.at
    rows[3, row] = end_at
    rows[4, row] = call.status
    rows[5, row] = refuser
    rows[6, row] = call.retry_after
    rows[7, row] = output
    rows[8, row] = spent
    rows[9, row] = q.team
    rows[10, row] = q.key
    rows[11, row] = call.model
    rows[12, row] = q.uncached
    rows[13, row] = call.arrival


def write_admission(w: Any, s: Any, slot: int, now: int) -> None:
    """Note that an attempt was let in, in the order of tables.ADMISSION."""
    if w.rows < ADMISSION_ROWS:
        return
    row = s.used[ADMISSIONS]
    s.used[ADMISSIONS] = row + 1
    rows = s.admissions
    q = s.requests[slot]
    rows[0, row] = s.used[LOG]
    rows[1, row] = now
    rows[2, row] = q.team
    rows[3, row] = q.key
    rows[4, row] = s.calls[slot].model
    rows[5, row] = q.uncached


def steps(w: Any, row: int) -> int:
    """How many slots the request in this row needs: one, or its session's steps."""
    count = 1
    child = w.requests[row].child
    while child >= 0:
        count += 1
        child = w.requests[child].child
    return count


def has_room(w: Any, s: Any, upcoming: int) -> bool:
    """Whether another event can be handled before memory must grow.

    A session that ends early retires all its steps at once, hence the report's margin is the
    number of slots in use.
    """
    if is_full(s):
        return False
    if upcoming >= len(w.requests) or w.requests[upcoming].arrival < 0:
        return True
    free: int = s.used[FREE]
    return free >= steps(w, upcoming)


def is_full(s: Any) -> bool:
    """Whether heap, log or report must be given more room."""
    under_way = len(s.calls) - s.used[FREE]
    most: int = max(
        s.used[HEAP] - len(s.heap), s.used[LOG] - s.log.shape[1], s.used[ADMISSIONS] - s.admissions.shape[1]
    )
    left: int = s.report.shape[1] - s.used[REPORT]
    return most + ROOM > 0 or left <= under_way
