"""May this attempt in? One order of questions for every engine and for the emulator.

1. Does the connection stand, and is the key still valid (0, 401)? 2. Is key, project or account banned
(403)? 3. Is the model allowed for the key (403)? 4. Does a storm refuse it (its status)? 5. Is a spend
cap reached (the provider's status)? 6. Does a limit of any level refuse (429)? 7. Is there a slot or a
place in the queue (529)? 8. Does the content break the policy (400)? Only when all agree is anything
taken.
"""

from __future__ import annotations

from sim.policy.bans import banned, punish, violation
from sim.policy.budget import book, refusing_cap, reserve
from sim.policy.faults import DENY, KINDS, REFUSE, VIOLATE, met
from sim.policy.limits import key_refused, key_settle, key_take, key_wait, retry_after
from sim.policy.tables import Ask, Memory, Provider, Rules

OK, BAD_CONTENT, UNAUTHORIZED, FORBIDDEN, RATE_LIMITED, OVERLOADED = 200, 400, 401, 403, 429, 529
NOBODY = -1
"""The code of no refuser. Limit row r has code r, cap row r ``cap_code`` + r, and so on."""


def limited(rules: Rules, memory: Memory, ask: Ask, now: int) -> tuple[int, int]:
    """The limit that refuses longest and its wait, after charging limits that count refusals."""
    row, ns = key_wait(rules, memory, ask, now)
    if row < 0 or key_refused(rules, memory, ask, now) == 0:
        return row, ns
    return key_wait(rules, memory, ask, now)


def disturbed_door(rules: Rules, memory: Memory, ask: Ask, now: int) -> tuple[int, int, int]:
    """What faults, bans and the list of models answer, as :func:`admit` does; OK when they let it pass."""
    provider = rules.provider
    row = met(rules, memory, ask, DENY, now)
    if row < 0:  # the key is good: is it welcome?
        level = banned(rules, memory, ask, now) if rules.kinds[VIOLATE] < rules.kinds[KINDS] else NOBODY
        if level >= 0:
            return FORBIDDEN, provider.ban_code + level, -1
        if (rules.keys[ask.key].allowed >> ask.model) & 1 == 0:
            return FORBIDDEN, provider.access_code, -1
        row = met(rules, memory, ask, REFUSE, now)
    if row < 0:
        return OK, NOBODY, -1
    return rules.effects[row].status, provider.effect_code + row, rules.effects[row].retry_after


def admit(rules: Rules, memory: Memory, ask: Ask, room: bool, now: int) -> tuple[int, int, int]:
    """(status, refuser's code or NOBODY, retry-after in ns or -1); charges limits when admitted.

    ``room``: the model has a free slot or a free place in its queue.
    """
    provider = rules.provider
    status, refuser, after = disturbed_door(rules, memory, ask, now)
    if status != OK:
        return status, refuser, after
    row = refusing_cap(rules, memory, ask, now)
    if row >= 0:
        return provider.budget_status, provider.cap_code + row, -1
    row, ns = limited(rules, memory, ask, now)
    if row >= 0:
        return RATE_LIMITED, row, retry_after(ns)
    if not room:
        return OVERLOADED, provider.slot_code + ask.model, -1
    row = violation(rules, ask, now)
    if row >= 0:
        punish(rules, memory, ask, rules.effects[row], now)
        return BAD_CONTENT, provider.effect_code + row, -1
    key_take(rules, memory, ask, now)
    reserve(rules, memory, ask)
    return OK, NOBODY, -1


def budget_is_spent(provider: Provider, status: int, refuser: int) -> bool:
    """Whether an answer says that a spend cap is reached, whatever the provider's status for it."""
    return status == provider.budget_status and provider.cap_code <= refuser < provider.slot_code


def settle(
    rules: Rules, memory: Memory, ask: Ask, uncached: int, total: int, output: int, spent: int, since: int, now: int
) -> None:
    """The end of an attempt admitted at ``since``: true tokens for estimates, spend for what was held."""
    key_settle(rules, memory, ask, uncached, total, output, since, now)
    book(rules, memory, ask, spent, now)
