"""A plan fed in chunks gives what the whole plan gives, whatever the cuts, and after a checkpoint too."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sim.engine.agenda_compiled import FREE
from sim.engine.compiled_engine import FIRST_SLOTS, Sink
from sim.engine.digest import digest
from sim.engine.run import run_world
from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tables import REPORT, placed_log, result_block
from sim.engine.world import build_world
from sim.scenario.plan import Plan, build_plan
from sim.scenario.schema import Scenario
from tests.agreement.generated import random_scenario, tie_heavy
from tests.agreement.test_engines import same, settings


def part(plan: Plan, first: int, last: int) -> Plan:
    """Rows ``first`` to ``last`` as a chunk; children are numbered within it."""
    columns = {
        name: value[first:last]
        for name, value in vars(plan).items()
        if isinstance(value, np.ndarray)
    }  # fmt: skip
    columns["child"] = np.where(columns["child"] >= 0, columns["child"] - first, -1)
    return replace(plan, **columns)


def chunks(plan: Plan, seed: int) -> Iterator[tuple[Plan, int]]:
    """The plan cut at random instants, each part with the time at which the next begins."""
    opened = np.flatnonzero(plan.arrival_ns >= 0)
    times = plan.arrival_ns[opened]
    cuts = opened[1:][np.diff(times) > 0].tolist()
    chosen = sorted(random.Random(seed).sample(cuts, min(len(cuts), 7)))
    edges = [0, *chosen, len(plan)]
    for first, last in pairwise(edges):
        yield part(plan, first, last), int(plan.arrival_ns[last]) if last < len(plan) else plan.duration_ns


@pytest.mark.parametrize("number", range(12))
def test_chunks_make_no_difference(number: int) -> None:
    scenario = tie_heavy() if number == 0 else random_scenario(number)
    plan = build_plan(scenario, 0, {})
    for setting in settings(scenario):
        whole = run_world("compiled", build_world(setting, plan))
        sink, run = Sink(), StreamRun(setting, plan.duration_ns, plan.horizon_ns, rows=2)
        quiet = StreamRun(setting, plan.duration_ns, plan.horizon_ns, rows=0)
        for chunk, until in chunks(plan, number):
            run.feed(chunk, until, sink)
            quiet.feed(chunk, until, Nowhere())
            quiet = pickle.loads(pickle.dumps(quiet))
        assert run.end(sink) == quiet.end(Nowhere()) == digest(whole)
        reports, log = sink.result()
        same(whole, result_block(reports, placed_log(log, reports[REPORT.index("attempts")])))
        assert quiet.state.report.shape[1] < run.state.report.shape[1], "what keeps no rows needs no room for them"


def test_memory_holds_what_is_under_way_and_not_the_plan() -> None:
    scenario = Scenario.model_validate({
        "name": "long",
        "duration": "4h",
        "teams": {"a": {"workload": {"arrivals": {"poisson": {"rate": "60/min"}}, "model": "claude-haiku-4-5",
                                     "input_tokens": 100, "output_tokens": 20}}},
        "configurations": {"shared": {"isolation": "shared", "limits": {"requests": "60/min"}}},
    })  # fmt: skip
    plan = build_plan(scenario, 0, {})
    run = StreamRun(next(settings(scenario)), plan.duration_ns, plan.horizon_ns, rows=0)
    for chunk, until in chunks(plan, 5):
        run.feed(chunk, until, Nowhere())
    run.end(Nowhere())
    assert len(plan) > 10 * FIRST_SLOTS
    assert len(run.state.calls) == FIRST_SLOTS, "there was never a need for more"
    assert int(run.state.used[FREE]) == FIRST_SLOTS, "every slot is free again"


def test_sessions_longer_than_the_free_slots_get_slots_first() -> None:
    sessions = {"rate": "30/min", "steps": {"median": FIRST_SLOTS, "p95": 3 * FIRST_SLOTS}, "think": "1m"}
    scenario = Scenario.model_validate({
        "name": "agents",
        "duration": "3m",
        "teams": {"a": {"workload": {"arrivals": {"sessions": sessions}, "model": "claude-haiku-4-5",
                                     "input_tokens": 100, "output_tokens": 20}}},
        "configurations": {"shared": {"isolation": "shared", "limits": {"requests": "600/min"}}},
    })  # fmt: skip
    plan = build_plan(scenario, 0, {})
    world = build_world(next(settings(scenario)), plan)
    assert len(plan) > 20 * FIRST_SLOTS
    same(run_world("plain", world), run_world("compiled", world))
