"""Which process sends what: every row by one, clients with a memory and sessions by the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.live.schedule import fingerprint, first_steps, keeps_state, owners
from sim.scenario.loader import load_text
from sim.scenario.plan import Plan, build_plan
from tests.live.test_clients import settings

TEXT = """
name: split
duration: 10m
seed: 3
teams:
  free:
    workload: {arrivals: {poisson: {rate: 60/min}}, model: quick, input_tokens: 9, output_tokens: 9}
  agents:
    workload:
      - {arrivals: {sessions: {rate: 20/min, steps: 4, think: 1s}}, model: quick, input_tokens: 9, output_tokens: 9}
  queued:
    workload: {arrivals: {poisson: {rate: 40/min}}, model: quick, input_tokens: 9, output_tokens: 9}
    client: {max_concurrent: 3}
  paced:
    workload: {arrivals: {poisson: {rate: 30/min}}, model: quick, input_tokens: 9, output_tokens: 9}
    client: {rate_limit: 20/min}
  breaking:
    workload: {arrivals: {poisson: {rate: 20/min}}, model: quick, input_tokens: 9, output_tokens: 9}
    client: {breaker: {failures: 3}}
models:
  quick: {price: {input: $3, output: $15}, first_token: 1s, per_token: 1ms}
configurations:
  shared: {isolation: shared}
chaos:
  - runaway_job: {team: queued, at: 2m, for: 1m, rate: 60/min}
"""


def example() -> tuple[Plan, object]:
    scenario = load_text(TEXT, Path("split.yaml")).scenario
    return build_plan(scenario, 0, {}), next(settings(scenario))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_rows_are_divided_without_rest(workers: int) -> None:
    plan, setting = example()
    found = owners(plan, setting, workers)  # type: ignore[arg-type]
    assert set(found.tolist()) == set(range(workers))
    first = first_steps(plan)
    np.testing.assert_array_equal(found, found[first], err_msg="a session stays together")
    for name in ("queued", "paced", "breaking"):
        rows = found[(plan.team == plan.teams.index(name)) & (plan.origin == 0)]
        assert len(set(rows.tolist())) == 1, name
    counts = np.bincount(found, minlength=workers)
    assert counts.max() <= max(
        1.3 * len(plan) / workers, 1.3 * np.count_nonzero(plan.team == plan.teams.index("queued"))
    )


def test_what_a_fault_sends_in_a_teams_name_has_no_memory_and_may_go_anywhere() -> None:
    plan, setting = example()
    found = owners(plan, setting, 2)  # type: ignore[arg-type]
    assert set(found[plan.origin != 0].tolist()) == {0, 1}


def test_only_clients_that_share_something_keep_state() -> None:
    _, setting = example()
    clients = dict(zip(setting.teams, setting.clients, strict=False))  # type: ignore[attr-defined]
    assert {name: keeps_state(rule) for name, rule in clients.items()} == {
        "agents": False, "breaking": True, "free": False, "paced": True, "queued": True,
    }  # fmt: skip


def test_the_fingerprint_tells_plans_apart() -> None:
    plan, _ = example()
    again, _ = example()
    assert fingerprint(plan) == fingerprint(again)
    later = plan.arrival_ns.copy()
    later[3] += 1
    assert fingerprint(replace(plan, arrival_ns=later)) != fingerprint(plan)
    assert fingerprint(replace(plan, horizon_ns=plan.horizon_ns + 1)) != fingerprint(plan)


def test_first_steps_follow_whole_sessions() -> None:
    plan, _ = example()
    first = first_steps(plan)
    starts = np.flatnonzero(plan.arrival_ns >= 0)
    assert set(first.tolist()) == set(starts.tolist())
    agents = plan.teams.index("agents")
    _, sizes = np.unique(first[plan.team == agents], return_counts=True)
    assert set(sizes.tolist()) == {4}
