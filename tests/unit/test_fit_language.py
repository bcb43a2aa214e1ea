"""Profiles in steps and sizes by quantiles: what a fitted scenario is written in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.draws import Stream
from sim.errors import BadScenario
from sim.scenario.loader import load_text
from sim.scenario.profiles import Profile
from sim.scenario.workloads import Quantiles, Workload
from sim.units import MINUTE, SECOND
from sim.workload import sizes
from sim.workload.generate import expected, generate
from sim.workload.profile import Warp
from tests.unit.fit_logs import one_stream

SIZE = {"min": 3, "p10": 10, "p20": 20, "p30": 40, "p40": 80, "p50": 100, "p60": 150, "p70": 200, "p80": 300,
        "p90": 400, "p95": 800, "p99": 2000, "max": 9000}  # fmt: skip


def workload(profile: str, arrivals: str = "{poisson: {rate: 60/min}}") -> Workload:
    return one_stream(arrivals, f", profile: {profile}").teams["only"].workload[0]


def test_what_comes_in_each_step_follows_its_weight() -> None:
    work = workload("{every: 1m, weights: [10, 0, 30, 20]}")
    counts = np.zeros(4)
    for replication in range(40):
        times = generate(work, Stream(1, replication, "a"), 8 * MINUTE).arrival_ns
        counts += np.bincount(times // MINUTE % 4, minlength=4)
    assert counts[1] == 0
    assert counts / counts.sum() == pytest.approx(np.array([10, 0, 30, 20]) / 60, abs=0.01)
    assert counts.sum() / 40 == pytest.approx(expected(work, 8 * MINUTE).requests, rel=0.02)


def test_steps_repeat_and_may_start_in_the_middle() -> None:
    profile = Profile.model_validate({"every": "1m", "weights": [1, 0, 2], "starts_at": "2m"})
    warp = Warp(profile)
    assert warp.load(MINUTE) == pytest.approx(2 * MINUTE)
    assert warp.load(2 * MINUTE) == pytest.approx(3 * MINUTE)
    assert warp.load(3 * MINUTE) == pytest.approx(3 * MINUTE)
    assert warp.load(6 * MINUTE) == pytest.approx(6 * MINUTE)
    assert warp.weights(np.array([0, 90 * SECOND, 150 * SECOND])).tolist() == [2.0, 1.0, 0.0]


def test_loads_and_times_are_inverse() -> None:
    warp = Warp(Profile.model_validate({"every": "10s", "weights": [3, 1, 4, 1, 5]}))
    times = np.linspace(0, 200 * SECOND, 1001).astype(np.int64)
    assert (
        np.abs(warp.times(warp.loads(times).astype(np.int64)) - times).max() <= 3
    )  # a nanosecond of load, where a third of the mean comes


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("{every: 1m}", "every without weights"),
        ("{weights: [1, 2]}", "weights without every"),
        ("{every: 1m, weights: [0, 0]}", "only zeros"),
        ("{every: 1m, weights: [1, -1]}", "negative weight"),
        ("{every: 1m, weights: [1, 2], day: Tue}", "day beside weights"),
        ("{every: 0s, weights: [1, 2]}", "must be above 0"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(profile: str, said: str) -> None:
    assert said in _refusal(f"profile: {profile}")


@pytest.mark.parametrize(
    ("change", "said"), [({"p50": 20}, "p50 (20) is below p40 (80)"), ({"max": None}, "max"), ({"p55": 3}, "p55")]
)
def test_quantiles_that_make_no_sense_are_refused(change: dict[str, int | None], said: str) -> None:
    size = {name: value for name, value in (SIZE | change).items() if value is not None}
    text = ", ".join(f"{name}: {value}" for name, value in size.items())
    assert said in _refusal("", f"{{{text}}}")


def _refusal(more: str, size: str = "100") -> str:
    text = f"""
name: bad
duration: 1h
teams:
  a:
    workload:
      - arrivals: {{poisson: {{rate: 1/min}}}}
        model: claude-sonnet-4-5
        input_tokens: {size}
        output_tokens: 10
        {more}
configurations: {{shared: {{isolation: shared}}}}
"""
    with pytest.raises(BadScenario) as caught:
        load_text(text, Path("bad.yaml"))
    return str(caught.value)


def test_sizes_follow_their_quantiles() -> None:
    size = Quantiles.model_validate(SIZE)
    drawn = sizes.draw(size, np.random.default_rng(1), 200_000)
    assert drawn.min() >= 3
    assert drawn.max() <= 9000
    for level, value in zip(sizes.LEVELS[1:-1], size.knots[1:-1], strict=True):
        assert np.quantile(drawn, level) == pytest.approx(value, rel=0.03)
    assert drawn.mean() == pytest.approx(sizes.mean(size), rel=0.02)
    assert np.array_equal(sizes.draw(size, np.random.default_rng(1), 50), drawn[:50])
