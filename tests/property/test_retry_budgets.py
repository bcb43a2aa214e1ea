"""Retry budgets of AWS, gRPC, Envoy and Finagle against small copies of their own algorithms."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import pytest

from sim.engine.client_rules import client_rules
from sim.policy.retry_budget import SLICES, failed, fresh_client, retry_cost, started, succeeded
from sim.policy.tables import ClientMemory, ClientRule
from sim.scenario.clients import Client
from sim.units import SECOND
from tests.theory.worlds import Ran, runs, scenario, team

SEQUENCES, STEPS = 300, 200


class Budget(Protocol):
    """What a client tells its budget, and asks it."""

    def start(self, now: int) -> None: ...
    def success(self, cost: int) -> None: ...
    def failure(self) -> None: ...
    def retry(self, status: int, now: int) -> int | None:
        """The cost of the retry, taken; None when it is not allowed."""


@dataclass
class Aws:
    """botocore.retries.quota: a bucket; what a retry cost comes back with the success, else 1."""

    capacity: int
    throttle: int
    error: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.capacity

    def start(self, now: int) -> None: ...
    def failure(self) -> None: ...
    def success(self, cost: int) -> None:
        self.left = min(self.capacity, self.left + (cost or 1))

    def retry(self, status: int, now: int) -> int | None:
        cost = self.throttle if status == 429 else self.error
        if cost > self.left:
            return None
        self.left -= cost
        return cost


@dataclass
class Grpc:
    """Proposal A6: token_count, - 1 a failure, + ratio a success, retries while above half."""

    most: int
    ratio: Fraction
    tokens: Fraction = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Fraction(self.most)

    def start(self, now: int) -> None: ...
    def failure(self) -> None:
        self.tokens = max(Fraction(0), self.tokens - 1)

    def success(self, cost: int) -> None:
        self.tokens = min(Fraction(self.most), self.tokens + self.ratio)

    def retry(self, status: int, now: int) -> int | None:
        return 0 if self.tokens > Fraction(self.most, 2) else None


@dataclass
class Finagle:
    """util's TokenBucket with a time to live: deposits and withdrawals count in the slice they fell in."""

    share: Fraction
    reserve: int
    slice_ns: int
    entries: list[tuple[int, Fraction]] = field(default_factory=list)

    def start(self, now: int) -> None:
        self.entries.append((now // self.slice_ns, self.share))

    def success(self, cost: int) -> None: ...
    def failure(self) -> None: ...
    def retry(self, status: int, now: int) -> int | None:
        current = now // self.slice_ns
        self.entries = [entry for entry in self.entries if entry[0] > current - SLICES]
        if self.reserve + sum(amount for _, amount in self.entries) < 1:
            return None
        self.entries.append((current, Fraction(-1)))
        return 0


def rule_of(budget: dict[str, Any]) -> ClientRule:
    client = Client.model_validate({"retry": {"budget": budget}})
    return client_rules([client])[0][0]


def follow(rule: ClientRule, reference: Budget, draws: np.random.Generator, pause: int) -> tuple[int, int]:
    """A random life of a client, told to both; (retries allowed, retries refused)."""
    memory: ClientMemory = fresh_client(rule)
    cells, now, last, allowed, refused = [0] * SLICES, int(draws.integers(0, 1 << 50)), 0, 0, 0
    tendency = draws.random()
    for step in range(STEPS):
        now += int(draws.integers(0, pause)) if draws.random() < 0.7 else 0
        if step % 2 == 0:
            started(rule, memory, cells, now)
            reference.start(now)
            last = 0
        if draws.random() < tendency:
            succeeded(rule, memory, last)
            reference.success(last)
            continue
        status = int(draws.choice([429, 503]))
        failed(rule, memory)
        reference.failure()
        price, expected = retry_cost(rule, memory, cells, status, now), reference.retry(status, now)
        assert price == (-1 if expected is None else expected)
        last = max(price, 0)
        allowed, refused = allowed + (price >= 0), refused + (price < 0)
    return allowed, refused


def test_the_quota_is_that_of_aws() -> None:
    draws, counts = np.random.default_rng(35), np.zeros(2, int)
    for _ in range(SEQUENCES):
        capacity, throttle, error = int(draws.integers(1, 300)), int(draws.integers(0, 9)), int(draws.integers(0, 20))
        rule = rule_of({"quota": {"capacity": capacity, "throttle_cost": throttle, "error_cost": error}})
        counts += follow(rule, Aws(capacity, throttle, error), draws, 10)
    assert counts.min() > 1000


def test_the_throttle_is_that_of_grpc() -> None:
    draws, counts = np.random.default_rng(36), np.zeros(2, int)
    for _ in range(SEQUENCES):
        tokens, milli = int(draws.integers(1, 50)), int(draws.integers(0, 1001))
        rule = rule_of({"throttle": {"tokens": tokens, "ratio": milli / 1000}})
        counts += follow(rule, Grpc(tokens, Fraction(milli, 1000)), draws, 10)
    assert counts.min() > 1000


def test_deposits_are_those_of_finagle() -> None:
    draws, counts = np.random.default_rng(37), np.zeros(2, int)
    for _ in range(SEQUENCES):
        milli, reserve, ttl = int(draws.integers(0, 1001)), int(draws.integers(0, 4)), int(draws.integers(1, 20))
        rule = rule_of({"deposit": {"share": milli / 1000, "per_second": reserve, "ttl": f"{ttl}s"}})
        reference = Finagle(Fraction(milli, 1000), reserve * ttl, ttl * SECOND // SLICES)
        counts += follow(rule, reference, draws, int(draws.choice([1, SECOND, 10 * SECOND])))
    assert counts.min() > 1000


@pytest.mark.parametrize(("share", "floor"), [(0.2, 3), (0.5, 0), (1.0, 10), (0.0, 2)])
def test_concurrent_retries_are_bounded_as_by_envoy(share: float, floor: int) -> None:
    """Retries under way may become max(floor, share of requests under way) and not more."""
    rule = rule_of({"concurrent": {"share": share, "floor": floor}})
    for active in range(60):
        for retrying in range(active + 1):
            memory = ClientMemory(active=active, retrying=retrying)
            allowed = retrying < max(floor, int(Fraction(str(share)) * active))
            assert retry_cost(rule, memory, [], 503, 0) == (0 if allowed else -1)


# The same inside an engine, where closed forms tell how many retries there are


def hopeless(budget: dict[str, Any], rate: str, status: int = 503, **retry: Any) -> Ran:
    """Ten minutes in which every attempt fails, after 100 ms."""
    client = {
        "retry": {
            "max_attempts": 100_000,
            "base": "1s",
            "cap": "1s",
            "obey_retry_after": False,
            "budget": budget,
            **retry,
        }
    }
    storm = {"storm": {"status": status, "at": 0, "for": "9h"}}
    given = scenario({"a": team(rate, client=client)}, "10m", chaos=[storm], provider={"round_trip": "100ms"})
    (ran,) = runs(given, 1)
    return ran


def retries(ran: Ran) -> int:
    return int((ran.result.attempts - 1).sum())


@pytest.mark.parametrize(("status", "expected"), [(429, 500 // 5), (503, 500 // 14)])
def test_a_hopeless_aws_client_retries_until_the_quota_is_spent(status: int, expected: int) -> None:
    budget = {"quota": {"capacity": 500, "throttle_cost": 5, "error_cost": 14}}
    assert retries(hopeless(budget, "10/s", status)) == expected


def test_a_hopeless_grpc_client_retries_until_half_of_its_tokens_are_gone() -> None:
    assert retries(hopeless({"throttle": {"tokens": 10, "ratio": 0.1}}, "10/s")) == 4


def test_a_hopeless_finagle_client_retries_at_its_reserve_and_a_share_of_its_requests() -> None:
    """10 a second and 20 % of 20 requests a second; a withdrawal comes back after its time to live."""
    ran = hopeless({"deposit": {"share": 0.2, "per_second": 10, "ttl": "10s"}}, "20/s", base=0, cap=0)
    assert retries(ran) == pytest.approx(600 * (10 + 0.2 * 20), rel=0.03)


def test_a_hopeless_envoy_client_never_has_more_retries_under_way_than_its_share() -> None:
    ran = hopeless({"concurrent": {"share": 0.2, "floor": 3}}, "40/s", max_attempts=6)
    log = ran.result.log
    request, number, at, end = log[:, 0], log[:, 1], log[:, 2], log[:, 3]
    again = number > 0
    asked = np.sort(end[np.flatnonzero(again) - 1])
    assert (request[np.flatnonzero(again) - 1] == request[again]).all()
    ended, arrived, finished = np.sort(end[again]), np.sort(ran.result.arrival), np.sort(ran.result.finish)
    # Just after each retry was granted: those granted and not ended, those arrived and not finished.
    retrying = np.searchsorted(asked, asked, side="right") - np.searchsorted(ended, asked, side="right")
    active = np.searchsorted(arrived, asked, side="right") - np.searchsorted(finished, asked, side="left")
    assert (retrying <= np.maximum(3, active * 0.2 + 1)).all()
    assert (retrying >= np.maximum(3, np.floor(active * 0.2))).mean() > 0.3
    assert (at[again] > 0).all()
