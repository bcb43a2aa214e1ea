"""The plain workload as a SimPy user would write it: a process for each request, a source that starts them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from tests.benchmarks.workload import ATTEMPTS, Outcome, Plain

SUCCEEDED, GAVE_UP = 0, 2


class TokenBucket:
    """A limiter with continuous refill, in integer credits."""

    def __init__(self, env: simpy.Environment, rate: int, unit: int, burst: int) -> None:
        self.env = env
        self.rate = rate
        self.unit = unit
        self.cap = burst * unit
        self.level = self.cap
        self.stamp = 0

    def take(self) -> bool:
        now = self.env.now
        self.level = min(self.cap, self.level + (now - self.stamp) * self.rate)
        self.stamp = now
        if self.level < self.unit:
            return False
        self.level -= self.unit
        return True


class Requests:
    """All requests, and what became of them."""

    def __init__(self, given: Plain) -> None:
        count = len(given.arrival)
        self.arrival = given.arrival.tolist()
        self.service = given.service.tolist()
        self.delay = given.delay.tolist()
        self.price = given.cost.tolist()
        self.round_trip = given.round_trip
        self.outcome = [-1] * count
        self.attempts = [0] * count
        self.finish = [-1] * count
        self.cost = [0] * count
        self.env = simpy.Environment()
        self.bucket = TokenBucket(self.env, given.rate, given.unit, given.burst)

    def source(self) -> Generator[Any, Any, None]:
        for number, arrival in enumerate(self.arrival):
            yield self.env.timeout(arrival - self.env.now)
            self.env.process(self.request(number))

    def request(self, number: int) -> Generator[Any, Any, None]:
        for attempt in range(number * ATTEMPTS, (number + 1) * ATTEMPTS):
            self.attempts[number] += 1
            if self.bucket.take():
                yield self.env.timeout(self.service[attempt])
                self.outcome[number] = SUCCEEDED
                self.cost[number] = self.price[number]
                break
            yield self.env.timeout(self.round_trip)
            if self.attempts[number] < ATTEMPTS:
                yield self.env.timeout(self.delay[attempt])
        else:
            self.outcome[number] = GAVE_UP
        self.finish[number] = self.env.now


def run(requests: Requests) -> Outcome:
    """Simulate until nothing is left to happen."""
    requests.env.process(requests.source())
    requests.env.run()
    return Outcome.of(requests.outcome, requests.attempts, requests.finish, requests.cost)
