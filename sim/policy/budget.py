"""Spend caps: asked before a request, booked after it.

``postpaid`` asks whether the cap is already reached; requests under way together overshoot it, as
they do in real gateways. ``reserve`` holds the most that a request can cost and settles it at the
end, so spent + held never exceeds the cap. Spend is booked in the window in which a request ends.
A cap of some models neither counts nor refuses any other.
"""

from __future__ import annotations

from sim.policy.tables import Ask, CapMemory, CapRule, Memory, Rules


def turn(rule: CapRule, memory: CapMemory, now: int) -> None:
    """Start a new window when ``now`` has left the last one."""
    window = now // rule.period
    if window != memory.window:
        memory.window = window
        memory.spent = 0
        memory.alerted_at = -1


def counts(rule: CapRule, model: int) -> bool:
    """Whether a cap counts (and may refuse) requests to a model."""
    return (rule.models >> model) & 1 == 1


def spent_up(rule: CapRule, memory: CapMemory, hold: int) -> bool:
    """Whether the cap refuses a request that may cost ``hold``."""
    if rule.reserve == 1:
        return memory.spent + memory.held + hold > rule.cap
    return memory.spent >= rule.cap


def refusing_cap(rules: Rules, memory: Memory, ask: Ask, now: int) -> int:
    """The first cap of the key that refuses; -1 for none."""
    for at in range(rules.keys[ask.key].first_cap, rules.keys[ask.key].last_cap):
        row: int = rules.cap_rows[at]
        if not counts(rules.caps[row], ask.model):
            continue
        turn(rules.caps[row], memory.caps[row], now)
        if spent_up(rules.caps[row], memory.caps[row], ask.hold):
            return row
    return -1


def reserve(rules: Rules, memory: Memory, ask: Ask) -> None:
    """Hold the estimate at every cap that reserves."""
    for at in range(rules.keys[ask.key].first_cap, rules.keys[ask.key].last_cap):
        row = rules.cap_rows[at]
        if rules.caps[row].reserve == 1 and counts(rules.caps[row], ask.model):
            memory.caps[row].held += ask.hold


def book(rules: Rules, memory: Memory, ask: Ask, spent: int, now: int) -> None:
    """Book what was spent, release what was held, and note when the first alert is reached.

    ``ask`` is that of the admission: its model says which caps the attempt counts against.
    """
    for at in range(rules.keys[ask.key].first_cap, rules.keys[ask.key].last_cap):
        row = rules.cap_rows[at]
        if not counts(rules.caps[row], ask.model):
            continue
        turn(rules.caps[row], memory.caps[row], now)
        memory.caps[row].spent += spent
        if rules.caps[row].reserve == 1:
            memory.caps[row].held -= ask.hold
        if memory.caps[row].alerted_at < 0 and memory.caps[row].spent >= rules.caps[row].alert:
            memory.caps[row].alerted_at = now
