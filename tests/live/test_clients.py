"""The live clients decide what the simulated ones decide: the engine's own answers give back the engine's requests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sim.engine.run import run_world
from sim.engine.tables import LOG, RunResult
from sim.engine.world import Setting, build_setting, build_world
from sim.live.schedule import first_steps
from sim.results.columns import STATUS_TIMEOUT, UNFINISHED
from sim.scenario import library
from sim.scenario.loader import load
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from tests.agreement.generated import random_scenario
from tests.live.mirror import Mirror

ROWS = 400
SAME = ("arrival", "attempts", "outcome", "finish", "status", "throttle", "held", "last_model")
"""What must be alike to the nanosecond; money of attempts that a client left is the provider's to tell."""


def settings(scenario: Scenario, traces: object = None) -> Iterator[Setting]:
    expected = expected_by_team(scenario, traces or {})  # type: ignore[arg-type]
    teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
    for name, configuration in scenario.configurations.items():
        yield build_setting(scenario, build_topology(name, configuration, expected), teams, models)


def assert_same(setting: Setting, plan: Plan) -> RunResult:
    expected = run_world("plain", build_world(setting, plan))
    mirror = Mirror(setting, plan, expected)
    found = mirror.run()
    assert not mirror.strange, mirror.strange[:3]
    assert mirror.clients.due == mirror.clients.started == np.count_nonzero(plan.arrival_ns >= 0)
    for name in SAME:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    columns = [LOG.index(name) for name in ("request", "attempt", "at", "end", "status", "retry_after")]
    np.testing.assert_array_equal(found.log[:, columns], expected.log[:, columns])
    # Several refusers may have one name, which is all that the wire tells; what is under way tells nothing.
    ended = expected.outcome != UNFINISHED
    names = np.array([*mirror.clients.names, ""])
    np.testing.assert_array_equal(names[found.refused_by[ended]], names[expected.refused_by[ended]])
    left = {(int(row[0]), int(row[1])) for row in expected.log if row[LOG.index("status")] == STATUS_TIMEOUT}
    assert mirror.hung_up == left
    billed = expected.log[:, LOG.index("status")] == 200
    cost = LOG.index("cost")
    np.testing.assert_array_equal(found.log[billed, cost], expected.log[billed, cost])
    return expected


def prompt(scenario: Scenario) -> Scenario:
    """With refusals that come at once: a simulated client waits for one however long it takes, a live one hangs up."""
    return scenario.model_copy(update={"provider": scenario.provider.model_copy(update={"round_trip": 1_000_000})})


def part(plan: Plan, scenario: Scenario) -> Plan:
    """The sessions that begin around the first fault, so that a long scenario is a short test."""
    if len(plan) <= ROWS:
        return plan
    start = min((entry.fault.window[0] for entry in scenario.chaos), default=0)
    arrival = plan.arrival_ns[first_steps(plan)]
    begin = max(0, int(np.searchsorted(np.sort(arrival), start)) - ROWS // 4)
    kept = np.zeros(len(plan), bool)
    kept[np.argsort(arrival, kind="stable")[begin : begin + ROWS]] = True
    return plan.where(kept[first_steps(plan)])


@pytest.mark.parametrize("name", library.names(long=False))
def test_the_library(name: str) -> None:
    loaded = load(name)
    scenario = loaded.scenario
    plan = part(build_plan(scenario, 0, loaded.traces), scenario)
    for setting in settings(scenario, loaded.traces):
        assert_same(setting, plan)


@pytest.mark.parametrize("first", range(0, 20, 10))
def test_generated_scenarios(first: int) -> None:
    for number in range(first, first + 10):
        scenario = prompt(random_scenario(number))
        plan = build_plan(scenario, 0, {})
        for setting in settings(scenario):
            assert_same(setting, plan)
