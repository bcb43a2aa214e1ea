"""Answer times: what the quantile tables draw against the exact distributions, tails included."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import pytest
from scipy import stats

from sim.engine.service_tables import Z95, knots
from sim.policy.service import KNOTS, LONGEST, WIDTH, answer_ns, drawn, produced
from sim.scenario.workloads import FixedTime, SpreadTime
from sim.units import HOUR, MS, SECOND
from tests.theory.worlds import F64

WHOLE = 1 << 32


def spread(median: str, p95: str) -> SpreadTime:
    return SpreadTime.model_validate({"median": median, "p95": p95})


def lognormal(time: SpreadTime) -> stats.rv_continuous:
    sigma = log(time.p95 / time.median) / stats.norm.ppf(0.95)
    return stats.lognorm(sigma, scale=time.median)


def constant(text: str) -> FixedTime:
    return FixedTime.model_validate({"fixed": text})


SPREADS = [spread("1s", "2s"), spread("400ms", "2s"), spread("20ms", "60ms")]
TIMES = [
    (constant("1s"), "exponential", stats.expon(scale=SECOND)),
    (spread("2s", "9s"), "exponential", stats.expon(scale=2 * SECOND / log(2))),
    *((time, "lognormal", lognormal(time)) for time in SPREADS),
]
"""As written, of which kind, and the exact distribution."""


def test_z95_is_the_normal_quantile() -> None:
    assert pytest.approx(stats.norm.ppf(0.95), rel=1e-15) == Z95


def moments(table: tuple[int, ...]) -> tuple[float, float]:
    """Exact mean and variance of what :func:`drawn` draws from a table: uniform in every cell."""
    head, tail = np.array(table[:KNOTS], float), np.array(table[KNOTS + 1 :], float)
    mean = second = 0.0
    for values, weight in ((head, 1 / KNOTS), (tail, 1 / KNOTS**2)):
        low, high = values[:-1], values[1:]
        mean += weight * float(((low + high) / 2).sum())
        second += weight * float(((low * low + low * high + high * high) / 3).sum())
    return mean, second - mean * mean


@pytest.mark.parametrize(("time", "service", "exact"), TIMES)
def test_mean_and_variance_are_exact(time: SpreadTime | FixedTime, service: str, exact: stats.rv_continuous) -> None:
    mean, variance = moments(knots(time, service))
    assert mean == pytest.approx(exact.mean(), rel=2e-4)
    assert variance == pytest.approx(exact.var(), rel=2e-3)


@pytest.mark.parametrize(("time", "service", "exact"), TIMES)
@pytest.mark.parametrize("p", [1e-3, 0.05, 0.25, 0.5, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999])
def test_quantiles_are_exact_into_the_tail(
    time: SpreadTime | FixedTime, service: str, exact: stats.rv_continuous, p: float
) -> None:
    assert drawn(knots(time, service), 0, round(p * WHOLE)) == pytest.approx(exact.ppf(p), rel=2e-3)


@pytest.mark.parametrize(("time", "service", "exact"), TIMES)
def test_random_draws_have_the_distribution(
    time: SpreadTime | FixedTime, service: str, exact: stats.rv_continuous
) -> None:
    table, luck = knots(time, service), np.random.default_rng(35).integers(0, WHOLE, 40_000)
    values: F64 = np.array([drawn(table, 0, u) for u in luck.tolist()], float)
    assert stats.kstest(values, exact.cdf).pvalue > 1e-3
    assert stats.kstest(values, lambda x: exact.cdf(x / 1.03)).pvalue < 1e-3


@pytest.mark.parametrize(("time", "service", "exact"), TIMES)
def test_more_luck_never_takes_less_time(
    time: SpreadTime | FixedTime, service: str, exact: stats.rv_continuous
) -> None:
    table, step = knots(time, service), WHOLE // (1 << 12)
    lucks = sorted(
        {*range(0, WHOLE, step), *range(WHOLE - step, WHOLE, 1 << 8), *range(WHOLE - 2048, WHOLE), 0, 1, 255}
    )
    times = [drawn(table, 0, u) for u in lucks]
    assert times[0] >= 0
    assert all(first <= second for first, second in pairwise(times))
    assert times[-1] > exact.ppf(1 - 2**-24)


def test_a_time_without_spread_never_varies() -> None:
    for time in (constant("7s"), spread("7s", "7s")):
        assert {drawn(knots(time, "lognormal"), 0, u) for u in range(0, WHOLE, WHOLE // 999)} == {7 * SECOND}
    assert set(knots(constant("0s"), "exponential")) == {0}


@pytest.mark.parametrize(("median", "p95"), [("1ns", "3650d"), ("3650d", "3650d"), ("3h", "4h"), ("1d", "3650d")])
def test_extreme_times_stay_inside_int64(median: str, p95: str) -> None:
    table = knots(spread(median, p95), "lognormal")
    assert min(table) >= 0
    assert max(table) <= LONGEST
    compilable = np.array(table, np.int64)
    with np.errstate(over="raise"):
        for u in (0, 1, 1 << 20, 12345678, WHOLE // 2, WHOLE - (1 << 20), WHOLE - 2, WHOLE - 1):
            assert drawn(compilable, 0, np.int64(u)) == drawn(table, 0, u)


def test_an_answer_is_its_first_token_and_all_others_and_at_most_36_years() -> None:
    assert answer_ns(300, 20, 50) == 1300
    assert answer_ns(300, 20, 0) == 300
    assert answer_ns(0, 3650 * 24 * HOUR, 10**8) == LONGEST
    assert answer_ns(LONGEST, 1, 1) == LONGEST


def test_tokens_produced_so_far() -> None:
    assert [produced(ms * MS, 100 * MS, 10 * MS, 5) for ms in (0, 99, 100, 109, 110, 149, 150, 999)] == [
        0,
        0,
        0,
        0,
        1,
        4,
        5,
        5,
    ]
    assert produced(100, 100, 0, 5) == 5


def test_the_table_of_a_squared_cv_of_4() -> None:
    """What the queue M/G/1 is tested with."""
    sigma = sqrt(log(5))
    time = spread(f"{exp(-sigma * sigma / 2):.9f}s", f"{exp(-sigma * sigma / 2 + Z95 * sigma):.9f}s")
    mean, variance = moments(knots(time, "lognormal"))
    assert mean == pytest.approx(SECOND, rel=3e-4)
    assert variance == pytest.approx(4 * SECOND**2, rel=5e-3)
    assert len(knots(time, "lognormal")) == WIDTH
