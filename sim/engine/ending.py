"""What is written of an attempt, and the end of a run. Also compiled."""

from __future__ import annotations

from sim.engine.agenda import is_full, retire, write
from sim.engine.hedges import has_second, swap
from sim.engine.tables import ADMITTED, PENDING, State, World
from sim.policy.admission import NOBODY
from sim.results.columns import NOT_STARTED, STATUS_NONE, UNFINISHED

DONE = -1


def log(w: World, s: State, r: int, end_at: int, output: int, spent: int, admitted: bool) -> None:
    """Write the attempt that just ended."""
    call = s.calls[r]
    refuser = NOBODY if admitted else call.refused_by
    write(w, s, r, end_at, refuser, output, spent)


def close(w: World, s: State, r: int) -> int:
    """At the horizon, from slot ``r`` on: name what did not end, log the attempts under way.

    Returns the slot to go on from when memory must grow, DONE when all are named.
    """
    while r < len(s.calls):
        if is_full(s):
            return r
        call = s.calls[r]
        if call.outcome < 0:
            call.outcome = UNFINISHED if call.arrival >= 0 else NOT_STARTED
            if call.arrival >= 0 and has_second(w, s, r):
                swap(call, s.seconds[r])
                log_unfinished(w, s, r)
                swap(call, s.seconds[r])
            if call.flags & PENDING != 0:
                log_unfinished(w, s, r)
            retire(w, s, r)
        r += 1
    return DONE


def log_unfinished(w: World, s: State, r: int) -> None:
    """Write an attempt that is still under way."""
    call = s.calls[r]
    call.status = STATUS_NONE
    call.retry_after = -1
    log(w, s, r, -1, 0, 0, call.flags & ADMITTED != 0)
