"""Counting while a run goes on: what metrics need, without a row kept. Also compiled.

The loop writes rows into blocks; :func:`count` counts a block, after which it is written over. It
does so in the order of the loop: an attempt that is let in, an attempt that has ended. Times must
not go backwards there, but for attempts that limits of requests alone let in, of whose end no limit
hears. Requests are counted by their start, whenever they end. :func:`tally_close` is for the horizon.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.engine.tally_limits import add_long, at_close, at_end, at_start
from sim.policy.admission import RATE_LIMITED
from sim.policy.tables import Rules
from sim.results.columns import (
    NOT_STARTED,
    STATUS_CIRCUIT,
    STATUS_NONE,
    STATUS_OK,
    STATUS_QUEUE,
    SUCCEEDED,
    UNFINISHED,
)
from sim.results.tallies import (
    ANSWER,
    BEFORE,
    BEFORE_SUCCEEDED,
    BUCKETS,
    CAME,
    COST,
    ENDED,
    FALLBACK,
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
    STOPPED,
    WAITED,
    WASTED,
    Tallies,
)
from sim.units import MINUTE

SERVER_ERROR = 500
LAST_CALL, FIRST_CALL, LAST_ATTEMPT = 0, 1, 2
"""Places in the cursor."""


class Over(NamedTuple):
    """A request that is over, fields of tables.REPORT."""

    origin: int
    team: int
    arrival: int
    attempts: int
    outcome: int
    finish: int
    status: int
    cost: int
    wasted: int
    throttle: int
    at: int
    held: int = 0
    last_model: int = 0
    model: int = 0


class Admitted(NamedTuple):
    """An attempt that was let in, fields of tables.ADMISSION."""

    at: int
    team: int
    key: int
    model: int
    uncached: int


class Ended(NamedTuple):
    """An attempt that has its answer at ``end``, or -1 when the run ended before; fields of tables.LOG."""

    at: int
    end: int
    status: int
    refused_by: int
    output: int
    team: int
    key: int
    model: int
    arrival: int


def count(
    rules: Rules, t: Tallies, report: Any, over: int, log: Any, ended: int, admissions: Any, admitted: int
) -> None:
    """Count a block of columns: the first ``over`` reports, ``ended`` lines of the log, ``admitted`` admissions."""
    for row in range(over):
        tally_request(t, over_of(report, row))
    at = 0
    for row in range(ended + 1):
        while at < admitted and (row == ended or admissions[0, at] <= row):
            at_start(rules, t, admitted_of(admissions, at))
            at += 1
        if row < ended:
            tally_attempt(rules, t, ended_of(log, row))


def over_of(rows: Any, row: int) -> Over:
    """A row of the report, whose columns are those of tables.REPORT."""
    return Over(
        rows[12, row], rows[13, row], rows[1, row], rows[2, row], rows[3, row], rows[4, row], rows[5, row],
        rows[6, row], rows[7, row], rows[8, row], rows[19, row], rows[10, row], rows[11, row], rows[15, row],
    )  # fmt: skip


def admitted_of(rows: Any, row: int) -> Admitted:
    """A row of admissions, whose columns are those of tables.ADMISSION."""
    return Admitted(rows[1, row], rows[2, row], rows[3, row], rows[4, row], rows[5, row])


def ended_of(rows: Any, row: int) -> Ended:
    """A line of the log, whose columns are those of tables.LOG."""
    return Ended(
        rows[2, row], rows[3, row], rows[4, row], rows[5, row], rows[7, row], rows[9, row], rows[10, row],
        rows[11, row], rows[13, row],
    )  # fmt: skip


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


def tally_request(t: Tallies, q: Over) -> None:
    """A request is over, or the run is, or it never started: count it once."""
    if q.outcome == NOT_STARTED:
        t.counts[q.team, NOT_STARTED] += 1
        return
    request_series(t, q)
    request_backlog(t, q)
    if q.arrival < t.axes.warmup:
        return
    counts = t.counts
    team = q.team
    counts[team, q.outcome] += 1
    counts[team, MADE] += q.attempts
    counts[team, COST] += q.cost
    counts[team, WASTED] += q.wasted
    t.throttle[team, bucket(q.throttle)] += 1
    request_client(t, q)
    request_times(t, q)
    if q.origin == 0:  # the team's own workload
        request_own(t, q)


def request_series(t: Tallies, q: Over) -> None:
    """Count a request, warm-up or not, in the interval of its start."""
    at = place_of(t.axes.edges, t.cursor[FIRST_CALL], q.arrival)
    t.cursor[FIRST_CALL] = at
    t.series[q.team, at, S_OFFERED] += 1
    t.series[q.team, at, S_MADE] += q.attempts
    kind = S_REFUSED if q.status == RATE_LIMITED else S_FAILED
    if q.outcome == SUCCEEDED:
        kind = S_SUCCEEDED
    elif q.outcome == UNFINISHED:
        kind = S_UNFINISHED
    t.series[q.team, at, kind] += 1


def request_backlog(t: Tallies, q: Over) -> None:
    """Count a request at the first instants that see it come and see it ended."""
    instants = t.axes.instants
    ended = t.cursor[LAST_CALL]
    if q.finish >= 0:
        ended = place_of(instants, ended, q.finish)
        t.cursor[LAST_CALL] = ended
        t.backlog[q.team, ended, ENDED] += 1
    t.backlog[q.team, place_of(instants, ended, q.arrival), CAME] += 1


def request_client(t: Tallies, q: Over) -> None:
    """What the client did with a request by itself: another model, a stop, a wait."""
    if q.outcome == SUCCEEDED and q.last_model != q.model:
        t.counts[q.team, FALLBACK] += 1
    if q.status in (STATUS_CIRCUIT, STATUS_QUEUE):
        t.counts[q.team, STOPPED] += 1
    add_long(t.counts, q.team, WAITED, q.held)


def request_times(t: Tallies, q: Over) -> None:
    """Latency of an answer, and the time without one (see the metric time_lost_s)."""
    team = q.team
    stopped = q.at
    if q.outcome == SUCCEEDED:
        latency = q.finish - q.arrival
        t.latency[team, bucket(latency)] += 1
        add_long(t.counts, team, LATENCY, latency)
        add_long(t.counts, team, ANSWER, latency - max(0, q.at - q.arrival))
        if q.arrival < t.axes.duration:
            t.counts[team, IN_TIME] += 1
    else:
        stopped = q.finish if q.finish >= 0 else t.axes.horizon
    add_long(t.counts, team, LOST, max(0, stopped - q.arrival))


def request_own(t: Tallies, q: Over) -> None:
    """A counted request of the team's own workload: for its success rate, minute by minute too."""
    good = 1 if q.outcome == SUCCEEDED else 0
    team = q.team
    arrival = q.arrival
    t.counts[team, OWN] += 1
    t.counts[team, OWN_SUCCEEDED] += good
    if arrival < t.axes.first_fault:
        t.counts[team, BEFORE] += 1
        t.counts[team, BEFORE_SUCCEEDED] += good
    count_minute(t.own, team, arrival, good)
    if t.axes.recovery_from <= arrival < t.axes.duration:
        count_minute(t.after, team, arrival - t.axes.recovery_from, good)


def count_minute(grid: Any, team: int, time: int, good: int) -> None:
    """Count a request in its minute."""
    at = time // MINUTE
    if at < grid.shape[1]:
        grid[team, at, STARTED] += 1
        grid[team, at, GOOD] += good


def tally_attempt(rules: Rules, t: Tallies, one: Ended) -> None:
    """An attempt has ended, or the run has."""
    tally_sent(t, one)
    if one.refused_by < 0 or (one.status == RATE_LIMITED and one.refused_by < rules.provider.cap_code):
        at_end(rules, t, one)


def tally_sent(t: Tallies, one: Ended) -> None:
    """Count an attempt by the time of sending, and if its request counts, in the team's shares."""
    team = one.team
    kind = error_kind(one.status)
    at = place_of(t.axes.edges, t.cursor[LAST_ATTEMPT], one.at)
    t.cursor[LAST_ATTEMPT] = at
    t.series[team, at, S_ATTEMPTS] += 1
    if kind > 0:
        t.series[team, at, S_ATTEMPTS + kind] += 1
    if one.arrival >= t.axes.warmup:
        t.asked[team, one.model] += 1
        t.counts[team, SENT] += 1
        if kind > 0:
            t.counts[team, SENT + kind] += 1


def tally_close(t: Tallies) -> None:
    """The run is over and all is counted: share out the last cells, look at the last peaks."""
    for row in range(len(t.limits)):
        at_close(t, row)
