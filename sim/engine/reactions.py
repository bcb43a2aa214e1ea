"""What a client does with an answer, and what the end of a request sets in motion. Also compiled."""

from __future__ import annotations

from typing import Any

from sim.draws import ADDED, JITTER, draw32
from sim.engine.agenda import retire, schedule
from sim.engine.queues import pop_front
from sim.engine.tables import ATTEMPT, HOLDING, RETRYING, Call, Request, State, World
from sim.policy.admission import OK
from sim.policy.backoff import FAILED, GIVE_UP, next_delay
from sim.policy.retry_budget import failed, retry_cost, succeeded
from sim.results.columns import FAILED as OUT_FAILED
from sim.results.columns import GAVE_UP, NOT_STARTED, SUCCEEDED

ANSWERED = -3
"""Instead of a delay, beside FAILED and GIVE_UP: there is nothing to retry."""


def time_left(w: World, q: Request, call: Call, now: int) -> int:
    """Nanoseconds until the client's deadline, at least 0; -1 for no deadline."""
    deadline: int = w.clients[q.client].deadline
    if deadline < 0:
        return -1
    return max(0, call.arrival + deadline - now)


def react(w: World, s: State, r: int, now: int) -> None:
    """The client decides: done, try again after a delay, or stop."""
    call = s.calls[r]
    client = s.requests[r].client
    if call.status == OK:
        succeeded(w.clients[client], s.clients[client], call.last_cost)
        delay = ANSWERED
    else:
        delay = retry_delay(w, s, r, now)
    if delay < 0:
        outcome = OUT_FAILED if delay == FAILED else GAVE_UP
        finish(w, s, r, SUCCEEDED if delay == ANSWERED else outcome, now)
        return
    if call.status == 429:
        call.throttle += delay
    call.last_delay = delay
    schedule(s, now + delay, ATTEMPT, r)


def retry_delay(w: World, s: State, r: int, now: int) -> int:
    """The delay that the policy and the retry budget allow, or FAILED or GIVE_UP."""
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    memory = s.clients[q.client]
    number = call.attempts - 1
    stop_retrying(call, memory)
    u = draw32(q.draw_key, number, JITTER) if rule.span > 0 or rule.decorrelated == 1 else 0
    added = draw32(q.draw_key, number, ADDED) if rule.add > 0 else 0
    delay = next_delay(
        rule, w.delays, call.attempts, call.status, call.retry_after, call.last_delay,
        now - call.first_at, time_left(w, q, call, now), u, added,
    )  # fmt: skip
    if delay != FAILED:
        failed(rule, memory)
    if delay < 0:
        return delay
    price = retry_cost(rule, memory, s.cells, call.status, now)
    if price < 0:
        return GIVE_UP
    call.last_cost = price
    call.flags |= RETRYING
    memory.retrying += 1
    return delay


def stop_retrying(call: Call, client: Any) -> None:
    """This request is no longer a retry under way."""
    if call.flags & RETRYING != 0:
        call.flags &= ~RETRYING
        client.retrying -= 1


def finish(w: World, s: State, r: int, outcome: int, now: int) -> None:
    """The request is over: hand its place to the next in the queue, start the next session step."""
    call = s.calls[r]
    q = s.requests[r]
    client = s.clients[q.client]
    call.outcome = outcome
    call.finish = now
    stop_retrying(call, client)
    heir = pop_front(client, s.calls)
    if heir >= 0:
        s.calls[heir].flags |= HOLDING
        schedule(s, now, ATTEMPT, heir)
    else:
        client.active -= 1
    if q.child >= 0:
        follow(w, s, q.child, outcome, now)
    retire(w, s, r)


def follow(w: World, s: State, child: int, outcome: int, now: int) -> None:
    """Start the session's next step after its think time, or give up on the rest of the session."""
    at = now + s.requests[child].think
    if at < w.duration and (outcome == SUCCEEDED or s.requests[child].stops == 0):
        s.calls[child].arrival = at
        schedule(s, at, ATTEMPT, child)
        return
    while child >= 0:
        step = child
        child = s.requests[step].child
        s.calls[step].outcome = NOT_STARTED
        retire(w, s, step)
