"""The plain workload as a programmer without a library would write it: one loop over one heap of events."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

from tests.benchmarks.workload import ATTEMPTS, Outcome, Plain

SUCCEEDED, GAVE_UP = 0, 2
ANSWER, ATTEMPT = 0, 1


@dataclass
class Inputs:
    """Lists, which ordinary Python reads faster than arrays."""

    arrival: list[int]
    service: list[int]
    delay: list[int]
    price: list[int]
    rate: int
    unit: int
    cap: int
    round_trip: int

    @classmethod
    def of(cls, given: Plain) -> Inputs:
        columns = [column.tolist() for column in (given.arrival, given.service, given.delay, given.cost)]
        return cls(*columns, given.rate, given.unit, given.burst * given.unit, given.round_trip)


def run(given: Inputs) -> Outcome:
    """Simulate until nothing is left to happen."""
    arrival, service, delay, price = given.arrival, given.service, given.delay, given.price
    rate, unit, cap, round_trip = given.rate, given.unit, given.cap, given.round_trip
    count = len(arrival)
    outcome, attempts, finish, cost = [-1] * count, [0] * count, [-1] * count, [0] * count
    level, stamp = cap, 0
    heap = [(arrival[0], ATTEMPT, 0)] if count else []
    upcoming = 1
    while heap:
        now, kind, number = heappop(heap)
        if kind == ANSWER:
            finish[number] = now
            if outcome[number] < 0:
                outcome[number] = SUCCEEDED
                cost[number] = price[number]
            continue
        if attempts[number] == 0 and upcoming < count:
            heappush(heap, (arrival[upcoming], ATTEMPT, upcoming))
            upcoming += 1
        attempt = number * ATTEMPTS + attempts[number]
        attempts[number] += 1
        level = min(cap, level + (now - stamp) * rate)
        stamp = now
        if level >= unit:
            level -= unit
            heappush(heap, (now + service[attempt], ANSWER, number))
        elif attempts[number] < ATTEMPTS:
            heappush(heap, (now + round_trip + delay[attempt], ATTEMPT, number))
        else:
            outcome[number] = GAVE_UP
            heappush(heap, (now + round_trip, ANSWER, number))
    return Outcome.of(outcome, attempts, finish, cost)
