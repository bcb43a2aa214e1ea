"""Keys, projects and accounts with limits of all kinds: what is let in, what is refused, and until when.

100,000 cases: two keys of one project of one account, each level with limits, up to five in all,
of any algorithm and dimension, requests of random sizes, and refunds when they end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.engine.world import request_dtype
from sim.policy.admission import OK, RATE_LIMITED
from sim.policy.bucket import NEVER
from sim.policy.limits import (
    CONCURRENCY,
    FIXED_CALENDAR,
    FIXED_FIRST_USE,
    INPUT,
    OUTPUT,
    REQUESTS,
    SLIDING,
    TOKEN_BUCKET,
    TOKENS,
    UNKNOWN,
)
from sim.policy.tables import Memory
from sim.units import DAY, SECOND
from tests.property.drivers import (
    AFTER,
    ASK,
    AT_WAIT,
    BEFORE_WAIT,
    REFUSER,
    SETTLE,
    STATUS,
    WAIT,
    Event,
    compiled,
    drive,
)
from tests.property.limit_cases import (
    HORIZON,
    I64,
    PER_CASE,
    ROWS_OF_KEY,
    Limiters,
    amounts,
    interpreted,
    interpreted_rules,
    limiters,
    log_uniform,
    memory_of,
    records,
    rules_of,
)
from tests.property.reference_limits import Reference

CASES, ASKS = 100_000, 10
MEETS = np.array([[row in rows for row in range(PER_CASE)] for rows in ROWS_OF_KEY])
"""Which key of a case meets which of its limits."""
CAPACITY = {TOKEN_BUCKET: 1, FIXED_CALENDAR: 2, FIXED_FIRST_USE: 2, SLIDING: 1}
"""The B of rT + B, in units of the limit, as sim.policy.limits says."""


@dataclass(frozen=True)
class Study:
    """All cases, and what the compiled policy said; asks as arrays ``(CASES, ASKS)``."""

    limits: Limiters
    events: NDArray[Any]
    said: I64
    memory: Memory
    time: I64
    key: I64
    charged: I64
    """``(CASES, ASKS, PER_CASE)``: what an ask weighs at each limit when it is admitted."""
    used: I64
    """The same at the end, when the true output is known: never more."""
    admitted: NDArray[np.bool_]
    answers: I64
    """The rows of ``said`` that belong to asks, ``(CASES, ASKS, 6)``."""

    def table(self, name: str) -> I64:
        """A column of the limits' rules, ``(CASES, PER_CASE)``."""
        found: I64 = self.limits.rules[name].reshape(CASES, PER_CASE)
        return found


def random_limits(draws: np.random.Generator) -> Limiters:
    size = CASES * PER_CASE
    algorithm = draws.choice([0, 0, 0, 1, 2, 3, 3, 4], size)
    dimension = draws.choice([REQUESTS, REQUESTS, INPUT, OUTPUT, TOKENS], size)
    found = limiters(draws, algorithm, dimension, np.ones(size, np.int64))
    # Half of the limits are not there; each case keeps one that both keys meet.
    found.rules["models"] = (draws.random(size) < 0.5) | (np.arange(size) % PER_CASE == 2)
    counts_refusals = (found.rules["dimension"] == REQUESTS) & (draws.random(size) < 0.2)
    found.rules["charge_rejected"] = counts_refusals
    return found


def random_asks(draws: np.random.Generator, limits: Limiters) -> dict[str, I64]:
    """Sizes of the order of a limit's capacity, gaps of the order of the time that it needs for them."""
    case = np.arange(CASES)[:, None]
    picked = case * PER_CASE + draws.integers(0, PER_CASE, (CASES, ASKS))
    picked = np.where(limits.rules["models"][picked] == 1, picked, case * PER_CASE + 2)
    scale = np.minimum(limits.cap[picked] * 0.7 + 2, 5e6).ravel()
    total = log_uniform(draws, 1, scale, CASES * ASKS).reshape(CASES, ASKS)
    cached = (total * draws.choice([0.0, 0.5, 1.0], (CASES, ASKS))).astype(np.int64)
    most = log_uniform(draws, 1, scale, CASES * ASKS).reshape(CASES, ASKS)
    weight = np.where(limits.rules["dimension"][picked] == REQUESTS, 1, total + most)
    pace = weight * (limits.period[picked] / limits.count[picked])
    gaps = np.minimum(pace * 10.0 ** draws.uniform(-3, 0.7, (CASES, ASKS)), 1.0 * DAY).astype(np.int64)
    gaps[draws.random((CASES, ASKS)) < 0.3] = 0
    time = np.cumsum(gaps, axis=1) + draws.integers(0, HORIZON - 12 * DAY, (CASES, 1))
    lasts = np.minimum(pace * draws.exponential(1, (CASES, ASKS)), 1.0 * DAY).astype(np.int64)
    output = (most * draws.choice([0.0, 0.1, 0.6, 1.0], (CASES, ASKS))).astype(np.int64)
    return {"time": time, "end": time + lasts, "key": draws.integers(0, 2, (CASES, ASKS)), "total": total,
            "uncached": total - cached, "most": most, "output": output}  # fmt: skip


def events_of(asks: dict[str, I64]) -> tuple[NDArray[Any], I64]:
    """Asks and ends in the order (case, time, ends first); and where each ask stands."""
    many = CASES * ASKS
    columns = {
        "kind": np.repeat([ASK, SETTLE], many),
        "of": np.tile(np.arange(many), 2),
        "time": np.concatenate([asks["time"].ravel(), asks["end"].ravel()]),
        "key": np.tile((2 * np.arange(CASES)[:, None] + asks["key"]).ravel(), 2),
    }
    names = {"est_uncached": "uncached", "est_total": "total", "max_tokens": "most"}
    names |= {"uncached": "uncached", "total": "total", "output": "output"}
    columns |= {name: np.tile(asks[source].ravel(), 2) for name, source in names.items()}
    case = columns["of"] // ASKS
    # An end at the instant of its own ask stays behind it, other ends come before asks.
    instant = asks["end"].ravel() == asks["time"].ravel()
    rank = np.where(columns["kind"] == ASK, 1, np.where(np.tile(instant, 2), 2, 0))
    order = np.lexsort((columns["of"], rank, columns["time"], case))
    place = np.empty(2 * many, np.int64)
    place[order] = np.arange(2 * many)
    events = np.zeros(2 * many, request_dtype(Event))
    for name, values in columns.items():
        events[name] = values[order]
    events["of"] = place[events["of"]]
    return events, place[:many]


@cache
def study() -> Study:
    draws = np.random.default_rng(35)
    limits = random_limits(draws)
    asks = random_asks(draws, limits)
    events, place = events_of(asks)
    memory = memory_of(limits.rules)
    said = compiled(drive)(rules_of(limits), memory, events)
    answers = said[place].reshape(CASES, ASKS, 6)
    rules = limits.rules.reshape(CASES, 1, PER_CASE)
    uncached, total = asks["uncached"][:, :, None], asks["total"][:, :, None]
    charged = amounts(rules, uncached, total, asks["most"][:, :, None])
    used = amounts(rules, uncached, total, asks["output"][:, :, None])
    admitted = answers[:, :, STATUS] == OK
    return Study(limits, events, said, memory, asks["time"], asks["key"], charged, used, admitted, answers)


def met(found: Study) -> NDArray[np.bool_]:
    """Which limits an ask meets, ``(CASES, ASKS, PER_CASE)``."""
    there: NDArray[np.bool_] = MEETS[found.key] & (found.table("models") == 1)[:, None, :]
    return there


def test_the_cases_meet_every_kind_of_limit_and_refusal() -> None:
    found = study()
    assert 0.3 < found.admitted.mean() < 0.8
    refused = found.answers[:, :, STATUS] == RATE_LIMITED
    assert (refused | found.admitted).all()
    refuser = found.answers[:, :, REFUSER][refused]
    kinds = found.limits.rules["algorithm"][refuser] * 5 + found.limits.rules["dimension"][refuser]
    counts = np.bincount(kinds, minlength=25).reshape(5, 5)
    assert (counts[:CONCURRENCY, :CONCURRENCY] > 500).all()
    assert counts[CONCURRENCY, CONCURRENCY] > 500
    levels = np.bincount(refuser % PER_CASE, minlength=PER_CASE)
    assert (levels > 5000).all()
    assert (found.used < found.charged).mean() > 0.1


# Accepted in any window ≤ rT + B


def booked(found: Study, row: int, refunds: bool) -> tuple[I64, I64]:
    """Times and amounts of what a limit let in, in the order of events, ``(CASES, 2 * ASKS)``.

    Either what a request used in the end, when it was let in; or what it was charged then, and the
    refund (negative) when it ended.
    """
    events = found.events.reshape(CASES, 2 * ASKS)
    ask = np.zeros((CASES, 2 * ASKS), np.int64)
    asks = events["kind"] == ASK
    ask[asks] = np.tile(np.arange(ASKS), CASES)
    ask[~asks] = ask.ravel()[events["of"][~asks]]
    case = np.arange(CASES)[:, None]
    used, charged = found.used[case, ask, row], found.charged[case, ask, row]
    amount = np.where(asks, charged, used - charged) if refunds else np.where(asks, used, 0)
    return events["time"], np.where((found.admitted & met(found)[:, :, row])[case, ask], amount, 0)


def fullest(amount: Any, time: I64, count: I64, period: I64) -> Any:
    """The most by which any window exceeds its refill, in 1/period units: max over windows of Σ·period − count·T.

    ``amount`` and ``time`` are ``(cases, asks)``; integers without bounds. The largest over all
    windows that end at an ask is that of the last ask less the refill since, or nothing, plus the ask.
    """
    run = np.zeros(len(amount), object)
    most = run
    for at in range(amount.shape[1]):
        since = time[:, at] - time[:, max(at - 1, 0)]
        run = np.maximum(run - count.astype(object) * since, 0) + amount[:, at].astype(object) * period
        most = np.maximum(most, run)
    return most


@pytest.mark.parametrize("algorithm", CAPACITY)
@pytest.mark.parametrize("row", range(PER_CASE))
def test_no_window_lets_more_pass_than_its_rate_and_burst(row: int, algorithm: int) -> None:
    """A bucket by its charges and refunds, the others by what was used in the end.

    By what was used, a bucket that gives back may pass more: while a reservation was held, it
    refilled where it would have been full.
    """
    found = study()
    mine = (found.table("algorithm")[:, row] == algorithm) & (found.table("models")[:, row] == 1)
    time, passed = booked(found, row, refunds=algorithm == TOKEN_BUCKET)
    cap, count, period = (column.reshape(CASES, PER_CASE)[mine, row]
                          for column in (found.limits.cap, found.limits.count, found.limits.period))  # fmt: skip
    rate = count if algorithm == TOKEN_BUCKET else cap
    most = fullest(passed[mine], time[mine], rate, period)
    bound = CAPACITY[algorithm] * cap.astype(object) * period
    assert (most <= bound).all()
    # The bound means something: many cases come near.
    assert (most * 2 > cap.astype(object) * period).mean() > 0.1


def test_all_windows_means_all_windows() -> None:
    """The quick way of :func:`fullest` against every pair of asks."""
    found, sample = study(), range(0, 300)
    for case in sample:
        passed, time = found.used[case, :, 2] * found.admitted[case], found.time[case]
        count, period = int(found.limits.count[case * PER_CASE + 2]), int(found.limits.period[case * PER_CASE + 2])
        pairs = [(first, last) for first in range(ASKS) for last in range(first, ASKS)]
        slow = max(int(passed[a : b + 1].sum()) * period - count * int(time[b] - time[a]) for a, b in pairs)
        one = slice(case, case + 1)
        quick = fullest(passed[None], found.time[one], np.array([count]), np.array([period]))[0]
        assert quick == max(slow, 0)


# Waits and retry-after


def test_every_wait_is_kept_to_the_nanosecond_at_all_levels_together() -> None:
    found = study()
    wait = found.answers[:, :, WAIT]
    in_flight = met(found) & (found.table("algorithm") == CONCURRENCY)[:, None, :]
    promised = (wait > 0) & (wait < NEVER) & ~in_flight.any(axis=2)
    assert promised.sum() > 100_000
    assert (found.answers[promised][:, AT_WAIT] == 1).all()
    assert (found.answers[promised][:, BEFORE_WAIT] == 0).all()


def test_retry_after_is_the_longest_wait_in_whole_seconds_rounded_up() -> None:
    found = study()
    refused = found.answers[:, :, STATUS] == RATE_LIMITED
    wait, after = found.answers[refused][:, WAIT], found.answers[refused][:, AFTER]
    told = (wait > 0) & (wait < NEVER)
    assert (after[told] % SECOND == 0).all()
    assert ((after[told] >= wait[told]) & (after[told] - wait[told] < SECOND)).all()
    assert (after[~told] == -1).all()
    assert set(wait[~told].tolist()) == {UNKNOWN, NEVER}
    assert (found.answers[found.admitted][:, AFTER] == -1).all()


# Against limiters that are written from their definitions


def reference_statuses(found: Study, case: int) -> list[int]:
    """Status of each ask of a case, in order."""
    first = case * PER_CASE
    rules = found.limits.rules[first : first + PER_CASE]
    limits = {
        row: Reference(int(rules["algorithm"][row]), int(found.limits.cap[first + row]),
                       int(found.limits.count[first + row]), int(found.limits.period[first + row]),
                       bool(rules["charge_rejected"][row]))
        for row in range(PER_CASE) if rules["models"][row]
    }  # fmt: skip
    statuses: dict[int, int] = {}
    start = 2 * ASKS * case
    numbers = {
        place: at for at, place in enumerate(np.flatnonzero(found.events["kind"][start:][: 2 * ASKS] == ASK) + start)
    }
    for place in range(start, start + 2 * ASKS):
        event = found.events[place]
        now, at = int(event["time"]), numbers[int(event["of"])]
        mine = [row for row in ROWS_OF_KEY[int(event["key"]) % 2] if row in limits]
        charged = {row: int(found.charged[case, at, row]) for row in mine}
        if event["kind"] == ASK:
            admitted = all(limits[row].free(now) >= max(1, charged[row]) for row in mine)
            statuses[at] = OK if admitted else RATE_LIMITED
            for row in mine:
                limits[row].charge(charged[row], now) if admitted else limits[row].refuse(now)
        elif statuses[at] == OK:
            for row in mine:
                used = 0 if limits[row].algorithm == CONCURRENCY else int(found.used[case, at, row])
                since = int(found.events["time"][int(event["of"])])
                limits[row].give_back(charged[row], used, since, now)
    return [statuses[at] for at in range(ASKS)]


@pytest.mark.parametrize("part", range(4))
def test_admission_is_that_of_the_definitions(part: int) -> None:
    """All-or-none too: a limit that was charged for a refused request would refuse too early."""
    found = study()
    for case in range(part, 20_000, 4):
        assert reference_statuses(found, case) == found.answers[case, :, STATUS].tolist(), case


def test_compiled_and_interpreted_admission_agree() -> None:
    found, many = study(), 3000
    part = found.limits.rules[: many * PER_CASE]
    limits = Limiters(part, found.limits.cap, found.limits.count, found.limits.period)
    rules, events = interpreted_rules(rules_of(limits)), found.events[: 2 * ASKS * many]
    memory = interpreted(memory_of(part))
    assert np.array_equal(drive(rules, memory, records(events, Event)), found.said[: len(events)])
    assert [(one.level, one.stamp) for one in memory.limits] == found.memory.limits[: len(part)].tolist()
