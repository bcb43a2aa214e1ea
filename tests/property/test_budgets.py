"""Spend caps: a reserved cap is never passed, a postpaid one only by what was under way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from sim.policy.admission import OK
from sim.policy.budget import book, refusing_cap, reserve
from sim.policy.faults import KINDS
from sim.policy.tables import NO_ALERT, Ask, CapMemory, CapRule, KeyRule, LimitRule, Memory, Provider, Rules
from tests.property.drivers import ASK, REFUSER, SETTLE, STATUS, Event, drive

SEQUENCES, ASKS, CAP_CODE, STATUS_SPENT = 2500, 12, 100, 402


class Spell(NamedTuple):
    """A random sequence of overlapping requests under one to three caps, and what became of it."""

    caps: list[CapRule]
    events: list[Event]
    statuses: list[int]
    refusers: list[int]
    memory: Memory


def random_events(draws: np.random.Generator, scale: int, period: int) -> list[Event]:
    """Asks and ends in order; an ask holds at least what it will cost."""
    times = np.cumsum(draws.integers(0, period // 3, ASKS)) + int(draws.integers(0, period))
    ends = times + draws.integers(1, period, ASKS)
    holds = draws.integers(1, scale, ASKS)
    spent = (holds * draws.choice([0.0, 0.3, 1.0], ASKS)).astype(int)
    order = sorted([(int(time), 1, ASK, at) for at, time in enumerate(times)]
                   + [(int(end), 0, SETTLE, at) for at, end in enumerate(ends)])  # fmt: skip
    place = {at: number for number, (_, _, kind, at) in enumerate(order) if kind == ASK}
    return [
        Event(kind, place[at], time, 0, 0, 0, 0, int(holds[at]), 0, 0, 0, int(spent[at])) for time, _, kind, at in order
    ]


def spell(draws: np.random.Generator, reserve: list[int]) -> Spell:
    period = int(draws.integers(10, 1000))
    caps = [
        CapRule(int(draws.integers(1, 400)), int(draws.choice([period, 10**12])), mode, 1, NO_ALERT) for mode in reserve
    ]
    no_limits: list[LimitRule] = []
    key = KeyRule(0, 0, 0, len(caps), 1)
    provider = Provider(0, 1, STATUS_SPENT, CAP_CODE, 200, 300, 400)
    rules = Rules(no_limits, [], caps, list(range(len(caps))), [key], [], [0] * (KINDS + 1), [], [], provider)
    memory, events = Memory([], [], [CapMemory() for _ in caps], [], []), random_events(draws, 200, period)
    said = drive(rules, memory, events)
    return Spell(caps, events, said[:, STATUS].tolist(), said[:, REFUSER].tolist(), memory)


def bookings(found: Spell, period: int) -> dict[int, list[Event]]:
    """The ends of admitted requests by window."""
    by_window: dict[int, list[Event]] = {}
    for event in found.events:
        if event.kind == SETTLE and found.statuses[event.of] == OK:
            by_window.setdefault(event.time // period, []).append(event)
    return by_window


def test_a_reserved_cap_is_never_passed() -> None:
    draws, full = np.random.default_rng(35), 0
    for _ in range(SEQUENCES):
        found = spell(draws, [1] * int(draws.integers(1, 4)))
        for cap in found.caps:
            for booked in bookings(found, cap.period).values():
                spent = sum(event.spent for event in booked)
                assert spent <= cap.cap
                full += spent > 0.7 * cap.cap
        assert all(memory.held == 0 for memory in found.memory.caps)
    assert full > SEQUENCES / 10


def under_way(found: Spell, now: int) -> list[Event]:
    """The ends of requests that were admitted before ``now`` and end at or after it."""
    return [event for event in found.events
            if event.kind == SETTLE and found.statuses[event.of] == OK
            and found.events[event.of].time <= now <= event.time]  # fmt: skip


def test_a_postpaid_cap_is_passed_by_no_more_than_was_under_way_when_it_was_reached() -> None:
    draws, passed = np.random.default_rng(36), 0
    for _ in range(SEQUENCES):
        found = spell(draws, [0])
        cap = found.caps[0]
        for booked in bookings(found, cap.period).values():
            spent = 0
            for event in booked:
                before, spent = spent, spent + event.spent
                if before < cap.cap <= spent:
                    total = sum(one.spent for one in booked)
                    assert total < cap.cap + sum(one.spent for one in under_way(found, event.time))
                    passed += total > cap.cap
    assert passed > SEQUENCES / 10


@pytest.mark.parametrize("reserve", [[0], [1], [0, 1], [1, 1, 0]])
def test_a_cap_refuses_when_it_should_and_only_then(reserve: list[int]) -> None:
    """Against caps kept here as lists of bookings; the first that refuses is named, and nothing is held."""
    draws, refused = np.random.default_rng(37), 0
    for _ in range(SEQUENCES // 4):
        found = spell(draws, reserve)
        for place, event in enumerate(found.events):
            if event.kind == ASK:
                reasons = [at for at, cap in enumerate(found.caps) if refuses(found, cap, place)]
                refused += bool(reasons)
                assert found.statuses[place] == (STATUS_SPENT if reasons else OK)
                assert found.refusers[place] == (CAP_CODE + reasons[0] if reasons else -1)
    assert refused > SEQUENCES / 10


def refuses(found: Spell, cap: CapRule, place: int) -> bool:
    """Whether a cap refuses the ask at ``place``, from all that came before it."""
    event, spent, held = found.events[place], 0, 0
    for before in found.events[:place]:
        if found.statuses[before.of] != OK:
            continue
        held += before.hold if before.kind == ASK else -before.hold
        if before.kind == SETTLE and before.time // cap.period == event.time // cap.period:
            spent += before.spent
    return spent + held + event.hold > cap.cap if cap.reserve else spent >= cap.cap


# Several caps of one key, some of them of some models only


def random_caps(draws: np.random.Generator) -> list[CapRule]:
    """A cap by the hour, one by the day, one of some models: two of the three models, at least."""
    amounts = draws.integers(20, 300, 3)
    masks = [7, 7, int(draws.choice([3, 5, 6]))]
    return [
        CapRule(int(amounts[at]), period, int(draws.integers(0, 2)), masks[at], int(amounts[at] * 4 // 5))
        for at, period in enumerate((100, 2400, 300))
    ]


def test_caps_of_some_models_count_and_refuse_these_alone() -> None:
    """Against sums kept here: what each cap has booked in its window, what it holds, when it first alerted."""
    draws, passed, alerted = np.random.default_rng(38), 0, 0
    for _ in range(300):
        caps = random_caps(draws)
        key = KeyRule(0, 0, 0, len(caps), 7)
        provider = Provider(0, 1, 402, 100, 200, 300, 400)
        rules = Rules([], [], caps, [0, 1, 2], [key], [], [0] * (KINDS + 1), [], [], provider)
        memory = Memory([], [], [CapMemory() for _ in caps], [], [])
        booked: list[tuple[int, int, int]] = []
        under_way: list[Ask] = []
        now = 0
        for _ in range(60):
            now += int(draws.integers(0, 30))
            if under_way and draws.random() < 0.45:
                ask = under_way.pop(int(draws.integers(len(under_way))))
                spent = int(draws.integers(0, ask.hold + 1))
                book(rules, memory, ask, spent, now)
                booked.append((now, ask.model, spent))
                alerted += check_alerts(caps, memory, booked, ask.model, now)
                continue
            ask = Ask(0, 0, 0, 0, int(draws.integers(0, 3)), 0, 0, 0, int(draws.integers(1, 60)), 0, 0, 0)
            wanted = first_refusing(caps, booked, under_way, ask, now)
            assert refusing_cap(rules, memory, ask, now) == wanted
            passed += wanted < 0 and any(full(cap, booked, ask, now) for cap in caps)
            if wanted < 0:
                reserve(rules, memory, ask)
                under_way.append(ask)
    assert passed > 30, "models outside a full cap do pass"
    assert alerted > 100


def in_window(cap: CapRule, booked: list[tuple[int, int, int]], now: int) -> list[tuple[int, int]]:
    """(time, spent) of what counts in the cap's window of ``now``."""
    return [
        (time, spent)
        for time, model, spent in booked
        if cap.models >> model & 1 and time // cap.period == now // cap.period
    ]


def full(cap: CapRule, booked: list[tuple[int, int, int]], ask: Ask, now: int) -> bool:
    """Whether a cap that does not count this model is spent up."""
    outside = not cap.models >> ask.model & 1
    return outside and sum(spent for _, spent in in_window(cap, booked, now)) >= cap.cap


def first_refusing(
    caps: list[CapRule], booked: list[tuple[int, int, int]], under_way: list[Ask], ask: Ask, now: int
) -> int:
    for at, cap in enumerate(caps):
        if not cap.models >> ask.model & 1:
            continue
        spent = sum(amount for _, amount in in_window(cap, booked, now))
        held = sum(one.hold for one in under_way if cap.models >> one.model & 1)
        if spent + held + ask.hold > cap.cap if cap.reserve else spent >= cap.cap:
            return at
    return -1


def check_alerts(caps: list[CapRule], memory: Memory, booked: list[tuple[int, int, int]], model: int, now: int) -> int:
    """Each cap that was just booked knows when its window's spend first reached the alert; how many have."""
    found = 0
    for cap, kept in zip(caps, memory.caps, strict=True):
        if cap.models >> model & 1:
            spent, reached = 0, -1
            for time, amount in in_window(cap, booked, now):
                spent += amount
                reached = time if reached < 0 and spent >= cap.alert else reached
            assert (kept.spent, kept.alerted_at) == (spent, reached)
            found += reached >= 0
    return found
