"""What faults do to answers, connections and slots, worked out by hand: each fault means what it says."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.draws import CUT, draw32
from sim.engine.run import ENGINES
from sim.scenario.plan import build_plan
from tests.unit.fault_runs import ANSWER_S, COST, INPUT_COST, Body, run, scenario, statuses, team, tries

WINDOW = {"at": "10s", "for": "10s"}


def latency(**more: object) -> Body:
    return {"latency": {**WINDOW, "factor": 4, **more}}


# Latency


def test_latency_multiplies_the_times_of_answers_that_begin_in_its_window() -> None:
    found = tries({"a": team(9.999, 10, 19.999, 20)}, latency())
    assert [round(one.end - one.at, 6) for one in found] == [ANSWER_S, 4 * ANSWER_S, 4 * ANSWER_S, ANSWER_S]
    assert {(one.status, one.cost) for one in found} == {(200, COST)}, "slow answers cost the same"


def test_a_slow_answer_times_out_and_is_billed_for_what_was_produced() -> None:
    # Four times slower: 4 s to the first token, then 0.4 s each; after 5 s there are two.
    (one,) = tries({"a": team(10, timeout="5s")}, latency())
    assert (one.end, one.status, one.output, one.cost) == (15, 499, 2, INPUT_COST + 2 * 2)


def test_latencies_that_overlap_multiply() -> None:
    found = tries({"a": team(12, 17)}, latency(), {"latency": {"at": "15s", "for": "10s", "factor": 1.5}})
    assert [one.end - one.at for one in found] == [4 * ANSWER_S, 6 * ANSWER_S]


def test_latency_hits_by_its_scope_and_its_share() -> None:
    found = tries({"a": team(*[10] * 400), "b": team(10)}, latency(team="a", probability="25%"))
    slow = [one.end - one.at == 4 * ANSWER_S for one in found if one.team == "a"]
    assert 60 <= sum(slow) <= 140, "a quarter of 400, by more than four standard deviations"
    assert [one.end - one.at for one in found if one.team == "b"] == [ANSWER_S]


def test_answers_may_get_faster() -> None:
    (one,) = tries({"a": team(10)}, latency(factor=0.25))
    assert one.end - one.at == ANSWER_S / 4


# Stalls


def test_a_stall_ends_at_the_timeout_and_bills_the_input_only() -> None:
    found = tries({"a": team(9, 10, 20, timeout="30s")}, {"stall": WINDOW})
    told = [(one.at, one.end, one.status, one.output, one.cost) for one in found]
    assert told == [(9, 11, 200, 10, COST), (10, 40, 499, 0, INPUT_COST), (20, 22, 200, 10, COST)]


def test_a_stall_is_not_billed_where_what_is_abandoned_is_not() -> None:
    provider = {"round_trip": "0s", "bill_abandoned": False}
    (one,) = tries({"a": team(10)}, {"stall": WINDOW}, provider=provider)
    assert (one.status, one.cost) == (499, 0)


def test_a_stalled_answer_keeps_its_place_and_its_slot_until_the_client_leaves() -> None:
    limits = {"isolation": "shared", "limits": {"concurrency": 1}}
    assert statuses(tries({"a": team(10, 39.9, 40, timeout="30s")}, {"stall": WINDOW}, key=limits)) == [499, 429, 200]
    held = tries({"a": team(10, 39.9, 40, timeout="30s")}, {"stall": WINDOW}, model={"slots": 1})
    assert statuses(held) == [499, 529, 200]


@pytest.mark.parametrize("faults", [[latency(), {"stall": WINDOW}], [{"stall": WINDOW}, latency()]])
def test_what_is_slowed_and_stalled_is_stalled(faults: list[Body]) -> None:
    assert statuses(tries({"a": team(10)}, *faults)) == [499]


# Connection resets


def reset(**more: object) -> Body:
    return {"connection_reset": {**WINDOW, **more}}


def test_a_reset_at_the_door_costs_nothing_and_charges_no_limit() -> None:
    key = {"isolation": "shared", "limits": {"requests": "1/min", "burst": 1}}
    found = tries({"a": team(10, 11, 20, 21)}, reset(when="connect"), key=key)
    assert [(one.status, one.by, one.cost) for one in found] == [
        (0, "connection:reset", 0), (0, "connection:reset", 0), (200, "", COST), (429, "account:shared:requests", 0),
    ]  # fmt: skip
    assert {one.end - one.at for one in found if one.status == 0} == {0}, "a refusal takes the round trip only"


def test_a_reset_in_the_answer_bills_what_was_produced_until_then() -> None:
    given = scenario({"a": team(*[10] * 40)}, reset())
    keys = build_plan(given, 0, {}).draw_key
    found = run(given)
    assert len({one.output for one in found}) > 3
    for one in found:
        part = Fraction(draw32(int(keys[one.request]), 0, CUT), 1 << 32)
        assert one.end - one.at == pytest.approx(float(part * ANSWER_S), abs=1e-8)
        produced = max(0, int((one.end - one.at - 1) / 0.1 + 1e-6))
        assert (one.status, one.by, one.output) == (0, "", produced)
        assert one.cost == INPUT_COST + 2 * produced


def test_a_reset_answer_is_charged_to_limits_and_may_be_retried() -> None:
    key = {"isolation": "shared", "limits": {"requests": "1/min", "burst": 2}}
    again = {"max_attempts": 3, "base": "15s", "cap": "1m", "jitter": "none", "retry_on": ["connection"]}
    found = tries({"a": team(10, retry=again)}, reset(), key=key)
    assert statuses(found) == [0, 200]
    assert statuses(tries({"a": team(10, 11, 12)}, reset(), key=key)) == [0, 0, 429]


# Brown-outs


def brown_out(slots: object = 0, **more: object) -> Body:
    return {"brown_out": {**WINDOW, "slots": slots, **more}}


def test_without_slots_nothing_begins_and_all_go_to_the_queue_at_the_end() -> None:
    found = tries({"a": team(9, 11, 12, 13, 14)}, brown_out(), model={"slots": 2, "queue": 3})
    told = [(one.at, one.end, one.status) for one in found]
    # The answer under way goes on. Both slots are given at 20 s in the order of the queue, the next one at 22 s.
    assert told == [(9, 11, 200), (11, 22, 200), (12, 22, 200), (13, 24, 200), (14, 14, 529)]
    assert found[-1].by == "slots:m"


def test_what_waits_for_a_slot_leaves_at_its_timeout_and_costs_nothing() -> None:
    found = tries({"a": team(11, 14, timeout="8.5s")}, brown_out(), model={"slots": 2, "queue": 2})
    assert [(one.end, one.status, one.cost) for one in found] == [(19.5, 499, 0), (22, 200, COST)]


def test_the_limit_is_asked_before_the_slot() -> None:
    key = {"isolation": "shared", "limits": {"requests": "1/min", "burst": 2}}
    found = tries({"a": team(11, 12, 24, 25)}, brown_out(), model={"slots": 1, "queue": 1}, key=key)
    assert statuses(found) == [200, 529, 200, 429], "a 529 takes nothing from the limit"
    full = tries({"a": team(11, 12, 13, 14)}, brown_out(), model={"slots": 1, "queue": 2}, key=key)
    assert statuses(full) == [200, 200, 429, 429]


@pytest.mark.parametrize(("slots", "share", "left"), [(10, "10%", 1), (10, "30%", 3), (10, "25%", 2), (7, 0.5, 3)])
def test_the_share_that_is_left_is_rounded_down_once(slots: int, share: object, left: int) -> None:
    found = tries({"a": team(*[10] * slots)}, brown_out(share), model={"slots": slots})
    assert sorted(statuses(found)) == [200] * left + [529] * (slots - left)


def test_of_two_brown_outs_the_stronger_holds() -> None:
    two = {"brown_out": {"at": "15s", "for": "10s", "slots": "50%"}}
    found = tries({"a": team(*[12] * 4, *[18] * 4, *[21] * 4)}, brown_out("25%"), two, model={"slots": 4})
    counts = [sum(1 for one in found if one.at == at and one.status == 200) for at in (12, 18, 21)]
    assert counts == [1, 1, 2]


def test_answers_under_way_count_against_the_slots_that_are_left() -> None:
    found = tries({"a": team(9, 9.5, 10.5, 11.1, 11.6)}, brown_out("50%"), model={"slots": 2})
    assert statuses(found) == [200, 200, 529, 529, 200], "both old ones must end before one new begins"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_the_same_of_all_of_them_at_once(engine: str) -> None:
    faults = [latency(probability="30%"), {"stall": {**WINDOW, "probability": "20%"}}, reset(probability="30%"),
              brown_out("50%")]  # fmt: skip
    given = scenario({"a": team(*range(8, 24), retry="anthropic-sdk")}, *faults, model={"slots": 2, "queue": 4})
    assert run(given, engine) == run(given)
