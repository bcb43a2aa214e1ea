"""Engine draws: uniform, independent of each other, and the same numbers in every kind of arithmetic."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sim.draws import ADDED, FAULT, FIRST_TOKEN, JITTER, LUCKS, MASK62, PER_TOKEN, Stream, draw32, mix
from sim.scenario.schema import MAX_FAULTS
from tests.property.drivers import compiled, draws_of

I64 = NDArray[np.int64]
COUNT = 100_000
ENOUGH = 1e-4
"""Smallest p-value that passes; every wrong generator tried has 1e-10 or less."""


@cache
def keys(name: str = "team/0", seed: int = 35, replication: int = 0) -> I64:
    return Stream(seed, replication, name).keys(np.arange(COUNT))


def luck(attempt: int, purpose: int, given: I64 | None = None) -> I64:
    """The draws of many requests, by the compiled function."""
    found: I64 = compiled(draws_of)(keys() if given is None else given, attempt, purpose)
    return found


def uniform(values: I64, cells: int = 1024) -> float:
    """The p-value of a chi-square test over cells of the top bits, and of the same over the low bits."""
    tops = stats.chisquare(np.bincount(values >> 22, minlength=1024)).pvalue
    return float(min(tops, stats.chisquare(np.bincount(values % cells, minlength=cells)).pvalue))


def independent(first: I64, second: I64) -> float:
    """The p-value of a chi-square test of all pairs of the top five bits, and of the low five."""
    pairs = ((first >> 27) * 32 + (second >> 27), (first & 31) * 32 + (second & 31))
    return float(min(stats.chisquare(np.bincount(pair, minlength=1024)).pvalue for pair in pairs))


@pytest.mark.parametrize("purpose", [JITTER, ADDED, FIRST_TOKEN, PER_TOKEN, FAULT, FAULT + LUCKS * (MAX_FAULTS - 1)])
@pytest.mark.parametrize("attempt", [0, 1, 7, 1_000_000])
def test_draws_are_uniform(attempt: int, purpose: int) -> None:
    values = luck(attempt, purpose)
    assert values.min() >= 0
    assert values.max() < 1 << 32
    assert uniform(values) > ENOUGH


def test_a_requests_own_draws_are_uniform() -> None:
    """One request, many attempts; and one attempt, all purposes."""
    key = int(keys()[17])
    assert uniform(np.array([draw32(key, attempt, JITTER) for attempt in range(20_000)])) > ENOUGH
    assert uniform(np.array([draw32(int(key), 3, purpose) for key in keys()[:40] for purpose in range(1000)])) > ENOUGH


@pytest.mark.parametrize("other", [(1, JITTER), (2, JITTER), (0, ADDED), (0, FIRST_TOKEN), (1, ADDED), (0, FAULT)])
def test_draws_of_attempts_and_purposes_are_independent(other: tuple[int, int]) -> None:
    assert independent(luck(0, JITTER), luck(*other)) > ENOUGH


def test_faults_of_one_attempt_are_independent() -> None:
    for fault in range(1, MAX_FAULTS):
        assert independent(luck(0, FAULT), luck(0, FAULT + LUCKS * fault)) > ENOUGH / MAX_FAULTS


def test_neighbours_streams_replications_and_seeds_are_independent() -> None:
    mine = luck(0, JITTER)
    for distance in (1, 2, 1024):
        assert independent(mine[:-distance], mine[distance:]) > ENOUGH
    others = [keys("team/1"), keys(replication=1), keys(seed=36), keys("teal/0")]
    for other in others:
        assert len(np.intersect1d(keys(), other)) == 0
        assert independent(mine, luck(0, JITTER, other)) > ENOUGH


def test_every_bit_of_a_key_reaches_every_bit_of_a_draw() -> None:
    """Flipping one bit of a key flips each bit of the draw half the time (the avalanche criterion)."""
    some = keys()[:4000]
    for bit in range(62):
        flipped = luck(0, JITTER, some) ^ luck(0, JITTER, some ^ (1 << bit))
        shares = ((flipped[:, None] >> np.arange(32)) & 1).mean(axis=0)
        assert np.abs(shares - 0.5).max() < 5.5 * 0.5 / np.sqrt(len(some))


def test_no_two_requests_of_a_stream_share_a_key() -> None:
    many = Stream(35, 0, "team/0").keys(np.arange(1_000_000))
    assert len(np.unique(many)) == len(many)
    assert many.min() >= 0
    assert many.max() <= MASK62
    assert np.array_equal(many[:COUNT], keys())
    assert np.array_equal(Stream(35, 0, "team/0").keys(np.array([999_999, 5])), many[[999_999, 5]])


@pytest.mark.parametrize(("attempt", "purpose"), [(0, JITTER), (1, PER_TOKEN), (999_999, FAULT + 47), (2**31, 1023)])
def test_python_and_compiled_draw_alike(attempt: int, purpose: int) -> None:
    some = [*keys()[:3000].tolist(), 0, 1, MASK62, MASK62 - 1]
    slow = [draw32(key, attempt, purpose) for key in some]
    assert luck(attempt, purpose, np.array(some)).tolist() == slow


def test_python_and_numpy_mix_alike() -> None:
    values = [*keys()[:3000].tolist(), 0, 1, MASK62]
    with np.errstate(over="ignore"):
        assert mix(np.array(values)).tolist() == [mix(value) for value in values]
    assert len({mix(value) for value in range(10_000)}) == 10_000


def test_a_weak_generator_would_be_noticed() -> None:
    """The power of these tests: a multiplicative hash without its last rounds fails them."""
    weak = ((np.arange(COUNT) * 0x9E3779B1) & 0xFFFFFFFF).astype(np.int64)
    assert uniform(weak) > 1 - 1e-9 or uniform(weak) < 1e-9
    assert independent(weak[:-1], weak[1:]) < 1e-9
