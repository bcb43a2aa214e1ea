"""A client's own rates: the token bucket against exact fractions, the adaptive rate against botocore's classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
import pytest
from botocore.retries import adaptive, bucket, throttling
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.client_rules import client_rules
from sim.policy.pacing import FASTEST, RATE, TOKEN, TOO_LATE, adapt, cube_root, pace
from sim.policy.retry_budget import fresh_client
from sim.policy.tables import ClientMemory, ClientRule
from sim.scenario.clients import Client
from sim.units import SECOND


def client_of(**said: Any) -> tuple[ClientRule, ClientMemory]:
    rule = client_rules([Client.model_validate(said)])[0][0]
    return rule, fresh_client(rule)


# The token bucket

RATES = st.tuples(st.integers(1, 5000), st.sampled_from(["s", "min", "h", "day"]))
PAUSES = st.lists(st.one_of(st.just(0), st.integers(0, 100 * SECOND)), min_size=1, max_size=60)


@given(RATES, st.integers(1, 20), PAUSES)
@settings(max_examples=150, deadline=None)
def test_attempts_leave_in_order_as_early_as_the_bucket_allows(
    rate: tuple[int, str], burst: int, pauses: list[int]
) -> None:
    rule, memory = client_of(rate_limit={"rate": f"{rate[0]}/{rate[1]}", "burst": burst})
    exact, now, last = Fraction(rule.pace_rate, rule.pace_unit), 0, 0
    level, stamp = Fraction(burst), Fraction(0)
    for pause in pauses:
        now += pause
        wait = pace(rule, memory, -1, now)
        level = min(Fraction(burst), level + (now - stamp) * exact) - 1
        stamp = Fraction(now)
        debt = max(Fraction(0), -level) / exact
        assert wait == -(-debt.numerator // debt.denominator)
        assert now + wait >= last
        last = now + wait


@given(RATES, st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_who_would_come_too_late_takes_nothing(rate: tuple[int, str], burst: int, others: int) -> None:
    rule, memory = client_of(rate_limit={"rate": f"{rate[0]}/{rate[1]}", "burst": burst})
    waits = [pace(rule, memory, -1, 0) for _ in range(burst + others)]
    assert waits[:burst] == [0] * burst
    due = pace(rule, replace(memory), -1, 0)
    assert due > waits[-1]
    before = replace(memory)
    assert pace(rule, memory, due, 0) == TOO_LATE
    assert memory == before
    assert pace(rule, memory, due + 1, 0) == due


# The adaptive rate


@given(st.integers(0, (1 << 60) - 1))
@settings(max_examples=300)
def test_the_cube_root_is_exact(value: int) -> None:
    root = cube_root(value)
    assert root**3 <= value < (root + 1) ** 3


@pytest.mark.parametrize("root", [0, 1, 2, 999, 1_000_000, 1_048_575])
def test_the_cube_root_of_a_cube_is_its_root(root: int) -> None:
    assert cube_root(root**3) == root
    assert root == 0 or cube_root(root**3 - 1) == root - 1


class Clock:
    """What botocore reads the time from, in seconds."""

    def __init__(self) -> None:
        self.ns = 0

    def current_time(self) -> float:
        return self.ns / SECOND


class Botocore:
    """The limiter as ``botocore.retries.adaptive.register_retry_handler`` builds it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens = bucket.TokenBucket(max_rate=1, clock=clock)
        self.throttled = False
        detector = mock.Mock(is_throttling_error=lambda **_: self.throttled)
        self.limiter = adaptive.ClientRateLimiter(
            throttling.CubicCalculator(starting_max_rate=0, start_time=0.0),
            adaptive.RateClocker(clock), self.tokens, detector, clock,
        )  # fmt: skip
        self.slept = 0.0
        self.tokens._new_fill_rate_condition.wait = self._wait

    def _wait(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.ns += round(seconds * SECOND) + 1

    def send(self) -> float:
        """Seconds that an attempt is held back; the clock goes on by them."""
        self.slept = 0.0
        self.limiter.on_sending_request(None)
        return self.slept

    def answer(self, throttled: bool) -> None:
        self.throttled = throttled
        self.limiter.on_receiving_response()


TOLERANCE = 0.0005
"""Of a rate, as a share: rates are whole 10^-5 requests a second, the slowest is half a request a second."""
LATEST = 0.002
"""Seconds of a wait, which errors of rates add up in."""


def follow(chance: Callable[[float], float], pause: float, calls: int, seed: int) -> tuple[int, float]:
    """One caller, one call after another, told to both; (calls that were held back, the largest rate)."""
    draws, clock = np.random.default_rng(seed), Clock()
    theirs, (rule, memory) = Botocore(clock), client_of(retry="botocore-adaptive")
    held, top = 0, 0.0
    for _ in range(calls):
        clock.ns += int(draws.exponential(pause) * SECOND)
        now = clock.ns
        wait, slept = pace(rule, memory, -1, now), theirs.send()
        assert wait / SECOND == pytest.approx(slept, rel=TOLERANCE, abs=LATEST)
        held += wait > 0
        clock.ns = max(clock.ns, now + wait)
        throttled = draws.random() < chance(clock.ns / SECOND)
        theirs.answer(throttled)
        adapt(memory, 429 if throttled else 200, clock.ns)
        assert memory.measured / RATE == pytest.approx(
            theirs.limiter._rate_clocker.measured_rate, rel=TOLERANCE, abs=1e-4
        )
        assert memory.fill_rate / RATE == pytest.approx(theirs.tokens.max_rate, rel=TOLERANCE, abs=1e-4)
        top = max(top, memory.fill_rate / RATE)
    return held, top


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("pause", "share"), [(0.001, 0.01), (0.02, 0.02), (0.2, 0.1), (2.0, 0.3)])
def test_the_adaptive_rate_is_that_of_botocore(pause: float, share: float, seed: int) -> None:
    held, top = follow(lambda _: share, pause, 3000, seed)
    assert held > 100
    assert top > 1


def test_the_rate_recovers_along_the_cubic_curve_as_botocores_does() -> None:
    """A storm of half a minute, then nothing but answers."""
    held, top = follow(lambda time: 0.5 if 20 < time < 50 else 0.0, 0.01, 8000, 7)
    assert held > 20
    assert top > 50


def test_the_rate_stays_between_its_bounds() -> None:
    rule, memory = client_of(retry="botocore-adaptive")
    for at in range(50):
        adapt(memory, 429, at * SECOND)
    assert memory.fill_rate == RATE // 2
    assert memory.fill_cap == TOKEN
    adapt(memory, 200, 400 * 24 * 3600 * SECOND)
    memory.measured = 4 * FASTEST
    adapt(memory, 200, 401 * 24 * 3600 * SECOND)
    assert memory.fill_rate <= FASTEST
    assert 0 < memory.fill_cap < 1 << 62
    assert pace(rule, memory, -1, 402 * 24 * 3600 * SECOND) == 0
