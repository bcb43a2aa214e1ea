"""When a client tries again: status classes, delays, jitter, and the bounds of a retry policy.

Jitter and delays are integer arithmetic on uniform 32-bit draws, so every engine gets the same
nanosecond. Factors are in units of 2^-28.
"""

from __future__ import annotations

from typing import Any

from sim.policy.tables import ClientRule

STEPS = 64
"""Length of a client's delay tables; later retries repeat the last entry."""
ONE = 1 << 28
FAILED, GIVE_UP = -1, -2
"""Answers instead of a delay: the status is not retryable, or a bound of the policy is reached."""
NO_RETRY = 9
BUDGET, CIRCUIT = 10, 11
"""Reasons to fall back to another model, beside status classes: a spent budget, an open breaker."""

_RETRYABLE = (429, 500, 503, 529, 400, 401, 403, 499, 0)


def status_class(status: int) -> int:
    """The bit of a status in a policy's ``retryable`` mask; NO_RETRY for any other status."""
    for index in range(9):
        if _RETRYABLE[index] == status:
            return index
    return NO_RETRY


def scaled(ns: int, factor: int) -> int:
    """``ns`` × factor / 2^28 without leaving int64, for ns < 2^59 and factors up to 2^32."""
    return (ns >> 28) * factor + (((ns & (ONE - 1)) * factor) >> 28)


def jittered(rule: ClientRule, ns: int, u: int, added: int) -> int:
    """``ns`` × U(low, high) + U(0, add), from the draws ``u`` and ``added`` in [0, 2^32)."""
    factor = rule.low + ((rule.span * (u >> 4)) >> 28)
    drawn = scaled(ns, factor)
    if rule.add > 0:
        drawn = min(rule.cap, drawn + scaled(rule.add, added >> 4))
    return drawn


def backoff(rule: ClientRule, delays: Any, retry: int, status: int, previous: int, u: int, added: int) -> int:
    """The client's own delay in ns before retry number ``retry`` (0-based).

    ``delays`` holds the delay tables of all clients. ``previous`` is the request's last delay,
    which decorrelated jitter grows from (0 at first, for which the base stands in).
    """
    first = rule.throttle if status == 429 else rule.error
    if rule.decorrelated == 1:
        base: int = delays[first]
        return min(rule.cap, base + scaled(3 * max(previous, base) - base, u >> 4))
    return jittered(rule, delays[first + min(retry, STEPS - 1)], u, added)


def next_delay(
    rule: ClientRule, delays: Any, made: int, status: int, retry_after: int, previous: int,
    since_first: int, left: int, u: int, added: int,
) -> int:  # fmt: skip
    """Nanoseconds until the next attempt, or FAILED or GIVE_UP.

    ``made`` attempts were made, ``since_first`` ns have passed since the first, ``left`` ns remain
    until the client's deadline (negative for no deadline).
    """
    if (rule.retryable >> status_class(status)) & 1 == 0:
        return FAILED
    if made >= rule.max_attempts:
        return GIVE_UP
    if rule.max_elapsed >= 0 and since_first >= rule.max_elapsed:
        return GIVE_UP
    if retry_after > 0 and rule.obey == 1:
        if rule.give_up_above >= 0 and retry_after > rule.give_up_above:
            return GIVE_UP
        ns = jittered(rule, retry_after, u, added) if rule.jitter_after == 1 else retry_after
    else:
        ns = backoff(rule, delays, made - 1, status, previous, u, added)
    if left >= 0 and ns >= left:
        return GIVE_UP
    return ns
