"""Which rows of a log are retries of an earlier row, and what client that makes of a team.

A failed row (429, or 500 and above) with a size, and the next row of the same team, model, session and
input within two minutes of its end, are two attempts of one request. Where many requests have the same
input this would join strangers, and nothing is linked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.study.fitting.gaps import logarithmic
from sim.study.fitting.log import Log
from sim.study.fitting.types import ClientFit, Estimate
from sim.units import MINUTE, SECOND
from sim.workload.rows import I64

WITHIN = 2 * MINUTE
ALIKE = 0.2
"""Of a team's requests for a model; more than this with the same input cannot be told apart."""
PASSED = 3
"""Rows of the same input that may stand between, and one more."""
MANY, COMPANY = 50, 0.01
"""From so many delays on, those are chance's that have fewer neighbours than this share."""
ENOUGH = 10
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Attempts:
    """For every row: the row that it retries (-1 none), the row that retries it (-1 none), its number from 0."""

    before: I64
    after: I64
    number: I64

    @property
    def first(self) -> NDArray[np.bool_]:
        """The rows that open a request."""
        found: NDArray[np.bool_] = self.before < 0
        return found

    def last(self) -> I64:
        """For every row, the last attempt of its request from there on."""
        last = np.arange(len(self.after))
        for row in np.flatnonzero(self.after >= 0)[::-1]:
            last[row] = last[self.after[row]]
        return last


def refused(log: Log) -> NDArray[np.bool_]:
    """The rows that a client may try again."""
    found: NDArray[np.bool_] = (log["status"] == 429) | (log["status"] >= 500)
    return found


def attempts(log: Log) -> Attempts:
    """Link the attempts of requests."""
    count = len(log)
    found = Attempts(np.full(count, -1), np.full(count, -1), np.zeros(count, np.int64))
    order = np.lexsort((log["start"], log["session"], log["input"], log["model"], log["team"]))
    failed = refused(log) & (log["input"] > 0) & ~_alike(log)
    typical = _typical(_waits(log, order, failed, 1)[1])
    for step in range(1, 1 + PASSED):
        # Between two attempts of one request others with the same input may stand: their delays give them away.
        pairs, wait = _waits(log, order, failed, step)
        for at in pairs[typical(wait)]:
            first, second = order[at], order[at + step]
            if found.after[first] < 0 and found.before[second] < 0:
                found.after[first], found.before[second] = second, first
    for row in np.argsort(log["start"], kind="stable"):
        if found.before[row] >= 0:
            found.number[row] = found.number[found.before[row]] + 1
    return found


def _waits(log: Log, order: I64, failed: NDArray[np.bool_], step: int) -> tuple[I64, I64]:
    """Places in ``order`` of failed rows and how long after their end the row ``step`` places on starts.

    Both of the same team, model, session and input.
    """
    columns = [log[name][order] for name in ("team", "model", "input", "session")]
    same = np.all([values[step:] == values[:-step] for values in columns], axis=0)
    end = log["start"] + np.maximum(log["duration"], 0)
    wait = log["start"][order[step:]] - end[order[:-step]]
    places = np.flatnonzero(same & failed[order[:-step]] & (wait >= 0) & (wait <= WITHIN))
    return places, wait[places]


def _typical(waits: I64) -> Callable[[I64], NDArray[np.bool_]]:
    """Which delays have company: neighbours within a tenth, as those of a policy have and chance's have not."""
    if len(waits) < MANY:
        return lambda some: np.ones(len(some), bool)
    logs = np.sort(np.log(np.maximum(waits, 1)))

    def known(some: I64) -> NDArray[np.bool_]:
        at = np.log(np.maximum(some, 1))
        near = np.searchsorted(logs, at + 0.1, side="right") - np.searchsorted(logs, at - 0.1, side="left")
        return np.asarray(near >= COMPANY * len(logs))

    return known


def _alike(log: Log) -> NDArray[np.bool_]:
    """Rows whose team sends this input so often that two rows with it mean nothing."""
    keys = np.stack([log["team"], log["model"]])
    _, stream = np.unique(keys, axis=1, return_inverse=True)
    _, same = np.unique(np.stack([stream.ravel(), log["input"]]), axis=1, return_inverse=True)
    total, own = np.bincount(stream.ravel())[stream.ravel()], np.bincount(same.ravel())[same.ravel()]
    found: NDArray[np.bool_] = own > np.maximum(ALIKE * total, 50)
    return found


def clients(log: Log, found: Attempts) -> Iterator[ClientFit]:
    """The client of each team."""
    for code, team in enumerate(log.teams):
        mine = log["team"] == code
        if mine.any():
            yield _client(log, found, mine, team)


def _client(log: Log, found: Attempts, mine: NDArray[np.bool_], team: str) -> ClientFit:
    counted = log["retries"][mine]
    if (counted > 0).any():
        most = int(counted.max()) + 1
        why = f"the log counts up to {most - 1} retries a request; their delays are not in it"
        return ClientFit(team, "retries", most, Estimate(NAN), 2.0, int((counted > 0).sum()), why)
    again = np.flatnonzero(mine & (found.before >= 0))
    if len(again) < ENOUGH:
        lost = int((mine & refused(log)).sum())
        why = f"{lost:,} rows failed and no retry can be linked to them" if lost else "no row failed"
        return ClientFit(team, "none", 0, Estimate(NAN), 2.0, 0, why)
    return _chained(log, found, again, mine, team)


def _most(log: Log, found: Attempts, mine: NDArray[np.bool_]) -> int:
    """After how many attempts requests are given up: most often so many, where any are; else the most there were."""
    ends = np.flatnonzero(mine & refused(log) & (found.after < 0) & (found.number > 0))
    if len(ends) >= ENOUGH:
        return int(np.bincount(found.number[ends]).argmax()) + 1
    return int(found.number[mine].max()) + 1


def _chained(log: Log, found: Attempts, again: I64, mine: NDArray[np.bool_], team: str) -> ClientFit:
    most = _most(log, found, mine)
    again = again[found.number[again] < most]
    earlier = found.before[again]
    delay = (log["start"][again] - log["start"][earlier] - np.maximum(log["duration"][earlier], 0)) / SECOND
    number = found.number[again]
    middle = [float(np.median(delay[number == at])) for at in range(1, most) if (number == at).sum() >= ENOUGH]
    if not middle:
        middle = [float(np.median(delay))]
    grown = [later / earlier for earlier, later in pairwise(middle) if earlier > 0]
    spread = float(np.log(np.maximum(delay[number == 1], 1e-3)).std()) * 1.2533
    base = logarithmic(max(middle[0], 1e-3), spread / max(1, int((number == 1).sum())) ** 0.5)
    factor = float(np.clip(np.median(grown), 1.0, 10.0)) if grown else 2.0
    why = f"{len(again):,} rows retry an earlier one, up to {most} attempts, {middle[0]:.2g} s after the first refusal"
    return ClientFit(team, "chains", most, base, factor, len(again), why)
