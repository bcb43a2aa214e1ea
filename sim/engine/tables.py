"""What an engine is given and what it returns, one configuration and one replication at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.policy.tables import Memory, Rules

I64 = NDArray[np.int64]

END, ATTEMPT = 0, 1
"""Classes of events at one instant, in this order: answers first, then attempts. Together with
request and attempt they make the tie key (time, class, request, attempt) of every engine."""


class Request(NamedTuple):
    """A planned request as this configuration sees it. Numbers of things, ns, and tokens."""

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


@dataclass(slots=True)
class Call:
    """What has become of a request so far; the report, and what is needed on the way to it."""

    arrival: int = -1
    attempts: int = 0
    outcome: int = -1
    finish: int = -1
    status: int = -1
    cost: int = 0
    wasted: int = 0
    throttle: int = 0
    refused_by: int = -1
    first_at: int = -1
    at: int = -1
    hangs_up_at: int = -1
    begun: int = -1
    """When the provider began to answer; -1 while the attempt waits for a slot."""
    end_at: int = -1
    retry_after: int = -1
    last_delay: int = 0
    last_cost: int = 0
    flags: int = 0
    """Bits PENDING, ADMITTED, HOLDING and RETRYING."""
    next: int = -1
    """The next in the client's queue or the provider's: never in both at once."""


PENDING, ADMITTED, HOLDING, RETRYING = 1, 2, 4, 8


class World(NamedTuple):
    """Everything that does not change during a run; see :mod:`sim.policy.tables`."""

    requests: Any
    clients: Any
    delays: Any
    knots: Any
    """Quantile tables of first token and time per token, two a model (policy.service)."""
    rules: Rules
    duration: int
    horizon: int


class State(NamedTuple):
    """Everything that does: one record a request, a client, a model, a limit, a cap; and cells."""

    calls: Any
    clients: Any
    cells: Any
    """Cells of the clients' retry budgets."""
    models: Any
    memory: Memory
    heap: Any
    """Events to come (engine.agenda)."""
    log: Any
    """What happened to attempts, LOG_WIDTH numbers each."""
    used: Any
    """Rows in use of heap and log, where these are arrays."""


LOG = ("request", "attempt", "at", "end", "status", "refused_by", "retry_after", "output", "cost")
"""What an attempt writes to the log, in this order."""
LOG_WIDTH = len(LOG)


@dataclass(frozen=True)
class RunResult:
    """What one run leaves: int64 ``(n,)`` per request, and the log of attempts ``(m, LOG_WIDTH)``.

    The log is sorted by (request, attempt). ``arrival`` has the times at which session steps came.
    """

    arrival: I64
    attempts: I64
    outcome: I64
    finish: I64
    status: I64
    cost: I64
    wasted: I64
    throttle: I64
    refused_by: I64
    log: I64


RESULT_FIELDS = ("arrival", "attempts", "outcome", "finish", "status", "cost", "wasted", "throttle", "refused_by")


def result_of(calls: Any, log: Any) -> RunResult:
    """Collect a run's calls (records or a structured array) and flat log into arrays."""
    rows = np.asarray(log, np.int64).reshape(-1, LOG_WIDTH)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    columns = {name: _column(calls, name) for name in RESULT_FIELDS}
    return RunResult(**columns, log=rows)


def _column(calls: Any, name: str) -> I64:
    if isinstance(calls, np.ndarray):
        return np.ascontiguousarray(calls[name])
    return np.fromiter((getattr(call, name) for call in calls), np.int64, len(calls))
