"""What one project needs: against every cheaper setting, against isolation, against Poisson theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.engine.run import run_world
from sim.engine.world import build_setting, build_world
from sim.scenario.plan import build_plan
from sim.study.tune.details import bounds, compared_with_theory, facts, scaled, sensitivity
from sim.study.tune.grid import at_least, at_most, step_at, value
from sim.study.tune.lab import Lab, Trial
from sim.study.tune.needs import Needs, find
from sim.study.tune.search import Cell, cost
from sim.study.tune.settings import Settings
from tests.unit.tune_cases import PROJECTS, Body, lab, random_scenario, scenario, topology_of, workload

pytestmark = pytest.mark.xdist_group("kernel")


def meets(given: Lab, needs: Needs, settings: Settings) -> bool:
    readings = given.readings(Trial(settings))
    return all(goal.met(readings[goal.objective]) for goal in needs.ceiling.goals)


def cheaper(floor: int, chosen: Cell) -> list[Cell]:
    """Every cell of the grid that costs less than ``chosen``."""
    rates = [value(place) for place in range(at_least(floor), at_most(cost(chosen)) + 1)]
    bursts = [value(place) for place in range(at_most(cost(chosen)) + 1)]
    return [(rate, burst) for rate in rates for burst in bursts if rate + burst < cost(chosen)]


@pytest.mark.parametrize("number", range(30))
def test_no_cheaper_setting_is_missed_by_more_than_a_step(number: int) -> None:
    given = lab(random_scenario(number), "a")
    needs = find(given)
    found = needs.settings
    assert found is not None
    chosen = (found["rpm"] or 0, found["burst"] or 0)
    asked = given.trials
    assert meets(given, needs, found)
    enough = [
        cell for cell in cheaper(needs.room.floor, chosen) if meets(given, needs, found.but(rpm=cell[0], burst=cell[1]))
    ]
    missed = cost(chosen) - min(map(cost, enough), default=cost(chosen))
    assert missed <= max(step_at(chosen[0]), step_at(chosen[1]))
    assert asked < 100
    assert (chosen in needs.contour) or not needs.contour


TWO: Body = {
    "a": {"workload": workload({"gamma": {"rate": "10/min", "cv": 3}}), "client": {"retry": "stamina"}},
    "b": {"workload": workload({"bursts": {"rate": "60/min", "on": "30s", "off": "60s"}}), "client": {"retry": "grpc"}},
}


def test_a_project_alone_fares_as_it_does_with_everybody_when_only_projects_limit() -> None:
    projects = {"isolation": "projects", "split": "equal", "limits": {"requests": "24/min", "burst": 8}}
    storm = {"storm": {"status": 503, "at": "3m", "for": "1m", "probability": 0.5}}
    given = scenario(TWO, projects, chaos=[storm])
    topology = topology_of(given)
    parts = [node.limits for node in topology.accounts[0].children]
    bare = {"accounts": {"main": {"projects": {
        name: {"teams": [name], "limits": {"requests": str(limits[0].requests.rate), "burst": limits[0].burst}}
        for name, limits in zip(("a", "b"), parts, strict=True) if limits[0].requests is not None
    }}}}  # fmt: skip
    given = scenario(TWO, bare, chaos=[storm])
    topology = topology_of(given)
    plan = build_plan(given, 0, {})
    whole = run_world("compiled", build_world(build_setting(given, topology, plan.teams, plan.models), plan))
    for name in ("a", "b"):
        alone = lab(given, name).run(Trial())[0]
        mine = plan.team == plan.teams.index(name)
        assert mine.sum() > 50
        for column in ("arrival", "outcome", "finish", "attempts", "cost"):
            assert np.array_equal(getattr(alone, column), getattr(whole, column)[mine]), column
        assert len(np.unique(alone.outcome)) > 1, "some succeed and some do not, or this shows nothing"


def test_poisson_traffic_needs_what_poisson_theory_says() -> None:
    team = {"workload": workload({"poisson": {"rate": "30/min"}}), "client": {"retry": "none"}}
    given = scenario({"a": team}, PROJECTS, slos=[{"a": "success_rate >= 97%"}], duration="60m", replications=8)
    found = Settings.of({"rpm": 36, "burst": 8})
    here = lab(given, "a")
    told = compared_with_theory(here, find(here), found)
    assert told is not None
    assert told["load"] == pytest.approx(30 / 36, rel=0.03)
    assert abs(told["traffic_burst"] - told["poisson_burst"]) <= 1
    assert told["traffic_loss"] == pytest.approx(told["poisson_loss"], rel=0.25)
    assert told["gap_cv"] == pytest.approx(1.0, abs=0.06)


def test_bursty_traffic_needs_more_than_poisson_theory_says() -> None:
    team = {
        "workload": workload({"bursts": {"rate": "60/min", "on": "30s", "off": "90s"}}),
        "client": {"retry": "none"},
    }
    given = scenario({"a": team}, PROJECTS, slos=[{"a": "success_rate >= 95%"}])
    here = lab(given, "a")
    needs = find(here)
    assert needs.settings is not None
    told = compared_with_theory(here, needs, needs.settings)
    assert told is not None
    assert told["traffic_burst"] > 2 * told["poisson_burst"]


def test_an_objective_out_of_reach_is_aimed_at_as_near_as_no_limits_come() -> None:
    storm = {"storm": {"status": 503, "at": "2m", "for": "4m"}}
    given = scenario({"a": TWO["a"]}, PROJECTS, slos=[{"a": "success_rate >= 99%"}], chaos=[storm])
    here = lab(given, "a")
    needs = find(here)
    (goal,) = needs.ceiling.goals
    assert goal.reach == "missed"
    assert needs.settings is not None
    readings = here.readings(Trial(needs.settings))
    loss = goal.unlimited - readings[goal.objective].values
    assert float(loss.mean()) <= goal.near
    assert float(goal.unlimited.mean()) < 0.9


def test_other_limits_that_stay_can_be_what_an_objective_fails_on() -> None:
    limited = {"isolation": "projects", "limits": {"requests": "60/min", "burst": 20, "output_tokens": "40/min"}}
    given = scenario({"a": TWO["a"]}, limited, slos=[{"a": "success_rate >= 99%"}])
    needs = find(lab(given, "a"))
    (goal,) = needs.ceiling.goals
    assert goal.reach == "missed"
    assert needs.ceiling.free[goal.objective].interval.mean > 0.99
    both = find(lab(given, "a", ("rpm", "burst", "output_tokens")))
    assert both.ceiling.goals[0].reach == "sure"
    assert both.settings is not None
    assert (both.settings["output_tokens"] or 0) > 100


@pytest.mark.parametrize(
    "dimensions", [("rpm",), ("burst",), ("input_tokens",), ("rpm", "burst", "output_tokens"), ("rpm", "concurrency")]
)
def test_no_single_limit_can_be_lowered_by_a_step(dimensions: tuple[str, ...]) -> None:
    given = scenario({"a": TWO["a"]}, PROJECTS, slos=[{"a": "success_rate >= 95%"}])
    here = lab(given, "a", dimensions)
    needs = find(here)
    found = needs.settings
    assert found is not None
    assert tuple(name for name, _ in found.chosen) == dimensions
    assert meets(here, needs, found)
    for name, chosen in found.chosen:
        assert chosen is not None
        low = needs.room.floor if name == "rpm" else 1
        if chosen > low:
            below = found.but(**{name: value(at_least(chosen) - 1)})
            assert not meets(here, needs, below), f"{name} could be lower"


def test_a_rate_that_can_not_keep_up_in_the_long_run_is_not_offered() -> None:
    team = {"workload": workload({"constant": {"rate": "12/min"}}), "client": {"retry": "none"}}
    given = scenario({"a": team}, PROJECTS, slos=[{"a": "success_rate >= 50%"}])
    needs = find(lab(given, "a"))
    assert needs.room.floor == 6, "half of what is sent has to succeed"
    assert all(rpm >= 6 for rpm, _ in needs.contour)


def test_sensitivity_is_paired_and_in_both_directions() -> None:
    here = lab(random_scenario(8), "a")
    needs = find(here)
    assert needs.settings is not None
    rows = sensitivity(here, needs.ceiling.goals, needs.settings)
    of = [("rpm",), ("burst",), ("rpm", "burst")]
    assert [(tuple(row["of"]), row["percent"]) for row in rows] == [(one, way) for one in of for way in (-10, 10)]
    less, more = rows[4]["objectives"][0], rows[5]["objectives"][0]
    assert less["difference"]["mean"] < 0 < more["difference"]["mean"]
    assert not less["met"]
    assert more["met"]


def _poisson(seed: int, replications: int) -> Lab:
    team = {"workload": workload({"poisson": {"rate": "30/min"}}), "client": {"retry": "none"}}
    slos = [{"a": "success_rate >= 90%"}]
    return lab(scenario({"a": team}, PROJECTS, slos=slos, seed=seed, replications=replications), "a")


def test_the_interval_of_a_limit_holds_the_true_one_about_as_often_as_it_says() -> None:
    """The true smallest burst at 32/min is that of 200 replications; each interval is from 6."""
    settings = Settings.of({"rpm": 32, "burst": None})
    goals = find(_poisson(0, 6)).ceiling.goals

    def mean_meets(given: Lab, burst: int) -> bool:
        readings = given.readings(Trial(settings.but(burst=burst)))
        return all(goal.met_on_average(readings[goal.objective]) for goal in goals)

    many = _poisson(999, 200)
    true = next(burst for burst in range(1, 30) if mean_meets(many, burst))
    held, widths = 0, []
    for seed in range(20):
        given = _poisson(seed, 6)
        enough = next(b for b in range(1, 60) if meets(given, find(given), settings.but(burst=b)))
        span = bounds(given, goals, settings.but(burst=enough))["burst"]
        assert span["low"] is not None
        assert span["high"] == enough
        held += span["low"] <= true <= enough
        widths.append(enough - span["low"])
    assert held >= 17, "95 % of 20 is 19; fewer than 17 has a chance of 2 %"
    assert 1 <= float(np.mean(widths)) < 10, "an interval, and not a useless one"


def test_an_interval_is_open_where_the_draws_can_not_close_it() -> None:
    here = lab(random_scenario(8), "a")
    needs = find(here)
    assert needs.settings is not None
    spans = bounds(here, needs.ceiling.goals, needs.settings)
    assert [(name, span["high"]) for name, span in spans.items()] == list(needs.settings.chosen)
    assert all(1 <= (span["low"] or 0) <= (span["high"] or 0) for span in spans.values())
    mean = tuple(replace(goal, reach="mean") for goal in needs.ceiling.goals)
    assert {span["high"] for span in bounds(here, mean, needs.settings).values()} == {None}
    alone = lab(random_scenario(8).model_copy(update={"replications": 1}), "a")
    one = find(alone)
    assert one.settings is not None
    assert {span["low"] for span in bounds(alone, one.ceiling.goals, one.settings).values()} == {None}


@pytest.mark.parametrize(
    ("number", "percent", "wanted"),
    [(100, -10, 90), (100, 10, 110), (5, -10, 4), (5, 10, 6), (1, -10, 1), (93, -10, 83)],
)
def test_a_tenth_of_a_small_limit_is_one(number: int, percent: int, wanted: int) -> None:
    assert scaled(number, percent) == wanted


def test_the_busiest_minute_is_never_refused_as_a_bucket_of_its_own_size() -> None:
    given = scenario({"a": TWO["b"]}, PROJECTS, slos=[{"a": "success_rate >= 95%"}])
    here = lab(given, "a")
    wide = Settings.of({"rpm": None, "burst": None})
    used, _ = facts(here, wide)
    most = round(used["most_requests"])
    assert float(here.refused(Trial(Settings.of({"rpm": most, "burst": most}))).sum()) == 0
    assert float(here.refused(Trial(Settings.of({"rpm": most // 2, "burst": most // 2}))).sum()) > 0
