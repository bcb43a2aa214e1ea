"""Faults as they are asked: what meets this attempt now, and when does anything change next."""

from __future__ import annotations

from typing import Any

from sim.draws import draw32
from sim.policy.bucket import NEVER
from sim.policy.tables import Ask, EffectRule, Memory, Rules

DENY, REFUSE, SLOW, RESET, SLOTS, VIOLATE = 0, 1, 2, 3, 4, 5
"""Kinds of effects: no connection, or a key that is not valid; refuse at the door; multiply answer
times; cut the connection while the answer comes; leave a share of the slots; break the content policy."""
KINDS = 6
NONE = -1
ONE = 1 << 16
"""The factor of unchanged answer times."""
SLOWEST = 1 << 36
"""The largest factor: a million, whatever several faults make of it together."""
STALLED = -1
"""Instead of a factor: no answer ever comes."""
SURE = 1 << 32
"""The chance of what always happens, and the share of slots when nothing is cut."""


def in_scope(effect: EffectRule, ask: Ask) -> bool:
    """Whether an effect looks at this attempt; a scope of -1 means everybody."""
    return (
        (effect.team == -1 or effect.team == ask.team)
        and (effect.model == -1 or effect.model == ask.model)
        and (effect.account == -1 or effect.account == ask.account)
        and (effect.project == -1 or effect.project == ask.project)
        and (effect.key == -1 or effect.key == ask.key)
        and (effect.origin == -1 or effect.origin == ask.origin)
        and (effect.before == -1 or ask.attempt < effect.before)
    )


def active(effect: EffectRule, now: int) -> bool:
    """Whether an effect works at ``now``: from its start (included) to its end (excluded)."""
    return effect.start <= now and now < effect.end


def hits(effect: EffectRule, ask: Ask, attempt: int) -> bool:
    """Whether an effect hits, by the luck of the request's attempt number ``attempt``."""
    if effect.chance == SURE:
        return True
    luck = draw32(ask.draw_key, attempt, effect.luck)
    return effect.least <= luck and luck < effect.least + effect.chance


def strikes(rules: Rules, memory: Memory, ask: Ask, row: int, now: int) -> bool:
    """Whether this effect hits the attempt now. Counts the hit where an effect stops after a number of them."""
    effect = rules.effects[row]
    if not (active(effect, now) and in_scope(effect, ask) and hits(effect, ask, ask.attempt)):
        return False
    if effect.first < 0:
        return True
    if memory.effects[row].hits >= effect.first:
        return False
    memory.effects[row].hits += 1
    return True


def met(rules: Rules, memory: Memory, ask: Ask, kind: int, now: int) -> int:
    """The first effect of this kind that hits the attempt; NONE for none."""
    for row in range(rules.kinds[kind], rules.kinds[kind + 1]):
        if strikes(rules, memory, ask, row, now):
            return row
    return NONE


def slowdown(rules: Rules, memory: Memory, ask: Ask, now: int) -> int:
    """All that slow this answer, multiplied; STALLED if one of them stalls it."""
    factor = ONE
    stalled = False
    for row in range(rules.kinds[SLOW], rules.kinds[SLOW + 1]):
        if strikes(rules, memory, ask, row, now):
            if rules.effects[row].factor == STALLED:
                stalled = True
            else:
                factor = max(1, min(SLOWEST, factor * rules.effects[row].factor // ONE))
    return STALLED if stalled else factor


def changes_answers(rules: Rules) -> bool:
    """Whether any fault slows answers or cuts connections."""
    some: bool = rules.kinds[SLOW] < rules.kinds[SLOTS]
    return some


def slots_now(rules: Rules, model: int, now: int) -> int:
    """How many answers of a model may run at once: its slots, cut by the strongest brown-out; -1 for no bound."""
    slots: int = rules.models[model].slots
    left = SURE
    for row in range(rules.kinds[SLOTS], rules.kinds[SLOTS + 1]):
        effect = rules.effects[row]
        if active(effect, now) and (effect.model == -1 or effect.model == model):
            left = min(left, effect.factor)
    if slots < 0 or left == SURE:
        return slots
    return slots * left // SURE


def next_change(effects: Any, now: int) -> int:
    """The first time after ``now`` at which an effect starts or ends; NEVER when nothing will."""
    soonest = NEVER
    for row in range(len(effects)):
        if effects[row].start > now:
            soonest = min(soonest, effects[row].start)
        if effects[row].end > now:
            soonest = min(soonest, effects[row].end)
    return soonest
