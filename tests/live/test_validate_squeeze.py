"""The part of a scenario that fits into a minute: all of it, squeezed, with its incidents inside."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engine.tables import LOG
from sim.scenario import library
from sim.scenario.loader import load, load_text
from sim.scenario.plan import build_plan
from sim.study.runs import checked_run, settings_of
from sim.study.validate.compress import PEAK, Slice, slice_of
from sim.study.validate.shape import Squeeze, rate_text, squeezed
from sim.units import MINUTE, SECOND, rate

BY = Squeeze(Fraction(10), Fraction(4), least_tokens=9000)
PATH = Path("slice.yaml")


def part(name: str, configuration: str = "", wall_s: int = 60, speed: int = 1) -> Slice:
    loaded = load(name)
    chosen = configuration or next(iter(loaded.scenario.configurations))
    return slice_of(loaded, chosen, wall_s * SECOND, Fraction(speed), PATH)


@pytest.mark.parametrize("speed", [1, 10])
@pytest.mark.parametrize("name", library.names())
def test_every_scenario_of_the_library_fits(name: str, speed: int) -> None:
    found = part(name, speed=speed)
    scenario = found.loaded.scenario
    assert scenario.duration + scenario.drain <= 60 * SECOND * speed + 2
    assert all(entry.fault.window[0] < scenario.duration for entry in scenario.chaos), "every incident begins inside"
    plan = build_plan(scenario, 0, found.loaded.traces)
    busiest = np.bincount(plan.arrival_ns[plan.arrival_ns >= 0] // (SECOND * speed)).max()
    assert busiest <= 1.3 * PEAK, "the load is one that a machine can send; a draw may be a little busier"
    assert found.notes


@pytest.mark.parametrize(
    ("name", "configuration", "refuser"),
    [
        ("storm-429", "shared", "storm:429"),
        ("storm-503", "shared", "storm:503"),
        ("thundering-herd", "shared, sdk", "account:shared:requests"),
        ("key-ban", "shared", "ban:account"),
        ("budget-overshoot", "check then add", "budget:project:provider/qa"),
        ("noisy-neighbour", "shared", "account:shared:requests"),
    ],
)
@pytest.mark.parametrize("speed", [1, 10])
def test_the_incident_happens_inside_and_does_not_take_all(
    name: str, configuration: str, refuser: str, speed: int
) -> None:
    found = part(name, configuration, speed=speed)
    setting = settings_of(found.loaded, (configuration,))[0]
    run = checked_run("plain", setting, build_plan(found.loaded.scenario, 0, found.loaded.traces), 0)
    codes = run.result.log[:, LOG.index("refused_by")]
    told = Counter(setting.refusers[code] for code in codes.tolist() if code >= 0)
    assert told[refuser] >= 40
    assert np.count_nonzero(codes < 0) >= 3, "something is let in"


def test_a_scenario_that_fits_runs_as_it_is() -> None:
    text = """
name: short
duration: 20s
drain: 5s
teams:
  a: {workload: {arrivals: {poisson: {rate: 60/min}}, model: claude-haiku-4-5, input_tokens: 9, output_tokens: 9}}
configurations: {shared: {isolation: shared, limits: {requests: 60/min}}}
"""
    loaded = load_text(text, Path("short.yaml"))
    found = slice_of(loaded, "shared", MINUTE, Fraction(1), PATH)
    assert found.by.time == found.by.rate == 1
    assert found.notes == ("The scenario runs as it is: 20s and a drain of 5s.",)
    one, two = build_plan(loaded.scenario, 0, {}), build_plan(found.loaded.scenario, 0, {})
    assert (one.arrival_ns == two.arrival_ns).all()


def test_what_lies_on_the_timeline_is_divided_and_what_comes_per_time_multiplied() -> None:
    assert BY.shorter("10m") == "1m"
    assert BY.shorter("0s") == "0s"
    assert BY.shorter("1ns") == "1ns", "nothing that lasts becomes an instant"
    assert BY.faster("60/min") == "240/min"
    assert (BY.fewer(50), BY.fewer(1), BY.more(10)) == (20, 1, 40)
    assert BY.count == Fraction(2, 5)


@pytest.mark.parametrize(("text", "said"), [("60/min", "60.0/min"), ("7/h", "0.117/min"), ("2M/min", "2000000/min")])
def test_a_rate_is_written_in_few_digits(text: str, said: str) -> None:
    assert rate(rate_text(rate(text))) == rate(said)


DATA: dict[str, Any] = {
    "duration": "10m", "warmup": "1m", "drain": "5m", "seed": 7, "incidents": [], "finance": {"x": 1},
    "models": {"m": {"slots": 5, "queue": 0, "first_token": "2s"}},
    "teams": {"a": {"workload": [
        {"arrivals": {"bursts": {"rate": "60/min", "on": "5m", "off": "20m"}}, "model": "m", "profile": {}},
        {"arrivals": {"herd": {"size": 50, "at": "1m", "every": "2m"}}, "model": "m"},
        {"arrivals": {"trace": {"file": "t.csv", "speed": 2.0}}, "model": "m"},
        {"arrivals": {"sessions": {"rate": "6/min", "think": {"median": "10s", "p95": "20s"}}}, "model": "m"},
    ], "client": {"retry": "stamina", "timeout": "60s", "max_concurrent": 10, "rate_limit": {"rate": "60/min"}}}},
    "configurations": {
        "one": {"accounts": {"x": {"limits": [{"requests": {"rate": "60/min"}, "burst": 10, "concurrency": 3},
                                              {"input_tokens": {"rate": "20000/min"}}],
                                   "projects": {"p": {"teams": ["a"], "spend_cap": [{"amount": "$10/month"}],
                                                      "limits": [{"requests": {"rate": "60/min"},
                                                                  "algorithm": "fixed_window"}]}}}}},
        "two": {"isolation": "shared"},
    },
    "chaos": [
        {"storm": {"at": "1m", "for": "2m", "status": 503, "retry_after": "5s", "fail_first": 10}},
        {"leaked_key": {"team": "a", "at": "1m", "for": "2m", "rate": "60/min",
                        "rollout": {"default": "10m", "teams": {"a": "5m"}}}},
        {"policy_violations": {"at": "0s", "for": "10m", "probability": 0.5, "threshold": 5,
                               "within": "1d", "recovery": "10m", "review": {"reviewers": 2, "each": "10m"}}},
    ],
}  # fmt: skip


def test_the_whole_of_a_scenario() -> None:
    found = squeezed(DATA, BY, "one", 5 * SECOND)
    assert (found["duration"], found["warmup"], found["drain"], found["replications"]) == ("1m", "6s", "5s", 1)
    assert "finance" not in found
    assert found["models"]["m"] == {"slots": 20, "queue": 0, "first_token": "2s"}, "answers last as long as before"
    bursts, herd, trace, sessions = [one["arrivals"] for one in found["teams"]["a"]["workload"]]
    assert bursts == {"bursts": {"rate": "240/min", "on": "30s", "off": "2m"}}
    assert herd == {"herd": {"size": 20, "at": "6s", "every": "12s"}}
    assert trace == {"trace": {"file": "t.csv", "speed": 20.0, "scale": 0.4}}
    assert sessions["sessions"]["think"] == {"median": "1s", "p95": "2s"}
    assert "profile" not in found["teams"]["a"]["workload"][0]
    client = found["teams"]["a"]["client"]
    assert (client["retry"], client["timeout"], client["max_concurrent"]) == ("stamina", "60s", 40)
    assert client["rate_limit"] == {"rate": "240/min", "burst": 24}
    assert list(found["configurations"]) == ["one"]


def test_limits_empty_at_the_same_place_of_the_timeline() -> None:
    account = squeezed(DATA, BY, "one", SECOND)["configurations"]["one"]["accounts"]["x"]
    requests, tokens = account["limits"]
    assert requests == {"requests": {"rate": "240/min", "burst": 4}, "concurrency": 12}
    assert tokens["input_tokens"] == {"rate": "80000/min", "burst": 9000}, "the largest request still fits"
    project = account["projects"]["p"]
    assert project["spend_cap"] == [{"amount": "$4.000000/month"}]
    assert project["limits"][0]["requests"] == {"rate": "4/s"}, "a window of about a tenth of a minute"


def test_a_cap_whose_windows_are_many_is_one_for_all_of_them() -> None:
    by = Squeeze(Fraction(10), Fraction(10), duration=2 * 30 * 24 * 60 * MINUTE)
    project = squeezed(DATA, by, "one", SECOND)["configurations"]["one"]["accounts"]["x"]["projects"]["p"]
    assert project["spend_cap"] == [{"amount": "$20.000000/month"}]


def test_faults_move_with_the_timeline_and_waits_of_clients_do_not() -> None:
    storm, leak, violations = [next(iter(entry.values())) for entry in squeezed(DATA, BY, "one", SECOND)["chaos"]]
    assert storm == {"at": "6s", "for": "12s", "status": 503, "retry_after": "5s", "fail_first": 4}
    assert (leak["rate"], leak["rollout"]) == ("240/min", {"default": "1m", "teams": {"a": "30s"}})
    assert (violations["threshold"], violations["recovery"], violations["within"]) == (2, "1m", "144m")
    assert violations["review"] == {"reviewers": 2, "each": "1m"}
