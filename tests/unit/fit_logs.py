"""Logs made by the engine from scenarios whose every number is known, for the tests of fits."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.run import run_world
from sim.engine.world import build_setting, build_world
from sim.results.columns import STATUS_OK
from sim.scenario.plan import Plan, build_plan, expected_by_team
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.scenario.yaml_lines import read
from sim.study.fitting.log import Log, of_columns

ORIGIN = 1_794_787_200 * 10**9
"""2026-11-16T00:00:00Z, a Monday."""


def scenario(text: str, **changes: Any) -> Scenario:
    """A scenario from YAML."""
    return Scenario.model_validate({**read(text, "a test").data, **changes})


def one_stream(arrivals: str, more: str = "", duration: str = "4h") -> Scenario:
    """A scenario with one team and no limit."""
    return scenario(f"""
name: known
duration: {duration}
teams:
  only:
    workload:
      - {{arrivals: {arrivals}, model: claude-sonnet-4-5, input_tokens: {{median: 900, p95: 4000}},
         output_tokens: {{median: 250, p95: 900}}, cached_input: 0.3{more}}}
configurations: {{shared: {{isolation: shared}}}}
""")


def planned(said: Scenario, replication: int = 0) -> tuple[Plan, Log]:
    """The requests as a log that knows nothing of answers."""
    plan = build_plan(said, replication, {})
    return plan, of_columns(_sent(plan), plan.teams, plan.models)


def _sent(plan: Plan) -> dict[str, Any]:
    return {
        "start": ORIGIN + plan.arrival_ns, "team": plan.team, "model": plan.model, "input": plan.input_tokens,
        "read": plan.cached_tokens, "output": plan.output_tokens,
    }  # fmt: skip


def requests_log(said: Scenario, configuration: str = "shared", replication: int = 0) -> Log:
    """One row a request, with its final status, its latency and its cost."""
    plan = build_plan(said, replication, {})
    topology = build_topology(configuration, said.configurations[configuration], expected_by_team(said, {}))
    result = run_world(
        "compiled", build_world(build_setting(said, topology, plan.teams, plan.models), plan)._replace(rows=1)
    )
    good = result.status == STATUS_OK
    columns = _sent(plan) | {
        "start": ORIGIN + result.arrival, "duration": np.maximum(result.finish - result.arrival, 0),
        "output": np.where(good, plan.output_tokens, 0), "status": result.status, "failed": (~good).astype(int),
        "cost": result.cost, "retries": result.attempts - 1, "session": _sessions(plan),
    }  # fmt: skip
    known = result.arrival >= 0
    return of_columns({name: np.asarray(values)[known] for name, values in columns.items()}, plan.teams, plan.models)


def _sessions(plan: Plan) -> Any:
    """A number for the session of each row; -1 for requests of their own."""
    session = np.full(len(plan), -1, np.int64)
    for row in range(len(plan)):
        if plan.child[row] >= 0:
            session[row] = row if session[row] < 0 else session[row]
            session[plan.child[row]] = session[row]
    return session


def attempts_log(said: Scenario, configuration: str = "shared", replication: int = 0) -> Log:
    """One row an attempt, as a gateway logs it; refused ones have their input and no output."""
    from sim.engine.tables import LOG

    plan = build_plan(said, replication, {})
    topology = build_topology(configuration, said.configurations[configuration], expected_by_team(said, {}))
    result = run_world("compiled", build_world(build_setting(said, topology, plan.teams, plan.models), plan))
    log = dict(zip(LOG, result.log.T, strict=True))
    row, good = log["request"], log["status"] == STATUS_OK
    columns = {name: np.asarray(values)[row] for name, values in _sent(plan).items()} | {
        "start": ORIGIN + log["at"], "duration": np.maximum(log["end"] - log["at"], 0),
        "output": np.where(good, log["output"], 0), "status": log["status"], "failed": (~good).astype(int),
        "cost": log["cost"],
    }  # fmt: skip
    return of_columns(columns, plan.teams, plan.models)
