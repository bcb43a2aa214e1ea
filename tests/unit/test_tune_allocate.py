"""Dividing an account: against every possible division of small ones, and a climb against the exact answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

import pytest

from sim.study.tune.allocate import EXACT, Amounts, Claim, Division, Level, Share, _climb, divide, fill
from sim.study.tune.goals import ASKED


def _claim(r: random.Random, name: str, things: int) -> Claim:
    need = tuple(r.randint(1, 7 if things == 1 else 4) for _ in range(things))
    goals = r.randint(0, 2)
    slower = ((max(1, need[0] - 1), need[1] + 2),) if things == 2 else ()
    half = tuple(max(1, amount // 2) for amount in need)
    partly = tuple(Level(met, (half,)) for met in range(1, goals))
    return Claim(name, (*partly, Level(goals, (need, *slower), whole=True)), need)


def _case(number: int) -> tuple[list[Claim], list[int | None]]:
    r = random.Random(f"account {number}")
    count = r.randint(1, 3)
    things = r.randint(1, 2) if count < 3 else 1
    claims = [_claim(r, f"p{at}", things) for at in range(count)]
    return claims, [None if r.random() < 0.15 else r.randint(1, 16) for _ in range(things)]


Way = tuple[int, Amounts, float]
"""Goals met, amounts, shortfall."""


def _ways(claim: Claim) -> list[Way]:
    """Every way to serve a claim: whole, or at least some level, with any whole amounts up to its need."""
    found: list[Way] = []
    nothing = Level(0, ((1,) * len(claim.need),))
    for level in (nothing, *claim.levels):
        for use in level.uses:
            if level.whole:
                found.append((level.met, use, 0.0))
                continue
            spans = [range(low, max(low, most) + 1) for low, most in zip(use, claim.need, strict=True)]
            found += [(level.met, given, _missing(claim, given)) for given in product(*spans)]
    return found


def _missing(claim: Claim, given: Sequence[int]) -> float:
    return max(0.0, *(1 - gets / need for gets, need in zip(given, claim.need, strict=True)))


def brute_force(claims: Sequence[Claim], capacity: Sequence[int | None]) -> tuple[int, float] | None:
    """(goals met, worst shortfall) of the best division among all that there are; None without any."""
    best: tuple[int, float] | None = None
    for ways in product(*(_ways(claim) for claim in claims)):
        sums = [sum(way[1][thing] for way in ways) for thing in range(len(capacity))]
        if all(most is None or used <= most for used, most in zip(sums, capacity, strict=True)):
            key = -sum(way[0] for way in ways), max(way[2] for way in ways)
            best = key if best is None or key < best else best
    return None if best is None else (-best[0], best[1])


def _told(found: Division) -> tuple[int, float]:
    return sum(one.met for one in found.shares), max(one.shortfall for one in found.shares)


@pytest.mark.parametrize("number", range(120))
def test_no_division_meets_more_goals_or_is_fairer(number: int) -> None:
    claims, capacity = _case(number)
    found, best = divide(claims, capacity), brute_force(claims, capacity)
    if best is None:
        assert found is None
        return
    assert found is not None
    assert found.exact
    assert _told(found) == pytest.approx(best)
    for thing, most in enumerate(capacity):
        assert most is None or sum(one.amounts[thing] for one in found.shares) <= most


def _many(number: int, count: int) -> tuple[list[Claim], list[int | None]]:
    """Projects with a contour each, on an account with about a third of what they need."""
    r = random.Random(f"many {number}")
    claims = []
    for at in range(count):
        rates = sorted({r.randint(5, 60) for _ in range(5)})
        uses = tuple((rate, max(1, 200 // rate)) for rate in rates)
        claims.append(Claim(f"p{at}", (Level(1, uses, whole=True),), (rates[-1], uses[-1][1])))
    return claims, [12 * count, 8 * count]


def test_a_climb_rarely_misses_a_goal_of_the_exact_search_and_never_two() -> None:
    missed = []
    for number in range(12):
        claims, capacity = _many(number, 7)
        exact, climbed = divide(claims, capacity), _climb(claims, capacity)
        assert exact is not None
        assert climbed is not None
        assert exact.exact
        assert exact.key <= climbed.key
        missed.append(_told(exact)[0] - _told(climbed)[0])
    assert max(missed) <= 1
    assert sum(missed) <= 1


def test_many_projects_are_divided_too_and_that_is_said() -> None:
    claims, capacity = _many(1, 18)
    assert 2 ** len(claims) > EXACT
    found = divide(claims, capacity)
    assert found is not None
    assert not found.exact
    assert _told(found)[0] >= 9
    assert sum(one.amounts[0] for one in found.shares) <= (capacity[0] or 0)


def test_an_account_that_is_large_enough_gives_everybody_what_costs_least() -> None:
    claims, _ = _many(2, 5)
    found = divide(claims, [10_000, 10_000])
    assert found is not None
    assert [one.shortfall for one in found.shares] == [0.0] * 5
    cheapest = [min(claim.levels[0].uses, key=sum) for claim in claims]
    assert [sum(one.amounts) for one in found.shares] == [sum(use) for use in cheapest]


def test_slower_rates_with_larger_bursts_make_room() -> None:
    claims = [Claim(name, (Level(1, ((10, 5), (6, 20)), whole=True),), (10, 5)) for name in "ab"]
    both = divide(claims, [16, 30])
    assert both is not None
    assert sorted(one.amounts for one in both.shares) == [(6, 20), (10, 5)]
    short = divide(claims, [16, 12])
    assert short is not None
    assert [one.met for one in short.shares].count(1) == 1
    assert sorted(one.amounts[0] for one in short.shares) == [6, 10]
    assert max(one.shortfall for one in short.shares) == pytest.approx(0.4)


def test_who_lacks_tokens_falls_short_though_the_rate_is_enough() -> None:
    claims = [Claim(name, (Level(1, ((10, 600),), whole=True),), (10, 600)) for name in "ab"]
    found = divide(claims, [40, 900])
    assert found is not None
    whole, short = sorted(found.shares, key=lambda one: one.shortfall)
    assert whole == Share(whole.name, 1, (10, 600), 0.0)
    assert (short.met, short.amounts, short.shortfall) == (0, (10, 300), 0.5)


def test_one_objective_of_the_scenario_outweighs_all_that_were_assumed() -> None:
    asked = Claim("asked", (Level(ASKED, ((50,),), whole=True),), (50,))
    assumed = [Claim(f"assumed {at}", (Level(1, ((10,),), whole=True),), (10,)) for at in range(5)]
    found = divide([asked, *assumed], [60])
    assert found is not None
    assert found.shares[0].shortfall == 0
    assert [one.met for one in found.shares[1:]] == [0] * 5


@pytest.mark.parametrize(
    ("start", "need", "left", "given"),
    [
        ([1, 1], [10, 10], 8, [5, 5]),
        ([1, 1], [10, 20], 100, [10, 20]),
        ([1, 3], [5, 7], 2, [3, 3]),
        ([8, 1], [10, 10], 3, [8, 4]),
        ([2, 2], [4, 4], None, [4, 4]),
        ([5, 1], [3, 2], 1, [5, 2]),
    ],
)
def test_whoever_has_least_of_its_need_is_filled_first(
    start: list[int], need: list[int], left: int | None, given: list[int]
) -> None:
    assert fill(start, need, left) == given


def test_an_account_too_small_for_one_each_can_not_be_divided() -> None:
    assert divide([Claim(name, (Level(1, ((3,),), whole=True),), (3,)) for name in "abc"], [2]) is None
