"""Sessions that a log shows: how many requests they have, what is thought in between, how the context grows."""

from __future__ import annotations

import math

import numpy as np

from sim.study.fitting.log import Log
from sim.study.fitting.token_sizes import size_fit
from sim.study.fitting.types import Estimate, SessionFit
from sim.units import MS
from sim.workload.rows import I64

KNOWN = 0.5
"""Of the requests, at least, have to name a session, with this many requests a session on average:"""
LEAST_STEPS = 1.5
CLOSED = 0.8
"""Of the steps, at least, have to start after the step before has ended: otherwise it is no chain."""
FEWEST = 20


class Chains:
    """The rows of a stream by session, in order; a row without a session is one of its own."""

    def __init__(self, log: Log) -> None:
        session = log["session"].copy()
        alone = session < 0
        session[alone] = -2 - np.arange(int(alone.sum()))
        self.order = np.lexsort((log["start"], session))
        ordered = session[self.order]
        self.later = np.concatenate(([False], ordered[1:] == ordered[:-1]))
        first = np.flatnonzero(~self.later)
        self.steps: I64 = np.diff(np.append(first, len(ordered)))
        self.first = self.order[first]

    @property
    def starts(self) -> I64:
        """The rows that open a session."""
        return np.sort(self.first)


def sessions(log: Log) -> SessionFit | None:
    """The sessions of one stream; None where the log shows none, or steps that do not wait for each other."""
    if not len(log) or float((log["session"] >= 0).mean()) < KNOWN:
        return None
    chains = Chains(log)
    if len(chains.steps) < FEWEST or chains.steps.mean() < LEAST_STEPS:
        return None
    rows = chains.order[np.flatnonzero(chains.later)]
    before = chains.order[np.flatnonzero(chains.later) - 1]
    took = np.maximum(log["duration"][before], 0)
    think = log["start"][rows] - log["start"][before] - took
    closed = float((think >= 0).mean())
    if closed < CLOSED:
        return None
    grow, keep = _growth(log, rows, before)
    return SessionFit(
        len(chains.steps), size_fit(chains.steps), size_fit(np.maximum(think, 0) // MS), grow, keep, closed
    )  # fmt: skip


def _growth(log: Log, rows: I64, before: I64) -> tuple[Estimate, bool]:
    """Tokens that each step adds, besides the answer before it where that is what the growth follows."""
    added = (log["input"][rows] - log["input"][before]).astype(float)
    answer = log["output"][before].astype(float)
    kept = added - answer
    keep = bool(np.median(np.abs(kept - np.median(kept))) < np.median(np.abs(added - np.median(added))))
    values = kept if keep else added
    middle = float(np.median(values))
    # The median's standard error: 1.2533 σ/√n, with σ from the median absolute deviation.
    spread = 1.4826 * float(np.median(np.abs(values - middle))) * 1.2533 / math.sqrt(len(values))
    return Estimate(max(0.0, middle), max(0.0, middle - 1.96 * spread), max(0.0, middle + 1.96 * spread)), keep
