"""What a client does with an answer, and what the end of a request sets in motion. Also compiled."""

from __future__ import annotations

from typing import Any

from sim.draws import ADDED, JITTER, draw32
from sim.engine.agenda import retire, schedule
from sim.engine.queues import pop_front
from sim.engine.tables import ATTEMPT, HOLDING, RETRYING, Call, Request, State, World
from sim.policy.admission import OK, budget_is_spent
from sim.policy.backoff import BUDGET, FAILED, GIVE_UP, next_delay, status_class
from sim.policy.breaker import answered
from sim.policy.pacing import adapt
from sim.policy.retry_budget import failed, retry_cost, succeeded
from sim.policy.tables import ADAPTIVE, BREAKS
from sim.results.columns import FAILED as OUT_FAILED
from sim.results.columns import GAVE_UP, NOT_STARTED, SUCCEEDED

ANSWERED = -3
"""Instead of a delay, beside FAILED and GIVE_UP: there is nothing to retry."""
LAST_STATUS = -1
"""A reason to fall back: what the last attempt ended with."""


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
    elif w.clients[client].fallback >= 0 and falls_back(w, s, r, BUDGET, now):
        delay = 0
    else:
        delay = retry_delay(w, s, r, now)
        if delay < 0 and w.clients[client].fallback >= 0 and falls_back(w, s, r, LAST_STATUS, now):
            delay = 0
    if delay < 0:
        outcome = OUT_FAILED if delay == FAILED else GAVE_UP
        finish(w, s, r, SUCCEEDED if delay == ANSWERED else outcome, now)
        return
    if call.status == 429:
        call.throttle += delay
    call.last_delay = delay
    schedule(s, now + delay, ATTEMPT, r)


def falls_back(w: World, s: State, r: int, reason: int, now: int) -> bool:
    """Go on with the client's other model and a fresh set of attempts, once, if it does so for this reason.

    ``reason`` is CIRCUIT, LAST_STATUS, or BUDGET if that is what the last status means: then the client
    does not try the same again first.
    """
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    if reason == BUDGET and not budget_is_spent(w.rules.provider, call.status, call.refused_by):
        return False
    bit = status_class(call.status) if reason == LAST_STATUS else reason
    if rule.fallback < 0 or (rule.fallback_on >> bit) & 1 == 0 or call.model == rule.fallback:
        return False
    if time_left(w, q, call, now) == 0:
        return False
    if reason == BUDGET:
        stop_retrying(call, s.clients[q.client])
    call.model = rule.fallback
    call.fell_back = 1
    call.tried = 0
    call.first_at = now
    call.last_delay = 0
    call.last_cost = 0
    return True


def heed(w: World, s: State, r: int, now: int) -> None:
    """Tell the client's adaptive rate and its breaker what the attempt came back with."""
    call = s.calls[r]
    client = s.requests[r].client
    rule = w.clients[client]
    if rule.guards & ADAPTIVE != 0:
        adapt(s.clients[client], call.status, now)
    if rule.guards & BREAKS != 0:
        answered(rule, s.clients[client], s.cells, call.era, call.status, now)


def retry_delay(w: World, s: State, r: int, now: int) -> int:
    """The delay that the policy and the retry budget allow, or FAILED or GIVE_UP."""
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    memory = s.clients[q.client]
    number = call.number
    stop_retrying(call, memory)
    u = draw32(q.draw_key, number, JITTER) if rule.span > 0 or rule.decorrelated == 1 else 0
    added = draw32(q.draw_key, number, ADDED) if rule.add > 0 else 0
    delay = next_delay(
        rule, w.delays, call.tried, call.status, call.retry_after, call.last_delay,
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
    if call.flags & HOLDING != 0:
        pass_place(s, client, now)
    if q.child >= 0:
        follow(w, s, q.child, outcome, now)
    retire(w, s, r)


def pass_place(s: State, client: Any, now: int) -> None:
    """Hand a place at the client to the next in its queue, or free it."""
    heir = pop_front(client, s.calls)
    if heir >= 0:
        client.waiting -= 1
        s.calls[heir].flags |= HOLDING
        schedule(s, now, ATTEMPT, heir)
    else:
        client.active -= 1


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
