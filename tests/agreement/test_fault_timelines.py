"""Five hundred random timelines of faults over random configurations: nothing vanishes, and money adds up.

Every law is worked out from the rows alone, with prices read from the scenario.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sim.catalogue.resolve import resolve_model
from sim.chaos.catalogue import FaultEntry
from sim.chaos.price_change import NewPrice
from sim.engine.run import run_world
from sim.engine.tables import LOG, RunResult
from sim.engine.world import Setting, build_world
from sim.results.columns import NOT_STARTED, OUTCOMES, SUCCEEDED, UNFINISHED
from sim.scenario.plan import Plan, build_plan
from sim.scenario.schema import Scenario
from tests.agreement.generated import random_timeline
from tests.agreement.test_engines import same, settings

TIMELINES, BATCH = 500, 20
I64 = Any
BY = {
    "storm": {429, 500, 503, 529}, "connection": {0}, "credential": {401}, "policy": {400}, "ban": {403},
    "model": {403}, "slots": {529}, "account": {429}, "project": {429}, "key": {429},
}  # fmt: skip
"""Which statuses a refuser of each kind may answer with."""
ENDED = {200, 499, 0}
"""How an admitted attempt may end: the answer, the client's timeout, a broken connection."""


def columns(result: RunResult) -> dict[str, I64]:
    return dict(zip(LOG, result.log.T, strict=True))


def nothing_vanishes(result: RunResult, plan: Plan) -> None:
    assert len(result.outcome) == len(plan)
    assert np.all((result.outcome >= 0) & (result.outcome < len(OUTCOMES)))
    log = columns(result)
    made = np.bincount(log["request"], minlength=len(plan))
    np.testing.assert_array_equal(made, result.attempts)
    assert np.all(made[result.outcome == NOT_STARTED] == 0)
    over = (result.outcome != UNFINISHED) & (result.outcome != NOT_STARTED)
    assert np.all(result.finish[over] >= result.arrival[over])
    assert np.array_equal(result.status == 200, result.outcome == SUCCEEDED)
    open_ends = set(log["request"][log["end"] < 0].tolist())
    assert open_ends <= set(np.flatnonzero(result.outcome == UNFINISHED).tolist())


def attempts_follow_each_other(result: RunResult, setting: Setting) -> None:
    """The next one starts when the last has ended; the second attempt of a client that hedges, after its start."""
    log = columns(result)
    hedges = np.array([client.hedge_after >= 0 for client in setting.clients[:-1]])
    order = np.lexsort((log["attempt"], log["request"]))
    request, number, at, end = (log[name][order] for name in ("request", "attempt", "at", "end"))
    first = np.r_[True, request[1:] != request[:-1]]
    np.testing.assert_array_equal(number[first], 0)
    assert np.all(number[1:][~first[1:]] == number[:-1][~first[1:]] + 1)
    since = np.where(hedges[result.team[request[:-1]]], at[:-1], end[:-1])
    assert np.all(at[1:][~first[1:]] >= since[~first[1:]])
    assert np.all(at[first] >= result.arrival[request[first]])
    assert np.all((end >= at) | (end == -1))


def refusals_say_who_and_cost_nothing(result: RunResult, setting: Setting) -> None:
    log = columns(result)
    refused = log["refused_by"] >= 0
    for code, status in {*zip(log["refused_by"][refused].tolist(), log["status"][refused].tolist(), strict=True)}:
        kind = setting.refusers[code].split(":")[0]
        assert status == -1 or status in BY.get(kind, {400, 422, 429}), (setting.refusers[code], status)
    assert set(log["status"][~refused].tolist()) <= ENDED | {-1}
    assert not log["cost"][refused].any() and not log["output"][refused].any()


def price(scenario: Scenario, model: str, at: int) -> tuple[int, int, int]:
    """Input, cached input and output, micro-dollars per million tokens, of an attempt that starts at ``at``."""
    own = resolve_model(scenario, model)
    found = (own.price_input, own.price_cached_input, own.price_output)
    faults = [entry.fault for entry in scenario.chaos if isinstance(entry.fault, NewPrice)]
    for fault in sorted(faults, key=lambda one: one.at):
        lasts = fault.for_ is None or at < fault.at + fault.for_
        if at < fault.at or not lasts or fault.model not in (None, model):
            continue
        if fault.price is None:
            found = tuple(round(one * (Fraction(0) if fault.factor is None else fault.factor)) for one in found)  # type: ignore[assignment]
        else:
            said = fault.price
            found = said.input, said.input if said.cached_input is None else said.cached_input, said.output
    return found


def every_answer_is_billed(result: RunResult, plan: Plan, scenario: Scenario, setting: Setting) -> None:
    """Its tokens at the price of its start; what was not answered costs no more than what was produced."""
    for line in result.log.tolist():
        one = dict(zip(LOG, line, strict=True))
        if one["refused_by"] >= 0 or one["status"] == -1:
            continue
        number = one["request"]
        cached = int(plan.cached_tokens[number])
        rates = price(scenario, setting.models[one["model"]], one["at"])
        exact = one["uncached"] * rates[0] + cached * rates[1] + one["output"] * rates[2]
        whole = (exact + 500_000) // 1_000_000
        if one["status"] == 200:
            assert one["output"] == plan.output_tokens[number]
            assert one["cost"] == whole, one
        else:
            assert one["cost"] in (0, whole), one
    assert np.all(result.cost >= result.wasted) and np.all(result.wasted >= 0)
    log = columns(result)
    np.testing.assert_array_equal(np.bincount(log["request"], log["cost"], len(plan)), result.cost)
    lost = np.where(log["status"] == 200, 0, log["cost"])
    np.testing.assert_array_equal(np.bincount(log["request"], lost, len(plan)), result.wasted)


def reserved_caps_hold(result: RunResult, setting: Setting) -> int:
    """No cap that reserves is exceeded in any window; how many there are that something was spent under."""
    log, seen = columns(result), 0
    for number, cap in enumerate(setting.rows.caps):
        if cap.cap.mode != "reserve":
            continue
        keys = [key for key, caps in enumerate(setting.rows.caps_of_key) if number in caps]
        named = setting.models if cap.cap.models is None else cap.cap.models
        counted = [at for at, model in enumerate(setting.models) if model in named]
        spent = np.isin(log["key"], keys) & np.isin(log["model"], counted) & (log["end"] >= 0)
        sums = np.bincount(log["end"][spent] // cap.cap.amount.period_ns, log["cost"][spent])
        assert np.all(sums <= cap.cap.amount.micro_usd), (cap.name, sums.max(), cap.cap.amount)
        seen += bool(sums.sum())
    return seen


@pytest.mark.parametrize("first", range(0, TIMELINES, BATCH))
def test_laws_that_hold_whatever_goes_wrong(first: int) -> None:
    capped = 0
    for number in range(first, first + BATCH):
        scenario = random_timeline(number)
        plan = build_plan(scenario, 0, {})
        for setting in settings(scenario):
            result = run_world("compiled", build_world(setting, plan))
            nothing_vanishes(result, plan)
            attempts_follow_each_other(result, setting)
            refusals_say_who_and_cost_nothing(result, setting)
            every_answer_is_billed(result, plan, scenario, setting)
            capped += reserved_caps_hold(result, setting)
    assert capped >= BATCH // 2, "caps that reserve must see spending, or it shows nothing"


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_the_reference_engine_agrees_on_some_of_them(first: int) -> None:
    for number in range(first, first + 10):
        scenario = random_timeline(number)
        plan = build_plan(scenario, 0, {})
        for setting in settings(scenario):
            world = build_world(setting, plan)
            same(run_world("simpy", world), run_world("compiled", world))


def test_the_timelines_have_every_fault_many_times() -> None:
    kinds = [entry.kind for number in range(TIMELINES) for entry in random_timeline(number).chaos]
    assert set(kinds) == set(FaultEntry.model_fields)
    assert min(kinds.count(kind) for kind in FaultEntry.model_fields) > 100
