"""Dividing a total: exact sums, at least one each, and never less for who has the larger share."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario.allocate import allocate

WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=30)


def shares_of(weights: list[int], whole: Fraction = Fraction(1)) -> list[Fraction]:
    return [whole * weight / sum(weights) for weight in weights]


@settings(max_examples=600, deadline=None, derandomize=True)
@given(WEIGHTS, st.integers(0, 100_000))
def test_whole_parts_sum_to_the_total_and_are_at_least_one(weights: list[int], spare: int) -> None:
    total = len(weights) + spare
    parts = allocate(total, shares_of(weights))
    assert sum(parts) == total
    assert all(part.denominator == 1 and part >= 1 for part in parts)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(WEIGHTS, st.integers(0, 60), st.fractions(Fraction(1, 10), 1))
def test_a_larger_share_never_gets_less(weights: list[int], spare: int, whole: Fraction) -> None:
    parts = allocate(len(weights) + spare, shares_of(weights, whole))
    order = sorted(range(len(weights)), key=lambda at: (weights[at], parts[at]))
    assert [parts[at] for at in order] == sorted(parts)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(WEIGHTS, st.integers(0, 100_000))
def test_a_part_differs_from_its_exact_share_by_less_than_one_unless_lifted_to_one(
    weights: list[int], spare: int
) -> None:
    total, shares = len(weights) + spare, shares_of(weights)
    exact = [total * share for share in shares]
    if min(exact) >= 1:
        assert all(abs(part - one) < 1 for part, one in zip(allocate(total, shares), exact, strict=True))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(WEIGHTS, st.integers(0, 1000), st.fractions(Fraction(1, 100), 1))
def test_shares_below_one_leave_the_rest_unless_each_needs_its_one(
    weights: list[int], spare: int, whole: Fraction
) -> None:
    total = len(weights) + spare
    assert sum(allocate(total, shares_of(weights, whole))) == max(len(weights), int(total * whole))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(WEIGHTS, st.fractions(Fraction(1, 7), 100))
def test_what_can_not_be_whole_is_divided_exactly(weights: list[int], total: Fraction) -> None:
    if total.denominator > 1 or total < len(weights):
        assert allocate(total, shares_of(weights)) == [total * share for share in shares_of(weights)]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (60, [1, 1], [30, 30]),
        (10, [1, 1, 1], [4, 3, 3]),
        (6, [45, 43, 4, 4, 4], [2, 1, 1, 1, 1]),
        (2, [999, 1], [1, 1]),
    ],
)
def test_examples(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, shares_of(weights)) == parts
