"""The order of a migration: exact against every order there is, greedy beside it, waves that add up."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import combinations, pairwise, permutations

import pytest

from sim.study.migrate.order import (
    NOTHING,
    Risks,
    State,
    best,
    exposure,
    greedy,
    in_waves,
    states_of,
    wave_sizes,
)


class Table:
    """A risk of every set of names, drawn by a seed, and how many sets were asked for."""

    def __init__(self, seed: int, *, submodular: bool = False) -> None:
        self.seed, self.submodular = seed, submodular
        self.asked: set[State] = set()

    def one(self, state: State) -> float:
        self.asked.add(state)
        if not self.submodular:
            return random.Random(f"{self.seed} {sorted(state)}").random()
        # What is covered counts once: moves that help less and less as others are made.
        covered = {item for name in state for item in random.Random(f"{self.seed} {name}").sample(range(60), 9)}
        return 60.0 - len(covered)

    def __call__(self, states: Sequence[State]) -> list[float]:
        return [self.one(state) for state in states]


def cost(order: Sequence[str], risks: Risks, done: State = NOTHING) -> float:
    """The mean risk on the way, worked out step by step."""
    total, state = 0.0, done
    for name in order:
        total += risks([state])[0]
        state |= {name}
    return total / len(order)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_no_order_at_all_is_better_than_the_exact_one(seed: int, count: int) -> None:
    names, risks = list("abcde")[:count], Table(seed)
    found = best(names, risks)
    assert sorted(found) == names
    least = min(cost(order, risks) for order in permutations(names))
    assert cost(found, risks) == pytest.approx(least, abs=1e-12)
    assert exposure([(name,) for name in found], risks) == pytest.approx(least, abs=1e-12)


def test_the_exact_order_starts_from_what_has_moved_already() -> None:
    risks, done = Table(3), frozenset({"canary"})
    found = best(list("abcd"), risks, done)
    least = min(cost(order, risks, done) for order in permutations("abcd"))
    assert cost(found, risks, done) == pytest.approx(least, abs=1e-12)
    assert all("canary" in state for state in risks.asked - {frozenset({*"abcd"[:0]})} if state)


@pytest.mark.parametrize("seed", range(12))
def test_a_greedy_step_leaves_least_risk_of_all_moves(seed: int) -> None:
    names, risks = list("abcdef"), Table(seed)
    state: State = NOTHING
    for name in greedy(names, risks):
        left = [other for other in names if other not in state]
        assert risks.one(state | {name}) == min(risks.one(state | {other}) for other in left)
        state |= {name}


@pytest.mark.parametrize("seed", range(6))
def test_greedy_is_as_near_the_best_of_all_orders_as_theory_promises(seed: int) -> None:
    """Where moves help less and less, k greedy ones reach 1 - 1/e of the best k (Nemhauser and others, 1978)."""
    names, risks = list("abcdef"), Table(seed, submodular=True)
    order = greedy(names, risks)
    for k in range(1, len(names) + 1):
        gained = risks.one(NOTHING) - risks.one(frozenset(order[:k]))
        most = max(risks.one(NOTHING) - risks.one(frozenset(some)) for some in combinations(names, k))
        assert gained >= (1 - 1 / math.e) * most - 1e-12
    every = [cost(other, risks) for other in permutations(names)]
    assert min(every) - 1e-12 <= cost(order, risks) <= (min(every) + max(every)) / 2


@pytest.mark.parametrize("seed", range(4))
def test_many_projects_take_fewer_looks_and_the_same_steps(seed: int) -> None:
    names, risks, full = [f"p{at:02d}" for at in range(24)], Table(seed, submodular=True), Table(seed, submodular=True)
    found = greedy(names, risks)
    assert sorted(found) == names
    state: State = NOTHING
    for name in found:
        left = [other for other in names if other not in state]
        assert full.one(state | {name}) == min(full.one(state | {other}) for other in left)
        state |= {name}
    assert len(risks.asked) < len(full.asked) * 0.75


def test_equal_moves_keep_the_order_of_the_names() -> None:
    def flat(states: Sequence[State]) -> list[float]:
        return [1.0 for _ in states]

    assert best(list("cab"), flat) == list("cab")
    assert greedy(list("cab"), flat) == list("cab")
    many = [f"p{at}" for at in range(15)]
    assert greedy(many, flat) == many


@pytest.mark.parametrize("count", [*range(1, 60), 100, 400])
@pytest.mark.parametrize("most", [1, 2, 5, 8])
def test_waves_add_up_and_grow_after_a_canary(count: int, most: int) -> None:
    sizes = wave_sizes(count, most)
    assert sum(sizes) == count and len(sizes) == min(count, most) and min(sizes) >= 1
    assert sizes[0] == 1 or most == 1
    # The next wave is never much smaller than the one before: rounding may take one.
    assert all(after >= before - 1 for before, after in pairwise(sizes))


def test_waves_keep_the_order() -> None:
    order = [f"p{at}" for at in range(47)]
    waves = in_waves(order, 8)
    assert [name for wave in waves for name in wave] == order
    assert len(waves) == 8 and waves[0] == ("p0",)
    assert states_of(waves)[-1] == frozenset(order) and states_of(waves)[0] == NOTHING
