"""Maximum likelihood for the gaps between requests: each fit gives parameters with 95 % intervals.

Time stamps are rounded, and the shortest gaps of bursty traffic are shorter than that: of gamma gaps
with a CV of 3 and a mean of 6 s, one in twelve is below a nanosecond. So gaps up to a ``limit`` count
only as "at most that" (left-censored). Intervals are Wald's, from a numeric Hessian of the
log-likelihood in the parameters' logarithms. Lawless, Statistical Models and Methods for Lifetime Data
(2003), §5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.study.fitting.types import Estimate
from sim.workload.arrivals import gamma_shape, weibull_shape

F64 = NDArray[np.float64]
Z975 = 1.959963984540054
LEAST_CV, MOST_CV = 0.01, 100.0
"""What a scenario takes."""


ENOUGH = 50_000
"""Gaps that two phases are found from."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Gaps in any unit: those ``above`` the limit, float ``(n,)``, how many are not, and the limit."""

    above: F64
    below: int
    limit: float

    @classmethod
    def of(cls, gaps: F64, limit: float) -> Sample:
        """Split gaps at a limit."""
        above = gaps[gaps > limit]
        return cls(above, len(gaps) - len(above), limit)

    @property
    def count(self) -> int:
        """All gaps."""
        return len(self.above) + self.below

    @property
    def mean(self) -> float:
        """Of all gaps, those below in the middle."""
        return float(self.above.sum() + self.below * self.limit / 2) / self.count


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


def mean_rate(sample: Sample, cv: float) -> Estimate:
    """Gaps per unit of time, for gaps of this CV."""
    return logarithmic(1.0 / sample.mean, cv / math.sqrt(sample.count))


def _censored(sample: Sample, share: float) -> float:
    """What the gaps up to the limit add, of which a distribution has this share."""
    return sample.below * math.log(max(share, 1e-300)) if sample.below else 0.0


def poisson(sample: Sample) -> GapFit:
    """Exponential gaps."""
    mean, some = sample.mean, len(sample.above)
    likelihood = -some * math.log(mean) - float(sample.above.sum()) / mean
    likelihood += _censored(sample, -math.expm1(-sample.limit / mean))
    return GapFit("poisson", {"rate": mean_rate(sample, 1.0)}, likelihood, 1)


def gamma(sample: Sample) -> GapFit:
    """Gamma gaps: a shape of 1/cv², and a scale."""
    from scipy.special import gammainc, gammaln

    some = len(sample.above)
    total, logs = float(sample.above.sum()), float(np.log(sample.above).sum())

    def likelihood(point: F64) -> float:
        shape, scale = np.exp(point).tolist()
        known = (shape - 1) * logs - total / scale - some * (float(gammaln(shape)) + shape * math.log(scale))
        return float(known) + _censored(sample, float(gammainc(shape, sample.limit / scale)))

    start = gamma_shape(_first_cv(sample))
    at = _highest(likelihood, np.log([start, sample.mean / start]), (gamma_shape(MOST_CV), gamma_shape(LEAST_CV)))
    cv = math.exp(-at[0] / 2)
    deviation = _deviations(likelihood, at)[0] / 2
    return GapFit("gamma", {"rate": mean_rate(sample, cv), "cv": logarithmic(cv, deviation)}, likelihood(at), 2)


def weibull(sample: Sample) -> GapFit:
    """Weibull gaps: a shape and a scale."""
    some, logs = len(sample.above), np.log(sample.above)
    total = float(logs.sum())

    def likelihood(point: F64) -> float:
        shape, scale = np.exp(point).tolist()
        known = some * math.log(shape) - some * shape * math.log(scale) + (shape - 1) * total
        known -= float(np.exp(np.minimum(shape * (logs - math.log(scale)), 700)).sum())
        ends = (sample.limit / scale) ** shape if sample.limit > 0 else 0.0
        return float(known) + _censored(sample, -math.expm1(-ends))

    start = weibull_shape(_first_cv(sample))
    ends = weibull_shape(MOST_CV), weibull_shape(LEAST_CV)
    at = _highest(likelihood, np.array([math.log(start), math.log(sample.mean) - math.lgamma(1 + 1 / start)]), ends)
    shape, deviation = math.exp(at[0]), _deviations(likelihood, at)[0]
    cv = weibull_cv(shape)
    around = [weibull_cv(shape * math.exp(sign * Z975 * min(deviation, 2.0))) for sign in (1, -1)]
    values = {"rate": mean_rate(sample, cv), "cv": Estimate(cv, *around)}
    return GapFit("weibull", values, likelihood(at), 2)


def _first_cv(sample: Sample) -> float:
    """A CV to start from: the sample's, within reason."""
    spread = float(np.append(sample.above, np.zeros(min(sample.below, 10**6))).std())
    return float(np.clip(spread / sample.mean, 0.05, 5.0))


def _highest(function: Callable[[F64], float], start: F64, shapes: tuple[float, float]) -> F64:
    """Where a log-likelihood of (ln shape, ln scale) is highest, the shape within its bounds."""
    from scipy.optimize import minimize

    low, high = np.log(shapes).tolist()
    found = minimize(
        lambda point: -function(np.array([min(max(point[0], low), high), point[1]])), start, method="Nelder-Mead",
        options={"xatol": 1e-5, "fatol": 1e-4, "maxiter": 400},
    )  # fmt: skip
    return np.array([min(max(found.x[0], low), high), found.x[1]])


def weibull_cv(shape: float) -> float:
    """The coefficient of variation of a Weibull distribution."""
    return math.sqrt(max(0.0, math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape))))


def bursts(sample: Sample) -> GapFit | None:
    """Poisson arrivals during exponential bursts: their gaps are a mixture of two exponentials.

    With a rate r inside bursts, mean lengths 1/a on and 1/b off, the rates of the mixture are the
    roots of s² - (r + a + b) s + r b. Kuczura, Bell System Technical Journal 52 (1973). None where
    two phases explain nothing.
    """
    gaps = np.append(sample.above, np.full(sample.below, sample.limit / 2))
    # Every so-manieth gap is enough to find the maximum; the likelihood is that of all.
    phases = _two_phases(gaps[:: -(-len(gaps) // ENOUGH)])
    if phases is None:
        return None
    share, fast, slow = phases
    total = _log_mixture(sample, share, fast, slow)
    found = _interrupted(share, fast, slow)
    names = ("rate", "on", "off")
    deviation = _deviations(lambda p: _log_mixture(sample, *_mixture(*np.exp(p))), np.log(found))
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
        likelihood = _log_mixture(Sample(gaps, 0, 0.0), *state)
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


def _log_mixture(sample: Sample, share: float, fast: float, slow: float) -> float:
    gaps = sample.above
    density = share * fast * np.exp(-fast * gaps) + (1 - share) * slow * np.exp(-slow * gaps)
    short = -share * math.expm1(-fast * sample.limit) - (1 - share) * math.expm1(-slow * sample.limit)
    return float(np.log(np.maximum(density, 1e-300)).sum()) + _censored(sample, short)


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


RENEWAL: tuple[Callable[[Sample], GapFit | None], ...] = (poisson, gamma, weibull, bursts)
