"""The token bucket with continuous refill, in exact integer credits.

A rate of ``count`` per ``period_ns`` refills ``rate`` credits a nanosecond and a token costs
``unit`` credits, with rate/unit = count/period reduced. The wait contract: when :func:`wait` says
w, taking at exactly now + w succeeds if nothing else happens; 0 means now. A float bucket refuses
half of the retries that come exactly after its promise. Accepted in any window T ≤ rT + B.
"""

from __future__ import annotations

NEVER = 1 << 62
"""A wait that has no end: more is asked than the limit can ever hold."""


SMALL, SHORT = 1 << 22, 1 << 39
"""Factors whose product stays in int64 with room for a sum: 4 million, and nine minutes in ns."""


def credits(amount: int, unit: int) -> int:
    """What ``amount`` tokens cost, at most about NEVER."""
    if amount < SMALL and unit < SHORT:
        return amount * unit
    return min(amount, NEVER // unit) * unit


def refilled(level: int, stamp: int, now: int, rate: int, cap: int) -> int:
    """Credits at ``now``; the elapsed time is clipped before it is multiplied, so int64 holds."""
    missing = cap - level
    if missing <= 0:
        return cap
    elapsed = now - stamp
    # The usual case needs no division, which would take longer than all the rest.
    if elapsed < SHORT and rate < SMALL:
        return min(cap, level + elapsed * rate)
    if elapsed >= (missing + rate - 1) // rate:
        return cap
    return level + elapsed * rate


def wait(level: int, need: int, rate: int, cap: int) -> int:
    """Nanoseconds until ``need`` credits are there: 0 now, NEVER when the cap is below them."""
    if need > cap:
        return NEVER
    if level >= need:
        return 0
    return (need - level + rate - 1) // rate
