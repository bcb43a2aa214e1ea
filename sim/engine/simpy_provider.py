"""The provider of the reference engine: its door, its slots and the queue for them, its bill."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from simpy.events import Event

from sim.draws import FIRST_TOKEN, PER_TOKEN, draw32
from sim.engine.clock import KeyedEnvironment
from sim.engine.tables import END, WAKE, Call, Request, State, World
from sim.policy.admission import OK, admit, settle
from sim.policy.faults import ONE, changes_answers, slots_now
from sim.policy.pricing import bill
from sim.policy.service import WHOLE, WIDTH, answer_ns, disturbed, drawn, produced, slowed, until_cut
from sim.policy.tables import Ask, ClientMemory, ClientRule
from sim.results.columns import STATUS_CONNECTION, STATUS_TIMEOUT

Steps = Generator[Event, Any, None]


@dataclass(eq=False)
class Attempt:
    """One try of a request, from the provider's door to the client's ear."""

    number: int
    at: int
    ask: Ask
    status: int
    retry_after: int
    refused_by: int
    begun: int = -1
    factor: int = ONE
    output: int = 0
    spent: int = 0
    era: int = -1
    over: bool = False
    turn: Event | None = None

    @property
    def admitted(self) -> bool:
        """Whether nobody refused it."""
        return self.refused_by < 0


@dataclass
class Flight:
    """A request as its process sees it: the plan's words, its report, its client, its attempts in flight."""

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
    flying: list[Attempt] = field(default_factory=list)
    landed: list[Attempt] = field(default_factory=list)

    @property
    def last(self) -> Attempt:
        """The attempt that ended last: what the client reacts to."""
        return self.landed[-1]


class Provider:
    """What happens to attempts at the provider."""

    def __init__(self, world: World, state: State, env: KeyedEnvironment) -> None:
        self.world = world
        self.state = state
        self.env = env
        self.slot_queues: list[deque[Attempt]] = [deque() for _ in world.rules.models]

    def brown_outs_end(self) -> Steps:
        """Slots that a brown-out took go to those that wait."""
        for number, time in enumerate(self.world.wakes):
            yield self.env.at(time, WAKE, number, 0)
            for model in range(len(self.slot_queues)):
                self._fill_slots(model)

    def receive(self, call: Flight, room: bool) -> Attempt:
        """An attempt at the door: refused, or admitted and charged."""
        ask = self._ask(call)
        status, refuser, after = admit(self.world.rules, self.state.memory, ask, room, self.env.now)
        return Attempt(len(call.made), self.env.now, ask, status, after, refuser)

    def answer(self, call: Flight, attempt: Attempt, hangs_up_at: int) -> Steps:
        """Wait for a slot and for the answer, or until the client hangs up; ``status`` says how it ended."""
        model = attempt.ask.model
        if self.has_slot(model):
            self.state.models[model].busy += 1
        else:
            turn = attempt.turn = self.env.event()
            self.slot_queues[model].append(attempt)
            yield turn | self.end_event(call, attempt, hangs_up_at)
            if not turn.triggered:
                attempt.status = STATUS_TIMEOUT
                return
        attempt.begun = self.env.now
        done, attempt.status = self._answer(call, attempt)
        if done > hangs_up_at:
            attempt.status = STATUS_TIMEOUT
        yield self.end_event(call, attempt, min(done, hangs_up_at))

    def end_event(self, call: Flight, attempt: Attempt, time: int) -> Event:
        """When the client hears of the attempt's end, or hangs up."""
        return self.env.at(time, END, call.number, attempt.number)

    def _answer(self, call: Flight, attempt: Attempt) -> tuple[int, int]:
        """When the answer that begins now would end, and how."""
        cut = WHOLE
        if changes_answers(self.world.rules):
            attempt.factor, cut = disturbed(self.world.rules, self.state.memory, attempt.ask, self.env.now)
        ns = answer_ns(*self._answer_times(call, attempt), call.q.output)
        if cut == WHOLE:
            return self.env.now + ns, OK
        return self.env.now + until_cut(ns, cut), STATUS_CONNECTION

    def account(self, call: Flight, attempt: Attempt) -> None:
        """Bill an admitted attempt and settle limits and caps with what was really used."""
        q, rules, model = call.q, self.world.rules, attempt.ask.model
        if attempt.begun >= 0:
            attempt.output = q.output
            if attempt.status != OK:
                times = self._answer_times(call, attempt)
                attempt.output = produced(self.env.now - attempt.begun, *times, q.output)
            if attempt.status == OK or rules.provider.bill_abandoned:
                attempt.spent = bill(rules, model, attempt.at, q.uncached, q.cached, attempt.output)
        call.report.cost += attempt.spent
        if attempt.status != OK:
            call.report.wasted += attempt.spent
        used = q.uncached, q.uncached + q.cached, attempt.output
        settle(rules, self.state.memory, attempt.ask, *used, attempt.spent, attempt.at, self.env.now)

    def leave(self, attempt: Attempt) -> None:
        """Free the slot of an admitted attempt for those that wait, or leave their queue."""
        model = attempt.ask.model
        if attempt.begun < 0:
            self.slot_queues[model].remove(attempt)
            return
        self.state.models[model].busy -= 1
        self._fill_slots(model)

    def _fill_slots(self, model: int) -> None:
        """Hand free slots to those that wait, in order."""
        while self.slot_queues[model] and self.has_slot(model):
            self.state.models[model].busy += 1
            turn = self.slot_queues[model].popleft().turn
            assert turn is not None, "who waits has a turn"
            turn.succeed()

    def has_slot(self, model: int) -> bool:
        """Whether an answer of this model can begin now."""
        slots = slots_now(self.world.rules, model, self.env.now)
        return bool(slots < 0 or self.state.models[model].busy < slots)

    def has_room(self, model: int) -> bool:
        """Whether there is a slot, or a place in the queue for one."""
        return self.has_slot(model) or len(self.slot_queues[model]) < self.world.rules.models[model].queue

    def _ask(self, call: Flight) -> Ask:
        q = call.q
        most = bill(self.world.rules, call.report.model, self.env.now, q.uncached, q.cached, q.max_tokens)
        return Ask(
            q.key, q.team, q.account, q.project, call.report.model, q.est_uncached, q.est_total,
            q.max_tokens, most, q.draw_key, len(call.made), q.origin,
        )  # fmt: skip

    def _answer_times(self, call: Flight, attempt: Attempt) -> tuple[int, int]:
        """Time to the first token and per token, by the attempt's own luck."""
        knots, table, key = self.world.knots, attempt.ask.model * 2 * WIDTH, call.q.draw_key
        first = drawn(knots, table, draw32(key, attempt.number, FIRST_TOKEN))
        each = drawn(knots, table + WIDTH, draw32(key, attempt.number, PER_TOKEN))
        return slowed(first, attempt.factor), slowed(each, attempt.factor)
