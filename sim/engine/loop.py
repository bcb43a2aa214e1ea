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
    load,
    schedule,
    schedule_wake,
    write_admission,
)
from sim.engine.departures import GOES, STOPS, begin, leave
from sim.engine.ending import DONE, close, log
from sim.engine.hedges import awaited, has_second, steps_aside, swap
from sim.engine.queues import pop_front, push_back, unlink
from sim.engine.reactions import finish, heed, react, time_left
from sim.engine.tables import (
    ADMITTED,
    ANSWERS,
    ATTEMPT,
    END,
    HEDGE,
    PENDING,
    REFUSALS,
    Request,
    State,
    World,
)
from sim.policy.admission import OK, admit, settle
from sim.policy.faults import ONE, changes_answers, slots_now
from sim.policy.pricing import bill
from sim.policy.service import WHOLE, WIDTH, answer_ns, disturbed, drawn, produced, slowed, until_cut
from sim.policy.tables import ADAPTIVE, BREAKS, Ask
from sim.results.columns import GAVE_UP, STATUS_CONNECTION, STATUS_TIMEOUT

ENDS = END << CLASS_BITS
"""The tie key of answers to request 0; ends of brown-outs are below."""
__all__ = ["DONE", "close", "run"]

ARRIVES = ATTEMPT << CLASS_BITS
"""The tie key of attempts of request 0; answers are below."""
HEDGES = HEDGE << CLASS_BITS
"""The tie key of second attempts of request 0."""
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
        if tie >= HEDGES and not steps_aside(w, s, r, tie - HEDGES, now):
            continue
        if tie >= ARRIVES:
            now = attempt(w, s, r, tie >= HEDGES, now)
        elif tie < ENDS:
            wake(w, s, tie, now)
            continue
        elif not awaited(w, s, r, tie - ENDS, now):
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


def attempt(w: World, s: State, r: int, hedges: bool, now: int) -> int:
    """A request arrives, leaves its client's queue, or tries again; or it ``hedges``, its first attempt set aside.

    Returns when the attempt ends if that can be told at once; LATER when its end is an event.
    """
    call = s.calls[r]
    q = s.requests[r]
    rule = w.clients[q.client]
    if not hedges:
        verdict = GOES if call.first_at >= 0 else begin(w, s, r, now)
        if verdict == GOES and rule.guards != 0:
            verdict = leave(w, s, r, now)
        if verdict != GOES:
            if verdict == STOPS:
                finish(w, s, r, GAVE_UP, now)
            return LATER
        call.tried += 1
    ends_at = launch(w, s, r, has_slot(w, s, call.model, now), not hedges, now)
    if hedges:
        swap(call, s.seconds[r])
    elif rule.hedge_after >= 0 and call.flags & ADMITTED != 0:
        schedule(s, now + rule.hedge_after, HEDGE, r)
    return ends_at


def launch(w: World, s: State, r: int, served: bool, may_wait: bool, now: int) -> int:
    """An attempt reaches the provider, is ``served`` at once or may wait; returns what :func:`attempt` does."""
    call = s.calls[r]
    q = s.requests[r]
    call.number = call.attempts
    call.attempts = call.number + 1
    call.at = now
    call.begun = -1
    call.flags |= PENDING
    ask = ask_of(w, q, call.model, call.number, now)
    room = served or (may_wait and has_place(w, s, call.model))
    status, refuser, after = admit(w.rules, s.memory, ask, room, now)
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
    if served:
        serve(w, s, r, now)
        return end_of(w, s, r, q.heard & ANSWERS != 0)
    wait_for_slot(s, call.model, r)
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


def ask_of(w: World, q: Request, model: int, number: int, at: int) -> Ask:
    """The attempt that started at ``at`` as the provider's rules see it."""
    key = w.rules.keys[q.key]
    hold = 0
    if key.first_cap < key.last_cap:
        hold = bill(w.rules, model, at, q.uncached, q.cached, q.max_tokens)
    return Ask(
        q.key, q.team, q.account, q.project, model, q.est_uncached, q.est_total,
        q.max_tokens, hold, q.draw_key, number, q.origin,
    )  # fmt: skip


def has_slot(w: World, s: State, model: int, now: int) -> bool:
    """Whether the provider can begin an answer of this model now."""
    slots = slots_now(w.rules, model, now)
    busy: int = s.models[model].busy
    return slots < 0 or busy < slots


def has_place(w: World, s: State, model: int) -> bool:
    """Whether there is a place in the queue for a slot."""
    waiting: int = s.models[model].waiting
    places: int = w.rules.models[model].queue
    return waiting < places


def answer_times(w: World, q: Request, model: int, number: int, factor: int) -> tuple[int, int]:
    """Time to the first token and per token of this attempt, by its own luck and what faults make of it."""
    table = model * 2 * WIDTH
    first = drawn(w.knots, table, draw32(q.draw_key, number, FIRST_TOKEN))
    each = drawn(w.knots, table + WIDTH, draw32(q.draw_key, number, PER_TOKEN))
    return slowed(first, factor), slowed(each, factor)


def serve(w: World, s: State, r: int, now: int) -> None:
    """The provider begins to answer; the end is known at once: the answer, or the client's timeout."""
    call = s.calls[r]
    q = s.requests[r]
    s.models[call.model].busy += 1
    call.begun = now
    call.factor = ONE
    cut = WHOLE
    if changes_answers(w.rules):
        call.factor, cut = disturbed(w.rules, s.memory, ask_of(w, q, call.model, call.number, call.at), now)
    first, each = answer_times(w, q, call.model, call.number, call.factor)
    ns = answer_ns(first, each, q.output)
    call.status = OK
    if cut != WHOLE:
        ns = until_cut(ns, cut)
        call.status = STATUS_CONNECTION
    if now + ns > call.hangs_up_at:
        call.status = STATUS_TIMEOUT
    call.end_at = min(now + ns, call.hangs_up_at)


def wait_for_slot(s: State, model: int, r: int) -> None:
    """Join the provider's queue; if no slot comes in time, the client hangs up."""
    call = s.calls[r]
    s.models[model].waiting += 1
    push_back(s.models[model], s.calls, r)
    call.status = STATUS_TIMEOUT
    call.end_at = call.hangs_up_at
    schedule(s, call.end_at, END, r)


def end(w: World, s: State, r: int, now: int) -> None:
    """The client has an answer, or has hung up; a second attempt may be in flight beside it.

    If so a good answer ends that one first: the client hangs up. After any other it waits for it.
    """
    call = s.calls[r]
    both = has_second(w, s, r)
    hangs_up = both and call.status == OK
    if hangs_up:
        swap(call, s.seconds[r])
        if call.flags & ADMITTED != 0:
            call.status = STATUS_TIMEOUT
    while True:
        admitted = call.flags & ADMITTED != 0
        begun = call.begun
        land(w, s, r, admitted, now)
        if not hangs_up and w.clients[s.requests[r].client].guards & (ADAPTIVE | BREAKS) != 0:
            heed(w, s, r, now)
        if both:
            swap(call, s.seconds[r])
        if admitted:
            leave_slot(w, s, r, begun, now)
        if not hangs_up:
            break
        hangs_up = False
        both = False
    if not both:
        react(w, s, r, now)


def land(w: World, s: State, r: int, admitted: bool, now: int) -> None:
    """The attempt in the call is over: settle it and write it down."""
    s.calls[r].flags &= ~(PENDING | ADMITTED)
    output = 0
    spent = 0
    if admitted:
        output, spent = account(w, s, r, now)
    log(w, s, r, now, output, spent, admitted)


def account(w: World, s: State, r: int, now: int) -> tuple[int, int]:
    """Settle limits and caps for an admitted attempt; (output produced, micro-dollars billed)."""
    call = s.calls[r]
    q = s.requests[r]
    number = call.number
    output = 0
    spent = 0
    if call.begun >= 0:
        output = q.output
        if call.status != OK:
            first, each = answer_times(w, q, call.model, number, call.factor)
            output = produced(now - call.begun, first, each, q.output)
        if call.status == OK or w.rules.provider.bill_abandoned == 1:
            spent = bill(w.rules, call.model, call.at, q.uncached, q.cached, output)
    call.cost += spent
    if call.status != OK:
        call.wasted += spent
    ask = ask_of(w, q, call.model, number, call.at)
    settle(w.rules, s.memory, ask, q.uncached, q.uncached + q.cached, output, spent, call.at, now)
    return output, spent


def leave_slot(w: World, s: State, r: int, begun: int, now: int) -> None:
    """Free the slot for the first that still waits; or, not ``begun``, leave the queue without one."""
    model = s.calls[r].model
    if begun < 0:
        unlink(s.models[model], s.calls, r)
        s.models[model].waiting -= 1
        return
    s.models[model].busy -= 1
    fill_slot(w, s, model, now)


def fill_slot(w: World, s: State, model: int, now: int) -> bool:
    """Begin to answer the first that waits, if there is a slot; whether there was one of each."""
    memory = s.models[model]
    if memory.waiting == 0 or not has_slot(w, s, model, now):
        return False
    heir = pop_front(memory, s.calls)
    memory.waiting -= 1
    serve(w, s, heir, now)
    schedule(s, s.calls[heir].end_at, END, heir)
    return True


def wake(w: World, s: State, number: int, now: int) -> None:
    """A brown-out is over: slots for those that wait, one an event, so that an event needs little memory."""
    for model in range(len(s.models)):
        if fill_slot(w, s, model, now):
            schedule_wake(s, now, number)
            return
