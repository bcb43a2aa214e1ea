"""Content policy: which request breaks it, and what is banned for how long when too many did.

A request breaks the policy by its own luck, whichever attempt it is. The provider counts violations
of each key, project and account from the first one on; when ``threshold`` of them fall ``within`` a
time, it bans what the fault says.
"""

from __future__ import annotations

from sim.policy.bucket import NEVER
from sim.policy.faults import NONE, VIOLATE, active, hits, in_scope
from sim.policy.tables import Ask, EffectRule, KeyRule, Memory, Rules

KEY, PROJECT, ACCOUNT = 0, 1, 2
NOTHING = -1


def ban_of(rule: KeyRule, level: int) -> int:
    """Where the ban of a key's level stands among all bans."""
    if level == KEY:
        return rule.ban
    return rule.ban_project if level == PROJECT else rule.ban_account


def banned(rules: Rules, memory: Memory, ask: Ask, now: int) -> int:
    """KEY, PROJECT or ACCOUNT if it is banned now, the widest first; NOTHING for none."""
    rule = rules.keys[ask.key]
    for level in range(ACCOUNT, NOTHING, -1):
        if now < memory.bans[ban_of(rule, level)].until:
            return level
    return NOTHING


def violation(rules: Rules, ask: Ask, now: int) -> int:
    """The effect by which this request breaks the content policy of its project; NONE for none."""
    relaxed = rules.keys[ask.key].relaxed
    for row in range(rules.kinds[VIOLATE], rules.kinds[VIOLATE + 1]):
        effect = rules.effects[row]
        if active(effect, now) and in_scope(effect, ask) and (relaxed >> effect.category) & 1 == 0:
            if hits(effect, ask, 0):
                return row
    return NONE


def punish(rules: Rules, memory: Memory, ask: Ask, effect: EffectRule, now: int) -> None:
    """Count a violation against what it may ban, and ban it at the threshold."""
    if effect.ban == NOTHING:
        return
    place = ban_of(rules.keys[ask.key], effect.ban)
    ban = memory.bans[place]
    if ban.count == 0 or now - ban.since >= effect.within:
        ban.count = 0
        ban.since = now
    ban.count += 1
    if ban.count >= effect.threshold:
        ban.count = 0
        ban.until = NEVER if effect.lasts >= NEVER - now else now + effect.lasts
