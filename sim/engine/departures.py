"""What an attempt must pass at its own client before it leaves for the provider. Also compiled.

A place among ``max_concurrent``, the deadline, the circuit breaker, the client's own rates.
"""

from __future__ import annotations

from sim.engine.agenda import schedule
from sim.engine.queues import push_back
from sim.engine.reactions import falls_back, time_left
from sim.engine.tables import ATTEMPT, HOLDING, PAID, State, World
from sim.policy.backoff import CIRCUIT
from sim.policy.breaker import blocks, passes
from sim.policy.pacing import pace
from sim.policy.retry_budget import started
from sim.policy.tables import BREAKS
from sim.results.columns import STATUS_CIRCUIT, STATUS_QUEUE

STOPS, WAITS, GOES = 0, 1, 2
"""The request is over, its attempt has to wait, its attempt leaves now."""


def begin(w: World, s: State, r: int, now: int) -> int:
    """A place at the client and time to try: STOPS, WAITS or GOES."""
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    client = s.clients[q.client]
    if call.flags & HOLDING == 0:
        if rule.max_concurrent >= 0 and client.active >= rule.max_concurrent:
            if 0 <= rule.max_queue <= client.waiting:
                call.status = STATUS_QUEUE
                return STOPS
            client.waiting += 1
            push_back(client, s.calls, r)
            return WAITS
        client.active += 1
        call.flags |= HOLDING
    call.first_at = now
    call.held += now - call.arrival
    started(rule, client, s.cells, now)
    return STOPS if time_left(w, q, call, now) == 0 else GOES


def leave(w: World, s: State, r: int, now: int) -> int:
    """Past the breaker and the client's own rates: STOPS, WAITS or GOES."""
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    client = s.clients[q.client]
    guarded = rule.guards & BREAKS != 0
    # The breaker watches over the models that the plan asks for, not over what stands in for them.
    if guarded and call.fell_back == 0 and blocks(rule, client, now) and not falls_back(w, s, r, CIRCUIT, now):
        call.status = STATUS_CIRCUIT
        return STOPS
    if call.flags & PAID == 0:
        wait = pace(rule, client, time_left(w, q, call, now), now)
        if wait < 0:
            return STOPS
        if wait > 0:
            call.flags |= PAID
            call.held += wait
            schedule(s, now + wait, ATTEMPT, r)
            return WAITS
    call.flags &= ~PAID
    call.era = passes(client, now) if guarded and call.fell_back == 0 else -1
    return GOES
