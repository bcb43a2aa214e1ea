"""The grid of settings, and the walk along a contour that nobody has drawn yet."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from sim.study.tune.grid import at_least, at_most, rounded_up, step_at, value
from sim.study.tune.search import Cell, Plane, cheapest, cost, diagonal, frontier, polished, smallest, spread

SETTINGS = [value(place) for place in range(700)]


def test_every_whole_number_up_to_a_hundred_is_a_setting() -> None:
    assert SETTINGS[:100] == list(range(1, 101))


def test_settings_beyond_are_one_or_two_percent_apart_and_short_to_write() -> None:
    assert SETTINGS[99:103] == [100, 102, 104, 106]
    assert [one for one in SETTINGS if 195 < one < 215] == [196, 198, 200, 205, 210]
    assert [one for one in SETTINGS if 990 <= one <= 1040] == [990, 1000, 1020, 1040]
    assert all(0.009 < (after - before) / before <= 0.0251 for before, after in pairwise(SETTINGS[99:]))


@pytest.mark.parametrize("number", [*range(1, 1300), 9_999, 10_000, 10_001, 123_456, 4_700_000])
def test_places_are_the_nearest_settings(number: int) -> None:
    assert value(at_most(number)) <= number < value(at_most(number) + 1)
    assert value(at_least(number)) >= number
    assert at_least(number) == 0 or value(at_least(number) - 1) < number
    assert rounded_up(number) == value(at_least(number))


def test_nothing_is_below_one() -> None:
    assert at_most(0.5) == -1
    assert rounded_up(0.01) == 1
    assert step_at(1) == 1
    assert step_at(104) == 2


@pytest.mark.parametrize("edge", [1, 7, 99, 100, 101, 102, 340])
def test_the_smallest_setting_that_holds(edge: int) -> None:
    asked: list[int] = []

    def holds(setting: int) -> bool:
        asked.append(setting)
        return setting >= edge

    assert smallest(holds, 1, 400) == rounded_up(edge)
    assert len(asked) <= 9, "bisection, not a walk"


def test_where_nothing_holds_there_is_no_smallest() -> None:
    assert smallest(lambda _: False, 1, 400) is None
    assert smallest(lambda _: True, 9, 5) is None


# The plane


def staircase(number: int) -> list[int]:
    """The smallest good burst at rate 1, 2, …: falling, of many shapes."""
    r = random.Random(f"staircase {number}")
    steps = [r.randint(1, 300) for _ in range(r.randint(5, 150))]
    if number % 2:
        steps = [max(1, round(r.randint(5, 400) / (at + 1) ** r.random())) for at in range(len(steps))]
    return [min(steps[: at + 1]) for at in range(len(steps))]


def good_above(steps: list[int]) -> Callable[[int, int], bool]:
    return lambda rate, burst: burst >= steps[min(rate, len(steps)) - 1]


def exhaustive(steps: list[int], floor: int) -> int:
    """The least cost of any good cell of the grid."""
    good = good_above(steps)
    return min(
        rate + next(burst for burst in SETTINGS if good(rate, burst))
        for rate in SETTINGS
        if floor <= rate <= len(steps) + 20
    )


@pytest.mark.parametrize("number", range(150))
def test_the_cheapest_cell_is_missed_by_no_more_than_a_step(number: int) -> None:
    steps, floor = staircase(number), 1 + number % 10
    plane = Plane(good_above(steps))
    start = diagonal(plane, floor, 2000)
    assert start is not None
    found = cheapest(plane, floor, start)
    assert good_above(steps)(*found)
    assert found[0] >= floor
    assert cost(found) - exhaustive(steps, floor) <= max(step_at(found[0]), step_at(found[1]))
    assert len(plane.known) < 90, "the contour is walked, not the plane"
    assert plane.violations() == 0


def test_a_plane_without_a_good_cell_has_no_start() -> None:
    assert diagonal(Plane(lambda rate, burst: False), 1, 100) is None


def test_what_is_known_answers_for_what_it_dominates() -> None:
    asked: list[Cell] = []

    def ask(rate: int, burst: int) -> bool:
        asked.append((rate, burst))
        return rate >= 5 and burst >= 5

    plane = Plane(ask)
    assert plane.good(5, 6)
    assert plane.good(9, 6)
    assert not plane.good(4, 9)
    assert not plane.good(3, 2)
    assert asked == [(5, 6), (4, 9)]
    assert plane.tried(9, 6)
    assert asked[-1] == (9, 6), "a cell that is tried is asked itself"


def test_an_exception_below_the_contour_is_found_among_the_neighbours() -> None:
    def ask(rate: int, burst: int) -> bool:
        return (rate >= 10 and burst >= 10) or (rate, burst) == (9, 9)

    plane = Plane(ask)
    assert polished(plane, 1, (10, 10)) == (9, 9)
    assert plane.violations() > 0, "more was worse: (9, 9) is good and (9, 10) is not"


def test_neighbours_below_the_floor_are_left_alone() -> None:
    assert polished(Plane(lambda rate, burst: True), 10, (10, 1)) == (10, 1)


def test_the_contour_has_the_smallest_burst_of_each_rate_without_what_is_dominated() -> None:
    steps = [40, 40, 12, 12, 12, 3]
    assert frontier(Plane(good_above(steps)), range(1, 9), 50) == [(1, 40), (3, 12), (6, 3)]
    assert frontier(Plane(good_above(steps)), [1, 3], 20) == [(3, 12)]


def test_rates_are_spread_by_ratio_within_their_ends() -> None:
    assert spread(10, 80, 4) == [10, 20, 40, 80]
    assert spread(5, 5, 4) == [5]
    assert spread(3, 5, 9) == [3, 4, 5]
