"""The one door to the client half of the policy: clients that decide by a real clock what to send, and when.

They are the clients of the plain engine (:mod:`sim.engine.loop`), driven event by event with the time
of a replay, before a provider that never answers: every attempt is let in and ends at its client's
timeout. What HTTP brings back overtakes that end. So queues, retries, budgets, breakers, rates,
fallbacks, hedges, deadlines and sessions are the simulator's own; no rule is written twice.

Events are handled at the time for which they were planned, however late the clock is: decisions do not
drift, and how late an attempt left is a number of its own (:attr:`Send.at` is when it should).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engine.agenda import drop_first, first_slot, first_tie, first_time, schedule
from sim.engine.ending import close
from sim.engine.hedges import awaited, steps_aside
from sim.engine.loop import ARRIVES, ENDS, HEDGES, attempt, end
from sim.engine.tables import (
    ADMITTED,
    ALL_ENDS,
    END,
    LOG,
    LOG_WIDTH,
    PENDING,
    Request,
    RunResult,
    State,
    World,
    result_of,
)
from sim.engine.world import Setting, fresh_state, request_table
from sim.policy.admission import NOBODY
from sim.policy.bucket import NEVER
from sim.policy.faults import KINDS
from sim.policy.pricing import bill
from sim.policy.service import LONGEST, WIDTH
from sim.policy.tables import ModelRule, Rules
from sim.results.columns import NOT_STARTED
from sim.scenario.plan import Plan

BUDGETS = 1 << 40
"""Added to the code of a refuser that is a spent budget, so that the engine's rule knows it as one."""
BUDGET_PREFIX = "budget:"
ANY_MODEL = (1 << 62) - 1
I64 = NDArray[np.int64]


class Usage(NamedTuple):
    """What an answer weighed, tokens."""

    uncached: int
    cached: int
    output: int


class Send(NamedTuple):
    """An attempt that leaves now. ``row`` is its place in the process's rows; ``at`` is virtual ns."""

    row: int
    number: int
    request: Request
    model: int
    at: int


class Answer(NamedTuple):
    """What came back: a status of the engine's, what refused it by name, retry-after in virtual ns (-1 none).

    ``refused``: it was turned away at the door, so that it is not billed.
    """

    status: int
    refused_by: str = ""
    retry_after: int = -1
    usage: Usage | None = None
    refused: bool = False


class Ended(NamedTuple):
    """An attempt that is over; 499: its client hung up. ``cost`` in micro-dollars."""

    row: int
    number: int
    model: int
    at: int
    status: int
    cost: int


class Finished(NamedTuple):
    """A request that is over. Virtual ns."""

    row: int
    team: int
    outcome: int
    status: int
    arrival: int
    finish: int


class Clients:
    """The clients of some rows of a plan, ``kept``: send when it is due, react to what comes back.

    ``send`` is called for each attempt that leaves; it returns False when nothing may be sent any more.
    ``ended`` is called when one is over: it was answered, or its client does not wait for it any more.
    """

    def __init__(
        self, setting: Setting, plan: Plan, kept: I64, send: Callable[[Send], bool], ended: Callable[[Ended], None]
    ) -> None:
        self.kept, self.horizon = kept, plan.horizon_ns
        self.world, self.state = _before_nobody(setting, plan, kept)
        self._send, self._ended = send, ended
        self.done: Callable[[Finished], None] = lambda finished: None
        requests = self.world.requests
        self._arrivals = [
            (one.arrival, ARRIVES + one.number, row) for row, one in enumerate(requests) if one.arrival >= 0
        ]
        self._upcoming = self._told = self._now = self._open = 0
        self._unsent: list[tuple[int, int]] = []
        self._usages: dict[tuple[int, int], Usage | None] = {}
        self.held = False
        self.names: list[str] = list(setting.refusers)
        self._codes = {name: code for code, name in enumerate(self.names)}

    @property
    def due(self) -> int:
        """How many rows come by themselves: all but later steps of sessions."""
        return len(self._arrivals)

    @property
    def started(self) -> int:
        """How many of those have come."""
        return self._upcoming

    @property
    def idle(self) -> bool:
        """Whether nothing is to come any more: every row has come, and what has come is over."""
        return self._open == 0 and (self._upcoming == len(self._arrivals) or self.held)

    # Time

    def next_at(self) -> int:
        """When the next thing is to be done; NEVER when nothing will be before the horizon."""
        at = first_time(self.state, NEVER)
        if self._upcoming < len(self._arrivals) and not self.held:
            at = min(at, self._arrivals[self._upcoming][0])
        return at if at <= self.horizon else NEVER

    def advance(self, now: int) -> None:
        """Do everything that is due by ``now``, each at its own time and in the engine's order."""
        state, arrivals, now = self.state, self._arrivals, min(now, self.horizon)
        while True:
            at, tie = first_time(state, NEVER), first_tie(state)
            arrival = arrivals[self._upcoming] if self._upcoming < len(arrivals) and not self.held else _NO_ARRIVAL
            if min(at, arrival[0]) > now:
                return
            if arrival[:2] <= (at, tie):
                self._upcoming += 1
                self._open += 1
                at, tie, row = arrival
            else:
                row = first_slot(state)
                drop_first(state)
            self._now = at
            self._happen(at, tie, row)

    def _happen(self, at: int, tie: int, row: int) -> None:
        """One event: an attempt is to be made (a second one from HEDGES on), or one has ended."""
        world, state = self.world, self.state
        if tie < ARRIVES:
            if awaited(world, state, row, tie - ENDS, at):
                self._end(row, at)
            return
        if self.held or (tie >= HEDGES and not steps_aside(world, state, row, tie - HEDGES, at)):
            return
        call = state.calls[row]
        made, over = call.attempts, call.outcome >= 0
        attempt(world, state, row, tie >= HEDGES, at)
        if call.attempts > made and not self._send(Send(row, made, world.requests[row], call.model, at)):
            self.held = True
            self._unsent.append((row, made))
        self._tell(row, over)

    # Answers

    def answered(self, row: int, number: int, answer: Answer, now: int) -> None:
        """Attempt ``number`` came back at ``now``: an event like any other, for :meth:`advance` to handle.

        Nothing happens when its client does not wait for it any more.
        """
        at = max(now, self._now)
        for one in self._in_flight(row):
            if one.number == number and one.flags & PENDING != 0:
                one.status, one.retry_after, one.end_at = answer.status, answer.retry_after, at
                if answer.refused:
                    one.flags &= ~ADMITTED
                    one.refused_by = self.code(answer.refused_by)
                self._usages[row, number] = answer.usage
                schedule(self.state, at, END, row)
                return

    def _in_flight(self, row: int) -> list[Any]:
        seconds = self.state.seconds
        return [self.state.calls[row], seconds[row]] if seconds else [self.state.calls[row]]

    def _end(self, row: int, at: int) -> None:
        """The attempt in the row's call is over: weigh it by what its answer said, and let its client react."""
        state = self.state
        planned = state.requests[row]
        usage = self._usages.pop((row, state.calls[row].number), None)
        if usage is not None:
            state.requests[row] = planned._replace(uncached=usage.uncached, cached=usage.cached, output=usage.output)
        end(self.world, state, row, at)
        state.requests[row] = planned
        for line in state.log[self._told :]:
            self._ended(Ended(row, line[_ATTEMPT], line[_MODEL], line[_AT], line[_STATUS], line[_COST]))
        self._told = len(state.log)
        self._tell(row, over=False)

    def _tell(self, row: int, over: bool) -> None:
        call = self.state.calls[row]
        if call.outcome >= 0 and not over:
            child = self.state.requests[row].child
            self._open -= 1
            self._open += child >= 0 and self.state.calls[child].outcome < 0
            self.done(
                Finished(row, self.state.requests[row].team, call.outcome, call.status, call.arrival, call.finish)
            )

    def code(self, refuser: str) -> int:
        """The number of a refuser's name, a new one for a name that the scenario does not have."""
        if not refuser:
            return NOBODY
        found = self._codes.get(refuser)
        if found is None:
            found = self._codes[refuser] = len(self.names)
            self.names.append(refuser)
        return found + BUDGETS if refuser.startswith(BUDGET_PREFIX) else found

    def most(self, one: Send | Ended) -> int:
        """The most that an attempt can cost, micro-dollars."""
        q = self.world.requests[one.row]
        return bill(self.world.rules, one.model, one.at, q.uncached, q.cached, q.max_tokens)

    # The end

    def close(self) -> RunResult:
        """What became of every row: the engine's result, ``number`` and log with the plan's own numbers.

        Rows that never came to their turn are not_started. Refusers are places in :attr:`names`.
        """
        close(self.world, self.state, 0)
        calls, unsent = self.state.calls, {(int(self.kept[row]), number) for row, number in self._unsent}
        for _, _, row in self._arrivals[self._upcoming :]:
            calls[row].outcome = NOT_STARTED
        for row, _ in self._unsent:
            calls[row].attempts -= 1
        log = [_known(line) for line in self.state.log if (line[_REQUEST], line[_ATTEMPT]) not in unsent]
        found = result_of(self.state.requests, calls, log or np.empty((0, LOG_WIDTH), np.int64))
        refused = np.where(found.refused_by >= BUDGETS, found.refused_by - BUDGETS, found.refused_by)
        return replace(found, number=self.kept, refused_by=refused)


_NO_ARRIVAL = (NEVER, 0, -1)
_REQUEST, _ATTEMPT, _STATUS, _REFUSER, _AT, _COST, _MODEL = (
    LOG.index(name) for name in ("request", "attempt", "status", "refused_by", "at", "cost", "model")
)


def _known(line: tuple[int, ...]) -> tuple[int, ...]:
    code = line[_REFUSER]
    return line if code < BUDGETS else (*line[:_REFUSER], code - BUDGETS, *line[_REFUSER + 1 :])


def _before_nobody(setting: Setting, plan: Plan, kept: I64) -> tuple[World, State]:
    """The clients' world: a provider without limits, caps, faults and slots, that lets all in and never answers."""
    table = request_table(setting, plan.where(_mask(kept, len(plan))), 0)
    table["number"], table["heard"] = kept, ALL_ENDS
    requests = [Request._make(row) for row in table.tolist()]
    rules, models = setting.rules, len(setting.models)
    provider = rules.provider._replace(cap_code=BUDGETS, slot_code=2 * BUDGETS)
    keys = [one._replace(first_limit=0, last_limit=0, first_cap=0, last_cap=0, allowed=ANY_MODEL) for one in rules.keys]
    free = Rules(
        [], [], [], [], keys, [], [0] * (KINDS + 1), [ModelRule(-1, 0)] * models, rules.prices, provider
    )  # fmt: skip
    never = [LONGEST] * (models * 2 * WIDTH)
    world = World(
        requests, setting.clients, setting.delays, never, free, [], plan.duration_ns, plan.horizon_ns + 1
    )  # fmt: skip
    return world, fresh_state(world)


def _mask(kept: I64, count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, bool)
    mask[kept] = True
    return mask
