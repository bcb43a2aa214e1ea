"""Sizes: quantiles, bounds and means."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from sim.scenario.workloads import Fixed, FixedTime, Spread, SpreadTime
from sim.units import SECOND
from sim.workload.sizes import draw, mean, part


def generator(seed: int = 35) -> np.random.Generator:
    return np.random.default_rng(seed)


def spread(median: int, p95: int, top: int | None = None) -> Spread:
    return Spread(median=median, p95=p95, max=top)


def test_median_and_p95_are_recovered() -> None:
    values = draw(spread(900, 4000), generator(), 400_000)
    # The rank of a quantile varies by √(p(1-p)/n): 0.08 % at the median, 0.035 % at the 95th.
    assert (values <= 900).mean() == pytest.approx(0.5, abs=0.004)
    assert (values <= 4000).mean() == pytest.approx(0.95, abs=0.0015)


@pytest.mark.parametrize(
    "spec",
    [
        spread(900, 4000),
        spread(900, 4000, 2000),
        spread(900, 4000, 10),
        spread(1, 3),
        spread(3, 9, 4),
        spread(7, 7),
        spread(7, 7, 5),
        spread(600, 700),
        Fixed(fixed=2000),
        Fixed(fixed=0),
    ],
    ids=str,
)
def test_the_mean_is_that_of_many_draws(spec: Spread | Fixed) -> None:
    values = draw(spec, generator(), 400_000)
    assert values.dtype == np.int64
    assert values.min() >= 1
    assert abs(values.mean() - mean(spec)) <= 4 * values.std() / math.sqrt(len(values)) + 1e-6


def test_bounds_hold() -> None:
    values = draw(spread(10, 1000, 500), generator(), 100_000)
    assert values.min() == 1
    assert values.max() == 500


def test_an_absurd_spread_neither_overflows_nor_turns_negative() -> None:
    spec = spread(1, 10**8)
    values = draw(spec, generator(), 100_000)
    assert values.min() == 1
    assert values.max() == 10**8
    assert values.mean() == pytest.approx(mean(spec), rel=0.02)
    think = SpreadTime.model_validate({"median": "1s", "p95": "3650d"})
    assert 0 <= draw(think, generator(), 100_000, least=0).max() <= 2**60
    assert math.isfinite(mean(think, 0))


def test_durations_may_be_zero() -> None:
    assert draw(FixedTime(fixed=0), generator(), 3, least=0).tolist() == [0, 0, 0]
    think = SpreadTime.model_validate({"median": "2s", "p95": "10s"})
    values = draw(think, generator(), 200_000, least=0)
    assert np.median(values) == pytest.approx(2 * SECOND, rel=0.02)
    assert values.mean() == pytest.approx(mean(think, 0), rel=0.02)


def test_the_first_draws_do_not_depend_on_how_many_follow() -> None:
    spec = spread(900, 4000)
    assert np.array_equal(draw(spec, generator(), 10), draw(spec, generator(), 1000)[:10])


def test_part_is_rounded_and_never_more_than_the_whole() -> None:
    whole = np.array([0, 1, 3, 10, 1001])
    assert part(Fraction(1, 2), whole).tolist() == [0, 0, 2, 5, 500]
    assert part(Fraction(1), whole).tolist() == whole.tolist()
    assert part(Fraction(0), whole).tolist() == [0] * 5
