"""Described arrival processes piece by piece: iterators of sorted arrays that hold one piece at a time.

What comes does not depend on the length of the pieces, because draws are made and gaps are added up
in order. Pickled in the middle, an iterator goes on where it was; a piece may be empty. Pieces grow
from 256 rows to ``most``, so that a short stream is cheap and a long one fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Bursts, Herd
from sim.units import Rate
from sim.workload.profile import Warp
from sim.workload.rows import I64

F64 = NDArray[np.float64]
Gaps = Callable[[int], F64]

MAX_CYCLES = 20_000_000
_FIRST_PIECE, _FIRST_CYCLES = 256, 64


def mean_gap(rate: Rate) -> float:
    """Nanoseconds between two arrivals on average."""
    return float(rate.period_ns / rate.count)


@dataclass(frozen=True)
class Exponential:
    """Exponential gaps."""

    draws: np.random.Generator
    mean: float

    def __call__(self, count: int) -> F64:
        """The next ``count`` gaps, in nanoseconds."""
        return self.mean * self.draws.standard_exponential(count)


@dataclass(frozen=True)
class Gamma:
    """Gamma gaps: ``scale`` × gamma(``shape``)."""

    draws: np.random.Generator
    scale: float
    shape: float

    def __call__(self, count: int) -> F64:
        """The next ``count`` gaps, in nanoseconds."""
        return self.scale * self.draws.standard_gamma(self.shape, count)


@dataclass(frozen=True)
class Weibull:
    """Weibull gaps: ``scale`` × exponential to the power of ``power``, which is 1/shape."""

    draws: np.random.Generator
    scale: float
    power: float

    def __call__(self, count: int) -> F64:
        """The next ``count`` gaps, in nanoseconds."""
        gaps: F64 = self.scale * self.draws.standard_exponential(count) ** self.power
        return gaps


class Renewal(Iterator[F64]):
    """Arrivals at ``first``, then one gap after another, before ``until_ns``; not yet whole nanoseconds."""

    def __init__(self, gaps: Gaps, first: float, until_ns: float, most: int) -> None:
        self._gaps, self._at, self._until = gaps, first, until_ns
        self._size, self._most = min(_FIRST_PIECE, most), most

    def __next__(self) -> F64:
        if not self._at < self._until:
            raise StopIteration
        times = np.cumsum(np.concatenate(([self._at], self._gaps(self._size))))
        self._at, self._size = float(times[-1]), min(2 * self._size, self._most)
        return times[: np.searchsorted(times[:-1], self._until)]


def poisson(rate: Rate, stream: Stream, until_ns: float, most: int) -> Renewal:
    """Arrivals with independent exponential gaps."""
    gaps = Exponential(stream.generator("gaps"), mean_gap(rate))
    return Renewal(gaps, gaps.mean * gaps.draws.standard_exponential(), until_ns, most)


class Whole(Iterator[I64]):
    """The same arrivals rounded down to whole nanoseconds."""

    def __init__(self, times: Iterator[F64]) -> None:
        self._times = times

    def __next__(self) -> I64:
        return np.floor(next(self._times)).astype(np.int64)


class Constant(Iterator[I64]):
    """Arrivals at k periods/count for k = 1, 2, …, computed exactly and rounded down."""

    def __init__(self, rate: Rate, until_ns: float, most: int) -> None:
        self._step, self._rest = divmod(rate.period_ns * rate.count.denominator, rate.count.numerator)
        self._divisor, self._most = rate.count.numerator, most
        self._done, self._count = 0, constant_count(rate, until_ns)

    def __next__(self) -> I64:
        if self._done >= self._count:
            raise StopIteration
        first, self._done = self._done + 1, min(self._done + self._most, self._count)
        if self._done * self._rest >= 1 << 62:  # the product would not fit int64: Python's integers do
            numbers = range(first, self._done + 1)
            return np.asarray([k * self._step + k * self._rest // self._divisor for k in numbers], np.int64)
        places = np.arange(first, self._done + 1)
        return places * self._step + places * self._rest // self._divisor


def constant_count(rate: Rate, until_ns: float) -> int:
    """How many of the constant arrivals fall before ``until_ns``."""
    return max(0, math.ceil(math.ceil(until_ns) * rate.count / rate.period_ns) - 1)


class RegularBursts(Iterator[I64]):
    """Poisson arrivals on a clock that runs only during bursts of equal length, put back on the real clock."""

    def __init__(self, spec: Bursts, stream: Stream, until_ns: float, most: int) -> None:
        self._spec, self._until = spec, until_ns
        self._active = Whole(poisson(spec.rate, stream, active_ns(spec, until_ns), most))

    def __next__(self) -> I64:
        spec, active = self._spec, next(self._active)
        times: I64 = spec.start + active // spec.on * (spec.on + spec.off) + active % spec.on
        return times[: np.searchsorted(times, self._until)]


class _Cycles:
    """Random lengths of on and off, a window of them at a time, as long as they cover ``length``.

    ``ends``: when, on the clock of bursts, each burst of the window is over; ``silent``: how much
    silence came before it. ``closed``: the last burst of the window is the last of all.
    """

    def __init__(self, spec: Bursts, stream: Stream, length: float, most: int) -> None:
        self._on = Exponential(stream.generator("on"), float(spec.on))
        self._off = Exponential(stream.generator("off"), float(spec.off))
        self._length, self._most, self._size = length, max(1, most), _FIRST_CYCLES
        self._active_ns, self._silent_ns = 0.0, 0.0
        self.closed = False
        self.advance()

    def advance(self) -> None:
        """Go on to the next window."""
        ends = np.cumsum(np.concatenate(([self._active_ns], self._on(self._size))))[1:]
        silent = np.cumsum(np.concatenate(([self._silent_ns], self._off(self._size))))
        self._active_ns, self._silent_ns = float(ends[-1]), float(silent[-1])
        self._size = min(2 * self._size, self._most)
        last = int(np.searchsorted(ends + silent[:-1], self._length))
        self.closed = last < len(ends)
        self.ends, self.silent = ends[: last + 1], silent[:-1][: last + 1]


class RandomBursts(Iterator[I64]):
    """The same with random lengths: each arrival is moved by the silences before its burst."""

    def __init__(self, spec: Bursts, stream: Stream, until_ns: float, most: int) -> None:
        length = until_ns - spec.start
        _check_cycles(spec, length)
        self._start, self._until = spec.start, until_ns
        self._cycles = _Cycles(spec, stream, length, most) if length > 0 else None
        self._active = poisson(spec.rate, stream, math.inf, most)
        self._waiting: F64 = np.empty(0)

    def __next__(self) -> I64:
        cycles = self._cycles
        if cycles is None:
            raise StopIteration
        if not len(self._waiting):
            self._waiting = next(self._active)
        before = int(np.searchsorted(np.floor(self._waiting), cycles.ends[-1]))
        active, self._waiting = self._waiting[:before], self._waiting[before:]
        times = self._placed(active[active < cycles.ends[-1]] if cycles.closed else active, cycles)
        if len(self._waiting):
            self._go_on(cycles)
        return times[: np.searchsorted(times, self._until)]

    def _placed(self, active: F64, cycles: _Cycles) -> I64:
        whole = np.floor(active)
        burst = np.searchsorted(cycles.ends, whole, side="right")
        times: I64 = self._start + np.floor(whole + cycles.silent[burst]).astype(np.int64)
        return times

    def _go_on(self, cycles: _Cycles) -> None:
        """Some arrivals are beyond this window: take the next, or end."""
        if cycles.closed:
            self._cycles = None
        else:
            cycles.advance()


def _check_cycles(spec: Bursts, length: float) -> None:
    if length / (spec.on + spec.off) > MAX_CYCLES:
        raise BadInput(
            "bursts are too short for this duration", value=f"{length / (spec.on + spec.off):.3g} bursts",
            hint=f"at most {MAX_CYCLES:,} random bursts a run: use longer ones, or poisson",
        )  # fmt: skip


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


class Herds(Iterator[I64]):
    """``size`` arrivals at ``at``, and again after each ``every``."""

    def __init__(self, spec: Herd, until_ns: float, most: int) -> None:
        self._spec, self._most = spec, most
        self._done, self._count = 0, herds(spec, until_ns) * spec.size

    def __next__(self) -> I64:
        if self._done >= self._count:
            raise StopIteration
        first, self._done = self._done, min(self._done + self._most, self._count)
        return self._spec.at + np.arange(first, self._done) // self._spec.size * (self._spec.every or 0)


def herds(spec: Herd, until_ns: float) -> int:
    """How many herds come before ``until_ns``."""
    if spec.at >= until_ns:
        return 0
    return 1 if spec.every is None else math.ceil((until_ns - spec.at) / spec.every)


class Warped(Iterator[I64]):
    """Arrivals of an unmodulated process bent by a profile, before ``until_ns``."""

    def __init__(self, loads: Iterator[I64], warp: Warp, until_ns: int) -> None:
        self._loads, self._warp, self._until, self._last = loads, warp, until_ns, 0

    def __next__(self) -> I64:
        if self._last >= self._until:
            raise StopIteration
        times = self._warp.times(next(self._loads), self._last)
        self._last = int(times[-1]) if len(times) else self._last
        return times[: np.searchsorted(times, self._until)]
