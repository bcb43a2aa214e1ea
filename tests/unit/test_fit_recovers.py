"""A fit of a log whose truth is known holds the truth in its intervals, as often as 95 % intervals should."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from sim.study.fitting.answers import providers
from sim.study.fitting.arrivals import candidates
from sim.study.fitting.fit import requests_of
from sim.study.fitting.infer import infer
from sim.study.fitting.log import Log
from sim.study.fitting.retries import attempts, clients
from sim.study.fitting.token_sizes import size_fit
from sim.study.fitting.types import Candidate, Estimate
from tests.unit.fit_logs import attempts_log, one_stream, planned, requests_log, scenario

LOGS = 20
LEAST = 0.8
"""Of 20 intervals of 95 %, fewer than 16 hold the truth once in 400 times."""

PROCESSES: dict[str, tuple[str, Mapping[str, float]]] = {
    "poisson": ("{poisson: {rate: 10/min}}", {"rate": 10}),
    "gamma": ("{gamma: {rate: 10/min, cv: 3}}", {"rate": 10, "cv": 3}),
    "even gamma": ("{gamma: {rate: 10/min, cv: 0.3}}", {"rate": 10, "cv": 0.3}),
    "weibull": ("{weibull: {rate: 10/min, cv: 2}}", {"rate": 10, "cv": 2}),
    "bursts": ("{bursts: {rate: 60/min, on: 40s, off: 3m, random: true}}", {"rate": 60, "on": 40, "off": 180}),
}


@cache
def fits(name: str) -> tuple[tuple[Candidate, ...], ...]:
    """All candidates of several logs."""
    said = one_stream(PROCESSES[name][0], duration="2h")
    logs = [planned(said, at)[1] for at in range(LOGS)]
    return tuple(candidates(log, log["start"]) for log in logs)


@pytest.mark.parametrize("name", list(PROCESSES))
def test_parameters_lie_in_their_intervals(name: str) -> None:
    process, truth = name.split()[-1], PROCESSES[name][1]
    flat = [one for found in fits(name) for one in found if (one.process, one.shape) == (process, "flat")]
    own = [one for one in flat if (process != "bursts" or "start" not in one.values)]
    assert len(own) == LOGS
    for parameter, value in truth.items():
        held = [one.values[parameter].holds(value) for one in own]
        assert np.mean(held) >= LEAST, (parameter, [one.values[parameter] for one in own])
        assert np.median([one.values[parameter].value for one in own]) == pytest.approx(value, rel=0.15)


@pytest.mark.parametrize("name", list(PROCESSES))
def test_the_criterion_knows_the_process(name: str) -> None:
    process = name.split()[-1]
    right = [min(found, key=lambda one: one.aic).process == process for found in fits(name)]
    assert np.mean(right) >= LEAST


def test_sizes_lie_in_their_intervals() -> None:
    said = one_stream("{poisson: {rate: 10/min}}", duration="1h")
    logs = [planned(said, at)[1] for at in range(LOGS)]
    for column, median, p95 in (("input", 900, 4000), ("output", 250, 900)):
        found = [size_fit(log[column]) for log in logs]
        assert {one.kind for one in found} == {"lognormal"}
        assert np.mean([one.values["median"].holds(median) for one in found]) >= LEAST
        assert np.mean([one.values["p95"].holds(p95) for one in found]) >= LEAST


@pytest.mark.parametrize(
    ("arrivals", "process", "truth"),
    [
        ("{constant: {rate: 30/min}}", "constant", {"rate": 30}),
        ("{herd: {size: 40, at: 2m, every: 15m}}", "herd", {"size": 40, "every": 900}),
        ("{bursts: {rate: 90/min, on: 5m, off: 20m, start: 3m}}", "bursts",
         {"rate": 90, "on": 300, "off": 1200, "start": 180}),
    ],
)  # fmt: skip
def test_regular_processes_are_seen(arrivals: str, process: str, truth: Mapping[str, float]) -> None:
    _, log = planned(one_stream(arrivals))
    # The log counts from its first request, which is the first burst's.
    shift = {"start": float(log.origin_ns % 86_400_000_000_000) / 1e9}
    best = min(candidates(log, log["start"]), key=lambda one: one.aic)
    assert best.process == process
    for name, value in truth.items():
        wanted = value - shift["start"] if name == "start" else value
        assert best.values[name].value == pytest.approx(wanted, rel=0.05, abs=2.5), name


def test_a_daily_rhythm_is_seen() -> None:
    hours = (
        "[0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.5, 1, 2, 2.5, 2.5, 2, 1.5, 2, 2.5, 2, 1.5, 1, 0.7, 0.5, 0.4, 0.3, 0.3, 0.2]"
    )
    _, log = planned(one_stream("{poisson: {rate: 1/min}}", f", profile: {{hours: {hours}}}", duration="4d"))
    best = min(candidates(log, log["start"]), key=lambda one: one.aic)
    assert (best.process, best.shape) == ("poisson", "hours")
    truth = np.array([float(each) for each in hours.strip("[]").split(",")])
    assert np.abs(np.array(best.weights) - truth / truth.mean()).max() < 0.35
    assert best.values["rate"].holds(1)


def test_steps_are_seen_and_cost_parameters() -> None:
    weights = "[10, 0, 40, 5, 90, 0, 0, 20, 60, 15, 5, 5]"
    _, log = planned(one_stream("{gamma: {rate: 60/min, cv: 2}}", f", profile: {{every: 10m, weights: {weights}}}",
                                duration="2h"))  # fmt: skip
    best = min(candidates(log, log["start"]), key=lambda one: one.aic)
    assert (best.process, best.shape, best.step_s) == ("gamma", "steps", 600)
    assert best.parameters == 2 + 11
    assert best.values["cv"].value == pytest.approx(2, rel=0.15)


LADDER = """
name: shared-key
duration: 90m
drain: 20m
teams:
  checkout:
    workload:
      - {arrivals: {poisson: {rate: 20/min}}, model: claude-sonnet-4-5, input_tokens: {median: 900, p95: 4000},
         output_tokens: {median: 250, p95: 900}}
  analytics:
    workload:
      - {arrivals: {bursts: {rate: 90/min, on: 5m, off: 15m}}, model: gpt-4.1, output_tokens: {median: 300, p95: 800},
         input_tokens: {median: 2000, p95: 9000}}
    client: {retry: {max_attempts: 5, base: 1s, multiplier: 2, cap: 60s, jitter: none, obey_retry_after: false}}
configurations:
  shared: {isolation: shared, limits: {requests: 60/min, burst: 20}}
"""


@pytest.fixture(scope="module")
def tried() -> Log:
    """A log of attempts under a limit."""
    return attempts_log(scenario(LADDER))


def test_retries_are_linked_and_the_client_is_known(tried: Log) -> None:
    found = attempts(tried)
    by_team = {one.team: one for one in clients(tried, found)}
    assert by_team["analytics"].max_attempts == 5
    assert by_team["analytics"].base_s.value == pytest.approx(1, abs=0.05)
    assert by_team["analytics"].multiplier == pytest.approx(2, abs=0.1)
    assert by_team["checkout"].max_attempts == 3
    plan, _ = planned(scenario(LADDER))
    asked = requests_of(tried, found)
    assert len(asked) == pytest.approx(len(plan), rel=0.01)


def test_the_limit_in_force_is_inferred_from_its_refusals(tried: Log) -> None:
    found = infer(tried)
    limit = found.limits.requests
    assert limit is not None
    assert (str(limit.rate), limit.burst) == ("60/min", 20)
    assert found.score > 0.95


def test_without_refusals_only_a_bound_is_known() -> None:
    found = infer(requests_log(one_stream("{poisson: {rate: 10/min}}", duration="1h")))
    assert "no 429s" in found.how
    assert found.score == 0


def holds(estimate: Estimate, truth: float) -> bool:
    """Within its interval, or a tenth beside it: a bootstrap's interval is not exact."""
    return estimate.holds(truth) or abs(estimate.value / truth - 1) < 0.1


def test_answer_times_are_recovered_from_durations_alone(tried: Log) -> None:
    found = {one.model: one for one in providers(tried)}
    for model, first, each in (
        ("claude-sonnet-4-5", (1.2, 3.0), (0.015, 0.030)),
        ("gpt-4.1", (0.6, 1.8), (0.012, 0.025)),
    ):
        one = found[model]
        assert one.first_token is not None
        assert one.per_token is not None
        assert holds(one.per_token["median"], each[0])
        assert one.per_token["p95"].value == pytest.approx(each[1], rel=0.2)
        assert one.first_token["median"].value == pytest.approx(first[0], rel=0.35)
        assert one.first_token["p95"].value == pytest.approx(first[1], rel=0.35)
