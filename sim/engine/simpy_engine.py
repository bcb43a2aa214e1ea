"""The reference engine: a process a request, in the words of the model.

This is the specification that people read. It keeps no tables of its own: what a client and a
provider decide is asked of the policy functions, waiting is SimPy's. See docs/model.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from simpy.events import Event

from sim.draws import ADDED, JITTER, draw32
from sim.engine.clock import KeyedEnvironment
from sim.engine.hedges import AT_ONCE
from sim.engine.simpy_provider import Attempt, Flight, Provider, Steps
from sim.engine.tables import ATTEMPT, HEDGE, RunResult, State, World, result_of
from sim.policy import breaker, pacing, retry_budget
from sim.policy.admission import OK, budget_is_spent
from sim.policy.backoff import BUDGET, CIRCUIT, FAILED, GIVE_UP, next_delay, status_class
from sim.policy.tables import ADAPTIVE, BREAKS
from sim.results.columns import FAILED as OUT_FAILED
from sim.results.columns import (
    GAVE_UP,
    NOT_STARTED,
    STATUS_CIRCUIT,
    STATUS_NONE,
    STATUS_QUEUE,
    STATUS_TIMEOUT,
    SUCCEEDED,
    UNFINISHED,
)


class SimpyEngine:
    """Runs one world once. ``state`` holds what policy functions remember and what is reported."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.state = state
        self.env = KeyedEnvironment()
        self.provider = Provider(world, state, self.env)
        self.client_queues: list[deque[Event]] = [deque() for _ in world.clients]
        self.log: list[int] = []
        self.under_way: dict[int, Flight] = {}

    def run(self) -> RunResult:
        """Start a process for each request that has an arrival, and run to the horizon."""
        for number, request in enumerate(self.world.requests):
            if request.arrival >= 0:
                self.env.process(self.request(number, request.arrival))
        if self.world.wakes:
            self.env.process(self.provider.brown_outs_end())
        self.env.run(until=self.world.until)
        self._close()
        return result_of(self.world.requests, self.state.calls, self.log)

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
        """One attempt, and a second one where the client hedges, until it knows what came of them."""
        first = self._send(call, self.provider.has_room(call.report.model))
        call.tried += 1
        if not first.admitted:
            call.report.refused_by = first.refused_by
        if first.admitted and call.policy.hedge_after >= 0:
            yield from self._hedged(call, first)
        else:
            yield from self._fly(call, first)

    def _hedged(self, call: Flight, first: Attempt) -> Steps:
        """An admitted attempt, and when it takes long and the client would send one now, a second one."""
        under_way = {first: self.env.process(self._fly(call, first))}
        late = self.env.at(first.at + call.policy.hedge_after, HEDGE, call.number, first.number)
        yield under_way[first] | late
        if not first.over and self._may_hedge(call):
            second = self._send(call, self.provider.has_slot(call.report.model))
            under_way[second] = self.env.process(self._fly(call, second))
        while call.flying:
            yield self.env.any_of([under_way[attempt] for attempt in call.flying])

    def _may_hedge(self, call: Flight) -> bool:
        """The breaker is closed, and there is a token of the client's own for it at once."""
        if self._is_watched(call) and call.client.circuit != breaker.CLOSED:
            return False
        return pacing.pace(call.policy, call.client, AT_ONCE, self.env.now) == 0

    def _send(self, call: Flight, room: bool) -> Attempt:
        """An attempt leaves the client, and is at the provider's door."""
        attempt = self.provider.receive(call, room)
        if self._is_watched(call):
            attempt.era = breaker.passes(call.client, self.env.now)
        call.made.append(attempt)
        call.flying.append(attempt)
        self.under_way[call.number] = call
        call.report.attempts = len(call.made)
        return attempt

    def _fly(self, call: Flight, attempt: Attempt) -> Steps:
        """From the door to the client's ear, unless the client hangs up because another attempt has won."""
        if attempt.admitted:
            left, timeout = self._time_left(call), call.policy.timeout
            yield from self.provider.answer(call, attempt, self.env.now + (timeout if left < 0 else min(timeout, left)))
        else:
            yield self.provider.end_event(call, attempt, self.env.now + self.world.rules.provider.round_trip)
        if attempt.over:
            return
        if attempt.status == OK:
            for other in [other for other in call.flying if other is not attempt]:
                other.status = STATUS_TIMEOUT if other.admitted else other.status
                self._land(call, other)
        self._land(call, attempt)
        self._heed(call, attempt)
        for other in call.flying:  # what refused it was no news while the first could still win
            call.report.refused_by = call.report.refused_by if other.admitted else other.refused_by

    def _land(self, call: Flight, attempt: Attempt) -> None:
        """The attempt is over: settle it, write it down, leave the provider."""
        attempt.over = True
        call.flying.remove(attempt)
        if attempt.admitted:
            self.provider.account(call, attempt)
        self._write(call, attempt, self.env.now)
        if attempt.admitted:
            self.provider.leave(attempt)
        call.landed.append(attempt)

    def _heed(self, call: Flight, attempt: Attempt) -> None:
        """Tell the client's adaptive rate and its breaker what came back."""
        now, policy, client = self.env.now, call.policy, call.client
        if policy.guards & ADAPTIVE:
            pacing.adapt(client, attempt.status, now)
        if policy.guards & BREAKS:
            breaker.answered(policy, client, self.state.cells, attempt.era, attempt.status, now)

    def _after(self, call: Flight) -> int:
        """What the client does with the answer: the delay before the next attempt, or negative."""
        attempt = call.last
        call.report.status = attempt.status
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
        self.under_way.pop(call.number, None)
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

    def _time_left(self, call: Flight) -> int:
        deadline = call.policy.deadline
        return -1 if deadline < 0 else max(0, call.report.arrival + deadline - self.env.now)

    def _write(self, call: Flight, attempt: Attempt, end: int) -> None:
        q = call.q
        self.log += [call.number, attempt.number, attempt.at, end, attempt.status, attempt.refused_by,
                     attempt.retry_after, attempt.output, attempt.spent,
                     q.team, q.key, attempt.ask.model, q.uncached, call.report.arrival]  # fmt: skip

    def _close(self) -> None:
        """Name what did not end, and log the attempts under way."""
        for report in self.state.calls:
            if report.outcome < 0:
                report.outcome = UNFINISHED if report.arrival >= 0 else NOT_STARTED
        for call in self.under_way.values():
            for attempt in call.flying:
                call.report.status = STATUS_NONE
                self._write(call, replace(attempt, status=STATUS_NONE, retry_after=-1, output=0, spent=0), -1)
