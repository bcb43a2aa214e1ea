"""Daily and weekly rhythms: what they move, and that they keep the mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sim.draws import Stream
from sim.scenario.workloads import Profile, Workload
from sim.units import DAY, HOUR, WEEK
from sim.workload.generate import expected, generate
from sim.workload.profile import Warp

OFFICE = [0.0] * 8 + [1.0] * 10 + [0.0] * 6
WEEKDAYS = [1, 1, 1, 1, 1, 0, 0]


def workload(arrivals: dict[str, Any], **profile: Any) -> Workload:
    body = {"arrivals": arrivals, "model": "m", "input_tokens": 10, "output_tokens": 10, "profile": profile}
    return Workload.model_validate(body)


def times(spec: Workload, until: int, replication: int = 0) -> np.ndarray:
    return generate(spec, Stream(35, replication, "team/0"), until).order_ns


ANY: list[dict[str, Any]] = [
    {"constant": {"rate": "10/min"}},
    {"poisson": {"rate": "10/min"}},
    {"gamma": {"rate": "10/min", "cv": 2}},
    {"bursts": {"rate": "60/min", "on": "1h", "off": "2h"}},
    {"sessions": {"rate": "10/min", "steps": 1}},
]


@pytest.mark.parametrize("arrivals", ANY, ids=lambda spec: next(iter(spec)))
def test_requests_come_only_in_hours_of_weight(arrivals: dict[str, Any]) -> None:
    found = times(workload(arrivals, hours=OFFICE, days=WEEKDAYS, day="Sat", starts_at="5h"), 2 * WEEK)
    clock = (found + 5 * DAY + 5 * HOUR) % WEEK
    assert len(found) > 1000
    assert (np.diff(found) >= 0).all()
    assert set(clock // DAY) == {0, 1, 2, 3, 4}
    assert set(clock % DAY // HOUR) == set(range(8, 18))


@pytest.mark.parametrize("start", ["0s", "9h", "31h", "17h 13m"])
def test_a_whole_week_keeps_its_mean(start: str) -> None:
    weights = np.random.default_rng(3).uniform(0, 5, 31).tolist()
    profile = Profile.model_validate({"hours": weights[:24], "days": weights[24:], "day": "Wed", "starts_at": start})
    for weeks in (1, 2, 52):
        assert Warp(profile).load(weeks * WEEK) == pytest.approx(weeks * WEEK, rel=1e-12)


def test_part_of_a_week_has_the_mean_of_that_part() -> None:
    spec = workload({"poisson": {"rate": "60/min"}}, hours=OFFICE, starts_at="8h")
    counts = [len(times(spec, 10 * HOUR, replication)) for replication in range(30)]
    wanted = 60 * 60 * 24  # a whole day's requests come within ten hours
    assert expected(spec, 10 * HOUR).requests == pytest.approx(wanted)
    assert np.mean(counts) == pytest.approx(wanted, abs=4 * math.sqrt(wanted / 30))


def test_load_and_times_are_inverse() -> None:
    weights = np.random.default_rng(4).uniform(0.1, 5, 31).tolist()
    warp = Warp(Profile.model_validate({"hours": weights[:24], "days": weights[24:], "day": "Sun"}))
    wanted = np.sort(np.random.default_rng(5).integers(0, 3 * WEEK, 1000))
    loads = np.array([math.floor(warp.load(int(time))) for time in wanted])
    assert np.abs(warp.times(loads) - wanted).max() <= 64  # float64 holds three weeks to 0.25 ns, weights to 50


def test_a_piece_of_arrivals_comes_at_the_same_times_as_among_all() -> None:
    """Pieces within an hour take a shorter way to the same bits, at loads far beyond 2^53 too."""
    draws = np.random.default_rng(6)
    weights = [0.0, *draws.uniform(0.1, 5, 30)]
    warp = Warp(Profile.model_validate({"hours": weights[:24], "days": weights[24:], "starts_at": "7h"}))
    for length in (HOUR // 2, WEEK // 2, 9 * WEEK, 4000 * WEEK):
        loads = np.sort(draws.integers(length // 2, length, 5000))
        whole, last, pieces = warp.times(loads), 0, []
        for piece in np.array_split(loads, np.sort(draws.integers(0, 5000, 900))):
            pieces.append(warp.times(piece, last))
            last = pieces[-1][-1] if len(piece) else last
        assert np.array_equal(np.concatenate(pieces), whole)


def test_a_flat_profile_changes_nothing() -> None:
    flat = workload({"poisson": {"rate": "60/min"}})
    bare = flat.model_copy(update={"profile": None})
    assert np.abs(times(flat, DAY) - times(bare, DAY)).max() <= 1


@pytest.mark.parametrize("arrivals", ANY, ids=lambda spec: next(iter(spec)))
def test_a_longer_horizon_only_appends(arrivals: dict[str, Any]) -> None:
    spec = workload(arrivals, hours=OFFICE, days=WEEKDAYS)
    long = times(spec, 10 * DAY)
    for until in (HOUR, 9 * HOUR, 3 * DAY, 7 * DAY + 1):
        assert np.array_equal(times(spec, until), long[long < until])
