"""Counting what limits are charged with, whom they refuse, and who filled them. Also compiled.

The part of :mod:`sim.engine.tally` that looks at the limits of an attempt's key.
"""

from __future__ import annotations

from typing import Any

from sim.policy.limits import IN_FLIGHT, OUTPUT, REQUESTS, TOKENS, applies
from sim.policy.tables import Rules
from sim.results.tallies import (
    CELL,
    CELLS,
    HELD,
    LEVEL,
    PEAK,
    REFUSALS,
    RING,
    SHARE_BITS,
    SPAN,
    STAMP,
    UNTIL,
    WAITING,
    WORD_BITS,
    Tallies,
)
from sim.units import MINUTE

WORD = 1 << WORD_BITS
TICK = 10
"""Time in flight is added up in units of 2^10 ns, so that a cell of many places times 2^20 fits."""


def add_long(table: Any, row: int, field: int, value: int) -> None:
    """Add to a sum of two words; ``value`` in [0, 2^62)."""
    low = table[row, field] + value
    table[row, field + 1] += low >> WORD_BITS
    table[row, field] = low & (WORD - 1)


def at_start(rules: Rules, t: Tallies, q: Any) -> None:
    """Charge the limits that admitted an attempt with the request, its input, and a place; ``q``: tally.Admitted."""
    for at in range(rules.keys[q.key].first_limit, rules.keys[q.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        dimension = rule.dimension
        if dimension != OUTPUT and rule.cut_of < 0 and applies(rule, q.model, q.at):
            renew(t, row, q.at)
            if dimension == IN_FLIGHT:
                take_place(t, row, q.team, 1, q.at)
            else:
                charge(t, row, q.team, 1 if dimension == REQUESTS else q.uncached, q.at)


def at_end(rules: Rules, t: Tallies, q: Any) -> None:
    """Tell the limits of the key that an attempt that they admitted, or that one refused, has ended (tally.Ended)."""
    refuser = q.refused_by
    if refuser >= 0 and rules.limits[refuser].cut_of >= 0:  # what a cut limit refuses, the limit itself refuses
        refuser = rules.limits[refuser].cut_of
    for at in range(rules.keys[q.key].first_limit, rules.keys[q.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        # The end of an admitted attempt is nothing to a limit of requests, and may be told ahead of time.
        if rule.cut_of < 0 and applies(rule, q.model, q.at) and (refuser >= 0 or rule.dimension != REQUESTS):
            renew(t, row, q.end)
            if refuser < 0:
                admitted_ended(t, rule, row, q.team, q.at, q.end, q.output)
            else:
                counted = 1 if row == refuser and q.arrival >= t.axes.warmup else 0
                refused_ended(t, rule, row, q.team, q.at, counted)


def admitted_ended(t: Tallies, rule: Any, row: int, team: int, since: int, end: int, output: int) -> None:
    """Charge output, when the attempt ended or (reserved) when it started; free its place."""
    if rule.dimension == IN_FLIGHT:
        hold(t, row, since, end)
        if end >= 0:
            take_place(t, row, team, -1, end)
    elif end >= 0 and (rule.dimension == OUTPUT or rule.dimension == TOKENS):
        charge(t, row, team, output, since if rule.reserve == 1 else end)


def refused_ended(t: Tallies, rule: Any, row: int, team: int, since: int, counted: int) -> None:
    """Count a refusal that is this limit's and of a counted request; charge a limit that counts them all."""
    t.limits[row, REFUSALS] += counted
    t.limits[row, WAITING] += counted
    t.refused[row, team] += counted
    if rule.charge_rejected == 1 and rule.dimension == REQUESTS:
        charge(t, row, team, 1, since)


def charge(t: Tallies, row: int, team: int, amount: int, time: int) -> None:
    """Charge a rate limit: in the minute of ``time``, and among those that fill it now."""
    if t.axes.warmup <= time < t.axes.duration:
        t.charged[row, time // MINUTE] += amount
    t.used[row, t.limits[row, CELL] % RING, team] += amount


def hold(t: Tallies, row: int, since: int, end: int) -> None:
    """Add the time that a place was held in the measured part; to its end where the run ended first."""
    first = max(since, t.axes.warmup)
    last = t.axes.duration if end < 0 else min(end, t.axes.duration)
    add_long(t.limits, row, HELD, max(0, last - first))


def take_place(t: Tallies, row: int, team: int, change: int, now: int) -> None:
    """One more or one less in flight. At one instant ends come first, so the peak is read when time moves on."""
    limit = t.limits
    if now > limit[row, STAMP]:
        limit[row, PEAK] = max(limit[row, PEAK], limit[row, LEVEL])
        limit[row, STAMP] = now
    limit[row, LEVEL] += change
    accrue(t, row, team, now)
    t.flying[row, team] += change


def accrue(t: Tallies, row: int, team: int, now: int) -> None:
    """Add the time in flight up to ``now``."""
    time = t.flying[row, team] * (now - t.since[row, team])
    t.used[row, t.limits[row, CELL] % RING, team] += time >> TICK
    t.since[row, team] = now


def renew(t: Tallies, row: int, now: int) -> None:
    """Begin another cell of this limit's time if the current one is over: share out its refusals first."""
    limit = t.limits
    if now < limit[row, UNTIL]:
        return
    share_out(t, row, limit[row, UNTIL])
    cell = now // limit[row, SPAN]
    first = max(limit[row, CELL] + 1, cell - RING + 1)
    for team in range(len(t.counts)):
        t.refused[row, team] = 0
        t.since[row, team] = cell * limit[row, SPAN]
        for one in range(first, cell + 1):
            t.used[row, one % RING, team] = 0
    limit[row, CELL] = cell
    limit[row, UNTIL] = (cell + 1) * limit[row, SPAN]
    limit[row, WAITING] = 0


def share_out(t: Tallies, row: int, now: int) -> None:
    """Lay each refusal of the cell on the teams that filled the limit, by what each used of it."""
    if t.limits[row, WAITING] == 0:
        return
    total = 0
    for team in range(len(t.counts)):
        accrue(t, row, team, now)
        t.filled[team] = in_period(t, row, team)
        total += t.filled[team]
    if total <= 0:
        return
    for victim in range(len(t.counts)):
        count = t.refused[row, victim]
        if count > 0:
            for culprit in range(len(t.counts)):
                t.shares[victim, culprit] += count * ((t.filled[culprit] << SHARE_BITS) // total)


def in_period(t: Tallies, row: int, team: int) -> int:
    """Twice what a team used in the last period, as a refusal in the middle of the current cell sees it.

    Half of this cell is before it, and half of the oldest is still in its period.
    """
    cell = t.limits[row, CELL]
    cells = t.limits[row, CELLS]
    used: int = t.used[row, cell % RING, team]
    if cells > 0:
        used += t.used[row, (cell - cells) % RING, team]
    for age in range(1, cells):
        used += 2 * t.used[row, (cell - age) % RING, team]
    return used


def at_close(t: Tallies, row: int) -> None:
    """The run is over: share out the last cell of a limit, look at its last peak."""
    t.limits[row, PEAK] = max(t.limits[row, PEAK], t.limits[row, LEVEL])
    share_out(t, row, min(t.axes.horizon, t.limits[row, UNTIL]))
