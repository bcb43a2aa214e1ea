"""Forty-seven services with everything on: tokens, concurrency and spend limited, three faults, client queues."""

from __future__ import annotations

from typing import Any

import yaml

from sim.engine.tables import World
from sim.engine.world import build_setting, build_world
from sim.scenario import library
from sim.scenario.plan import build_plan, expected_by_team
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology

LIMITS: dict[str, Any] = {
    "requests": "220/min", "burst": 40, "input_tokens": "900k/min", "output_tokens": "150k/min", "concurrency": 120,
}  # fmt: skip
CONFIGURATION: dict[str, Any] = {
    "isolation": "projects", "limits": LIMITS, "split": "by-traffic", "overcommit": 2,
    "spend_cap": {"amount": "$30/h", "mode": "reserve"}, "project_spend_cap": "$6/h",
}  # fmt: skip
CHAOS: list[dict[str, Any]] = [
    {"storm": {"status": 529, "at": "8m", "for": "3m", "probability": 0.4, "retry_after": "2s"}},
    {"storm": {"status": 503, "at": "15m", "for": "2m", "probability": 0.8}},
    {"runaway_job": {"team": "analytics", "at": "20m", "for": "4m", "rate": "600/min"}},
]


def _library_text() -> str:
    path = library.find("forty-seven-services")
    if path is None:
        raise FileNotFoundError("the library has no scenario forty-seven-services")
    return path.read_text("utf-8")


def scenario() -> Scenario:
    """The library's scenario with limits of all kinds, spend caps, storms, a runaway job and bounded clients."""
    said: dict[str, Any] = yaml.safe_load(_library_text())
    for team in said["teams"].values():
        team["client"] |= {"max_concurrent": 60, "deadline": "2m"}
    said |= {"chaos": CHAOS, "configurations": {"full": CONFIGURATION}}
    return Scenario.model_validate(said)


def full_world() -> World:
    """keystorm's tables of its first replication."""
    said = scenario()
    plan = build_plan(said, 0, {})
    topology = build_topology("full", said.configurations["full"], expected_by_team(said, {}))
    return build_world(build_setting(said, topology, plan.teams, plan.models), plan)
