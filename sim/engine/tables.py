"""What an engine is given and what it returns, one configuration and one replication at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.policy.tables import Memory, Rules

I64 = NDArray[np.int64]

WAKE, END, ATTEMPT, HEDGE = 0, 1, 2, 3
"""Classes of events at one instant, in this order: a brown-out ends, answers come, attempts are made, hedged.
Together with request and attempt they make the tie key (time, class, request, attempt) of every engine."""


class Request(NamedTuple):
    """A planned request as this configuration sees it. Numbers of things, ns, and tokens."""

    number: int
    """In the whole plan; ``child`` is a row of the table that the request stands in."""
    origin: int
    """Where it comes from (results.columns.ORIGINS)."""
    client: int
    team: int
    account: int
    project: int
    key: int
    model: int
    arrival: int
    """-1 for a session step, which arrives when its predecessor has ended."""
    child: int
    think: int
    stops: int
    uncached: int
    cached: int
    est_uncached: int
    est_total: int
    output: int
    max_tokens: int
    draw_key: int
    heard: int
    """Which ends of its attempts change anything for others: QUIET, or the bits ANSWERS and REFUSALS."""


QUIET, ANSWERS, REFUSALS = 0, 1, 2
"""No end; bits for those of admitted attempts, which settle a limit or a cap or free a slot, and for
those of refused ones, where the client has a queue or a retry budget. An end that nobody hears
needs no event of its own."""
ALL_ENDS = ANSWERS | REFUSALS


@dataclass(slots=True)
class Call:
    """What has become of a request so far; the report, and what is needed on the way to it."""

    arrival: int = -1
    model: int = -1
    """The model that its attempts ask for: the plan's, until the client falls back."""
    attempts: int = 0
    outcome: int = -1
    finish: int = -1
    status: int = -1
    cost: int = 0
    wasted: int = 0
    throttle: int = 0
    refused_by: int = -1
    first_at: int = -1
    number: int = -1
    """Of the attempt in flight or just ended, which all that follows speaks of, 0-based."""
    at: int = -1
    hangs_up_at: int = -1
    begun: int = -1
    """When the provider began to answer; -1 while the attempt waits for a slot."""
    factor: int = 0
    """What faults multiply the answer's times by, in 1/1024 (policy.service)."""
    end_at: int = -1
    retry_after: int = -1
    last_delay: int = 0
    last_cost: int = 0
    flags: int = 0
    """Bits PENDING, ADMITTED, HOLDING, RETRYING and PAID."""
    next: int = -1
    """The next in the client's queue or the provider's: never in both at once."""
    held: int = 0
    """Time in the client's queue and waiting for its own token bucket."""
    tried: int = 0
    """Attempts that the retry policy counts: all, but from a fallback on anew."""
    fell_back: int = 0
    era: int = -1
    """The breaker's when the attempt left; -1 where it is not watched."""

    @property
    def last_model(self) -> int:
        """The model that the last attempt asked for, or that the first would have."""
        return self.model


@dataclass(slots=True)
class Second:
    """The other attempt in flight of a request whose client hedges: fields of :class:`Call`."""

    number: int = -1
    at: int = -1
    status: int = -1
    refused_by: int = -1
    hangs_up_at: int = -1
    begun: int = -1
    factor: int = 0
    end_at: int = -1
    retry_after: int = -1
    era: int = -1
    flags: int = 0
    """Bits PENDING and ADMITTED; 0 when there is none."""


PENDING, ADMITTED, HOLDING, RETRYING, PAID = 1, 2, 4, 8, 16


class World(NamedTuple):
    """Everything that does not change during a run; see :mod:`sim.policy.tables`."""

    requests: Any
    """The plan, or a chunk of it."""
    clients: Any
    delays: Any
    knots: Any
    """Quantile tables of first token and time per token, two a model (policy.service)."""
    rules: Rules
    wakes: Any
    """When brown-outs end, ns: slots that they took are free again."""
    duration: int
    until: int
    """Events before this time are handled; one more than the horizon for a whole plan."""
    rows: int = 2
    """What a run writes: 0 nothing, 1 reports of requests, 2 also the log of attempts, 3 also admissions.

    The plain loop writes reports and the log in any case."""
    in_order: int = 0
    """1: the whole plan is here, and its reports are written in its order, not as requests end."""


class State(NamedTuple):
    """Everything that does: one record a request, a client, a model, a limit, a cap; and cells.

    In the compiled loop ``requests`` and ``calls`` hold what is under way, one a slot; elsewhere
    they hold the whole plan. ``used``, ``free``, ``blank``, ``report`` and ``sums`` are the compiled loop's own memory.
    """

    requests: Any
    calls: Any
    clients: Any
    cells: Any
    """Cells of the clients' retry budgets."""
    models: Any
    memory: Memory
    heap: Any
    """Events to come (engine.agenda)."""
    log: Any
    """What happened to attempts: lines of LOG_WIDTH numbers, or as many columns in the compiled loop."""
    used: Any = ()
    """Rows in use of heap, log, report, free slots and admissions."""
    free: Any = ()
    blank: Any = ()
    """One call before anything happened."""
    report: Any = ()
    """Requests that are over, REPORT_WIDTH columns."""
    seconds: Any = ()
    """Second attempts in flight, one a call where some client hedges (engine.hedges)."""
    admissions: Any = ()
    """Attempts that were let in, in the order in which they were: ADMISSION_WIDTH numbers each, for tallies."""
    sums: Any = ()
    """The run's part of the digest (engine.fold)."""


LOG = (
    "request", "attempt", "at", "end", "status", "refused_by", "retry_after", "output", "cost",
    "team", "key", "model", "uncached", "arrival",
)  # fmt: skip
"""What an attempt writes to the log when it has ended, in this order; ``arrival`` is its request's."""
LOG_WIDTH = len(LOG)
ADMISSION = ("line", "at", "team", "key", "model", "uncached")
"""What an attempt writes when it is let in; ``line``: how many lines of the log were written before."""
ADMISSION_WIDTH = len(ADMISSION)
RESULT_FIELDS = (
    "arrival", "attempts", "outcome", "finish", "status", "cost", "wasted", "throttle", "refused_by",
    "held", "last_model",
)  # fmt: skip
"""What becomes of a request, fields of :class:`Call`."""
PLAN_FIELDS = ("origin", "team", "key", "model", "uncached", "cached", "output")
"""What it was, fields of :class:`Request`."""
REPORT = ("number", *RESULT_FIELDS, *PLAN_FIELDS, "at")
"""What a request that is over writes to the report, in this order; ``at`` is the start of its last attempt."""
REPORT_WIDTH = len(REPORT)
BECAME_WIDTH = 1 + len(RESULT_FIELDS)
"""Columns of the report where the whole plan is at hand, which knows the rest."""


@dataclass(frozen=True)
class RunResult:
    """What one run leaves: int64 ``(n,)`` per request, and the log of attempts ``(m, LOG_WIDTH)``.

    Rows are in the order of the plan, the log by (request, attempt), where the run was kept whole;
    a block of a stream has them as they ended. ``arrival`` has the times at which session steps came.
    """

    number: I64
    arrival: I64
    attempts: I64
    outcome: I64
    finish: I64
    status: I64
    cost: I64
    wasted: I64
    throttle: I64
    refused_by: I64
    held: I64
    last_model: I64
    origin: I64
    team: I64
    key: I64
    model: I64
    uncached: I64
    cached: I64
    output: I64
    log: I64


def result_of(requests: Sequence[Request], calls: Sequence[Call], log: Any) -> RunResult:
    """Collect the calls of a whole plan and its log."""
    columns = {"number": np.arange(len(calls), dtype=np.int64)}
    columns |= {name: _column(calls, name) for name in RESULT_FIELDS}
    columns |= {name: _column(requests, name) for name in PLAN_FIELDS}
    return RunResult(**columns, log=sorted_log(np.asarray(log, np.int64)))


def _column(records: Sequence[Any], name: str) -> I64:
    return np.fromiter((getattr(record, name) for record in records), np.int64, len(records))


def result_of_report(requests: Any, report: I64, log: I64) -> RunResult:
    """What the compiled loop wrote of a whole plan in its order, and its log, ``(LOG_WIDTH, m)``.

    ``requests`` is the plan as the loop had it, a structured array. The report is ``(BECAME_WIDTH, n)``; its first
    column is not read.
    """
    became = dict(zip(RESULT_FIELDS, report[1:BECAME_WIDTH], strict=True))
    planned = {name: requests[name] for name in PLAN_FIELDS}
    number = np.arange(len(requests), dtype=np.int64)
    return RunResult(number, **became, **planned, log=placed_log(log, became["attempts"]).T)


def result_block(report: I64, log: I64) -> RunResult:
    """A block of a stream as it was written: the report ``(REPORT_WIDTH, n)`` and the log ``(LOG_WIDTH, m)``."""
    told = dict(zip(REPORT, report, strict=True))
    del told["at"]
    return RunResult(**told, log=log.T)


def sorted_log(log: I64) -> I64:
    """The log ``(m, LOG_WIDTH)`` by (request, attempt)."""
    rows = log.reshape(-1, LOG_WIDTH)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def placed_log(log: I64, attempts: I64) -> I64:
    """The log ``(LOG_WIDTH, m)`` by (request, attempt), where each of a plan's requests made ``attempts``."""
    first = np.cumsum(attempts) - attempts
    place = first[log[0]] + log[1]
    rows = np.empty_like(log)
    for column, values in zip(rows, log, strict=True):
        column[place] = values
    return rows
