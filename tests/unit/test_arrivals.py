"""Arrival processes: counts, rates and CVs at fixed seeds, within intervals derived beside them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Arrivals
from sim.units import DAY, HOUR, MINUTE, SECOND
from sim.workload.arrivals import arrivals, gamma_shape, mean_count, weibull_shape

PROCESSES: list[dict[str, Any]] = [
    {"constant": {"rate": "7/min"}},
    {"poisson": {"rate": "30/min"}},
    {"gamma": {"rate": "60/min", "cv": 4}},
    {"gamma": {"rate": "60/min", "cv": 0.3}},
    {"weibull": {"rate": "60/min", "cv": 4}},
    {"weibull": {"rate": "60/min", "cv": 0.3}},
    {"bursts": {"rate": "90/min", "on": "5m", "off": "20m"}},
    {"bursts": {"rate": "90/min", "on": "5m", "off": "20m", "start": "7m", "random": True}},
    {"bursts": {"rate": "90/min", "on": "5m", "off": 0, "random": True}},
    {"herd": {"size": 50, "at": "1m", "every": "10m"}},
    {"sessions": {"rate": "2/min"}},
]


def process(spec: dict[str, Any]) -> Arrivals:
    return Arrivals.model_validate(spec)


def stream(replication: int = 0, name: str = "team/0") -> Stream:
    return Stream(35, replication, name)


def ids(spec: dict[str, Any]) -> str:
    return "-".join(f"{kind}-{'-'.join(map(str, inner.values()))}" for kind, inner in spec.items())


@pytest.mark.parametrize("spec", PROCESSES, ids=ids)
def test_arrivals_are_sorted_integers_within_the_horizon(spec: dict[str, Any]) -> None:
    times = arrivals(process(spec), stream(), 3 * HOUR)
    assert times.dtype == np.int64
    assert len(times) > 0
    assert times[0] >= 0
    assert times[-1] < 3 * HOUR
    assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize("spec", PROCESSES, ids=ids)
def test_a_longer_horizon_only_appends(spec: dict[str, Any]) -> None:
    long = arrivals(process(spec), stream(), 5 * HOUR)
    for until in (1, SECOND, 17 * MINUTE + 1, HOUR, 3 * HOUR):
        assert np.array_equal(arrivals(process(spec), stream(), until), long[long < until])


@pytest.mark.parametrize("spec", PROCESSES, ids=ids)
def test_the_mean_count_is_the_expected_one(spec: dict[str, Any]) -> None:
    until = 47 * MINUTE
    counts = np.array([len(arrivals(process(spec), stream(r), until)) for r in range(1500)])
    error = 4 * counts.std() / math.sqrt(len(counts))
    assert abs(counts.mean() - mean_count(process(spec), until)) <= error + 1e-9


@pytest.mark.parametrize("kind", ["gamma", "weibull"])
@pytest.mark.parametrize("cv", [0.05, 0.7, 1.0, 4.0, 13.0])
def test_rate_and_cv_are_recovered(kind: str, cv: float) -> None:
    times = arrivals(process({kind: {"rate": "1000/s", "cv": cv}}), stream(), 2000 * SECOND)
    gaps = np.diff(times)
    error = 4 * cv / math.sqrt(len(gaps))
    assert len(times) / 2000 == pytest.approx(1000, rel=max(error, 1e-5))
    # The fourth moment of gaps, which governs the spread of a sampled CV, grows with the CV.
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.01 if cv <= 1 else 0.15)


@pytest.mark.parametrize("kind", ["gamma", "weibull"])
def test_an_extreme_cv_brings_no_burst_at_the_start(kind: str) -> None:
    """A plain renewal start at a CV of 33 would add 544 requests; the mean here is 60."""
    spec = process({kind: {"rate": "60/min", "cv": 33}})
    counts = np.array([len(arrivals(spec, stream(r), MINUTE)) for r in range(6000)])
    assert abs(counts.mean() - 60) < 4 * counts.std() / math.sqrt(6000)
    assert counts.std() / math.sqrt(6000) < 12


@pytest.mark.parametrize(("cv", "shape"), [(1.0, 1.0), (math.sqrt(5), 0.5), (math.sqrt(19), 1 / 3)])
def test_weibull_shapes_with_a_closed_form(cv: float, shape: float) -> None:
    """1 + cv² = Γ(1+2/k)/Γ(1+1/k)²: 2 at k = 1, 24/4 at 1/2, 720/36 at 1/3."""
    assert weibull_shape(cv) == pytest.approx(shape, rel=1e-9)


@pytest.mark.parametrize("cv", np.geomspace(1e-7, 1000, 60))
def test_weibull_shape_solves_its_equation(cv: float) -> None:
    shape = weibull_shape(float(cv))
    ratio = math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)
    if cv > 1e-4:
        assert math.sqrt(math.expm1(ratio)) == pytest.approx(cv, rel=1e-6)
    else:
        assert shape == pytest.approx(math.pi / math.sqrt(6) / cv, rel=1e-3)


def test_gamma_shape() -> None:
    assert gamma_shape(2.0) == 0.25


@pytest.mark.parametrize("rate", ["7/min", "1/h", "333.333/min", "0.37/s", "999999999.999/day"])
def test_constant_arrivals_are_exact(rate: str) -> None:
    spec = process({"constant": {"rate": rate}})
    until = min(10**15, int(20_000 * spec.spec.rate.period_ns / spec.spec.rate.count))
    times = arrivals(spec, stream(), until).tolist()
    step = spec.spec.rate.period_ns / spec.spec.rate.count
    assert times == [int(k * step) for k in range(1, len(times) + 1)]
    assert int((len(times) + 1) * step) >= until


def test_constant_rates_whose_products_exceed_int64() -> None:
    spec = process({"constant": {"rate": "999999999999.999/month"}})
    until = 3_000_000_000
    step = spec.spec.rate.period_ns / spec.spec.rate.count
    times = arrivals(spec, stream(), until)
    picked = [0, 1, len(times) // 2, len(times) - 1]
    assert [int(times[k]) for k in picked] == [int((k + 1) * step) for k in picked]


def test_bursts_are_silent_when_off_and_full_when_on() -> None:
    spec = process({"bursts": {"rate": "600/min", "on": "1m", "off": "4m", "start": "30s"}})
    phase = (arrivals(spec, stream(), DAY) - 30 * SECOND) % (5 * MINUTE)
    assert phase.max() < MINUTE
    histogram = np.bincount(phase // (10 * SECOND), minlength=6)
    assert np.abs(histogram - histogram.mean()).max() < 5 * math.sqrt(histogram.mean())


def test_random_bursts_have_exponential_lengths() -> None:
    spec = process({"bursts": {"rate": "1000/s", "on": "10s", "off": "30s", "random": True}})
    gaps = np.diff(arrivals(spec, stream(), 12 * HOUR))
    silences = gaps[gaps > 50_000_000] / SECOND  # e^-50 of the gaps inside bursts are so long
    assert silences.mean() == pytest.approx(30, rel=5 / math.sqrt(len(silences)))
    assert silences.std() / silences.mean() == pytest.approx(1, abs=0.15)


def test_too_many_random_bursts_are_refused_and_not_tried() -> None:
    spec = process({"bursts": {"rate": "1/s", "on": "1ns", "off": "1ns", "random": True}})
    with pytest.raises(BadInput, match="too short"):
        arrivals(spec, stream(), DAY)


def test_herds() -> None:
    once = process({"herd": {"size": 3, "at": "1m"}})
    assert arrivals(once, stream(), HOUR).tolist() == [MINUTE] * 3
    assert arrivals(once, stream(), MINUTE).tolist() == []
    again = process({"herd": {"size": 2, "at": "1m", "every": "1m"}})
    assert arrivals(again, stream(), 3 * MINUTE).tolist() == [MINUTE, MINUTE, 2 * MINUTE, 2 * MINUTE]


def test_streams_and_replications_differ() -> None:
    spec = process({"poisson": {"rate": "60/min"}})
    seen = {tuple(arrivals(spec, stream(r, name), HOUR).tolist()) for r in range(3) for name in "abc"}
    assert len(seen) == 9
