"""The reference engine: a process a request, in the words of the model.

This is the specification that people read. It keeps no tables of its own: what a client and a
provider decide is asked of the policy functions, waiting is SimPy's. See docs/model.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from simpy.events import Event

from sim.draws import ADDED, FIRST_TOKEN, JITTER, PER_TOKEN, draw32
from sim.engine.clock import KeyedEnvironment
from sim.engine.tables import ATTEMPT, END, WAKE, Call, Request, RunResult, State, World, result_of
from sim.policy import breaker, pacing, retry_budget
from sim.policy.admission import OK, admit, budget_is_spent, settle
from sim.policy.backoff import BUDGET, CIRCUIT, FAILED, GIVE_UP, next_delay, status_class
from sim.policy.faults import ONE, changes_answers, slots_now
from sim.policy.pricing import bill
from sim.policy.service import WHOLE, WIDTH, answer_ns, disturbed, drawn, produced, slowed, until_cut
from sim.policy.tables import ADAPTIVE, BREAKS, Ask, ClientMemory, ClientRule
from sim.results.columns import FAILED as OUT_FAILED
from sim.results.columns import (
    GAVE_UP,
    NOT_STARTED,
    STATUS_CIRCUIT,
    STATUS_CONNECTION,
    STATUS_NONE,
    STATUS_QUEUE,
    STATUS_TIMEOUT,
    SUCCEEDED,
    UNFINISHED,
)

Steps = Generator[Event, Any, None]


@dataclass
class Attempt:
    """One try of a request, from the provider's door to the client's ear."""

    number: int
    at: int
    status: int
    retry_after: int = -1
    refused_by: int = -1
    begun: int = -1
    factor: int = ONE
    output: int = 0
    spent: int = 0
    era: int = -1


@dataclass
class Flight:
    """A request as its process sees it: the plan's words, its report, its client."""

    number: int
    q: Request
    report: Call
    policy: ClientRule
    client: ClientMemory
    first_at: int = -1
    last_delay: int = 0
    last_cost: int = 0
    retrying: bool = False
    fell_back: bool = False
    tried: int = 0
    made: list[Attempt] = field(default_factory=list)


class SimpyEngine:
    """Runs one world once. ``state`` holds what policy functions remember and what is reported."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.state = state
        self.env = KeyedEnvironment()
        self.client_queues: list[deque[Event]] = [deque() for _ in world.clients]
        self.slot_queues: list[deque[Event]] = [deque() for _ in world.rules.models]
        self.log: list[int] = []
        self.under_way: dict[int, Attempt] = {}

    def run(self) -> RunResult:
        """Start a process for each request that has an arrival, and run to the horizon."""
        for number, request in enumerate(self.world.requests):
            if request.arrival >= 0:
                self.env.process(self.request(number, request.arrival))
        if self.world.wakes:
            self.env.process(self.brown_outs_end())
        self.env.run(until=self.world.until)
        self._close()
        return result_of(self.world.requests, self.state.calls, self.log)

    def brown_outs_end(self) -> Steps:
        """Slots that a brown-out took go to those that wait."""
        for number, time in enumerate(self.world.wakes):
            yield self.env.at(time, WAKE, number, 0)
            for model in range(len(self.slot_queues)):
                self._fill_slots(model)

    def request(self, number: int, arrival: int) -> Steps:
        """The life of a request: arrive, get a place at the client, try until done."""
        q = self.world.requests[number]
        call = Flight(number, q, self.state.calls[number], self.world.clients[q.client], self.state.clients[q.client])
        call.report.arrival = arrival
        yield self.env.at(arrival, ATTEMPT, number, 0)
        if not (yield from self._enter(call)):
            return
        self._start(call)
        retry_budget.started(call.policy, call.client, self.state.cells, self.env.now)
        if self._time_left(call) == 0:
            self._finish(call, GAVE_UP)
            return
        while (yield from self._leave(call)):
            yield from self._try(call)
            delay = self._after(call)
            if delay < 0:
                return
            yield self.env.at(self.env.now + delay, ATTEMPT, number, len(call.made))

    def _enter(self, call: Flight) -> Generator[Event, Any, bool]:
        """Wait in order for one of the client's ``max_concurrent`` places; False when the queue is full."""
        queue, policy = self.client_queues[call.q.client], call.policy
        if policy.max_concurrent < 0 or call.client.active < policy.max_concurrent:
            call.client.active += 1
            return True
        if 0 <= policy.max_queue <= len(queue):
            call.report.status = STATUS_QUEUE
            self._end(call, GAVE_UP)
            return False
        turn = self.env.event()
        queue.append(turn)
        yield turn
        yield self.env.at(self.env.now, ATTEMPT, call.number, 0)
        call.report.held += self.env.now - call.report.arrival
        return True

    def _start(self, call: Flight) -> None:
        """The first attempt, or the first with another model: the policy counts from here."""
        call.first_at, call.tried, call.last_delay, call.last_cost = self.env.now, 0, 0, 0

    def _leave(self, call: Flight) -> Generator[Event, Any, bool]:
        """Past the circuit breaker and the client's own rates; False when the request ends here instead."""
        if self._is_stopped(call):
            return False
        wait = pacing.pace(call.policy, call.client, self._time_left(call), self.env.now)
        if wait == pacing.TOO_LATE:
            self._finish(call, GAVE_UP)
            return False
        if wait > 0:
            call.report.held += wait
            yield self.env.at(self.env.now + wait, ATTEMPT, call.number, len(call.made))
        return wait == 0 or not self._is_stopped(call)

    def _is_stopped(self, call: Flight) -> bool:
        """Whether the open breaker ends the request, which no other model takes over."""
        if not self._is_watched(call) or not breaker.blocks(call.policy, call.client, self.env.now):
            return False
        if self._falls_back(call, CIRCUIT):
            return False
        call.report.status = STATUS_CIRCUIT
        self._finish(call, GAVE_UP)
        return True

    def _is_watched(self, call: Flight) -> bool:
        return call.policy.guards & BREAKS != 0 and not call.fell_back

    def _falls_back(self, call: Flight, reason: int) -> bool:
        """Go on with the client's other model, once, if it does so for this reason."""
        policy = call.policy
        named = policy.fallback >= 0 and policy.fallback_on & 1 << reason
        if not named or call.report.model == policy.fallback or self._time_left(call) == 0:
            return False
        call.report.model, call.fell_back = policy.fallback, True
        self._start(call)
        return True

    def _try(self, call: Flight) -> Steps:
        """One attempt: refused at the door, or admitted, answered and settled."""
        now, rules = self.env.now, self.world.rules
        ask = self._ask(call)
        status, refuser, after = admit(rules, self.state.memory, ask, self._has_room(call.report.model), now)
        attempt = Attempt(len(call.made), now, status, after, refuser)
        if self._is_watched(call):
            attempt.era = breaker.passes(call.client, now)
        call.made.append(attempt)
        call.tried += 1
        self.under_way[call.number] = attempt
        call.report.attempts = len(call.made)
        if status != OK:
            call.report.refused_by = refuser
            yield self._end_event(call, now + rules.provider.round_trip)
        else:
            yield from self._answered(call, attempt, ask)
            self._account(call, attempt, ask)
        del self.under_way[call.number]
        call.report.status = attempt.status
        self._write(call.number, attempt, self.env.now)
        if status == OK and attempt.begun >= 0:
            self._leave_slot(call.report.model)
        self._heed(call, attempt)

    def _heed(self, call: Flight, attempt: Attempt) -> None:
        """Tell the client's adaptive rate and its breaker what came back."""
        now, policy, client = self.env.now, call.policy, call.client
        if policy.guards & ADAPTIVE:
            pacing.adapt(client, attempt.status, now)
        if policy.guards & BREAKS:
            breaker.answered(policy, client, self.state.cells, attempt.era, attempt.status, now)

    def _answered(self, call: Flight, attempt: Attempt, ask: Ask) -> Steps:
        """Wait for a slot and for the answer, or until the client hangs up."""
        left, timeout = self._time_left(call), call.policy.timeout
        hangs_up_at = self.env.now + (timeout if left < 0 else min(timeout, left))
        if self._slot_is_free(call.report.model):
            self.state.models[call.report.model].busy += 1
        else:
            turn = self.env.event()
            self.slot_queues[call.report.model].append(turn)
            yield turn | self._end_event(call, hangs_up_at)
            if not turn.triggered:
                self.slot_queues[call.report.model].remove(turn)
                attempt.status = STATUS_TIMEOUT
                return
        attempt.begun = self.env.now
        done, attempt.status = self._answer(call, attempt, ask)
        if done > hangs_up_at:
            attempt.status = STATUS_TIMEOUT
        yield self._end_event(call, min(done, hangs_up_at))

    def _answer(self, call: Flight, attempt: Attempt, ask: Ask) -> tuple[int, int]:
        """When the answer that begins now would end, and how."""
        cut = WHOLE
        if changes_answers(self.world.rules):
            attempt.factor, cut = disturbed(self.world.rules, self.state.memory, ask, self.env.now)
        ns = answer_ns(*self._answer_times(call, attempt), call.q.output)
        if cut == WHOLE:
            return self.env.now + ns, OK
        return self.env.now + until_cut(ns, cut), STATUS_CONNECTION

    def _end_event(self, call: Flight, time: int) -> Event:
        return self.env.at(time, END, call.number, len(call.made) - 1)

    def _after(self, call: Flight) -> int:
        """What the client does with the answer: the delay before the next attempt, or negative."""
        attempt = call.made[-1]
        if attempt.status == OK:
            retry_budget.succeeded(call.policy, call.client, call.last_cost)
            self._finish(call, SUCCEEDED)
            return -1
        delay = self._delay(call, attempt)
        if delay < 0:
            self._finish(call, OUT_FAILED if delay == FAILED else GAVE_UP)
            return delay
        if attempt.status == 429:
            call.report.throttle += delay
        call.last_delay = delay
        return delay

    def _delay(self, call: Flight, attempt: Attempt) -> int:
        """The delay before the next attempt; none when another model takes over."""
        spent = budget_is_spent(self.world.rules.provider, attempt.status, attempt.refused_by)
        if spent and self._falls_back(call, BUDGET):
            self._stop_retrying(call)
            return 0
        delay = self._retry_delay(call, attempt)
        if delay < 0 and self._falls_back(call, status_class(attempt.status)):
            return 0
        return delay

    def _retry_delay(self, call: Flight, attempt: Attempt) -> int:
        """Ask the retry policy, then the retry budget."""
        self._stop_retrying(call)
        key = call.q.draw_key
        delay = next_delay(
            call.policy, self.world.delays, call.tried, attempt.status, attempt.retry_after, call.last_delay,
            self.env.now - call.first_at, self._time_left(call),
            draw32(key, attempt.number, JITTER), draw32(key, attempt.number, ADDED),
        )  # fmt: skip
        if delay != FAILED:
            retry_budget.failed(call.policy, call.client)
        if delay < 0:
            return delay
        price = retry_budget.retry_cost(call.policy, call.client, self.state.cells, attempt.status, self.env.now)
        if price < 0:
            return GIVE_UP
        call.last_cost, call.retrying = price, True
        call.client.retrying += 1
        return delay

    def _stop_retrying(self, call: Flight) -> None:
        if call.retrying:
            call.retrying = False
            call.client.retrying -= 1

    def _finish(self, call: Flight, outcome: int) -> None:
        """Pass the request's place at the client on, and report it."""
        self._stop_retrying(call)
        queue = self.client_queues[call.q.client]
        if queue:
            queue.popleft().succeed()
        else:
            call.client.active -= 1
        self._end(call, outcome)

    def _end(self, call: Flight, outcome: int) -> None:
        """Report the request, and start the session's next step."""
        call.report.outcome, call.report.finish = outcome, self.env.now
        child = call.q.child
        if child >= 0 and (outcome == SUCCEEDED or not self.world.requests[child].stops):
            starts = self.env.now + self.world.requests[child].think
            if starts < self.world.duration:
                self.env.process(self.request(child, starts))

    def _ask(self, call: Flight) -> Ask:
        q = call.q
        most = bill(self.world.rules, call.report.model, self.env.now, q.uncached, q.cached, q.max_tokens)
        return Ask(
            q.key, q.team, q.account, q.project, call.report.model, q.est_uncached, q.est_total,
            q.max_tokens, most, q.draw_key, len(call.made), q.origin,
        )  # fmt: skip

    def _account(self, call: Flight, attempt: Attempt, ask: Ask) -> None:
        """Bill the attempt and settle limits and caps with what was really used."""
        q, rules = call.q, self.world.rules
        if attempt.begun >= 0:
            attempt.output = q.output
            if attempt.status != OK:
                times = self._answer_times(call, attempt)
                attempt.output = produced(self.env.now - attempt.begun, *times, q.output)
            if attempt.status == OK or rules.provider.bill_abandoned:
                attempt.spent = bill(rules, call.report.model, attempt.at, q.uncached, q.cached, attempt.output)
        call.report.cost += attempt.spent
        if attempt.status != OK:
            call.report.wasted += attempt.spent
        used = q.uncached, q.uncached + q.cached, attempt.output
        settle(rules, self.state.memory, ask, *used, attempt.spent, attempt.at, self.env.now)

    def _answer_times(self, call: Flight, attempt: Attempt) -> tuple[int, int]:
        """Time to the first token and per token, by the attempt's own luck."""
        knots, table, key = self.world.knots, call.report.model * 2 * WIDTH, call.q.draw_key
        first = drawn(knots, table, draw32(key, attempt.number, FIRST_TOKEN))
        each = drawn(knots, table + WIDTH, draw32(key, attempt.number, PER_TOKEN))
        return slowed(first, attempt.factor), slowed(each, attempt.factor)

    def _slot_is_free(self, model: int) -> bool:
        slots = slots_now(self.world.rules, model, self.env.now)
        return bool(slots < 0 or self.state.models[model].busy < slots)

    def _has_room(self, model: int) -> bool:
        return self._slot_is_free(model) or len(self.slot_queues[model]) < self.world.rules.models[model].queue

    def _leave_slot(self, model: int) -> None:
        """Free the slot for those that wait."""
        self.state.models[model].busy -= 1
        self._fill_slots(model)

    def _fill_slots(self, model: int) -> None:
        """Hand free slots to those that wait, in order."""
        while self.slot_queues[model] and self._slot_is_free(model):
            self.state.models[model].busy += 1
            self.slot_queues[model].popleft().succeed()

    def _time_left(self, call: Flight) -> int:
        deadline = call.policy.deadline
        return -1 if deadline < 0 else max(0, call.report.arrival + deadline - self.env.now)

    def _write(self, number: int, attempt: Attempt, end: int) -> None:
        q = self.world.requests[number]
        self.log += [number, attempt.number, attempt.at, end, attempt.status, attempt.refused_by,
                     attempt.retry_after, attempt.output, attempt.spent,
                     q.team, q.key, self.state.calls[number].model, q.uncached]  # fmt: skip

    def _close(self) -> None:
        """Name what did not end, and log the attempts under way."""
        for call in self.state.calls:
            if call.outcome < 0:
                call.outcome = UNFINISHED if call.arrival >= 0 else NOT_STARTED
        for number, attempt in self.under_way.items():
            self.state.calls[number].status = STATUS_NONE
            self._write(number, replace(attempt, status=STATUS_NONE, retry_after=-1, output=0, spent=0), -1)
