"""The emulator decides what the simulator decides: an engine's log, attempt by attempt, by a clock that is given."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any

import pytest

from sim.emulator.decisions import Attempt, Decisions, Sizes
from sim.emulator.site import Rulebook
from sim.engine.run import run_world
from sim.engine.tables import LOG, RunResult
from sim.engine.world import build_world
from sim.results.columns import STATUS_NONE, STATUS_OK
from sim.scenario.loader import load_text
from sim.scenario.plan import Plan, build_plan
from sim.units import SECOND

TEXT = """
name: everything
duration: 20m
drain: 10m
seed: 11
teams:
  shop:
    workload: {arrivals: {poisson: {rate: 60/min}}, model: fast, input_tokens: {median: 900, p95: 4000},
               output_tokens: {median: 200, p95: 600}}
    client: {retry: {max_attempts: 4, base: 300ms, jitter: full}, timeout: 8s}
  batch:
    workload: {arrivals: {bursts: {rate: 99/min, on: 2m, off: 1m}}, model: fast, input_tokens: 2000, output_tokens: 300}
    client: {retry: anthropic-sdk, timeout: 20s}
models:
  fast: {price: {input: $3, output: $15}, first_token: {median: 500ms, p95: 2s}, per_token: {median: 8ms, p95: 15ms},
         slots: 8, queue: 2}
configurations:
  shared: {isolation: shared, limits: {requests: 120/min, burst: 40, input_tokens: 200k/min, output_tokens: 40k/min,
           concurrency: 60}, spend_cap: $14/hour}
  projects: {isolation: projects, split: equal, project_spend_cap: {amount: $6/hour, mode: reserve},
             limits: {requests: 120/min, algorithm: sliding_window, charge_rejected: true, tokens: 240k/min}}
chaos:
  - storm: {status: 503, at: 4m, for: 2m, probability: 40%, retry_after: 1s}
  - latency: {at: 6m, for: 2m, factor: 2, probability: 50%}
  - connection_reset: {at: 8m, for: 1m, probability: 30%}
  - connection_reset: {at: 9m, for: 1m, probability: 30%, when: connect}
  - brown_out: {at: 10m, for: 2m, slots: 10%}
  - limits_cut: {at: 12m, for: 2m, to: 50%}
  - policy_violations: {at: 14m, for: 3m, probability: 20%, threshold: 2, within: 1m, ban: key, recovery: 40s}
  - stall: {at: 17m, for: 1m, probability: 20%}
  - price_change: {at: 18m, for: 1m, factor: 2}
"""


def engine_log(text: str, configuration: str) -> tuple[Rulebook, Plan, RunResult]:
    loaded = load_text(text, Path("everything.yaml"))
    rules = Rulebook(loaded, configuration)
    plan = build_plan(loaded.scenario, 0, {})
    return rules, plan, run_world("plain", build_world(rules.setting(loaded.scenario.chaos), plan))


def replay(rules: Rulebook, plan: Plan, log: Any) -> list[tuple[Any, ...]]:
    """What Decisions say at the times at which the engine's attempts arrived and ended."""
    setting = rules.setting(rules.scenario.chaos)
    decisions = Decisions(setting)
    events = [(wake, 0, at, -1) for at, wake in enumerate(setting.wakes)]
    rows = [dict(zip(LOG, map(int, row), strict=True)) for row in log]
    for number, row in enumerate(rows):
        events.append((row["at"], 2, row["request"], number))
    heapq.heapify(events)
    open_ones: dict[int, Attempt] = {}
    found: list[tuple[Any, ...]] = [()] * len(rows)
    while events:
        now, kind, _, number = heapq.heappop(events)
        decisions.pass_time(now)
        if kind == 0:
            continue
        row = rows[number]
        if kind == 2:
            one = begin(decisions, plan, row, now)
            if not one.admitted:
                call = one.call
                found[number] = (call.status, one.ends_at, call.refused_by, call.retry_after, 0, 0)
                continue
            open_ones[number] = one
            if row["end"] >= 0:
                heapq.heappush(events, (row["end"], 1, row["request"], number))
        else:
            one = open_ones.pop(number)
            told = one.call.status if one.ends_at == now else row["status"]
            output, cost = decisions.end(one, told, now)
            found[number] = (told, now, -1, -1, output, cost)
    return found


def begin(decisions: Decisions, plan: Plan, row: dict[str, int], now: int, late: int = 0) -> Attempt:
    at = row["request"]
    sizes = Sizes(
        int(plan.input_tokens[at] - plan.cached_tokens[at]), int(plan.cached_tokens[at]),
        int(plan.output_tokens[at]), int(plan.max_tokens[at]),
    )  # fmt: skip
    request = decisions.request(
        row["key"], row["team"], row["model"], sizes, int(plan.draw_key[at]), int(plan.origin[at])
    )
    return decisions.begin(request, row["attempt"], now, late)


@pytest.mark.parametrize("configuration", ["shared", "projects"])
def test_every_attempt_is_decided_settled_and_billed_as_in_the_simulation(configuration: str) -> None:
    rules, plan, result = engine_log(TEXT, configuration)
    found = replay(rules, plan, result.log)
    rows = [dict(zip(LOG, map(int, row), strict=True)) for row in result.log]
    ended = [number for number, row in enumerate(rows) if row["status"] != STATUS_NONE]
    expected = [
        tuple(rows[number][name] for name in ("status", "end", "refused_by", "retry_after", "output", "cost"))
        for number in ended
    ]
    assert [found[number] for number in ended] == expected
    statuses = {row["status"] for row in rows}
    assert {0, 200, 400, 403, 429, 499, 503, 529} <= statuses, "the scenario has everything in it"
    assert sum(row["status"] == STATUS_OK for row in rows) > 500


LATE = 3_000_000


def test_the_time_of_an_answer_runs_from_when_its_client_meant_to_ask() -> None:
    rules, plan, result = engine_log(TEXT, "shared")
    setting = rules.setting(rules.scenario.chaos)
    seen = set()
    for line in result.log[::5]:
        row = dict(zip(LOG, map(int, line), strict=True))
        prompt, late = (begin(Decisions(setting), plan, row, row["at"], by) for by in (0, LATE))
        if prompt.ends_at < 0:
            assert late.ends_at < 0, "a brown-out has no slot for it"
            continue
        assert late.ends_at == prompt.ends_at - LATE
        assert (late.call.at, late.call.status) == (prompt.call.at, prompt.call.status), "it is decided when it comes"
        if prompt.admitted:
            assert late.call.begun == prompt.call.begun - LATE
        seen.add(prompt.admitted)
    assert seen == {True, False}


def test_whoever_waits_for_a_slot_is_answered_from_when_it_gets_one() -> None:
    rules, _, _ = engine_log(TEXT, "shared")
    decisions = Decisions(rules.setting(rules.scenario.chaos))
    request = decisions.request(0, 0, 0, Sizes(1, 0, 1, 1), 5)
    found = [decisions.begin(request, 0, 0, LATE) for _ in range(9)]
    assert found[-1].admitted and found[-1].ends_at < 0
    decisions.end(found[0], STATUS_OK, SECOND)
    assert found[-1].ends_at > SECOND
