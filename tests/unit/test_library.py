"""The scenario library: whole, small enough, and with the statistics that it claims."""

from __future__ import annotations

import math
import re
from statistics import median, quantiles

import numpy as np
import pytest

from sim.errors import BadInput
from sim.report.words import answer
from sim.scenario import library
from sim.scenario.check_incidents import ONLY_HERE
from sim.scenario.checks import expected_traffic
from sim.scenario.keys import Ladder, SpelledOut
from sim.scenario.loader import Loaded, load
from sim.scenario.plan import build_plan, expected_requests, requires_streaming
from sim.scenario.workloads import Spread, Workload
from sim.study.compare import Options, compare
from sim.study.progress import Silent
from sim.study.runs import settings_of

NAMES = (
    "agent-sessions", "brown-out-metastable", "budget-overshoot", "content-policy", "forty-seven-services",
    "forty-seven-services-month", "isolation-ladder", "key-ban", "key-leak", "key-rotation", "noisy-neighbour",
    "price-change", "retry-policies", "runaway-loop", "storm-429", "storm-503", "storm-529", "thundering-herd",
)  # fmt: skip
MAX_WORK = 3_000_000
"""Requests that a comparison simulates, those of the leave-one-team-out runs included: seconds, not minutes."""


def test_the_library_is_whole() -> None:
    assert set(NAMES) <= set(library.names())
    assert library.find("noisy-neighbour") == library.folder() / "noisy-neighbour.yaml"
    assert library.find("nobody") is None
    assert [entry.name for entry in library.entries()] == list(library.names())


def test_long_scenarios_are_marked() -> None:
    assert library.names(long=True) == ("forty-seven-services-month",)
    assert sorted(library.names(long=True) + library.names(long=False)) == list(library.names())
    assert {entry.name for entry in library.entries() if entry.long} == set(library.names(long=True))


@pytest.mark.parametrize("name", library.names())
def test_each_opens_with_its_question(name: str) -> None:
    entry = next(entry for entry in library.entries() if entry.name == name)
    text = entry.path.read_text("utf-8")
    comment = " ".join(line.lstrip("# ") for line in text[: text.index("\nname:")].splitlines())
    assert text.startswith("# ")
    assert "?" in comment
    assert entry.question.endswith("?")
    assert re.search(rf"^name: {name}$", text, re.M)


def injected(loaded: Loaded) -> float:
    faults = [entry.fault for entry in loaded.scenario.chaos if entry.kind in ("runaway_job", "leaked_key")]
    return sum(fault.rate.per_second * fault.for_ / 1e9 for fault in faults)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", library.names(long=False))
def test_each_that_is_not_long_is_small_enough(name: str) -> None:
    loaded = load(name)
    scenario = loaded.scenario
    requests = sum(one.requests for one in expected_traffic(scenario, loaded.traces).values()) + injected(loaded)
    assert requests == pytest.approx(expected_requests(scenario, loaded.traces), rel=0.01)
    work = requests * scenario.replications * len(scenario.configurations) * (len(scenario.teams) + 1)
    assert work <= MAX_WORK, f"{work:,.0f}"


@pytest.mark.parametrize("name", library.names())
def test_each_has_objectives_and_no_notes(name: str) -> None:
    loaded = load(name)
    assert [note for note in loaded.notes if note != ONLY_HERE] == []
    assert (ONLY_HERE in loaded.notes) == bool(loaded.scenario.incidents)
    assert loaded.scenario.slos


def test_noisy_neighbour_is_the_example_of_the_design() -> None:
    scenario = load("noisy-neighbour").scenario
    assert list(scenario.configurations) == ["shared", "projects", "mine"]
    assert (scenario.replications, scenario.seed, scenario.teams["checkout"].services) == (20, 35, 9)
    assert [entry.kind for entry in scenario.chaos] == ["runaway_job", "storm"]


def test_thundering_herd_is_the_article_s() -> None:
    scenario = load("thundering-herd").scenario
    herds = [workload.arrivals.herd for team in scenario.teams.values() for workload in team.workload]
    assert set(scenario.teams) == {"production", "qa", "dev", "analytics", "internal"}
    assert [herd.size for herd in herds if herd is not None] == [10] * 5
    shared = [one for one in scenario.configurations.values() if isinstance(one, Ladder) and one.isolation == "shared"]
    policies = {str(one.client.retry) for one in shared if one.client is not None}
    assert len(policies) == len(shared) == 4
    assert {one.limits[0].requests.rate.per_minute for one in shared if one.limits[0].requests} == {60}
    isolated = scenario.configurations["projects of 500/min"]
    assert isinstance(isolated, SpelledOut)
    projects = isolated.accounts["gateway"].projects or {}
    limits = [project.limits[0] for project in projects.values()]
    assert [(one.requests.rate.per_minute, one.burst) for one in limits if one.requests] == [(500, 50)] * 5


def test_budget_overshoot_is_the_article_s_pool() -> None:
    """50 concurrent requests of five projects, each $1000 a month, 500 a minute and a burst of 50, $15 a million."""
    loaded = load("budget-overshoot")
    scenario = loaded.scenario
    herds = [workload.arrivals.herd for team in scenario.teams.values() for workload in team.workload]
    assert set(scenario.teams) == {"production", "qa", "dev", "analytics", "internal"}
    assert [herd.size for herd in herds if herd is not None] == [10] * 5
    price = scenario.models["sonnet-flat"].price
    assert price is not None
    assert price.input == price.output == 15_000_000
    first, *others = settings_of(loaded, None)
    assert first.name == "check then add"
    assert [(str(row.cap.amount), row.cap.mode) for row in first.rows.caps] == [("$1000/month", "postpaid")] * 5
    projects = [row for row in first.rows.limits if row.level == "project"]
    assert [(row.per_minute, row.capacity) for row in projects] == [(500, 50)] * 5
    assert {other.name for other in others} >= {"reserve", "reserve, by the day"}


def test_its_first_sentence_says_by_how_much_it_overshoots_and_that_reserving_does_not() -> None:
    loaded = load("budget-overshoot", overrides={"replications": 4})
    only = ("check then add", "reserve")
    study = compare(loaded, Options(configurations=only, counterfactual=False), Silent())
    sides = study.summary["configurations"]
    over = sides["check then add"]["total"]["overshoot_usd"]["mean"]
    assert 10 < over < 30, "up to ten partitions of some $2 each are under way when a cap is reached"
    assert sides["reserve"]["total"]["overshoot_usd"] == {"mean": 0, "ci95": [0, 0]}
    said = answer(study.summary).headline.replace("\u00a0", " ")
    assert f"is passed by ${over:.2f}" in said
    assert said.endswith("with “reserve” none is passed.")


def test_the_ladder_has_all_rungs_at_one_total() -> None:
    rungs = load("isolation-ladder").scenario.configurations
    assert list(rungs) == ["shared", "keys", "projects", "gateway", "accounts"]
    assert len({one.limits for one in rungs.values() if isinstance(one, Ladder)}) == 1
    accounts = rungs["accounts"]
    assert isinstance(accounts, Ladder)
    assert accounts.split == "equal"  # without it each account would have the whole


# forty-seven-services: the statistics of facts.md §6 (ServeGen)

SERVICES = [(team, work) for team in load("forty-seven-services").scenario.teams.values() for work in team.workload]


def rate(workload: Workload) -> float:
    return float(workload.arrivals.spec.rate.per_minute)


def cv(workload: Workload) -> float:
    return float(getattr(workload.arrivals.spec, "cv", 1.0))


def log_sizes(size: object) -> tuple[float, float]:
    """Log-mean and log-sd of a lognormal."""
    assert isinstance(size, Spread)
    return math.log(size.median), math.log(size.p95 / size.median) / 1.6449


def test_forty_seven_services_in_ten_teams() -> None:
    scenario = load("forty-seven-services").scenario
    assert len(scenario.teams) == 10
    assert len(SERVICES) == sum(team.services for team in scenario.teams.values()) == 47
    assert all(team.services == len(team.workload) for team in scenario.teams.values())


def test_rates_are_heavy_tailed() -> None:
    rates = sorted((rate(work) for _, work in SERVICES), reverse=True)
    cumulative = np.cumsum(rates) / sum(rates)
    assert 0.16 <= cumulative[0] <= 0.52
    assert 0.63 <= cumulative[round(len(rates) / 10) - 1] <= 0.80
    assert 6 <= int(np.searchsorted(cumulative, 0.8)) + 1 <= 22


def test_burstiness() -> None:
    found = [cv(work) for _, work in SERVICES]
    p50, p90, p99 = np.quantile(found, (0.5, 0.9, 0.99))
    assert 1.0 <= p50 <= 1.3
    assert 4.2 <= p90 <= 5.6
    assert 10 <= p99 <= 33
    assert 0.35 <= sum(value > 1.2 for value in found) / len(found) <= 0.55
    assert {"gamma", "weibull"} <= {work.arrivals.kind for _, work in SERVICES}


def test_sizes_are_those_of_chat_and_code() -> None:
    sizes = [(log_sizes(work.input_tokens), log_sizes(work.output_tokens)) for _, work in SERVICES]
    code = [pair for pair in sizes if pair[1][0] < 3.5]
    chat = [pair for pair in sizes if pair[1][0] >= 3.5]
    assert len(code) >= 10
    for group, wanted in ((chat, (6.63, 0.99, 5.02, 0.86)), (code, (7.00, 1.36, 2.79, 0.85))):
        found = [median(part[at][field] for part in group) for at in (0, 1) for field in (0, 1)]
        assert found == pytest.approx(wanted, abs=0.1)
    assert max(quantiles([pair[0][0] for pair in chat])) < 7.2


# forty-seven-services-month: the same services for a month


def test_the_month_has_a_thousand_million_requests_at_one_total() -> None:
    scenario = load("forty-seven-services-month").scenario
    work = [one for team in scenario.teams.values() for one in team.workload]
    assert len(scenario.teams) == 10
    assert {rate(one) for one in work} == {500}
    assert [cv(one) for one in work] == [cv(one) for _, one in SERVICES]
    assert expected_requests(scenario, {}) == pytest.approx(47 * 500 * 60 * 24 * 30)
    rungs = [one for one in scenario.configurations.values() if isinstance(one, Ladder)]
    assert [one.isolation for one in rungs] == ["shared", "projects"]
    assert len({one.limits for one in rungs}) == 1
    assert scenario.replications == 1


def test_a_plan_of_the_month_is_refused_and_not_tried() -> None:
    loaded = load("forty-seven-services-month")
    assert requires_streaming(loaded)
    with pytest.raises(BadInput, match=r"1,015,200,000(.|\n)*--rows none"):
        build_plan(loaded.scenario, 0, loaded.traces)
