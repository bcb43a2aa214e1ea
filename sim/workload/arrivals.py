"""Open arrival processes: when requests come, as sorted int64 nanoseconds in [0, until).

Renewal processes (poisson, gamma, weibull) start *in equilibrium*: the first gap is the rest of a
gap that was already under way at time zero. Then the expected count of any [0, T) is exactly
rate × T. A plain start (an arrival at time zero, left out) would add (cv² - 1)/2 arrivals near the
start: 84 at a CV of 13, 544 at a CV of 33, a burst that no log has. The rest of a gap is U × L with
U uniform and L a gap drawn with a probability that grows with its length (Cox, Renewal Theory,
1962, §5): for gamma(k) L is gamma(k + 1), for weibull(k) L is gamma(1 + 1/k) to the power 1/k.

Times are added up as float64 nanoseconds (exact to the nanosecond for 104 days), gap after gap, so
a longer horizon only appends arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Arrivals, Bursts, Constant, Herd, Poisson, Renewal, Sessions
from sim.units import Rate
from sim.workload.rows import I64

F64 = NDArray[np.float64]
Gaps = Callable[[int], F64]

MAX_CYCLES = 20_000_000
_FIRST_CHUNK, _LAST_CHUNK = 256, 1 << 18


def gamma_shape(cv: float) -> float:
    """The shape of a gamma distribution with this coefficient of variation: 1/cv²."""
    return 1.0 / (cv * cv)


def _weibull_log_cv(shape: float) -> float:
    """ln(1 + cv²) of a Weibull distribution with this shape."""
    return math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)


@lru_cache(maxsize=4096)
def weibull_shape(cv: float) -> float:
    """The shape of a Weibull distribution with this coefficient of variation, by bisection.

    Solves 1 + cv² = Γ(1 + 2/k) / Γ(1 + 1/k)². Below a CV of 1e-4 the limit k = π/(√6 cv) is used,
    because the two sides then differ by less than float64 can say.
    """
    narrow = math.pi / math.sqrt(6) / cv
    if cv < 1e-4:
        return narrow
    low, high, wanted = 0.02, max(2 * narrow, 2.0), math.log1p(cv * cv)
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _weibull_log_cv(middle) > wanted else (low, middle)
    return math.sqrt(low * high)


def _mean_gap(rate: Rate) -> float:
    return float(rate.period_ns / rate.count)


def _accumulate(gaps: Gaps, first: float, until_ns: float) -> I64:
    """Arrivals at ``first``, then one gap after another, until ``until_ns``."""
    pieces, at, size = [np.empty(0)], first, _FIRST_CHUNK
    while at < until_ns:
        times = np.cumsum(np.concatenate(([at], gaps(size))))
        pieces.append(times[:-1])
        at, size = float(times[-1]), min(2 * size, _LAST_CHUNK)
    times = np.concatenate(pieces)
    arrived: I64 = np.floor(times[times < until_ns]).astype(np.int64)
    return arrived


def poisson(rate: Rate, stream: Stream, until_ns: float, purpose: str = "gaps") -> I64:
    """Arrivals with independent exponential gaps."""
    mean, draws = _mean_gap(rate), stream.generator(purpose)
    return _accumulate(lambda n: mean * draws.standard_exponential(n), mean * draws.standard_exponential(), until_ns)


def gamma(rate: Rate, cv: float, stream: Stream, until_ns: float) -> I64:
    """Arrivals with gamma gaps of mean 1/rate and coefficient of variation ``cv``."""
    shape, start, draws = gamma_shape(cv), stream.generator("first"), stream.generator("gaps")
    scale = _mean_gap(rate) / shape
    first = scale * start.standard_gamma(shape + 1) * start.random()
    return _accumulate(lambda n: scale * draws.standard_gamma(shape, n), first, until_ns)


def weibull(rate: Rate, cv: float, stream: Stream, until_ns: float) -> I64:
    """Arrivals with Weibull gaps of mean 1/rate and coefficient of variation ``cv``."""
    power = 1.0 / weibull_shape(cv)
    start, draws = stream.generator("first"), stream.generator("gaps")
    scale = _mean_gap(rate) * math.exp(-math.lgamma(1 + power))
    first = scale * start.standard_gamma(1 + power) ** power * start.random()
    return _accumulate(lambda n: scale * draws.standard_exponential(n) ** power, first, until_ns)


def constant(rate: Rate, until_ns: float) -> I64:
    """Arrivals at k periods/count for k = 1, 2, …, computed exactly and rounded down."""
    numbers = np.arange(1, constant_count(rate, until_ns) + 1)
    step, rest = divmod(rate.period_ns * rate.count.denominator, rate.count.numerator)
    if len(numbers) * rest >= 1 << 62:  # the product would not fit int64: Python's integers do
        return np.asarray([k * step + k * rest // rate.count.numerator for k in numbers.tolist()], np.int64)
    return numbers * step + numbers * rest // rate.count.numerator


def constant_count(rate: Rate, until_ns: float) -> int:
    """How many of the constant arrivals fall before ``until_ns``."""
    return max(0, math.ceil(math.ceil(until_ns) * rate.count / rate.period_ns) - 1)


def bursts(spec: Bursts, stream: Stream, until_ns: float) -> I64:
    """Poisson arrivals on a clock that runs only during bursts, put back on the real clock."""
    if spec.random:
        return _random_bursts(spec, stream, until_ns)
    active = poisson(spec.rate, stream, active_ns(spec, until_ns))
    times: I64 = spec.start + active // spec.on * (spec.on + spec.off) + active % spec.on
    return times[times < until_ns]


def _cycles(spec: Bursts, stream: Stream, length: float) -> tuple[F64, F64]:
    """Exponential lengths of on and off that together cover ``length``."""
    if length / (spec.on + spec.off) > MAX_CYCLES:
        raise BadInput(
            "bursts are too short for this duration", value=f"{length / (spec.on + spec.off):.3g} bursts",
            hint=f"at most {MAX_CYCLES:,} random bursts a run: use longer ones, or poisson",
        )  # fmt: skip
    on_draws, off_draws, size, covered = stream.generator("on"), stream.generator("off"), 64, 0.0
    on, off = [np.empty(0)], [np.empty(0)]
    while covered < length:
        on.append(spec.on * on_draws.standard_exponential(size))
        off.append(spec.off * off_draws.standard_exponential(size))
        covered += float(on[-1].sum() + off[-1].sum())
        size = min(2 * size, _LAST_CHUNK)
    return np.concatenate(on), np.concatenate(off)


def _random_bursts(spec: Bursts, stream: Stream, until_ns: float) -> I64:
    length = until_ns - spec.start
    if length <= 0:
        return np.empty(0, np.int64)
    on, off = _cycles(spec, stream, length)
    active_end, silent = np.cumsum(on), np.concatenate(([0.0], np.cumsum(off)[:-1]))
    last = int(np.searchsorted(active_end + silent, length))
    active = poisson(spec.rate, stream, float(active_end[min(last, len(on) - 1)]))
    burst = np.minimum(np.searchsorted(active_end, active, side="right"), len(on) - 1)
    times = spec.start + np.floor(active + silent[burst]).astype(np.int64)
    return times[times < until_ns]


def active_ns(spec: Bursts, until_ns: float) -> float:
    """The expected time inside bursts before ``until_ns``.

    With random lengths this is the two-state Markov chain that starts in a burst: it is on at time
    t with probability (b + a e^-(a+b)t)/(a + b), a = 1/on, b = 1/off.
    """
    length, cycle = max(0.0, until_ns - spec.start), spec.on + spec.off
    if not spec.random:
        whole, rest = divmod(length, cycle)
        return whole * spec.on + min(rest, spec.on)
    if spec.off == 0:
        return length
    speed, share = 1 / spec.on + 1 / spec.off, spec.on / cycle
    return length * share - (1 - share) / speed * math.expm1(-speed * length)


def herd(spec: Herd, until_ns: float) -> I64:
    """``size`` arrivals at ``at``, and again after each ``every``."""
    return np.repeat(spec.at + np.arange(_herds(spec, until_ns)) * (spec.every or 0), spec.size)


def _herds(spec: Herd, until_ns: float) -> int:
    if spec.at >= until_ns:
        return 0
    return 1 if spec.every is None else math.ceil((until_ns - spec.at) / spec.every)


def arrivals(spec: Arrivals, stream: Stream, until_ns: float) -> I64:
    """Arrivals of a described process (of its starts, for sessions); int64 ``(n,)``, sorted."""
    kind = spec.spec
    match kind:
        case Constant():
            return constant(kind.rate, until_ns)
        case Poisson() | Sessions():
            return poisson(kind.rate, stream, until_ns)
        case Renewal():
            draw = gamma if spec.kind == "gamma" else weibull
            return draw(kind.rate, kind.cv, stream, until_ns)
        case Bursts():
            return bursts(kind, stream, until_ns)
        case Herd():
            return herd(kind, until_ns)
    raise TypeError(f"{spec.kind} is not a described process")


def mean_count(spec: Arrivals, until_ns: float) -> float:
    """The expected number of arrivals of :func:`arrivals`."""
    kind = spec.spec
    match kind:
        case Constant():
            return float(constant_count(kind.rate, until_ns))
        case Poisson() | Renewal() | Sessions():
            return until_ns / _mean_gap(kind.rate)
        case Bursts():
            return active_ns(kind, until_ns) / _mean_gap(kind.rate)
        case Herd():
            return float(_herds(kind, until_ns) * kind.size)
    raise TypeError(f"{spec.kind} is not a described process")
