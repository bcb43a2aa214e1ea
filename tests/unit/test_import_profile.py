"""What is measured while a log streams by is what a look at the whole of it gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sim.study.importing.prices import list_cost, price_of
from sim.study.importing.rhythm import Rhythm, bin_width
from sim.study.importing.tracks import Busy, Gaps, Peaks, Sizes
from sim.units import HOUR, MINUTE, SECOND


@pytest.fixture(scope="module")
def log() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, tracks and durations."""
    draws = np.random.default_rng(12)
    starts = np.cumsum(draws.gamma(0.4, 2 * SECOND, 5000)).astype(np.int64) + 17
    return starts, draws.integers(0, 4, 5000), (draws.gamma(2, 3 * SECOND, 5000)).astype(np.int64)


def pieces(length: int) -> list[slice]:
    edges = [0, 1, 2, 50, 51, 1000, 3333, length]
    return [slice(low, high) for low, high in pairwise(edges)]


def test_gaps(log: tuple[np.ndarray, ...]) -> None:
    starts, track, _ = log
    gaps = Gaps(5)
    for piece in pieces(len(starts)):
        gaps.take(starts[piece], track[piece])
    for one in range(4):
        own = np.diff(starts[track == one])
        assert gaps.cv(one) == pytest.approx(own.std() / own.mean(), rel=1e-9)
    assert gaps.cv(4) is None


@pytest.mark.parametrize("width", [SECOND, MINUTE, 10 * MINUTE])
def test_peaks(width: int, log: tuple[np.ndarray, ...]) -> None:
    starts, track, _ = log
    peaks = Peaks(5, int(starts[0]), width)
    for piece in pieces(len(starts)):
        peaks.take(starts[piece], track[piece])
    for one in range(4):
        counts = np.bincount((starts[track == one] - starts[0]) // width)
        assert peaks.most[one] == counts.max()
    assert peaks.most[4] == 0
    span = int(starts[-1] - starts[0])
    assert peaks.ratio(0, 100, span) == pytest.approx(peaks.most[0] / (100 * width / span))
    assert peaks.ratio(0, 100, width) is None


def test_sizes_are_right_within_one_per_cent(log: tuple[np.ndarray, ...]) -> None:
    _, track, durations = log
    values = np.where(np.arange(len(durations)) % 50 == 0, 0, durations // 1_000_000)
    values[7] = -1
    sizes = Sizes(5, 1250)
    for piece in pieces(len(values)):
        sizes.take(values[piece], track[piece])
    for one in range(4):
        own, found = values[(track == one) & (values >= 0)], sizes.told(one)
        assert found is not None
        assert found["mean"] == pytest.approx(own.mean())
        assert found["max"] == own.max()
        for level, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
            wanted = np.quantile(own, level, method="inverted_cdf")
            assert found[name] == pytest.approx(wanted, rel=0.011)
    assert sizes.told(4) is None
    exact = Sizes(1, 10)
    exact.take(np.array([5, 5, 5]), np.zeros(3, np.int64))
    assert exact.told(0, 2.0) == {"mean": 10, "p50": 10, "p95": 10, "p99": 10, "max": 10}


def test_busy(log: tuple[np.ndarray, ...]) -> None:
    starts, track, durations = log
    durations = np.where(np.arange(len(starts)) % 9 == 0, -1, durations)
    busy = Busy(5)
    for piece in pieces(len(starts)):
        busy.take(starts[piece], durations[piece], track[piece])
    for one in range(4):
        mine = (track == one) & (durations >= 0)
        own, ends = starts[mine], starts[mine] + durations[mine]
        at_once = [(own <= moment).sum() - (ends <= moment).sum() for moment in own]
        found = busy.told(one, 10**12)
        assert found is not None
        assert found["peak"] == max(at_once)
        assert found["mean"] == pytest.approx(durations[mine].sum() / 10**12)
    assert busy.told(4, 1) is None


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_the_rhythm_is_told_in_its_zone(zone: str) -> None:
    local, draws = ZoneInfo(zone), np.random.default_rng(3)
    start = int(datetime(2026, 10, 20, tzinfo=UTC).timestamp()) * SECOND
    starts = np.sort(start + draws.integers(0, 10 * 24 * HOUR, 3000))
    rhythm = Rhythm(2, local, relative=False)
    for piece in (slice(0, 100), slice(100, 3000)):
        rhythm.take(starts[piece], np.ones(len(starts[piece]), np.int64))
    wanted = np.zeros(168, int)
    for each in starts:
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(each) // SECOND)).astimezone(local)
        wanted[24 * moment.weekday() + moment.hour] += 1
    assert rhythm.counts[1].tolist() == wanted.tolist()
    assert not rhythm.counts[0].any()
    assert rhythm.hours_seen(start, start + 7 * 24 * HOUR - 1).sum() == 7 * 24 * 4


def test_a_log_without_a_date_counts_days_from_its_start() -> None:
    rhythm = Rhythm(1, UTC, relative=True)
    rhythm.take(np.array([0, HOUR, 25 * HOUR]), np.zeros(3, np.int64))
    assert np.flatnonzero(rhythm.counts[0]).tolist() == [0, 1, 25]


def test_bins_are_round_and_few() -> None:
    assert bin_width(1) == SECOND
    assert bin_width(57 * MINUTE) == 15 * SECOND
    assert bin_width(14 * 24 * HOUR) == 2 * HOUR
    assert bin_width(10**18) <= 10**18 // 200


def test_list_prices_are_found_without_the_date() -> None:
    price = price_of("claude-sonnet-4-5-20250929")
    assert price == price_of("claude-sonnet-4-5")
    assert price is not None
    assert list_cost(price, 1_000_000, 1_000_000, 0, 1_000_000) == pytest.approx(3e6 + 0.3e6 + 15e6)
    assert price_of("nobody-knows") is None
