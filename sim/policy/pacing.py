"""A client's own brakes: a token bucket of a fixed rate, and the adaptive rate of botocore.

An attempt takes its token before it leaves. Where none is left it reserves one: the bucket goes into
debt, and the wait until the reserved token is there is told at once, exactly. So attempts leave in
the order in which they asked.

The adaptive rate is that of ``botocore.retries.adaptive`` in integers: rates in units of 10^-5
requests a second, times of the cubic curve in units of 0.1 ms. An attempt that waits keeps the time
that it was told when the rate changes meanwhile; botocore's threads look again.
"""

from __future__ import annotations

from sim.policy.bucket import refilled, wait
from sim.policy.tables import ClientMemory, ClientRule

TOO_LATE = -1
"""Instead of a wait: it would outlast the deadline."""
DEEPEST = -(1 << 61)
"""Debt of a bucket, beyond which attempts share a time: tens of millions of them are waiting."""

RATE = 100_000
"""One request a second."""
TOKEN = 1_000_000_000 * RATE
"""Credits of one request in the adaptive bucket; its rate is the credits a nanosecond."""
SLOWEST, FASTEST = RATE // 2, 20_000 * RATE
TICK = 100_000
"""Nanoseconds of a unit of time on the cubic curve."""
HALF = 500_000_000
"""The rate is measured in buckets of half a second."""
FAR = 400_000
"""Where the curve is more than 20,000 a second from its middle: beyond it is not followed."""


def pace(rule: ClientRule, memory: ClientMemory, left: int, now: int) -> int:
    """Nanoseconds until the attempt may leave, its tokens taken; or TOO_LATE, with nothing taken.

    ``left`` ns remain until the client's deadline, negative for none.
    """
    level, fill, ns = 0, 0, 0
    if rule.pace_rate > 0:
        level = refilled(memory.pace_level, memory.pace_stamp, now, rule.pace_rate, rule.pace_cap)
        ns = wait(level, rule.pace_unit, rule.pace_rate, rule.pace_cap)
    if memory.limited == 1:
        fill = refilled(memory.fill_level, memory.fill_stamp, now, memory.fill_rate, memory.fill_cap)
        ns = max(ns, wait(fill, TOKEN, memory.fill_rate, memory.fill_cap))
    if 0 <= left <= ns:
        return TOO_LATE
    if rule.pace_rate > 0:
        memory.pace_level = max(DEEPEST, level - rule.pace_unit)
        memory.pace_stamp = now
    if memory.limited == 1:
        memory.fill_level = max(DEEPEST, fill - TOKEN)
        memory.fill_stamp = now
    return ns


def measure(memory: ClientMemory, now: int) -> None:
    """Count an answer; when a bucket of time is over, smooth its rate into the measured one."""
    memory.answers += 1
    half = now // HALF
    if half > memory.half:
        rate = memory.answers * 2 * RATE // (half - memory.half)
        memory.measured = (8 * rate + 2 * memory.measured) // 10
        memory.answers = 0
        memory.half = half


def adapt(memory: ClientMemory, status: int, now: int) -> None:
    """An answer has come: slow down after a 429, else go up the cubic curve."""
    measure(memory, now)
    if status == 429:
        memory.peak = min(memory.measured, memory.fill_rate) if memory.limited == 1 else memory.measured
        memory.middle = cube_root(7_500_000 * memory.peak)
        memory.braked = now
        memory.limited = 1
        rate = memory.peak * 7 // 10
    else:
        rate = cubic(memory, now)
    set_rate(memory, min(rate, 2 * memory.measured), now)


def cubic(memory: ClientMemory, now: int) -> int:
    """0.4 (t - K)^3 + Wmax, for t since the last 429."""
    x = max(-FAR, min(FAR, (now - memory.braked) // TICK - memory.middle))
    return x * x * x * 4 // 100_000_000 + memory.peak


def set_rate(memory: ClientMemory, rate: int, now: int) -> None:
    """Refill the adaptive bucket at the old rate, then go on at the new one; it holds a second's worth."""
    level = refilled(memory.fill_level, memory.fill_stamp, now, memory.fill_rate, memory.fill_cap)
    memory.fill_rate = min(FASTEST, max(SLOWEST, rate))
    memory.fill_cap = max(RATE, min(FASTEST, rate)) * 1_000_000_000
    memory.fill_level = min(level, memory.fill_cap)
    memory.fill_stamp = now


def cube_root(value: int) -> int:
    """The largest integer whose cube is at most ``value``, in [0, 2^60)."""
    root = 0
    rest = value
    for shift in range(60, -3, -3):
        root = 2 * root
        step = 3 * root * (root + 1) + 1
        if rest >> shift >= step:
            rest -= step << shift
            root += 1
    return root
