"""M/D/1/K, against its published values, its limits, and an exact computation."""

from __future__ import annotations

from decimal import Decimal, getcontext
from itertools import islice

import pytest

from sim.study.tune.theory import LARGEST, loss, losses, smallest_burst


def exact(load: str, places: int) -> float:
    """The loss in 120 digits, by the textbook's recursion, which subtracts (Gross and Harris, §5.1.7)."""
    getcontext().prec = 120
    rho = Decimal(load)
    arrive = [(-rho).exp()]
    for number in range(1, places + 1):
        arrive.append(arrive[-1] * rho / number)
    left = [Decimal(1)]
    for j in range(places - 1):
        seen = sum((left[i] * arrive[j - i + 1] for i in range(1, j + 1)), left[0] * arrive[j])
        left.append((left[j] - seen) / arrive[0])
    return float(1 - 1 / (left[0] / sum(left) + rho))


@pytest.mark.parametrize(("load", "places", "published"), [(0.9, 5, 0.06436), (1.1, 20, 0.09290)])
def test_the_loss_is_the_published_one(load: float, places: int, published: float) -> None:
    assert loss(load, places) == pytest.approx(published, abs=5e-6)


@pytest.mark.parametrize("load", ["0.3", "0.9", "1.0001", "1.1", "5"])
@pytest.mark.parametrize("places", [1, 2, 5, 20, 60])
def test_the_loss_is_exact_to_ten_digits_where_it_can_matter(load: str, places: int) -> None:
    assert loss(float(load), places) == pytest.approx(exact(load, places), rel=1e-10, abs=1e-13)


def test_one_place_loses_what_erlang_says_and_more_never_lose_more() -> None:
    assert loss(0.7, 1) == pytest.approx(0.7 / 1.7)
    falling = list(islice(losses(1.3), 3000))
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == pytest.approx(1 - 1 / 1.3)


@pytest.mark.parametrize(("load", "target"), [(0.5, 0.01), (0.9, 0.001), (0.99, 0.005), (1.05, 0.06)])
def test_the_smallest_burst_is_the_smallest(load: float, target: float) -> None:
    burst = smallest_burst(load, target)
    assert burst is not None
    assert loss(load, burst) <= target
    assert burst == 1 or loss(load, burst - 1) > target


def test_no_burst_helps_against_too_much_load() -> None:
    assert smallest_burst(2.0, 0.49) is None
    assert smallest_burst(1.0, 1e-9) is None
    assert smallest_burst(0.0, 0.01) == 1
    assert LARGEST > 1000
