"""How long an answer takes: quantile tables and uniform draws, in integers.

A distribution is ``KNOTS`` + 1 quantiles at equal distances, and the same again inside the last
cell, so that the tail is resolved to 2^-24. Between knots it is linear. The tables are made once
with floats, outside the engines, so that no engine takes a logarithm.
"""

from __future__ import annotations

from typing import Any

from sim.draws import CUT, draw32
from sim.policy.faults import ONE, RESET, STALLED, met, slowdown
from sim.policy.tables import Ask, Memory, Rules

KNOTS = 4096
WIDTH = 2 * (KNOTS + 1)
"""Entries of one distribution's table."""
LONGEST = 1 << 60
"""36 years in ns: no client waits for longer answers, so none need be told apart."""
WHOLE = -1
"""Instead of the place of a cut: the answer comes whole."""


def drawn(knots: Any, at: int, u: int) -> int:
    """The value of the distribution whose table starts at ``at``, for a draw ``u`` in [0, 2^32)."""
    cell = u >> 20
    rest = u & 0xFFFFF
    bits = 20
    if cell == KNOTS - 1:
        cell = KNOTS + 1 + (rest >> 8)
        rest = rest & 0xFF
        bits = 8
    low = knots[at + cell]
    width = knots[at + cell + 1] - low
    # width × rest / 2^bits in two parts, since the product of a wide cell leaves int64.
    return int(low + (width >> bits) * rest + (((width & ((1 << bits) - 1)) * rest) >> bits))


def answer_ns(first_token: int, per_token: int, output: int) -> int:
    """How long a complete answer takes, at most LONGEST."""
    if output > 0 and per_token > LONGEST // output:
        return LONGEST
    return min(LONGEST, first_token + per_token * output)


def slowed(ns: int, factor: int) -> int:
    """A time × factor / ONE, at most LONGEST."""
    if factor == ONE:
        return ns
    if factor == STALLED or ns > LONGEST // (factor // ONE + 1):
        return LONGEST
    return (ns >> 16) * factor + (((ns & (ONE - 1)) * factor) >> 16)


def disturbed(rules: Rules, memory: Memory, ask: Ask, now: int) -> tuple[int, int]:
    """What faults do to an answer that begins now: (factor of its times, place of a cut in 2^-32 of it, or WHOLE)."""
    factor = slowdown(rules, memory, ask, now)
    if met(rules, memory, ask, RESET, now) >= 0:
        return factor, draw32(ask.draw_key, ask.attempt, CUT)
    return factor, WHOLE


def until_cut(whole: int, cut: int) -> int:
    """How long an answer runs that is cut after ``cut`` / 2^32 of its time, at least 1 ns."""
    return max(1, (whole >> 32) * cut + (((whole & 0xFFFFFFFF) * cut) >> 32))


def produced(elapsed: int, first_token: int, per_token: int, output: int) -> int:
    """Output tokens of an answer that was cut ``elapsed`` ns after its start."""
    if elapsed < first_token:
        return 0
    if per_token <= 0:
        return output
    return min(output, (elapsed - first_token) // per_token)
