"""The event loop as a state machine: one heap of events, no objects.

It runs as ordinary Python (engine ``plain``) and compiled (engine ``compiled``) from this source.
With the SimPy engine it shares the policy functions, the plan and the tie key, nothing else: that
is why their agreement means something. Functions are named after what happens to a request:
``attempt``, ``serve``, ``end``, ``react``, ``finish``.
"""

from __future__ import annotations

from sim.draws import FIRST_TOKEN, PER_TOKEN, draw32
from sim.engine.agenda import (
    CLASS_BITS,
    drop_first,
    first_slot,
    first_tie,
    first_time,
    has_room,
    is_full,
    load,
    retire,
    schedule,
    write,
    write_admission,
)
from sim.engine.queues import pop_front, push_back, unlink
from sim.engine.reactions import finish, react, time_left
from sim.engine.tables import (
    ADMITTED,
    ANSWERS,
    ATTEMPT,
    END,
    HOLDING,
    PENDING,
    REFUSALS,
    Call,
    Request,
    State,
    World,
)
from sim.policy.admission import NOBODY, OK, admit, settle
from sim.policy.pricing import cost
from sim.policy.retry_budget import started
from sim.policy.service import WIDTH, answer_ns, drawn, produced
from sim.policy.tables import Ask
from sim.results.columns import GAVE_UP, NOT_STARTED, STATUS_NONE, STATUS_TIMEOUT, UNFINISHED

ARRIVES = ATTEMPT << CLASS_BITS
"""The tie key of attempts of request 0; answers are below."""
DONE = -1
LATER = -1
"""Instead of the time of an end: it is an event to come."""


def run(w: World, s: State, upcoming: int) -> int:
    """Go on from row ``upcoming`` of the chunk until ``w.until``, or until memory must grow.

    Returns the row to go on from, or DONE when nothing is left before ``w.until``. The state holds
    the result.
    """
    count = len(w.requests)
    upcoming = next_arrival(w, upcoming)
    while has_room(w, s, upcoming):
        now = first_time(s, w.until)
        arrival = w.requests[upcoming].arrival if upcoming < count else w.until
        if now >= w.until and arrival >= w.until:
            return DONE
        tie = first_tie(s)
        if arrival < now or (arrival == now and ARRIVES + w.requests[upcoming].number <= tie):
            now = arrival
            tie = ARRIVES
            r = load(w, s, upcoming)
            upcoming = next_arrival(w, upcoming + 1)
        else:
            r = first_slot(s)
            drop_first(s)
        if tie >= ARRIVES:
            now = attempt(w, s, r, now)
        elif not awaited(s.calls[r], s.requests[r], tie, now):
            continue
        if now >= 0:
            end(w, s, r, now)
    return upcoming


def next_arrival(w: World, row: int) -> int:
    """The first row from ``row`` on that arrives by itself; steps of a session come with its first.

    Room must be asked for this row: a session needs a slot for each of its steps.
    """
    while row < len(w.requests) and w.requests[row].arrival < 0:
        row += 1
    return row


def attempt(w: World, s: State, r: int, now: int) -> int:
    """A request arrives, leaves its client's queue, or tries again.

    Returns when the attempt ends if that can be told at once; LATER when its end is an event.
    """
    call = s.calls[r]
    q = s.requests[r]
    if call.attempts == 0 and not begin(w, s, r, now):
        return LATER
    number = call.attempts
    call.attempts = number + 1
    call.at = now
    call.begun = -1
    call.flags |= PENDING
    status, refuser, after = admit(w.rules, s.memory, ask_of(w, q, number), can_take(w, s, q.model), now)
    call.status = status
    call.retry_after = after
    if status != OK:
        call.refused_by = refuser
        call.end_at = now + w.rules.provider.round_trip
        return end_of(w, s, r, q.heard & REFUSALS != 0)
    call.flags |= ADMITTED
    write_admission(w, s, r, now)
    left = time_left(w, q, call, now)
    timeout = w.clients[q.client].timeout
    call.hangs_up_at = now + (timeout if left < 0 else min(timeout, left))
    if has_slot(w, s, q.model):
        serve(w, s, r, now)
        return end_of(w, s, r, q.heard & ANSWERS != 0)
    wait_for_slot(s, q.model, r)
    return LATER


def end_of(w: World, s: State, r: int, heard: bool) -> int:
    """Plan the end of an attempt, or tell it ahead of time where it changes nothing for anybody else.

    Most worlds are like that, and an event costs more than all the rest of an attempt.
    """
    at: int = s.calls[r].end_at
    if not heard and at < w.until:
        return at
    schedule(s, at, END, r)
    return LATER


def begin(w: World, s: State, r: int, now: int) -> bool:
    """A place at the client and time to try: whether the first attempt is made now."""
    call = s.calls[r]
    q = s.requests[r]
    client = s.clients[q.client]
    if call.flags & HOLDING == 0:
        limit = w.clients[q.client].max_concurrent
        if limit >= 0 and client.active >= limit:
            push_back(client, s.calls, r)
            return False
        client.active += 1
        call.flags |= HOLDING
    call.first_at = now
    started(w.clients[q.client], client, s.cells, now)
    if time_left(w, q, call, now) == 0:
        finish(w, s, r, GAVE_UP, now)
        return False
    return True


def ask_of(w: World, q: Request, number: int) -> Ask:
    """The attempt as the provider's rules see it."""
    key = w.rules.keys[q.key]
    hold = 0
    if key.first_cap < key.last_cap:
        hold = cost(w.rules.models[q.model], q.uncached, q.cached, q.max_tokens)
    return Ask(
        q.key, q.team, q.account, q.project, q.model, q.est_uncached, q.est_total,
        q.max_tokens, hold, q.draw_key, number,
    )  # fmt: skip


def has_slot(w: World, s: State, model: int) -> bool:
    """Whether the provider can begin an answer of this model now."""
    slots: int = w.rules.models[model].slots
    busy: int = s.models[model].busy
    return slots < 0 or busy < slots


def can_take(w: World, s: State, model: int) -> bool:
    """Whether there is a slot, or a place in the queue for one."""
    waiting: int = s.models[model].waiting
    places: int = w.rules.models[model].queue
    return has_slot(w, s, model) or waiting < places


def answer_times(w: World, q: Request, number: int) -> tuple[int, int]:
    """Time to the first token and per token of this attempt, by its own luck."""
    table = q.model * 2 * WIDTH
    first = drawn(w.knots, table, draw32(q.draw_key, number, FIRST_TOKEN))
    each = drawn(w.knots, table + WIDTH, draw32(q.draw_key, number, PER_TOKEN))
    return first, each


def serve(w: World, s: State, r: int, now: int) -> None:
    """The provider begins to answer; the end is known at once: the answer, or the client's timeout."""
    call = s.calls[r]
    q = s.requests[r]
    s.models[q.model].busy += 1
    call.begun = now
    number = call.attempts - 1
    first, each = answer_times(w, q, number)
    done = now + answer_ns(first, each, q.output)
    call.status = OK if done <= call.hangs_up_at else STATUS_TIMEOUT
    call.end_at = min(done, call.hangs_up_at)


def wait_for_slot(s: State, model: int, r: int) -> None:
    """Join the provider's queue; if no slot comes in time, the client hangs up."""
    call = s.calls[r]
    s.models[model].waiting += 1
    push_back(s.models[model], s.calls, r)
    call.status = STATUS_TIMEOUT
    call.end_at = call.hangs_up_at
    schedule(s, call.end_at, END, r)


def awaited(call: Call, q: Request, number: int, now: int) -> bool:
    """Whether this end is the one awaited.

    A slot in time overtakes the end that was planned at the timeout; by then the request may be
    over and its place in memory another's.
    """
    return call.flags & PENDING != 0 and now == call.end_at and number == q.number


def end(w: World, s: State, r: int, now: int) -> None:
    """The client has the answer, or has hung up."""
    call = s.calls[r]
    admitted = call.flags & ADMITTED != 0
    call.flags &= ~(PENDING | ADMITTED)
    output = 0
    spent = 0
    if admitted:
        output, spent = account(w, s, r, now)
    log(w, s, r, now, output, spent, admitted)
    if admitted:
        leave_slot(w, s, r, now)
    react(w, s, r, now)


def account(w: World, s: State, r: int, now: int) -> tuple[int, int]:
    """Settle limits and caps for an admitted attempt; (output produced, micro-dollars billed)."""
    call = s.calls[r]
    q = s.requests[r]
    number = call.attempts - 1
    output = 0
    spent = 0
    if call.begun >= 0:
        output = q.output
        if call.status != OK:
            first, each = answer_times(w, q, number)
            output = produced(now - call.begun, first, each, q.output)
        if call.status == OK or w.rules.provider.bill_abandoned == 1:
            spent = cost(w.rules.models[q.model], q.uncached, q.cached, output)
    call.cost += spent
    if call.status != OK:
        call.wasted += spent
    ask = ask_of(w, q, number)
    settle(w.rules, s.memory, ask, q.uncached, q.uncached + q.cached, output, spent, call.at, now)
    return output, spent


def log(w: World, s: State, r: int, end_at: int, output: int, spent: int, admitted: bool) -> None:
    """Write the attempt that just ended."""
    call = s.calls[r]
    refuser = NOBODY if admitted else call.refused_by
    write(w, s, r, end_at, refuser, output, spent)


def leave_slot(w: World, s: State, r: int, now: int) -> None:
    """Give the slot to the first that still waits, or free it; or leave the queue without one."""
    model = s.requests[r].model
    memory = s.models[model]
    if s.calls[r].begun < 0:
        unlink(memory, s.calls, r)
        memory.waiting -= 1
        return
    memory.busy -= 1
    heir = pop_front(memory, s.calls)
    if heir >= 0:
        memory.waiting -= 1
        serve(w, s, heir, now)
        schedule(s, s.calls[heir].end_at, END, heir)


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
            if call.flags & PENDING != 0:
                call.status = STATUS_NONE
                call.retry_after = -1
                log(w, s, r, -1, 0, 0, call.flags & ADMITTED != 0)
            retire(w, s, r)
        r += 1
    return DONE
