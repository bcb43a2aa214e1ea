"""Counting while a run goes on: what metrics need, without a row kept. Also compiled.

The loop calls four functions: :func:`tally_admitted` when an attempt is let in, :func:`tally_attempt`
when one has ended, :func:`tally_call` when a request is over, :func:`tally_close` at the horizon.
Times must not go backwards from call to call, but for requests, which are counted by their start,
whenever they end, and for attempts that limits of requests alone let in, of whose end no limit
hears. Nothing is counted into empty tables (:func:`sim.engine.tally_tables.no_tallies`).
"""

from __future__ import annotations

from typing import Any

from sim.engine.tally_limits import add_long, at_close, at_end, at_start
from sim.policy.admission import RATE_LIMITED
from sim.policy.tables import Rules
from sim.results.columns import NOT_STARTED, STATUS_NONE, STATUS_OK, SUCCEEDED, UNFINISHED
from sim.results.tallies import (
    ANSWER,
    BEFORE,
    BEFORE_SUCCEEDED,
    BUCKETS,
    CAME,
    COST,
    ENDED,
    GOOD,
    IN_TIME,
    LATENCY,
    LOST,
    MADE,
    MANTISSA,
    OWN,
    OWN_SUCCEEDED,
    S_ATTEMPTS,
    S_FAILED,
    S_MADE,
    S_OFFERED,
    S_REFUSED,
    S_SUCCEEDED,
    S_UNFINISHED,
    SENT,
    STARTED,
    WASTED,
    Tallies,
)
from sim.units import MINUTE

SERVER_ERROR = 500
LAST_CALL, FIRST_CALL, LAST_ATTEMPT = 0, 1, 2
"""Places in the cursor."""


def bucket(value: int) -> int:
    """The bucket of a value in [0, 2^62); negative values count as 0, larger ones as the largest."""
    rest = max(0, value) >> (MANTISSA + 1)
    shift = 0
    for power in range(5, -1, -1):
        if rest >> (1 << power) > 0:
            rest = rest >> (1 << power)
            shift += 1 << power
    if rest > 0:
        shift += 1
    return min(BUCKETS - 1, (shift << MANTISSA) + (max(0, value) >> shift))


def place_of(edges: Any, hint: int, time: int) -> int:
    """How many of the rising ``edges`` are before ``time``; quick when ``hint`` is near the answer."""
    at = hint
    while at < len(edges) and edges[at] < time:
        at += 1
    while at > 0 and edges[at - 1] >= time:
        at -= 1
    return at


def error_kind(status: int) -> int:
    """0 for an answer or none yet, 1 for 429, 2 for 500 and above, 3 for any other error."""
    if status in (STATUS_OK, STATUS_NONE):
        return 0
    if status == RATE_LIMITED:
        return 1
    return 2 if status >= SERVER_ERROR else 3


def tally_call(t: Tallies, q: Any, call: Any) -> None:
    """A request is over, or the run is, or it never started: count it once.

    ``q`` is its record (engine.tables.Request), ``call`` what became of it, with its outcome.
    """
    if len(t.counts) == 0:
        return
    team = q.team
    if call.outcome == NOT_STARTED:
        t.counts[team, NOT_STARTED] += 1
        return
    call_series(t, team, call)
    call_backlog(t, team, call)
    if call.arrival < t.axes.warmup:
        return
    counts = t.counts
    counts[team, call.outcome] += 1
    counts[team, MADE] += call.attempts
    counts[team, COST] += call.cost
    counts[team, WASTED] += call.wasted
    t.throttle[team, bucket(call.throttle)] += 1
    call_times(t, team, call)
    if q.origin == 0:  # the team's own workload
        call_own(t, team, call)


def call_series(t: Tallies, team: int, call: Any) -> None:
    """Count a request, warm-up or not, in the interval of its start."""
    at = place_of(t.axes.edges, t.cursor[FIRST_CALL], call.arrival)
    t.cursor[FIRST_CALL] = at
    t.series[team, at, S_OFFERED] += 1
    t.series[team, at, S_MADE] += call.attempts
    if call.outcome == SUCCEEDED:
        t.series[team, at, S_SUCCEEDED] += 1
    elif call.outcome == UNFINISHED:
        t.series[team, at, S_UNFINISHED] += 1
    else:
        t.series[team, at, S_REFUSED if call.status == RATE_LIMITED else S_FAILED] += 1


def call_backlog(t: Tallies, team: int, call: Any) -> None:
    """Count a request at the first instants that see it come and see it ended."""
    instants = t.axes.instants
    ended = t.cursor[LAST_CALL]
    if call.finish >= 0:
        ended = place_of(instants, ended, call.finish)
        t.cursor[LAST_CALL] = ended
        t.backlog[team, ended, ENDED] += 1
    t.backlog[team, place_of(instants, ended, call.arrival), CAME] += 1


def call_times(t: Tallies, team: int, call: Any) -> None:
    """Latency of an answer, and the time without one (see the metric time_lost_s)."""
    if call.outcome == SUCCEEDED:
        lost = max(0, call.at - call.arrival)
        latency = call.finish - call.arrival
        t.latency[team, bucket(latency)] += 1
        add_long(t.counts, team, LATENCY, latency)
        add_long(t.counts, team, ANSWER, latency - lost)
        if call.arrival < t.axes.duration:
            t.counts[team, IN_TIME] += 1
    else:
        stopped = call.finish if call.finish >= 0 else t.axes.horizon
        lost = max(0, stopped - call.arrival)
    add_long(t.counts, team, LOST, lost)


def call_own(t: Tallies, team: int, call: Any) -> None:
    """A counted request of the team's own workload: for its success rate, minute by minute too."""
    good = 1 if call.outcome == SUCCEEDED else 0
    arrival = call.arrival
    t.counts[team, OWN] += 1
    t.counts[team, OWN_SUCCEEDED] += good
    if arrival < t.axes.first_fault:
        t.counts[team, BEFORE] += 1
        t.counts[team, BEFORE_SUCCEEDED] += good
    call_minute(t.own, team, arrival, good)
    if t.axes.recovery_from <= arrival < t.axes.duration:
        call_minute(t.after, team, arrival - t.axes.recovery_from, good)


def call_minute(grid: Any, team: int, time: int, good: int) -> None:
    """Count a request in its minute."""
    at = time // MINUTE
    if at < grid.shape[1]:
        grid[team, at, STARTED] += 1
        grid[team, at, GOOD] += good


def tally_attempt(rules: Rules, t: Tallies, q: Any, call: Any, end: int, refuser: int, output: int) -> None:
    """An attempt has its answer at ``end``, or the run has ended without (-1).

    ``call`` still is as the attempt left it: ``call.at`` its start, ``call.status`` its answer.
    ``refuser`` is who refused it, negative when it was admitted; ``output`` the tokens produced.
    """
    if len(t.counts) == 0:
        return
    sent(t, q, call)
    if refuser < 0 or (call.status == RATE_LIMITED and refuser < rules.provider.cap_code):
        at_end(rules, t, q, call, end, refuser, output)


def sent(t: Tallies, q: Any, call: Any) -> None:
    """Count an attempt by the time of sending, and if its request counts, in the team's shares."""
    team = q.team
    kind = error_kind(call.status)
    at = place_of(t.axes.edges, t.cursor[LAST_ATTEMPT], call.at)
    t.cursor[LAST_ATTEMPT] = at
    t.series[team, at, S_ATTEMPTS] += 1
    if kind > 0:
        t.series[team, at, S_ATTEMPTS + kind] += 1
    if call.arrival >= t.axes.warmup:
        t.asked[team, call.model] += 1
        t.counts[team, SENT] += 1
        if kind > 0:
            t.counts[team, SENT + kind] += 1


def tally_admitted(rules: Rules, t: Tallies, q: Any, model: int, now: int) -> None:
    """An attempt is let in: charge its limits with the request, its input, and a place."""
    if len(t.counts) > 0:
        at_start(rules, t, q, model, now)


def tally_close(t: Tallies) -> None:
    """The run is over and all is told: share out the last cells, look at the last peaks."""
    if len(t.counts) == 0:
        return
    for row in range(len(t.limits)):
        at_close(t, row)
