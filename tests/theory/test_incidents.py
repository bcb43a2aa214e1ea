"""Months of incidents against the closed forms of compound Poisson sums.

A month has K incidents, K Poisson with mean μ; each sends N requests of one price c, N Poisson with mean
m = rate · length. Then the incidents' bill has the mean c·μ·m and the variance c²·μ·(m + m²·E[L²]/E[L]²), L being
the length (Feller, An Introduction to Probability Theory, XII.2). Own traffic adds c·λT to both mean and variance / c.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.study.cost.estimates import chance, mean, quantile
from sim.study.cost.month import Case
from sim.units import MICRO
from tests.unit.cost_sample import run

PRICE = 0.01
"""Dollars a request: 1,000 tokens at $10 a million."""
MONTHS, OWN, MU = 600, 72.0, 1.5
TEXT = """\
name: compound
duration: 30d
seed: {seed}
models:
  flat: {{like: claude-haiku-4-5, price: {{input: $10, output: $10}}, first_token: 1s, per_token: 1ms}}
teams:
  one:
    workload: [{{arrivals: {{poisson: {{rate: 0.1/h}}}}, model: flat, input_tokens: 900, output_tokens: 100}}]
configurations:
  free: {{isolation: shared}}
incidents:
  - runaway_job: {{team: one, rate: 6/min, for: {length}, per_month: 1.5}}
"""


@pytest.fixture(scope="module")
def fixed() -> tuple[np.ndarray, np.ndarray]:
    """Bills with incidents of exactly 20 minutes, 120 requests on average; and how many there were."""
    found = run(TEXT.format(seed=5, length="20m"), months=MONTHS)
    return found.ledger[Case("free")].billed / MICRO, np.array([month.counts["runaway_job"] for month in found.months])


def test_the_mean_of_a_compound_poisson_sum(fixed: tuple[np.ndarray, np.ndarray]) -> None:
    found = mean(fixed[0])
    assert found.low is not None and found.high is not None
    expected = PRICE * (OWN + MU * 120)
    # The interval is a 95 % one; at this seed it has to hold, and it has to be narrow enough to mean something.
    assert found.low <= expected <= found.high
    assert (found.high - found.low) / expected < 0.12


def test_the_variance_of_a_compound_poisson_sum(fixed: tuple[np.ndarray, np.ndarray]) -> None:
    bills = fixed[0]
    expected = PRICE**2 * (OWN + MU * (120 + 120**2))
    centred = bills - bills.mean()
    error = np.sqrt((np.mean(centred**4) - np.mean(centred**2) ** 2) / MONTHS)
    assert abs(bills.var(ddof=1) - expected) < 4 * error
    assert error / expected < 0.15


def test_lognormal_lengths_widen_it() -> None:
    """E[L²]/E[L]² of a lognormal is exp(σ²), σ = ln(p95/median)/1.645."""
    found = run(TEXT.format(seed=6, length="{median: 20m, p95: 60m}"), months=MONTHS)
    bills = found.ledger[Case("free")].billed / MICRO
    sigma = np.log(3) / 1.6448536
    each = 120 * np.exp(sigma**2 / 2)
    interval = mean(bills)
    assert interval.low is not None and interval.high is not None
    assert interval.low <= PRICE * (OWN + MU * each) <= interval.high
    expected = PRICE**2 * (OWN + MU * (each + each**2 * np.exp(sigma**2)))
    centred = bills - bills.mean()
    error = np.sqrt((np.mean(centred**4) - np.mean(centred**2) ** 2) / MONTHS)
    assert abs(bills.var(ddof=1) - expected) < 4 * error
    assert expected > PRICE**2 * (OWN + MU * (each + each**2)) * 1.3


def test_the_chance_of_a_quiet_month(fixed: tuple[np.ndarray, np.ndarray]) -> None:
    bills, counts = fixed
    # Own traffic alone (mean 72, so 130 is seven deviations up) never passes 130 requests; an incident always does.
    over = bills > PRICE * 130
    assert np.array_equal(over, counts > 0)
    found = chance(int(over.sum()), MONTHS)
    assert found.low is not None and found.high is not None
    assert found.low <= 1 - np.exp(-MU) <= found.high


def test_the_median_lies_where_its_interval_says(fixed: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy import stats

    # P(bill <= x requests) = Σ_k Poisson(k; μ) · Poisson cdf(x; own + 120 k)
    weights = stats.poisson.pmf(np.arange(12), MU)
    grid = np.arange(1500)
    cdf = sum(w * stats.poisson.cdf(grid, OWN + 120 * k) for k, w in enumerate(weights))
    for share in (0.5, 0.95):
        found = quantile(fixed[0], share)
        truth = PRICE * float(np.searchsorted(cdf, share))
        assert found.low is not None and found.high is not None
        assert found.low <= truth <= found.high
