"""Objectives made into goals: what is asked of whom, what is in reach, and what counts as met."""

from __future__ import annotations

import numpy as np
import pytest

from sim.scenario.schema import Slo
from sim.study.tune.goals import (
    ASKED,
    Goal,
    Objective,
    Reading,
    counted,
    gap,
    level,
    levels,
    met_share,
    objectives,
    untuned,
    with_objectives,
    worth,
)
from sim.study.tune.traffic import busiest, most_at_once, rates
from sim.units import MINUTE, SECOND
from tests.unit.tune_cases import PROJECTS, scenario, workload

TEAM = {"workload": workload({"poisson": {"rate": "6/min"}})}


def asked(*slos: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    given = scenario({"a": TEAM, "b": TEAM}, PROJECTS, slos=list(slos))
    return {team: [(one.text, one.source) for one in found] for team, found in objectives(given).items()}


def test_a_team_without_an_objective_about_its_success_gets_one() -> None:
    found = asked({"a": "success_rate >= 95%"}, {"b": "latency_p95_s <= 4"})
    assert found["a"] == [("a: success_rate >= 95%", "scenario")]
    assert found["b"] == [("b: latency_p95_s <= 4", "scenario"), ("b: own_success_rate >= 99%", "default")]


def test_an_objective_of_all_is_everybodys_and_one_of_the_total_of_whom_has_none() -> None:
    found = asked({"*": "latency_p95_s <= 4"}, {"total": "success_rate >= 98%"}, {"a": "own_success_rate >= 90%"})
    assert found["a"] == [("a: latency_p95_s <= 4", "scenario"), ("a: own_success_rate >= 90%", "scenario")]
    assert found["b"] == [("b: latency_p95_s <= 4", "scenario"), ("b: success_rate >= 98%", "total")]


def test_what_larger_limits_can_not_help_is_not_tuned_for() -> None:
    slos = [{"a": "cost_usd <= 5"}, {"a": "success_rate <= 50%"}, {"b": "success_rate >= 50%"}]
    assert [text for text, _ in asked(*slos)["a"]] == ["a: own_success_rate >= 99%"]
    given = scenario({"a": TEAM, "b": TEAM}, PROJECTS, slos=slos)
    assert untuned(given) == ("a: cost_usd <= 5", "a: success_rate <= 50%")
    assert [str(one) for one in with_objectives(given).slos][3:] == ["a: own_success_rate >= 0.99"]


SUCCESS = Objective(Slo(team="a", metric="success_rate", op=">=", bound=0.9), "scenario")
QUICK = Objective(Slo(team="a", metric="latency_p95_s", op="<=", bound=10), "scenario")


def reading(*values: float, offered: float = 100) -> Reading:
    return Reading(np.array(values), np.full(len(values), offered))


@pytest.mark.parametrize(
    ("objective", "unlimited", "reach"),
    [
        (SUCCESS, (0.95, 0.96, 0.95), "sure"),
        (SUCCESS, (0.99, 0.85, 0.89), "mean"),
        (SUCCESS, (0.8, 0.81, 0.85), "missed"),
        (SUCCESS, (0.95,), "sure"),
        (QUICK, (9.0, 9.1, 9.2), "sure"),
        (QUICK, (9.0, 10.5, 9.2), "mean"),
        (QUICK, (12.0, 12.0), "missed"),
        (QUICK, (9.0, float("nan")), "missed"),
    ],
)
def test_how_far_an_objective_can_be_reached(objective: Objective, unlimited: tuple[float, ...], reach: str) -> None:
    assert Goal.of(objective, reading(*unlimited)).reach == reach


def test_a_sure_goal_wants_the_worse_end_of_the_interval() -> None:
    goal = Goal.of(SUCCESS, reading(1.0, 1.0, 1.0))
    assert goal.met(reading(0.92, 0.92, 0.92))
    assert not goal.met(reading(0.97, 0.87, 0.92)), "0.92 ± 0.12"
    assert goal.met_on_average(reading(0.97, 0.87, 0.92))
    assert goal.distance(reading(0.97, 0.87, 0.92)) == pytest.approx(0.9 - (0.92 - 0.1242), abs=1e-3)
    assert goal.distance(reading(0.95, 0.95)) == 0.0


def test_a_part_of_the_way_is_stricter() -> None:
    goal = Goal.of(SUCCESS, reading(1.0, 1.0, 1.0))
    assert goal.met(reading(0.94, 0.94, 0.94))
    assert not goal.met(reading(0.94, 0.94, 0.94), part=0.5), "half the way from 1 to 0.9 is 0.95"
    assert goal.met(reading(0.96, 0.96, 0.96), part=0.5)


def test_out_of_reach_the_aim_is_near_to_unlimited_replication_by_replication() -> None:
    goal = Goal.of(SUCCESS, reading(0.8, 0.6, 0.7))
    assert not goal.attainable
    assert goal.met(reading(0.7995, 0.5996, 0.6995)), "each 0.05 points lower, though they differ among each other"
    assert not goal.met(reading(0.798, 0.598, 0.698))
    slow = Goal.of(QUICK, reading(20.0, 30.0))
    assert slow.met(reading(20.5, 30.6))
    assert not slow.met(reading(24.0, 33.0))


def test_offered_requests_without_any_value_miss() -> None:
    goal = Goal.of(QUICK, reading(5.0, 5.0))
    assert not goal.met(reading(5.0, float("nan")))
    assert goal.met(Reading(np.array([5.0, np.nan]), np.array([9.0, 0.0]))), "nothing was offered there"


def test_gaps_and_shares() -> None:
    assert gap(SUCCESS.slo, 0.85) == pytest.approx(0.05)
    assert gap(QUICK.slo, 12.0) == pytest.approx(2.0)
    assert gap(QUICK.slo, 9.0) == 0.0
    assert met_share(SUCCESS.slo, np.array([0.95, 0.85, np.nan, 0.9])) == pytest.approx(2 / 3)


# Traffic


def test_the_busiest_window_counts_its_start_and_not_its_end() -> None:
    times = np.array([0, 30, 60, 61, 119]) * SECOND
    assert busiest(times, np.ones(5)) == 3
    assert busiest(times, np.array([1.0, 5.0, 1.0, 1.0, 1.0])) == 7
    assert busiest(times[::-1].copy(), np.array([1.0, 1.0, 1.0, 5.0, 1.0])) == 7, "order does not matter"
    assert busiest(np.array([], np.int64), np.array([])) == 0


def test_intervals_that_touch_do_not_overlap() -> None:
    assert most_at_once(np.array([0, 5, 10]), np.array([5, 10, 15])) == 1
    assert most_at_once(np.array([0, 4, 4]), np.array([5, 6, 9])) == 3
    assert most_at_once(np.array([], np.int64), np.array([], np.int64)) == 0


def test_a_steady_stream_has_no_variation() -> None:
    steady = np.arange(60) * 10 * SECOND
    found = rates([steady, steady], 10 * MINUTE)
    assert found == {"per_minute": 6.0, "gap_cv": 0.0, "busiest_minute": 6.0}
    assert rates([np.array([-1, -1])], MINUTE) == {"per_minute": 0.0, "gap_cv": None, "busiest_minute": 0.0}


def test_what_the_draws_do_not_rule_out_is_possible() -> None:
    goal = Goal.of(SUCCESS, reading(0.99, 0.99, 0.99))
    assert not goal.met(reading(0.88, 0.92, 0.89))
    assert goal.possible(reading(0.88, 0.92, 0.89))
    assert not goal.possible(reading(0.88, 0.881, 0.882))
    assert not goal.possible(reading(0.95, float("nan"), 0.95))
    quick = Goal.of(QUICK, reading(3.0, 3.0, 3.0))
    assert quick.possible(reading(9.0, 12.0, 10.0))
    assert not quick.possible(reading(11.9, 12.0, 12.1))
    missed = Goal.of(SUCCESS, reading(0.5, 0.6, 0.55))
    assert missed.possible(reading(0.49, 0.6, 0.54))
    assert not missed.possible(reading(0.4, 0.5, 0.45))


def test_the_chance_on_new_draws_is_a_half_on_the_bound_and_sure_far_from_it() -> None:
    goal = Goal.of(SUCCESS, reading(0.99, 0.99, 0.99))
    assert goal.chance(reading(0.88, 0.92, 0.9)) == pytest.approx(0.5)
    assert goal.chance(reading(0.97, 0.98, 0.99)) > 0.98
    assert goal.chance(reading(0.7, 0.71, 0.72)) < 0.01
    assert goal.chance(reading(0.95, 0.95)) == 1.0
    assert goal.chance(reading(0.95)) == 1.0
    assert goal.chance(reading(0.95, float("nan"))) == 0.0
    quick = Goal.of(QUICK, reading(3.0, 3.0, 3.0))
    assert quick.chance(reading(9.0, 12.0, 9.0)) == pytest.approx(0.5)
    missed = Goal.of(SUCCESS, reading(0.5, 0.6, 0.55))
    assert missed.chance(reading(0.498, 0.6, 0.549)) == pytest.approx(0.5)


def test_the_chance_is_how_often_new_draws_meet_the_goal() -> None:
    """Five normal values put a bound below their mean so that the chance is 80 %: of five more, 80 % meet it."""
    met = []
    for first, more in np.random.default_rng(7).normal(0.9, 0.05, (4000, 2, 5)):
        error = first.std(ddof=1) / np.sqrt(5)
        bound = first.mean() - 0.9409646 * error * np.sqrt(2)  # the 80 % point of t with 4 degrees
        goal = Goal.of(
            Objective(SUCCESS.slo.model_copy(update={"bound": bound}), "scenario"), reading(bound + 0.01, bound + 0.01)
        )
        assert goal.chance(reading(*first)) == pytest.approx(0.8, abs=1e-4)
        met.append(more.mean() >= bound)
    assert np.mean(met) == pytest.approx(0.8, abs=0.02)


def test_goals_of_the_scenario_count_before_those_assumed() -> None:
    asked = Goal.of(SUCCESS, reading(0.99, 0.99, 0.99))
    other = Goal.of(Objective(QUICK.slo, "total"), reading(3.0, 3.0, 3.0))
    assumed = Goal.of(Objective(SUCCESS.slo, "default"), reading(0.99, 0.99, 0.99))
    goals = (asked, other, assumed)
    assert worth(goals) == 2 * ASKED + 1
    assert counted(worth(goals)) == 3
    assert levels(goals) == [ASKED, 2 * ASKED]
    assert levels((asked,)) == []
    assert levels((asked, assumed)) == [ASKED]
    assert levels((assumed, assumed, assumed)) == [1, 2]
    met = {SUCCESS: reading(0.99, 0.99), other.objective: reading(20.0, 20.0), assumed.objective: reading(0.1, 0.1)}
    assert level(goals, met) == ASKED
