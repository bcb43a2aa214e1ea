"""Maximum likelihood for the gaps between requests: each fit gives parameters with 95 % intervals.

Gaps are float64 ``(n,)`` above 0, in any unit. Intervals are Wald's, from the Fisher information in
closed form or from a numeric Hessian of the log-likelihood in the parameters' logarithms. Johnson,
Kotz, Balakrishnan, Continuous Univariate Distributions (1994), §17 (gamma) and §21 (Weibull).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.study.fitting.types import Estimate
from sim.workload.arrivals import weibull_shape

F64 = NDArray[np.float64]
Z975 = 1.959963984540054
LEAST_CV, MOST_CV = 0.01, 100.0
"""What a scenario takes."""


ENOUGH = 50_000
"""Gaps that two phases are found from."""


@dataclass(frozen=True)
class GapFit:
    """A distribution of gaps: its parameters, log-likelihood and how many parameters were free."""

    process: str
    values: dict[str, Estimate]
    log_likelihood: float
    parameters: int


def logarithmic(value: float, deviation: float) -> Estimate:
    """An estimate whose logarithm has this standard deviation."""
    half = Z975 * min(deviation, 300.0)
    return Estimate(value, value * math.exp(-half), value * math.exp(half))


def mean_rate(gaps: F64, cv: float) -> Estimate:
    """Gaps per unit of time, for gaps of this CV."""
    return logarithmic(1.0 / float(gaps.mean()), cv / math.sqrt(len(gaps)))


def poisson(gaps: F64) -> GapFit:
    """Exponential gaps."""
    count, mean = len(gaps), float(gaps.mean())
    return GapFit("poisson", {"rate": mean_rate(gaps, 1.0)}, -count * (math.log(mean) + 1), 1)


def gamma(gaps: F64) -> GapFit:
    """Gamma gaps: the shape k solves ln k - ψ(k) = ln mean - mean ln."""
    from scipy.optimize import brentq
    from scipy.special import digamma, gammaln, polygamma

    count, mean, logs = len(gaps), float(gaps.mean()), float(np.log(gaps).mean())
    wanted = max(math.log(mean) - logs, 1e-9)
    shape = float(brentq(lambda k: math.log(k) - float(digamma(k)) - wanted, MOST_CV**-2, LEAST_CV**-2 * 4))
    # Var ln k = 1/(n k² (ψ'(k) - 1/k)), and cv = k^-1/2.
    information = float(polygamma(1, shape)) - 1 / shape
    deviation = 0.5 / math.sqrt(count * shape * shape * max(information, 1e-300))
    cv = shape**-0.5
    likelihood = count * (shape * math.log(shape / mean) - float(gammaln(shape)) + (shape - 1) * logs - shape)
    return GapFit("gamma", {"rate": mean_rate(gaps, cv), "cv": logarithmic(cv, deviation)}, likelihood, 2)


def weibull(gaps: F64) -> GapFit:
    """Weibull gaps: the shape solves Σ g^k ln g / Σ g^k - 1/k = mean ln."""
    from scipy.optimize import brentq

    count, logs = len(gaps), np.log(gaps)
    middle = float(logs.mean())
    top = float(logs.max())

    def score(k: float) -> float:
        weights = np.exp(k * (logs - top))
        return float((weights * logs).sum() / weights.sum()) - 1 / k - middle

    low, high = weibull_shape(MOST_CV), 2 * weibull_shape(LEAST_CV)
    shape = float(brentq(score, low, high)) if score(low) < 0 < score(high) else 1.0
    scale = float(np.exp(top + np.log(np.exp(shape * (logs - top)).mean()) / shape))
    likelihood = count * (math.log(shape) - shape * math.log(scale) + (shape - 1) * middle - 1)
    # Var ln k = 6/(π² n); the CV follows k.
    deviation = math.sqrt(6) / math.pi / math.sqrt(count)
    cv = weibull_cv(shape)
    ends = [weibull_cv(shape * math.exp(sign * Z975 * deviation)) for sign in (1, -1)]
    # The mean is not the sample's: scale Γ(1 + 1/k).
    rate = 1 / (scale * math.gamma(1 + 1 / shape)) if shape > 0.01 else 1 / float(gaps.mean())
    found = logarithmic(rate, cv / math.sqrt(count))
    return GapFit("weibull", {"rate": found, "cv": Estimate(cv, *ends)}, likelihood, 2)


def weibull_cv(shape: float) -> float:
    """The coefficient of variation of a Weibull distribution."""
    return math.sqrt(max(0.0, math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape))))


def bursts(gaps: F64) -> GapFit | None:
    """Poisson arrivals during exponential bursts: their gaps are a mixture of two exponentials.

    With a rate r inside bursts, mean lengths 1/a on and 1/b off, the rates of the mixture are the
    roots of s² - (r + a + b) s + r b. Kuczura, Bell System Technical Journal 52 (1973). None where
    two phases explain nothing.
    """
    # Every so-manieth gap is enough to find the maximum; the likelihood is that of all.
    phases = _two_phases(gaps[:: -(-len(gaps) // ENOUGH)])
    if phases is None:
        return None
    share, fast, slow = phases
    total = _log_mixture(gaps, share, fast, slow)
    found = _interrupted(share, fast, slow)
    names = ("rate", "on", "off")
    deviation = _deviations(lambda p: _log_mixture(gaps, *_mixture(*np.exp(p))), np.log(found))
    values = {name: logarithmic(value, each) for name, value, each in zip(names, found, deviation, strict=True)}
    return GapFit("bursts", values, total, 3)


def _two_phases(gaps: F64) -> tuple[float, float, float] | None:
    """Expectation maximization from several starts: share of short gaps, the rates of both."""
    best: tuple[float, tuple[float, float, float]] | None = None
    for level in (0.5, 0.9, 0.99):
        cut = float(np.quantile(gaps, level))
        short, long = gaps[gaps <= cut], gaps[gaps > cut]
        if not len(long) or short.mean() <= 0:
            continue
        state = _maximized(gaps, len(short) / len(gaps), 1 / short.mean(), 1 / long.mean())
        likelihood = _log_mixture(gaps, *state)
        if best is None or likelihood > best[0]:
            best = likelihood, state
    if best is None or best[1][1] <= best[1][2] * 1.05 or not 0 < best[1][0] < 1:
        return None
    return best[1]


def _maximized(gaps: F64, share: float, fast: float, slow: float) -> tuple[float, float, float]:
    for _ in range(300):
        one = share * fast * np.exp(-fast * gaps)
        other = (1 - share) * slow * np.exp(-slow * gaps)
        weight = one / np.maximum(one + other, 1e-300)
        total = float(weight.sum())
        if not 0.5 < total < len(gaps) - 0.5:
            break
        new = total / len(gaps)
        fast, slow = total / float(weight @ gaps), (len(gaps) - total) / float((1 - weight) @ gaps)
        if abs(new - share) < 1e-9:
            break
        share = new
    return share, float(fast), float(slow)


def _log_mixture(gaps: F64, share: float, fast: float, slow: float) -> float:
    density = share * fast * np.exp(-fast * gaps) + (1 - share) * slow * np.exp(-slow * gaps)
    return float(np.log(np.maximum(density, 1e-300)).sum())


def _interrupted(share: float, fast: float, slow: float) -> tuple[float, float, float]:
    """(rate, on, off) of the interrupted Poisson process with these gaps."""
    rate = share * fast + (1 - share) * slow
    back = fast * slow / rate
    away = fast + slow - rate - back
    return rate, 1 / max(away, 1e-300), 1 / back


def _mixture(rate: float, on: float, off: float) -> tuple[float, float, float]:
    """The inverse of :func:`_interrupted`."""
    total, product = rate + 1 / on + 1 / off, rate / off
    root = math.sqrt(max(total * total - 4 * product, 0.0))
    fast, slow = (total + root) / 2, (total - root) / 2
    share = (rate - slow) / (fast - slow) if fast > slow else 1.0
    return share, fast, slow


def _deviations(function: Callable[[F64], float], at: F64) -> list[float]:
    """Standard deviations from the curvature of a log-likelihood."""
    size, step = len(at), 1e-3
    curve = np.empty((size, size))
    unit = np.eye(size) * step
    for i in range(size):
        for j in range(size):
            corners = [function(at + a * unit[i] + b * unit[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            curve[i, j] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step * step)
    try:
        spread = np.diag(np.linalg.inv(-curve))
    except np.linalg.LinAlgError:
        return [math.nan] * size
    return [math.sqrt(one) if one > 0 else math.nan for one in spread]


RENEWAL: tuple[Callable[[F64], GapFit | None], ...] = (poisson, gamma, weibull, bursts)
