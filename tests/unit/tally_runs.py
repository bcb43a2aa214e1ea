"""Runs of whole scenarios that keep their rows and are tallied while they go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sim.engine import loop, tally
from sim.engine.agenda import ADMISSION_ROWS
from sim.engine.frames import attempt_frame, request_frame
from sim.engine.tables import (
    ADMISSION,
    LOG,
    PLAN_FIELDS,
    REFUSALS,
    REPORT,
    RESULT_FIELDS,
    RunResult,
    State,
    World,
    result_of,
)
from sim.engine.tally_tables import fresh_tallies
from sim.engine.world import Setting, build_setting, build_world, fresh_state, interpreted
from sim.metrics.context import ConfigurationInfo, Context, LimitInfo
from sim.results.columns import STATUS_OK
from sim.results.tallies import Tallies
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.scenario.workloads import Trace
from sim.study.runs import labels_of, names_of
from sim.workload.importers.trace_rows import TraceRows

NO_TRACES: Mapping[Trace, TraceRows] = {}
ENDED, ADMITTED = 0, 1
"""What happens at one instant, in this order."""


def settings_of(scenario: Scenario, traces: Mapping[Trace, TraceRows] = NO_TRACES) -> list[Setting]:
    expected = expected_by_team(scenario, traces)
    teams, models = tuple(sorted(scenario.teams)), model_names(scenario)
    return [
        build_setting(scenario, build_topology(name, configuration, expected), teams, models)
        for name, configuration in scenario.configurations.items()
    ]


def heard(setting: Setting, plan: Plan) -> World:
    """A world in which every refusal is an event, as tallies want it."""
    world = build_world(setting, plan)
    world.requests["heard"] |= REFUSALS
    return world


def run_tallied(scenario: Scenario, setting: Setting, plan: Plan) -> tuple[RunResult, Tallies]:
    """One run in ordinary Python, and what is counted of the rows that it wrote."""
    readable = interpreted(heard(setting, plan))._replace(rows=ADMISSION_ROWS)
    state = fresh_state(readable)
    assert loop.run(readable, state, 0) == loop.DONE
    assert loop.close(readable, state, 0) == loop.DONE
    tallies = fresh_tallies(scenario, setting)
    count_rows(readable, state, tallies)
    return result_of(readable.requests, state.calls, state.log), tallies


def count_rows(world: World, state: State, tallies: Tallies) -> None:
    """Count all that the plain loop wrote as one block."""
    report = reports(world, state)
    log = np.array(state.log, np.int64).reshape(-1, len(LOG)).T
    admissions = np.array(state.admissions, np.int64).reshape(-1, len(ADMISSION)).T
    sizes = (block.shape[1] for block in (report, log, admissions))
    over, ended, admitted = sizes
    tally.count(world.rules, tallies, report, over, log, ended, admissions, admitted)
    tally.tally_close(tallies)


def reports(world: World, state: State) -> np.ndarray[Any, Any]:
    """What became of each request of a plain run, in columns of the compiled loop's report."""
    rows = [
        [request.number, *(getattr(call, name) for name in RESULT_FIELDS),
         *(getattr(request, name) for name in PLAN_FIELDS), call.at]
        for request, call in zip(world.requests, state.calls, strict=True)
    ]  # fmt: skip
    return np.array(rows, np.int64).reshape(-1, len(REPORT)).T


def tally_again(result: RunResult, world: World, tallies: Tallies) -> Tallies:
    """Tally the rows of a run: everything that happened, in the order in which it did, told by times alone."""
    requests, rules = interpreted(world).requests, world.rules
    log = [dict(zip(LOG, line, strict=True)) for line in result.log.tolist()]
    events = [(line["end"], ENDED, at) for at, line in enumerate(log) if line["end"] >= 0]
    events += [(line["at"], ADMITTED, at) for at, line in enumerate(log) if line["refused_by"] < 0]
    never = [(world.until, ENDED, at) for at, line in enumerate(log) if line["end"] < 0]
    for time, kind, at in sorted(events) + never:
        line, request = log[at], requests[log[at]["request"]]
        if kind == ADMITTED:
            tally.at_start(rules, tallies, tally.Admitted(time, *(line[name] for name in tally.Admitted._fields[1:])))
        else:
            line["arrival"] = int(result.arrival[request.number])
            tally.tally_attempt(rules, tallies, tally.Ended(*(line[name] for name in tally.Ended._fields)))
    last = sorted(log, key=lambda line: (line["status"] == STATUS_OK, line["attempt"]))
    sent = {line["request"]: line["at"] for line in last}
    for number, request in enumerate(requests):
        told = {name: int(getattr(result, name)[number]) for name in RESULT_FIELDS if name in tally.Over._fields}
        who = {"origin": request.origin, "team": request.team, "model": request.model, "at": sent.get(number, -1)}
        tally.tally_request(tallies, tally.Over(**told, **who))
    tally.tally_close(tallies)
    return tallies


@dataclass(frozen=True)
class Both:
    """All runs of a scenario as tables, and as tallies (one a replication) of each configuration."""

    context: Context
    requests: pd.DataFrame
    attempts: pd.DataFrame
    tallies: dict[str, list[Tallies]]


def both(scenario: Scenario, replications: int, traces: Mapping[Trace, TraceRows] = NO_TRACES) -> Both:
    """Run every configuration and keep the rows as well as the tallies."""
    scenario = scenario.model_copy(update={"replications": replications})
    settings, frames = settings_of(scenario, traces), []
    tallies: dict[str, list[Tallies]] = {setting.name: [] for setting in settings}
    for replication in range(replications):
        plan = build_plan(scenario, replication, traces)
        for setting in settings:
            result, tallied = run_tallied(scenario, setting, plan)
            tallies[setting.name].append(tallied)
            names = names_of(settings)
            labels = labels_of(setting, replication, names)
            frames.append((request_frame(result, labels, names), attempt_frame(result, labels, names)))
    requests, attempts = (pd.concat(one, ignore_index=True) for one in zip(*frames, strict=True))
    return Both(context_of(scenario, settings, len(requests)), requests, attempts, tallies)


def context_of(scenario: Scenario, settings: list[Setting], rows: int) -> Context:
    found = {
        setting.name: ConfigurationInfo({}, tuple(LimitInfo.of(row) for row in setting.rows.limits))
        for setting in settings
    }
    return Context(scenario, "ab" * 32, "plain", found, rows, rows, "cd" * 32)


def arrays_of(tallies: Tallies) -> dict[str, np.ndarray[Any, Any]]:
    """Everything that is counted, by name; the cursor only says where to look first."""
    return {name: value for name, value in tallies._asdict().items() if name not in ("axes", "cursor")}
