"""Scenarios small enough to be worked out by hand, run to their end, and told attempt by attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sim.engine.run import run_world
from sim.engine.tables import LOG
from sim.engine.world import build_setting, build_world
from sim.results.columns import ORIGINS
from sim.scenario.plan import build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.units import SECOND

Body = dict[str, Any]

MODEL: Body = {"price": {"input": "$1", "output": "$2"}, "first_token": "1s", "per_token": "100ms"}
"""With the sizes below an answer takes 1 s + 10 × 0.1 s = 2 s and costs 1000 + 20 micro-dollars."""
ANSWER_S, INPUT_COST, COST = 2, 1000, 1020
SIZES: Body = {"model": "m", "input_tokens": 1000, "output_tokens": 10, "max_tokens": 10}
SHARED: Body = {"isolation": "shared"}
RUNGS = ("shared", "keys", "projects", "gateway", "accounts")


class Try(NamedTuple):
    """One attempt; times in seconds, money in micro-dollars."""

    team: str
    request: int
    attempt: int
    at: float
    end: float
    status: int
    by: str
    after: float
    output: int
    cost: int
    origin: str


def team(*times: float | str, retry: Any = "none", **more: Any) -> Body:
    """A team that sends one request at each of these times (seconds, or text)."""
    workload = [{"arrivals": {"herd": {"size": 1, "at": _text(time)}}, **SIZES} for time in times]
    return {"workload": workload, "client": {"retry": retry, "timeout": "60s", **more}}


def steady(rate: str, retry: Any = "none", **more: Any) -> Body:
    """A team that sends at equal distances."""
    return {"workload": {"arrivals": {"constant": {"rate": rate}}, **SIZES, **more}, "client": {"retry": retry}}


def _text(time: float | str) -> str:
    return time if isinstance(time, str) else f"{round(time * SECOND)}ns"


def scenario(
    teams: Mapping[str, Body], *chaos: Body, model: Body | None = None, key: Body = SHARED, **more: Any
) -> Scenario:
    """A scenario of 5 minutes with one configuration; refusals come back at once."""
    body = {
        "name": "by-hand", "duration": "5m", "drain": "1h", "seed": 4, "provider": {"round_trip": "0s"},
        "models": {"m": {**MODEL, **(model or {})}}, "teams": dict(teams), "configurations": {"c": key},
        "chaos": list(chaos),
    }  # fmt: skip
    return Scenario.model_validate({**body, **more})


def run(given: Scenario, engine: str = "plain") -> list[Try]:
    """Every attempt of the first replication, in the order of time."""
    ((name, configuration),) = given.configurations.items()
    topology = build_topology(name, configuration, expected_by_team(given, {}))
    setting = build_setting(given, topology, tuple(sorted(given.teams)), model_names(given))
    plan = build_plan(given, 0, {})
    result = run_world(engine, build_world(setting, plan))
    lines = [dict(zip(LOG, line, strict=True)) for line in result.log.tolist()]
    found = [
        Try(
            setting.teams[line["team"]], line["request"], line["attempt"], line["at"] / SECOND, line["end"] / SECOND,
            line["status"], setting.refusers[line["refused_by"]] if line["refused_by"] >= 0 else "",
            line["retry_after"] / SECOND if line["retry_after"] >= 0 else -1, line["output"], line["cost"],
            ORIGINS[int(plan.origin[line["request"]])],
        )
        for line in lines
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.at, one.team, one.request, one.attempt))


def tries(teams: Mapping[str, Body], *chaos: Body, **more: Any) -> list[Try]:
    """Every attempt of :func:`scenario`."""
    return run(scenario(teams, *chaos, **more))


def statuses(found: Sequence[Try], team: str = "a") -> list[int]:
    """What each attempt of a team was answered, in the order of time."""
    return [one.status for one in found if one.team == team]


def ladder(rung: str, **more: Any) -> Body:
    """A rung of the ladder."""
    return {"isolation": rung, **more}
