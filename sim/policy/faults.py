"""Faults as they are asked: what meets this attempt now, and when does anything change next."""

from __future__ import annotations

from typing import Any

from sim.policy.bucket import NEVER
from sim.policy.tables import Ask, EffectRule

REFUSE = 0


def in_scope(effect: EffectRule, ask: Ask) -> bool:
    """Whether an effect looks at this attempt; a scope of -1 means everybody."""
    return (
        (effect.team == -1 or effect.team == ask.team)
        and (effect.model == -1 or effect.model == ask.model)
        and (effect.account == -1 or effect.account == ask.account)
        and (effect.project == -1 or effect.project == ask.project)
        and (effect.key == -1 or effect.key == ask.key)
    )


def active(effect: EffectRule, now: int) -> bool:
    """Whether an effect works at ``now``: from its start (included) to its end (excluded)."""
    return effect.start <= now and now < effect.end


def next_change(effects: Any, now: int) -> int:
    """The first time after ``now`` at which an effect starts or ends; NEVER when nothing will."""
    soonest = NEVER
    for row in range(len(effects)):
        if effects[row].start > now:
            soonest = min(soonest, effects[row].start)
        if effects[row].end > now:
            soonest = min(soonest, effects[row].end)
    return soonest
