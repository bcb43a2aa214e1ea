"""Spend caps: a reserved cap is never passed, a postpaid one only by what was under way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from sim.policy.admission import OK
from sim.policy.faults import KINDS
from sim.policy.tables import CapMemory, CapRule, KeyRule, LimitRule, Memory, Provider, Rules
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
    caps = [CapRule(int(draws.integers(1, 400)), int(draws.choice([period, 10**12])), mode) for mode in reserve]
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
