"""SimPy, the plain loop and the compiled loop say the same of every request, to the nanosecond."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from sim.engine.digest import digest
from sim.engine.run import run_world
from sim.engine.tables import LOG, RESULT_FIELDS, RunResult
from sim.engine.world import Setting, build_setting, build_world
from sim.results.columns import OUTCOMES, STATUS_CIRCUIT, STATUS_QUEUE, SUCCEEDED
from sim.scenario import library
from sim.scenario.loader import load
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.scenario.workloads import Trace
from sim.workload.importers import TraceRows
from tests.agreement.generated import random_scenario, tie_heavy

GENERATED, QUICK = 500, 150
"""Generated scenarios, and how many of them are not marked slow."""
LONG, SLICES = 70_000, 200
"""Requests that a scenario's configurations may send together, and slices of a timeline that is thinned to that."""
NO_TRACES: Mapping[Trace, TraceRows] = {}


def settings(scenario: Scenario, traces: Mapping[Trace, TraceRows] = NO_TRACES) -> Iterator[Setting]:
    expected = expected_by_team(scenario, traces)
    teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
    for name, configuration in scenario.configurations.items():
        yield build_setting(scenario, build_topology(name, configuration, expected), teams, models)


def same(first: RunResult, second: RunResult) -> None:
    assert digest(first) == digest(second)
    for name in RESULT_FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    np.testing.assert_array_equal(first.log, second.log)


def assert_all_agree(
    scenario: Scenario, plan: Plan, traces: Mapping[Trace, TraceRows] = NO_TRACES, *, plain: int = 1 << 30
) -> list[RunResult]:
    """Every configuration in SimPy and compiled; the first ``plain`` also in the loop that is not compiled."""
    found = []
    for number, setting in enumerate(settings(scenario, traces)):
        world = build_world(setting, plan)
        reference = run_world("simpy", world)
        same(reference, run_world("compiled", world))
        if number < plain:
            same(reference, run_world("plain", world))
        found.append(reference)
    return found


@pytest.mark.parametrize(
    "first", [pytest.param(at, marks=[pytest.mark.slow] * (at >= QUICK)) for at in range(0, GENERATED, 10)]
)
def test_engines_agree_on_generated_scenarios(first: int) -> None:
    for number in range(first, first + 10):
        scenario = random_scenario(number)
        plan = build_plan(scenario, 0, {})
        for result in assert_all_agree(scenario, plan, plain=1 << 30 if number < QUICK else 1):
            assert len(result.outcome) == len(plan)
            assert np.all((result.outcome >= 0) & (result.outcome < len(OUTCOMES)))
            assert np.all(result.cost >= result.wasted)


def in_flight_together(result: RunResult) -> int:
    """How many attempts began while the one before of the same request was under way."""
    request, at, end = (result.log[:, LOG.index(name)] for name in ("request", "at", "end"))
    under_way = (at[1:] < end[:-1]) | (end[:-1] < 0)
    return int(np.count_nonzero((request[1:] == request[:-1]) & under_way))


def test_generated_scenarios_cover_what_can_happen() -> None:
    statuses: set[int] = set()
    outcomes: set[int] = set()
    refusers: set[str] = set()
    last: set[int] = set()
    held = fell_back = hedged = 0
    for number in range(60):
        scenario = random_scenario(number)
        plan = build_plan(scenario, 0, {})
        for setting in settings(scenario):
            result = run_world("plain", build_world(setting, plan))
            statuses |= set(result.log[:, 4].tolist())
            outcomes |= set(result.outcome.tolist())
            last |= set(result.status.tolist())
            held += np.count_nonzero(result.held)
            hedged += in_flight_together(result)
            fell_back += np.count_nonzero((result.last_model != result.model) & (result.outcome == SUCCEEDED))
            refusers |= {setting.refusers[code].split(":")[0] for code in set(result.log[:, 5].tolist()) if code >= 0}
    assert statuses >= {0, 200, 400, 401, 403, 422, 429, 499, 500, 503, 529, -1}
    assert outcomes == set(range(len(OUTCOMES)))
    assert last >= {STATUS_CIRCUIT, STATUS_QUEUE}
    assert min(held, fell_back, hedged) > 50
    levels, faults = {"account", "project", "key"}, {"storm", "connection", "credential", "policy", "ban"}
    assert refusers == levels | faults | {"budget", "slots", "model"}


def test_engines_agree_where_everything_ties() -> None:
    scenario = tie_heavy()
    plan = build_plan(scenario, 0, {})
    results = assert_all_agree(scenario, plan)
    busiest = max(np.unique(result.log[:, 2], return_counts=True)[1].max() for result in results)
    assert busiest >= 7, "the scenario must have ties, or it shows nothing"


def in_slices(plan: Plan, configurations: int) -> Plan:
    """The plan, or where SimPy would take long every other slice of its timeline, or every third, …: sessions whole."""
    every = -(-len(plan) * configurations // LONG)
    opens = plan.arrival_ns >= 0  # later steps of a session stand behind its first
    slices = plan.arrival_ns[opens] * SLICES // plan.duration_ns
    return plan.where((slices % every == 0)[np.cumsum(opens) - 1])


@pytest.mark.parametrize("name", library.names(long=False))
def test_engines_agree_on_the_library(name: str) -> None:
    loaded = load(name)
    plan = in_slices(build_plan(loaded.scenario, 0, loaded.traces), len(loaded.scenario.configurations))
    # One source gives the plain and the compiled loop: one long configuration of each scenario is enough for it.
    assert_all_agree(loaded.scenario, plan, loaded.traces, plain=1)


def reordered(scenario: Scenario) -> Scenario:
    backwards = dict(reversed(list(scenario.teams.items())))
    return scenario.model_copy(update={"teams": backwards})


@pytest.mark.parametrize("number", range(20))
def test_the_order_of_teams_in_the_file_does_not_matter(number: int) -> None:
    scenario = tie_heavy() if number == 0 else random_scenario(number)
    for one, other in zip(settings(scenario), settings(reordered(scenario)), strict=True):
        first = run_world("plain", build_world(one, build_plan(scenario, 0, {})))
        second = run_world("plain", build_world(other, build_plan(reordered(scenario), 0, {})))
        assert digest(first) == digest(second)


def test_a_seed_gives_one_digest_and_another_seed_another() -> None:
    scenario = random_scenario(3)
    other = scenario.model_copy(update={"seed": scenario.seed + 1})

    def run(of: Scenario, replication: int) -> str:
        setting = next(settings(of))
        return digest(run_world("compiled", build_world(setting, build_plan(of, replication, {}))))

    assert run(scenario, 0) == run(scenario, 0)
    assert len({run(scenario, 0), run(scenario, 1), run(other, 0)}) == 3
