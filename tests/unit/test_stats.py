"""Intervals, paired differences, ratios and regimes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics.stats import interval, paired, ratio_of_means, regimes

FLOATS = st.floats(-1e6, 1e6, allow_nan=False)


def test_interval_by_hand() -> None:
    # mean 3, s = sqrt(10/4) = 1.5811, t(4) = 2.7764, half = 2.7764 * 1.5811 / sqrt(5) = 1.9632
    found = interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert found.mean == 3.0
    assert (found.low, found.high) == pytest.approx((1.0368, 4.9632), abs=1e-4)


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    found = interval(np.array([[4.0, np.nan, 1.0], [np.nan, np.nan, 1.0]]))
    assert found.mean[0] == 4.0
    assert np.isnan([found.low[0], found.high[0], found.mean[1], found.low[1]]).all()
    assert (found.mean[2], found.low[2], found.high[2]) == (1.0, 1.0, 1.0)


def test_infinite_values_are_left_out_like_missing_ones() -> None:
    assert interval(np.array([1.0, np.inf, 3.0])).mean == 2.0


def test_interval_covers_the_truth_about_95_times_in_100() -> None:
    draws = np.random.default_rng(5).normal(7, 2, (6, 20_000))
    found = interval(draws)
    covered = np.mean((found.low <= 7) & (found.high >= 7))
    assert covered == pytest.approx(0.95, abs=0.006)  # four standard errors


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_paired_mean_is_the_difference_of_means(pairs: list[tuple[float, float]]) -> None:
    first, second = np.array(pairs).T
    expected = interval(second).mean - interval(first).mean
    assert paired(first, second).mean == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_pairing_removes_what_both_sides_share() -> None:
    common = np.array([10.0, 50.0, 90.0, 20.0])
    found = paired(common, common + 3)
    assert (found.mean, found.low, found.high) == (3.0, 3.0, 3.0)


def test_ratio_of_means_by_hand() -> None:
    # 6 / 12 = 0.5; errors 0, 1, -1: s = 1, half = 4.3027 * 1 / sqrt(3) / 4 = 0.6210
    found = ratio_of_means(np.array([1.0, 4.0, 1.0]), np.array([2.0, 6.0, 4.0]))
    assert found.mean == 0.5
    assert float(found.high - found.mean) == pytest.approx(0.62104, abs=1e-4)


def test_ratio_of_means_survives_zeros_below_and_has_none_without_any() -> None:
    assert ratio_of_means(np.array([0.0, 1.0]), np.array([0.0, 2.0])).mean == 0.5
    assert np.isnan(ratio_of_means(np.zeros(3), np.zeros(3)).mean)
    assert np.isnan(ratio_of_means(np.zeros(0), np.zeros(0)).mean)
    assert np.isnan(ratio_of_means(np.ones(1), np.ones(1)).low)


def test_two_clear_regimes() -> None:
    found = regimes([0.99, 0.98, 0.1, 0.99, 0.12, 0.97, 0.99, 0.98, float("nan")])
    assert found is not None
    assert found.stuck_share == 0.25
    assert found.replications == 8
    assert (found.stuck_mean, found.well_mean) == pytest.approx((0.11, 0.98333), abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.1, 0.9, 0.9, 0.9],  # too few
        [0.1] + [0.9] * 11,  # one outlier is no regime
        [0.95] * 6 + [0.99] * 6,  # no gap worth a word
        list(np.linspace(0, 1, 12)),  # spread out
        [0.1, 0.3, 0.5, 0.6, 0.85, 0.9, 0.95, 0.99],  # a gap no wider than the sides
        [0.5] * 10,
    ],
)
def test_no_regimes(values: list[float]) -> None:
    assert regimes(values) is None


def test_uniform_shares_are_never_called_two_regimes() -> None:
    rng = np.random.default_rng(3)
    assert not any(regimes(rng.uniform(0, 1, 20)) for _ in range(2000))
