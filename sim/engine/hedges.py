"""Two attempts of one request in flight: the record that holds the second, and which has ended. Also compiled.

``Call`` holds the attempt that everything speaks of, ``Second`` the other one. Where the other one is
meant, they are swapped first, so that all the rest need not know.
"""

from __future__ import annotations

from sim.engine.tables import ADMITTED, PENDING, Call, Second, State, World
from sim.policy.breaker import CLOSED
from sim.policy.pacing import pace

UNDER_WAY = PENDING | ADMITTED
AT_ONCE = 1
"""Nanoseconds that a hedge has left to leave: it takes a token that is there, or does not go."""


def swap(call: Call, other: Second) -> None:
    """Exchange the two attempts."""
    number, at, status, refused_by = call.number, call.at, call.status, call.refused_by
    call.number, call.at, call.status, call.refused_by = other.number, other.at, other.status, other.refused_by
    other.number, other.at, other.status, other.refused_by = number, at, status, refused_by
    hangs_up_at, begun, factor, end_at = call.hangs_up_at, call.begun, call.factor, call.end_at
    call.hangs_up_at, call.begun, call.factor, call.end_at = other.hangs_up_at, other.begun, other.factor, other.end_at
    other.hangs_up_at, other.begun, other.factor, other.end_at = hangs_up_at, begun, factor, end_at
    retry_after, era, flags = call.retry_after, call.era, call.flags
    call.retry_after, call.era = other.retry_after, other.era
    call.flags = flags & ~UNDER_WAY | other.flags
    other.retry_after, other.era, other.flags = retry_after, era, flags & UNDER_WAY


def has_second(w: World, s: State, r: int) -> bool:
    """Whether another attempt of the request is in flight beside the one in its call."""
    hedges: bool = w.clients[s.requests[r].client].hedge_after >= 0
    return hedges and s.seconds[r].flags & PENDING != 0


def awaited(w: World, s: State, r: int, number: int, now: int) -> bool:
    """Whether this end is that of an attempt in flight, which then is the one in the call.

    A slot in time overtakes the end that was planned at the timeout, and a good answer the other
    attempt's; by then the request may be over and its place in memory another's.
    """
    call = s.calls[r]
    if number != s.requests[r].number:
        return False
    if call.flags & PENDING != 0 and now == call.end_at:
        return True
    if not has_second(w, s, r) or now != s.seconds[r].end_at:
        return False
    swap(call, s.seconds[r])
    return True


def steps_aside(w: World, s: State, r: int, number: int, now: int) -> bool:
    """Set the attempt aside for a second one, if it is still in flight and the client would send one now."""
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    client = s.clients[q.client]
    if number != q.number or call.flags & UNDER_WAY != UNDER_WAY or now != call.at + rule.hedge_after:
        return False
    if call.era >= 0 and client.circuit != CLOSED:
        return False
    if pace(rule, client, AT_ONCE, now) != 0:
        return False
    s.seconds[r].refused_by = call.refused_by
    s.seconds[r].era = client.era if call.era >= 0 else -1
    swap(call, s.seconds[r])
    return True
