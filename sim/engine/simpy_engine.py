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
from sim.engine.tables import ATTEMPT, END, Call, Request, RunResult, State, World, result_of
from sim.policy import retry_budget
from sim.policy.admission import OK, admit, settle
from sim.policy.backoff import FAILED, GIVE_UP, next_delay
from sim.policy.pricing import cost
from sim.policy.service import WIDTH, answer_ns, drawn, produced
from sim.policy.tables import Ask, ClientMemory, ClientRule
from sim.results.columns import FAILED as OUT_FAILED
from sim.results.columns import GAVE_UP, NOT_STARTED, STATUS_NONE, STATUS_TIMEOUT, SUCCEEDED, UNFINISHED

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
    output: int = 0
    spent: int = 0


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
        self.env.run(until=self.world.until)
        self._close()
        return result_of(self.world.requests, self.state.calls, self.log)

    def request(self, number: int, arrival: int) -> Steps:
        """The life of a request: arrive, get a place at the client, try until done."""
        q = self.world.requests[number]
        call = Flight(number, q, self.state.calls[number], self.world.clients[q.client], self.state.clients[q.client])
        call.report.arrival = arrival
        yield self.env.at(arrival, ATTEMPT, number, 0)
        yield from self._enter(call)
        call.first_at = self.env.now
        retry_budget.started(call.policy, call.client, self.state.cells, self.env.now)
        if self._time_left(call) == 0:
            self._finish(call, GAVE_UP)
            return
        while True:
            yield from self._try(call)
            delay = self._after(call)
            if delay < 0:
                return
            yield self.env.at(self.env.now + delay, ATTEMPT, number, len(call.made))

    def _enter(self, call: Flight) -> Steps:
        """Wait in order for one of the client's ``max_concurrent`` places."""
        limit = call.policy.max_concurrent
        if limit < 0 or call.client.active < limit:
            call.client.active += 1
            return
        turn = self.env.event()
        self.client_queues[call.q.client].append(turn)
        yield turn
        yield self.env.at(self.env.now, ATTEMPT, call.number, 0)

    def _try(self, call: Flight) -> Steps:
        """One attempt: refused at the door, or admitted, answered and settled."""
        now, rules = self.env.now, self.world.rules
        ask = self._ask(call)
        status, refuser, after = admit(rules, self.state.memory, ask, self._has_room(call.q.model), now)
        attempt = Attempt(len(call.made), now, status, after, refuser)
        call.made.append(attempt)
        self.under_way[call.number] = attempt
        call.report.attempts = len(call.made)
        if status != OK:
            call.report.refused_by = refuser
            yield self._end_event(call, now + rules.provider.round_trip)
        else:
            yield from self._answered(call, attempt)
            self._account(call, attempt, ask)
        del self.under_way[call.number]
        call.report.status = attempt.status
        self._write(call.number, attempt, self.env.now)
        if status == OK and attempt.begun >= 0:
            self._leave_slot(call.q.model)

    def _answered(self, call: Flight, attempt: Attempt) -> Steps:
        """Wait for a slot and for the answer, or until the client hangs up."""
        left, timeout = self._time_left(call), call.policy.timeout
        hangs_up_at = self.env.now + (timeout if left < 0 else min(timeout, left))
        if self._slot_is_free(call.q.model):
            self.state.models[call.q.model].busy += 1
        else:
            turn = self.env.event()
            self.slot_queues[call.q.model].append(turn)
            yield turn | self._end_event(call, hangs_up_at)
            if not turn.triggered:
                self.slot_queues[call.q.model].remove(turn)
                attempt.status = STATUS_TIMEOUT
                return
        attempt.begun = self.env.now
        first, each = self._answer_times(call, attempt)
        done = attempt.begun + answer_ns(first, each, call.q.output)
        attempt.status = OK if done <= hangs_up_at else STATUS_TIMEOUT
        yield self._end_event(call, min(done, hangs_up_at))

    def _end_event(self, call: Flight, time: int) -> Event:
        return self.env.at(time, END, call.number, len(call.made) - 1)

    def _after(self, call: Flight) -> int:
        """What the client does with the answer: the delay before the next attempt, or negative."""
        attempt = call.made[-1]
        if attempt.status == OK:
            retry_budget.succeeded(call.policy, call.client, call.last_cost)
            self._finish(call, SUCCEEDED)
            return -1
        delay = self._retry_delay(call, attempt)
        if delay < 0:
            self._finish(call, OUT_FAILED if delay == FAILED else GAVE_UP)
            return delay
        if attempt.status == 429:
            call.report.throttle += delay
        call.last_delay = delay
        return delay

    def _retry_delay(self, call: Flight, attempt: Attempt) -> int:
        """Ask the retry policy, then the retry budget."""
        self._stop_retrying(call)
        key = call.q.draw_key
        delay = next_delay(
            call.policy, self.world.delays, len(call.made), attempt.status, attempt.retry_after, call.last_delay,
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
        """Report the request, pass its place on, and start the session's next step."""
        call.report.outcome, call.report.finish = outcome, self.env.now
        self._stop_retrying(call)
        queue = self.client_queues[call.q.client]
        if queue:
            queue.popleft().succeed()
        else:
            call.client.active -= 1
        child = call.q.child
        if child >= 0 and (outcome == SUCCEEDED or not self.world.requests[child].stops):
            starts = self.env.now + self.world.requests[child].think
            if starts < self.world.duration:
                self.env.process(self.request(child, starts))

    def _ask(self, call: Flight) -> Ask:
        q = call.q
        most = cost(self.world.rules.models[q.model], q.uncached, q.cached, q.max_tokens)
        return Ask(
            q.key, q.team, q.account, q.project, q.model, q.est_uncached, q.est_total,
            q.max_tokens, most, q.draw_key, len(call.made),
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
                attempt.spent = cost(rules.models[q.model], q.uncached, q.cached, attempt.output)
        call.report.cost += attempt.spent
        if attempt.status != OK:
            call.report.wasted += attempt.spent
        used = q.uncached, q.uncached + q.cached, attempt.output
        settle(rules, self.state.memory, ask, *used, attempt.spent, attempt.at, self.env.now)

    def _answer_times(self, call: Flight, attempt: Attempt) -> tuple[int, int]:
        """Time to the first token and per token, by the attempt's own luck."""
        knots, table, key = self.world.knots, call.q.model * 2 * WIDTH, call.q.draw_key
        first = drawn(knots, table, draw32(key, attempt.number, FIRST_TOKEN))
        return first, drawn(knots, table + WIDTH, draw32(key, attempt.number, PER_TOKEN))

    def _slot_is_free(self, model: int) -> bool:
        slots = self.world.rules.models[model].slots
        return bool(slots < 0 or self.state.models[model].busy < slots)

    def _has_room(self, model: int) -> bool:
        return self._slot_is_free(model) or len(self.slot_queues[model]) < self.world.rules.models[model].queue

    def _leave_slot(self, model: int) -> None:
        """Hand the slot to the first that waits, or free it."""
        if self.slot_queues[model]:
            self.slot_queues[model].popleft().succeed()
        else:
            self.state.models[model].busy -= 1

    def _time_left(self, call: Flight) -> int:
        deadline = call.policy.deadline
        return -1 if deadline < 0 else max(0, call.report.arrival + deadline - self.env.now)

    def _write(self, number: int, attempt: Attempt, end: int) -> None:
        q = self.world.requests[number]
        self.log += [number, attempt.number, attempt.at, end, attempt.status, attempt.refused_by,
                     attempt.retry_after, attempt.output, attempt.spent,
                     q.team, q.key, q.model, q.uncached, self.state.calls[number].arrival]  # fmt: skip

    def _close(self) -> None:
        """Name what did not end, and log the attempts under way."""
        for call in self.state.calls:
            if call.outcome < 0:
                call.outcome = UNFINISHED if call.arrival >= 0 else NOT_STARTED
        for number, attempt in self.under_way.items():
            self.state.calls[number].status = STATUS_NONE
            self._write(number, replace(attempt, status=STATUS_NONE, retry_after=-1, output=0, spent=0), -1)
