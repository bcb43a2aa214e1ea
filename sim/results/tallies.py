"""What a run counts while it goes on, so that a summary needs no rows: names and shapes.

Arrays of int64 that the event loop writes (:mod:`sim.engine.tally`) and metrics read
(:mod:`sim.metrics.tallied`). Teams are numbered as in a plan, by name; limits as in the topology.
*Counted* requests are those with an intended start at or after the end of the warm-up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.results.axes import Axes
from sim.results.columns import OUTCOMES

I64 = NDArray[np.int64]

COUNTS = (
    *OUTCOMES,
    "own_offered", "own_succeeded", "in_time", "made",
    "sent", "limited", "server", "other",
    "cost", "wasted",
    "latency", "latency_high", "answer", "answer_high", "lost", "lost_high",
    "own_before", "own_succeeded_before", "fallback", "stopped", "held", "held_high",
)  # fmt: skip
"""A team's counts of counted requests (``not_started`` counts all of them).

Outcomes come first, by their codes. ``own``: of its own workload; ``before``: started before the
first fault; ``in_time``: succeeded and started before the end of the duration; ``made``: attempts
that requests say they made; ``sent`` and what follows: attempts seen, answered with 429, with 500
and above, with any other error. ``cost`` and ``wasted`` are micro-dollars; ``latency``, ``answer``
(the part of it after the start of the attempt that succeeded) and ``lost`` (without one: see the
metric ``time_lost_s``) are ns in two words, see :data:`WORD_BITS`; so is ``held`` (at the client).
``fallback``: answered by another model; ``stopped`` by their own client.
"""
(
    OWN, OWN_SUCCEEDED, IN_TIME, MADE, SENT, LIMITED, SERVER, OTHER, COST, WASTED,
    LATENCY, _, ANSWER, _, LOST, _, BEFORE, BEFORE_SUCCEEDED, FALLBACK, STOPPED, WAITED, _,
) = range(len(OUTCOMES), len(COUNTS))  # fmt: skip

SERIES = (
    "offered", "succeeded", "refused", "failed", "unfinished", "made",
    "attempts", "answers_429", "answers_5xx", "other_errors",
)  # fmt: skip
"""A team's counts in an interval: requests and the attempts that they made by their start, then
attempts by the time of sending."""
S_OFFERED, S_SUCCEEDED, S_REFUSED, S_FAILED, S_UNFINISHED, S_MADE, S_ATTEMPTS = range(7)

LIMIT_FIELDS = (
    "refusals", "held", "held_high", "peak", "level", "stamp",
    "span", "cells", "cell", "until", "waiting",
)  # fmt: skip
"""A limit: attempts of counted requests that it refused; of a concurrency limit, ns that places
were held in the measured part (two words), the most in flight, those in flight now and since when.
Then what its refusals are laid on: the cells of time of ``span`` ns of which ``cells`` are its
period (0 for concurrency), the number and the end of the current one, and refusals in it."""
REFUSALS, HELD, _, PEAK, LEVEL, STAMP, SPAN, CELLS, CELL, UNTIL, WAITING = range(len(LIMIT_FIELDS))
RING = 9
"""Cells that a limit remembers: its period is cut into at most one less."""

CAME, ENDED = 0, 1
STARTED, GOOD = 0, 1

WORD_BITS = 61
"""A sum that may leave int64 keeps its low 61 bits in one field and the rest in the next."""
SHARE_BITS = 20
"""A share that one refusal saw is rounded down to units of 2^-20."""

MANTISSA = 7
BUCKETS = 7168
"""Buckets of a histogram of times from 0 to 2^62 - 1 ns. Up to 255 each value has its own; above,
each power of two is cut into 128, so that no value is farther than 1/256 from its bucket's middle."""


class Tallies(NamedTuple):
    """Everything counted of one run: T teams, L limits, W intervals, M minutes of the duration.

    int64, but for ``own`` and ``after``, which are int32 (one minute of one team).
    """

    axes: Axes
    counts: Any
    """``(T, len(COUNTS))``"""
    latency: Any
    """``(T, BUCKETS)``: counted requests that succeeded, by latency."""
    throttle: Any
    """``(T, BUCKETS)``: counted requests, by the wait after refusals."""
    series: Any
    """``(T, W, len(SERIES))``"""
    backlog: Any
    """``(T, SAMPLES + 1, 2)``: requests by the first instant at or after which they had come, had ended."""
    own: Any
    """``(T, M, 2)``: counted requests of the own workload by calendar minute of their start; those that succeeded."""
    after: Any
    """The same by minutes from the end of the last fault."""
    asked: Any
    """``(T, models)``: attempts of counted requests."""
    limits: Any
    """``(L, len(LIMIT_FIELDS))``"""
    charged: Any
    """``(L, M)``: what a rate limit was charged with by calendar minute, in the measured part."""
    used: Any
    """``(L, RING, T)``: charges by cell of time; of a concurrency limit, the time in flight in units of 2^10 ns."""
    refused: Any
    """``(L, T)``: refusals of counted requests in the current cell."""
    flying: Any
    """``(L, T)``: in flight now, of a concurrency limit."""
    since: Any
    """``(L, T)``: up to when ``used`` has ``flying`` in it."""
    filled: Any
    """``(T,)``: scratch, what each team used of a limit in its last period."""
    shares: Any
    """``(T, T)``: the shares that the second team had in limits when they refused the first, added up."""
    cursor: Any
    """``(3,)``: where the last call's end, the last call's start and the last attempt stood on their axes."""


def middles() -> NDArray[np.float64]:
    """The middle of each bucket of a histogram, ns, ``(BUCKETS,)``."""
    index = np.arange(BUCKETS)
    shift = np.maximum((index >> MANTISSA) - 1, 0)
    low = (index - (shift << MANTISSA)).astype(np.float64) * 2.0**shift
    middle: NDArray[np.float64] = low + (2.0**shift - 1) / 2
    return middle
