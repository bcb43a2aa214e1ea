"""What may be sent and spent: bounds that hold with any number of attempts in flight."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.live.order import LiveOrder
from sim.live.spending import SpendingGuard, count_of, guard_of, micro, share_of
from sim.units import MICRO


def test_the_last_request_that_fits_is_sent_and_no_other() -> None:
    guard = SpendingGuard(max_requests=2)
    assert [guard.may_send(0.0) for _ in range(4)] == [True, True, False, False]
    assert guard.reason == "max_requests"
    assert guard.attempts == 2


def test_money_in_flight_counts_before_it_is_spent() -> None:
    guard = SpendingGuard(max_spend_usd=1.0)
    assert guard.may_send(0.6)
    assert not guard.may_send(0.6), "0.6 is held, though nothing is spent"
    assert guard.reason == "max_spend"
    assert (guard.attempts, guard.held, guard.spent) == (1, 600_000, 0)


def test_what_was_not_needed_can_be_spent_again() -> None:
    guard = SpendingGuard(max_spend_usd=1.0)
    for _ in range(9):
        assert guard.may_send(0.6)
        guard.settle(0.6, 0.05)
    assert guard.spent == 450_000
    assert guard.held == 0


def test_exactly_the_bound_may_be_spent() -> None:
    guard = SpendingGuard(max_spend_usd=0.3)
    assert all(guard.may_send(0.1) for _ in range(3)), "0.1 + 0.1 + 0.1 is no more than 0.3 in whole micro-dollars"
    assert not guard.may_send(0.000_001)


def test_once_stopped_a_small_request_does_not_slip_through() -> None:
    guard = SpendingGuard(max_spend_usd=1.0)
    assert not guard.may_send(2.0)
    assert not guard.may_send(0.01), "else what is measured is another mix of requests"


def test_an_estimate_that_was_too_low_is_told() -> None:
    guard = SpendingGuard(max_spend_usd=1.0)
    assert guard.may_send(0.1)
    guard.settle(0.1, 0.25)
    assert guard.exceeded == 150_000


def test_without_bounds_everything_passes() -> None:
    guard = SpendingGuard()
    assert all(guard.may_send(1e6) for _ in range(100))
    assert guard.reason == ""


@pytest.mark.parametrize("bounds", [{"max_requests": -1}, {"max_spend_usd": -0.01}, {"max_spend_usd": float("inf")}])
def test_bounds_that_are_none(bounds: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="--max-"):
        SpendingGuard(**bounds)  # type: ignore[arg-type]


@given(
    st.integers(0, 10**7), st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 100)), max_size=60),
)  # fmt: skip
def test_spent_and_held_never_exceed_the_bound(most: int, seed: int, asked: list[tuple[int, int]]) -> None:
    """Attempts of any cost, that end in any order and cost any part of what was held."""
    guard, chance, flying = SpendingGuard(max_spend_usd=most / MICRO), random.Random(seed), []
    for estimate, percent in asked:
        if guard.may_send(estimate / MICRO):
            flying.append((estimate, estimate * percent // 100))
        assert guard.spent + guard.held <= most
        while flying and chance.random() < 0.5:
            held, spent = flying.pop(chance.randrange(len(flying)))
            guard.settle(held / MICRO, spent / MICRO)
            assert guard.spent + guard.held <= most
    for held, spent in flying:
        guard.settle(held / MICRO, spent / MICRO)
    assert guard.held == 0
    assert guard.spent <= most


@given(st.integers(0, 10**6), st.integers(1, 64))
def test_processes_share_a_bound_without_losing_or_adding_a_request(bound: int, workers: int) -> None:
    parts = [count_of(bound, worker, workers) for worker in range(workers)]
    assert sum(part or 0 for part in parts) == bound
    assert max(part or 0 for part in parts) - min(part or 0 for part in parts) <= 1


def test_processes_share_a_sum() -> None:
    assert share_of(9.0, 3) == 3.0
    assert share_of(9.0, 1) == 9.0
    assert share_of(None, 3) is None
    assert count_of(None, 0, 3) is None


def test_an_order_is_shared_among_its_processes() -> None:
    order = LiveOrder("x.yaml", "0", "shared", "http://127.0.0.1:1", max_requests=5, max_spend_usd=1.0, workers=2)
    first, second = guard_of(order, 0, 2), guard_of(order, 1, 2)
    assert sum(first.may_send(0.1) for _ in range(9)) + sum(second.may_send(0.1) for _ in range(9)) == 5
    assert not guard_of(order, 0, 2).may_send(0.6), "its half is 0.5"


def test_micro_dollars_are_never_rounded_down() -> None:
    assert micro(0.000_000_1) == 1
    assert micro(0.1) == 100_000
    assert micro(0.0) == 0
