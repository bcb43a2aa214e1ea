"""Simulated requests, exported in each format that can hold them, come back as the same requests.

The exports are written here from each format's documented columns, independently of the importers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from sim.engine.run import run_world
from sim.engine.world import build_setting, build_world
from sim.scenario.plan import build_plan, expected_by_team
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.study.fitting.arrivals import candidates
from sim.study.fitting.log import Log, of_columns, read_log
from sim.study.fitting.token_sizes import size_fit
from sim.study.fitting.types import Candidate, SizeFit
from sim.study.importing.options import Options, column_map
from sim.study.importing.run import import_logs
from sim.study.progress import Silent

BASE = 1_794_787_200  # 2026-11-16T00:00:00Z
SCENARIO = """
name: round-trip
question: Does it come back?
duration: 20m
replications: 1
seed: 35
teams:
  checkout:
    workload:
      - {arrivals: {poisson: {rate: 20/min}}, model: claude-sonnet-4-5, input_tokens: {median: 900, p95: 4000},
         output_tokens: {median: 250, p95: 900}, cached_input: 0.3}
  analytics:
    workload:
      - {arrivals: {gamma: {rate: 30/min, cv: 4}}, model: gpt-4.1, input_tokens: {median: 2000, p95: 9000},
         output_tokens: 80}
configurations:
  shared: {isolation: shared, limits: {requests: 30/min, burst: 30}}
"""


class Sent(NamedTuple):
    """One simulated request; times in milliseconds since 1970, cost in micro-dollars."""

    start_ms: int
    took_ms: int
    team: str
    model: str
    inputs: int
    cached: int
    outputs: int
    status: int
    cost: int


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    """The requests of a run with refusals, in order of time."""
    said = Scenario.model_validate(yaml.safe_load(SCENARIO))
    plan = build_plan(said, 0, {})
    topology = build_topology("shared", said.configurations["shared"], expected_by_team(said, {}))
    world = build_world(build_setting(said, topology, plan.teams, plan.models), plan)
    result = run_world("plain", world)
    rows = []
    for at in range(len(plan.arrival_ns)):
        start, finish = int(plan.arrival_ns[at]), int(result.finish[at])
        good = int(result.status[at]) == 200
        rows.append(Sent(
            BASE * 1000 + start // 10**6, (finish - start) // 10**6, plan.teams[plan.team[at]],
            plan.models[plan.model[at]], int(plan.input_tokens[at]), int(plan.cached_tokens[at]),
            int(plan.output_tokens[at]) if good else 0, int(result.status[at]), int(result.cost[at]),
        ))  # fmt: skip
    return sorted(rows)


def iso(ms: int, mark: str = "Z", gap: str = "T") -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return moment.strftime(f"%Y-%m-%d{gap}%H:%M:%S.") + f"{moment.microsecond // 1000:03d}{mark}"


def table(head: str, rows: list[tuple[Any, ...]], end: str = "\n") -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator=end)
    writer.writerow(head.split(","))
    writer.writerows(rows)
    return target.getvalue()


def litellm(sent: list[Sent]) -> str:
    rows = [
        {"request_id": f"r{at}", "startTime": iso(one.start_ms), "endTime": iso(one.start_ms + one.took_ms),
         "prompt_tokens": one.inputs, "completion_tokens": one.outputs, "spend": one.cost / 1e6, "team_id": one.team,
         "model": one.model, "status": "success" if one.status == 200 else "failure",
         "metadata": json.dumps({"usage_object": {"prompt_tokens_details": {"cached_tokens": one.cached}},
                                 "error_information": {"error_code": str(one.status)}})}
        for at, one in enumerate(sent)
    ]  # fmt: skip
    return json.dumps(rows)


def azure(sent: list[Sent]) -> str:
    return table(
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        [(iso(one.start_ms, "0000", " "), one.inputs, one.outputs) for one in sent],
        "\r\n",
    )


def burstgpt(sent: list[Sent]) -> str:
    return table(
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
        [((one.start_ms - BASE * 1000) / 1000, at, one.took_ms / 1000, one.model, one.inputs, one.outputs,
          one.inputs + one.outputs, "API log") for at, one in enumerate(sent)],
    )  # fmt: skip


def mooncake(sent: list[Sent]) -> str:
    return "\n".join(
        json.dumps({"timestamp": one.start_ms - BASE * 1000, "input_length": one.inputs, "output_length": one.outputs})
        for one in sent
    )


def holysheep(sent: list[Sent]) -> str:
    return table(
        "timestamp,project,model,input_tokens,output_tokens,cached_tokens,cost_usd,status,latency_ms,user_agent",
        [(iso(one.start_ms), one.team, one.model, one.inputs, one.outputs, one.cached, f"{one.cost / 1e6:.6f}",
          one.status, one.took_ms, "x") for one in sent],
    )  # fmt: skip


def langfuse(sent: list[Sent]) -> str:
    return "\n".join(json.dumps({
        "id": f"o{at}", "trace_id": "t", "type": "GENERATION", "start_time": iso(one.start_ms, "", " "),
        "end_time": iso(one.start_ms + one.took_ms, "", " "), "provided_model_name": one.model,
        "usage_details": {"input": one.inputs - one.cached, "input_cached_tokens": one.cached, "output": one.outputs},
        "total_cost": one.cost / 1e6, "level": "DEFAULT" if one.status == 200 else "ERROR", "environment": one.team,
    }) for at, one in enumerate(sent))  # fmt: skip


def helicone(sent: list[Sent]) -> str:
    return table(
        "request_id,request_created_at,request_model,status,cost,prompt_tokens,completion_tokens,"
        "prompt_cache_read_tokens,latency,properties",
        [(at, iso(one.start_ms), one.model, one.status, one.cost * 1000, one.inputs, one.outputs, one.cached,
         one.took_ms,
          json.dumps({"team": one.team})) for at, one in enumerate(sent)],
    )  # fmt: skip


def otel(sent: list[Sent]) -> str:
    lines = []
    for at, one in enumerate(sent):
        numbers = {"gen_ai.usage.input_tokens": one.inputs, "gen_ai.usage.cache_read.input_tokens": one.cached,
                   "gen_ai.usage.output_tokens": one.outputs, "http.response.status_code": one.status}  # fmt: skip
        told = [{"key": key, "value": {"intValue": str(value)}} for key, value in numbers.items()]
        told += [{"key": "gen_ai.request.model", "value": {"stringValue": one.model}}]
        span = {"traceId": "t", "spanId": f"{at:x}", "startTimeUnixNano": str(one.start_ms * 10**6),
                "endTimeUnixNano": str((one.start_ms + one.took_ms) * 10**6), "attributes": told}  # fmt: skip
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": one.team}}]}
        lines.append(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}))
    return "\n".join(lines)


def nginx(sent: list[Sent]) -> str:
    return "\n".join(json.dumps({
        "msec": f"{(one.start_ms + one.took_ms) / 1000:.3f}", "request": "POST /v1/messages HTTP/1.1",
        "status": one.status, "request_time": f"{one.took_ms / 1000:.3f}", "body_bytes_sent": 1, "team": one.team,
        "model": one.model, "input_tokens": one.inputs, "output_tokens": one.outputs, "cached_tokens": one.cached,
        "cost_usd": one.cost / 1e6,
    }) for one in sent)  # fmt: skip


def generic(sent: list[Sent]) -> str:
    return table("t;i;o;c;who;s;ms;usd;m".replace(";", ","), [
        (one.start_ms, one.inputs, one.outputs, one.cached, one.team, one.status, one.took_ms, one.cost / 1e6,
         one.model)
        for one in sent
    ])  # fmt: skip


MAP = ("timestamp=t,input_tokens=i,output_tokens=o,cached_input_tokens=c,team=who,status=s,duration_ms=ms,cost_usd=usd,"
       "model=m")  # fmt: skip
ALL = ("start_ms", "took_ms", "team", "model", "inputs", "cached", "outputs", "status", "cost")
SIZES = ("start_ms", "inputs", "outputs")
EXPORTS: dict[str, tuple[Callable[[list[Sent]], str], tuple[str, ...]]] = {
    "litellm": (litellm, ALL), "azure": (azure, SIZES), "burstgpt": (burstgpt, (*SIZES, "took_ms", "model")),
    "mooncake": (mooncake, SIZES), "holysheep": (holysheep, ALL),
    "langfuse": (langfuse, tuple(name for name in ALL if name != "status")), "helicone": (helicone, ALL),
    "otel": (otel, tuple(name for name in ALL if name != "cost")), "nginx": (nginx, ALL), "generic": (generic, ALL),
}  # fmt: skip
"""Format → how it is written, and which of a request's values it can hold."""

COLUMNS = {
    "team": "team", "model": "gen_ai.request.model", "inputs": "gen_ai.usage.input_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens", "outputs": "gen_ai.usage.output_tokens",
    "status": "http.response.status_code", "cost": "cost_microusd",
}  # fmt: skip


def values(found: Any, name: str, relative: bool) -> list[Any]:
    """One value of every imported request, as it was sent."""
    if name == "start_ms":
        return ((found["start_ns"] // 10**6) + (BASE * 1000 if relative else 0)).tolist()
    if name == "took_ms":
        return (found["duration_ns"].astype("int64") // 10**6).tolist()
    return found[COLUMNS[name]].tolist()


@pytest.mark.parametrize("name", list(EXPORTS))
def test_simulated_requests_come_back(name: str, sent: list[Sent], tmp_path: Path) -> None:
    import pandas as pd

    export, held = EXPORTS[name]
    (tmp_path / "log").write_bytes(export(sent).encode())
    options = Options(columns=column_map(MAP) if name == "generic" else None, spread_ticks=0)
    told = import_logs([str(tmp_path / "log")], options, tmp_path / "out", Silent()).summary
    assert told["format"] == name
    assert (told["rows_read"], told["rows_rejected"], told["requests"]) == (len(sent), 0, len(sent))
    found = pd.read_parquet(tmp_path / "out" / "requests.parquet")
    imported = list(zip(*(values(found, one, name in ("burstgpt", "mooncake")) for one in held), strict=True))
    wanted = [tuple(getattr(one, each) for each in held) for one in sent]
    # Requests of the same millisecond may change places.
    assert sorted(imported) == sorted(wanted)
    assert (np.diff(found["start_ns"]) >= 0).all()


def fitted(log: Log) -> dict[str, tuple[int, Candidate, SizeFit, SizeFit]]:
    """Of each team: how many requests, the best process, and its sizes."""
    found = {}
    for code, team in enumerate(log.teams):
        mine = log.where(log["team"] == code)
        if len(mine):
            best = min(candidates(mine, mine["start"]), key=lambda one: one.aic)
            answered = mine["output"][mine["output"] > 0]
            found[team] = (len(mine), best, size_fit(mine["input"]), size_fit(answered))
    return found


@pytest.fixture(scope="module")
def sent_teams(sent: list[Sent]) -> dict[str, tuple[int, Candidate, SizeFit, SizeFit]]:
    """The fit of what was sent, without a format between."""
    teams, models = sorted({one.team for one in sent}), sorted({one.model for one in sent})
    columns = {
        "start": np.array([one.start_ms for one in sent]) * 10**6, "team": [teams.index(one.team) for one in sent],
        "model": [models.index(one.model) for one in sent], "input": [one.inputs for one in sent],
        "output": [one.outputs for one in sent],
    }  # fmt: skip
    return fitted(of_columns(columns, teams, models))


def test_the_fit_of_what_was_sent_holds_the_truth(
    sent_teams: dict[str, tuple[int, Candidate, SizeFit, SizeFit]],
) -> None:
    _, best, inputs, outputs = sent_teams["checkout"]
    assert (best.process, best.shape) == ("poisson", "flat")
    assert best.values["rate"].holds(20)
    assert inputs.values["median"].holds(900)
    assert outputs.kind == "lognormal"
    _, best, inputs, outputs = sent_teams["analytics"]
    assert best.process == "gamma"
    assert best.values["cv"].value == pytest.approx(4, rel=0.2)
    assert inputs.values["p95"].holds(9000)
    assert (outputs.kind, outputs.values["fixed"].value) == ("fixed", 80)


@pytest.mark.parametrize("name", [name for name, (_, held) in EXPORTS.items() if "team" in held])
def test_a_fit_finds_the_same_through_every_format(
    name: str, sent: list[Sent], sent_teams: dict[str, tuple[int, Candidate, SizeFit, SizeFit]], tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(EXPORTS[name][0](sent).encode())
    options = Options(columns=column_map(MAP) if name == "generic" else None, spread_ticks=0)
    import_logs([str(tmp_path / "log")], options, tmp_path / "out", Silent())
    again = fitted(read_log(tmp_path / "out"))
    assert set(again) == set(sent_teams)
    for team, (count, best, *sizes) in sent_teams.items():
        number, process, *others = again[team]
        assert (number, process.title) == (count, best.title)
        for key, value in best.values.items():
            assert process.values[key].value == pytest.approx(value.value, rel=1e-3), key
        for one, other in zip(sizes, others, strict=True):
            assert (one.kind, one.values) == (other.kind, other.values)


def test_the_run_has_what_is_to_be_kept(sent: list[Sent]) -> None:
    assert len(sent) > 800
    assert {one.status for one in sent} == {200, 429}
    assert any(one.cached for one in sent)
