"""Intervals of months: do they cover what they should, and do they say so where months are too few?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim.study.cost.estimates import (
    chance,
    chance_of_worse,
    deviation,
    mean,
    quantile,
    quantile_difference,
    ranks,
)


def lognormals(count: int, seed: int) -> np.ndarray:
    return np.exp(np.random.Generator(np.random.Philox(seed)).standard_normal(count))


@pytest.mark.parametrize(("share", "count"), [(0.5, 40), (0.95, 200), (0.99, 600)])
def test_quantile_intervals_cover(share: float, count: int) -> None:
    truth = float(np.exp(stats.norm.ppf(share)))
    covered = 0
    for trial in range(1000):
        found = quantile(lognormals(count, trial), share)
        assert found.low is not None and found.high is not None
        covered += found.low <= truth <= found.high
    # At least 95 % by construction; three standard errors of 1,000 trials below it.
    assert covered / 1000 > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert covered / 1000 < 0.99


def test_ranks_are_the_tightest_on_each_side() -> None:
    for count, share in ((60, 0.5), (300, 0.95), (1000, 0.99)):
        low, high = ranks(count, share)
        assert low is not None and high is not None
        # Fewer than `low` months at or under the quantile: the interval begins too high.
        assert stats.binom.cdf(low - 1, count, share) <= 0.025 < stats.binom.cdf(low, count, share)
        assert stats.binom.sf(high - 1, count, share) <= 0.025 < stats.binom.sf(high - 2, count, share)


def test_too_few_months_have_no_upper_bound() -> None:
    assert ranks(300, 0.99)[1] is None
    assert ranks(400, 0.99)[1] is not None
    found = quantile(lognormals(30, 1), 0.95)
    assert found.high is None and found.low is not None and found.low < found.value


def test_a_quantile_is_a_month_that_was_seen() -> None:
    values = np.arange(1.0, 101.0)
    assert [quantile(values, share).value for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]


@pytest.mark.parametrize(("hits", "count"), [(0, 40), (3, 40), (40, 40), (17, 1000)])
def test_chances_are_clopper_and_pearson(hits: int, count: int) -> None:
    expected = stats.binomtest(hits, count).proportion_ci(0.95, "exact")
    found = chance(hits, count)
    assert (found.value, found.low, found.high) == pytest.approx((hits / count, expected.low, expected.high))


def test_the_worst_of_many_is_seldom_exceeded() -> None:
    # The rule of three: about 3/n. With that chance of a worse month, 5 % of studies would not have seen one.
    assert chance_of_worse(1000) == pytest.approx(3 / 1000, rel=0.01)
    assert (1 - chance_of_worse(77)) ** 77 == pytest.approx(0.05)


def test_means_and_deviations() -> None:
    values = np.array([3.0, 5.0, 10.0])
    half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    found = mean(values)
    assert (found.value, found.low, found.high) == pytest.approx((6, 6 - half, 6 + half))
    assert mean(values[:1]) == mean(np.array([3.0])) and mean(values[:1]).low is None
    normal = np.random.Generator(np.random.Philox(3)).normal(0, 2, 2000)
    spread = deviation(normal, 5)
    # The standard error of a normal sample's deviation is s / sqrt(2n).
    assert spread.value == pytest.approx(2, abs=4 * 2 / np.sqrt(4000))
    assert spread.low is not None and spread.high is not None
    assert (spread.high - spread.low) / 2 == pytest.approx(1.96 * spread.value / np.sqrt(4000), rel=0.15)
    assert deviation(normal, 5) == spread


def test_paired_quantiles_know_that_they_are_paired() -> None:
    first = lognormals(400, 9)
    apart = quantile_difference(first, first + 5, 0.95, 1)
    assert (apart.value, apart.low, apart.high) == pytest.approx((5, 5, 5))
    alone = quantile(first, 0.95)
    assert alone.high is not None and alone.low is not None and alone.high - alone.low > 0.5
