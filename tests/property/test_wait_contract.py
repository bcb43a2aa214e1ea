"""The wait contract at exact integer times, in compiled int64 and in Python's unbounded integers.

When a limit says w, asking again at now + w succeeds and at now + w - 1 fails, whatever debts and
refunds came before.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.engine.world import request_dtype
from sim.policy.bucket import NEVER
from sim.policy.limits import CONCURRENCY, REQUESTS, SLIDING, TOKEN_BUCKET, TOKENS, fresh_limit, limit_wait, take
from sim.policy.tables import LimitRule
from sim.units import DAY, MINUTE
from tests.property.drivers import Deed, compiled, promises
from tests.property.limit_cases import (
    HORIZON,
    I64,
    Limiters,
    interpreted,
    interpreted_rules,
    limiters,
    log_uniform,
    memory_of,
    records,
    rules_of,
)

CASES, DEEDS = 100_000, 6


@cache
def cases() -> tuple[Limiters, NDArray[Any]]:
    """One limit a case, and DEEDS things that happen to it, in the order of time."""
    draws = np.random.default_rng(35)
    dimension = np.where(draws.random(CASES) < 0.3, REQUESTS, TOKENS)
    found = limiters(draws, draws.integers(0, CONCURRENCY, CASES), dimension, np.zeros(CASES, np.int64))
    shape = (CASES, DEEDS)
    ask = log_uniform(draws, 1, np.repeat(found.cap * 1.1 + 1, DEEDS), CASES * DEEDS).reshape(shape)
    # How long the limit needs for what is asked: gaps are of that order, and often nothing.
    pace = np.maximum(1.0, ask * (found.period / found.count)[:, None])
    gaps = np.minimum(pace * 10.0 ** draws.uniform(-3, 1, shape), 2.0 * DAY).astype(np.int64)
    gaps[draws.random(shape) < 0.4] = 0
    times = np.cumsum(gaps, axis=1) + draws.integers(0, HORIZON - 13 * DAY, CASES)[:, None]
    sign = draws.choice([0, 0, 1, -1], shape)
    charge = sign * log_uniform(draws, 1, np.repeat(found.cap * 3.0 + 200_000, DEEDS), CASES * DEEDS).reshape(shape)
    asks = np.where(draws.random(shape) < 0.85, ask, 0)
    # Only what the case's first attempt was charged is given back, and once.
    back = np.minimum(np.abs(charge), np.where(asks[:, :1] <= found.cap[:, None], asks[:, :1], 0))
    charge = np.where(charge < 0, -back, charge)
    charge = np.where(np.cumsum(charge < 0, axis=1) > 1, 0, charge)
    deeds = np.zeros(CASES * DEEDS, request_dtype(Deed))
    columns = Deed(
        np.repeat(np.arange(CASES), DEEDS), times.ravel(), asks.ravel(), charge.ravel(), np.repeat(times[:, 0], DEEDS)
    )  # type: ignore[arg-type]
    for name, column in zip(Deed._fields, columns, strict=True):
        deeds[name] = column
    return found, deeds


@cache
def said() -> tuple[I64, Any]:
    found, deeds = cases()
    memory = memory_of(found.rules)
    return compiled(promises)(rules_of(found), memory, deeds), memory


def test_the_cases_are_as_many_and_as_large_as_they_should_be() -> None:
    found, deeds = cases()
    per_minute = found.count / found.period * 60e9
    assert per_minute.max() > 9_000_000
    assert deeds["time"].max() > HORIZON - 13 * DAY
    assert deeds["time"].max() < HORIZON
    answers, _ = said()
    promised = (answers[:, 0] > 0) & (answers[:, 0] < NEVER)
    by_algorithm = np.bincount(found.rules["algorithm"][deeds["row"][promised]], minlength=4)
    assert (by_algorithm > 10_000).all()
    assert len(np.unique(deeds["row"][promised])) > CASES / 3
    in_debt = (answers[:, 3] < 0) & (found.rules["algorithm"][deeds["row"]] == TOKEN_BUCKET)
    assert in_debt.sum() > 10_000


def test_waiting_as_promised_succeeds_and_waiting_less_fails() -> None:
    answers, _ = said()
    promised = (answers[:, 0] > 0) & (answers[:, 0] < NEVER)
    assert (answers[promised, 1] == 1).all()
    assert (answers[promised, 2] == 0).all()
    assert (answers[~promised, 1:3] == -1).all()


def test_a_bucket_promises_the_first_nanosecond_at_which_its_credits_are_there() -> None:
    found, deeds = cases()
    answers, _ = said()
    rules = found.rules[deeds["row"]]
    mine = (answers[:, 0] > 0) & (answers[:, 0] < NEVER) & (rules["algorithm"] == TOKEN_BUCKET) & (deeds["charge"] == 0)
    columns = (answers[:, 0], answers[:, 3], deeds["ask"], rules["rate"], rules["unit"])
    rows = zip(*(column[mine].tolist() for column in columns), strict=True)
    for wait, level, ask, rate, unit in rows:
        assert (wait - 1) * rate < ask * unit - level <= wait * rate
    assert (rules["rate"][mine] > 1).sum() > 5000


@pytest.mark.parametrize(
    ("count", "period", "cap"), [(7919, MINUTE, 13), (60, MINUTE, 1), (9_999_991, MINUTE, 500), (7, DAY, 3)]
)
def test_who_comes_back_when_told_gets_the_whole_rate_and_not_a_nanosecond_more(
    count: int, period: int, cap: int
) -> None:
    """The k-th request of such a client is let in at the first nanosecond at which (k - B)/r have passed."""
    exact = Fraction(count, period)
    rule = LimitRule(
        TOKEN_BUCKET, REQUESTS, exact.numerator, exact.denominator, cap * exact.denominator, period, 0, 0, 0, 0, 1
    )
    memory, now = fresh_limit(rule), 0
    for number in range(1, 5000):
        now += limit_wait(rule, memory, [], 1, now)
        assert now == max(0, math.ceil((number - cap) / exact))
        take(rule, memory, [], 1, now)


def test_never_is_said_of_what_is_larger_than_the_limit_and_of_nothing_else() -> None:
    found, deeds = cases()
    answers, _ = said()
    assert np.array_equal(answers[:, 0] == NEVER, deeds["ask"] > found.cap[deeds["row"]])


def test_compiled_int64_says_what_unbounded_integers_say() -> None:
    found, deeds = cases()
    answers, memory = said()
    again = interpreted(memory_of(found.rules))
    slow = promises(interpreted_rules(rules_of(found)), again, records(deeds, Deed))
    assert np.array_equal(slow, answers)
    assert again.cells == memory.cells.tolist()
    assert [(one.level, one.stamp) for one in again.limits] == memory.limits.tolist()


def deepest(rate: int, unit: int, cap: int, charges: list[int]) -> tuple[I64, I64]:
    """The levels after huge charges of one bucket: compiled, and in unbounded integers."""
    rule = np.zeros(5, request_dtype(LimitRule))
    rule["rate"], rule["unit"], rule["cap"], rule["window"], rule["models"] = rate, unit, cap * unit, 1, 1
    found = Limiters(rule, np.full(5, cap), np.full(5, rate), np.full(5, unit))
    deeds = np.zeros(len(charges) + 1, request_dtype(Deed))
    deeds["charge"][:-1] = charges
    deeds["ask"][-1], deeds["time"][-1] = 1, DAY
    slow = promises(interpreted_rules(rules_of(found)), interpreted(memory_of(rule)), records(deeds, Deed))
    return compiled(promises)(rules_of(found), memory_of(rule), deeds), slow


@pytest.mark.parametrize("charges", [[10**8] * 300, [10**8, -(10**3)] * 200])
def test_a_debt_of_any_depth_stays_inside_int64(charges: list[int]) -> None:
    """The largest requests there are, on the finest credits that a scenario may have."""
    fast, slow = deepest(7919, (1 << 60) // 1000 - 1, 1000, charges)
    assert np.array_equal(fast, slow)
    assert fast[-1, 0] > 0
    assert fast[-1, 1] == 1
    assert fast[-1, 2] == 0


def test_sliding_cells_cover_the_whole_window() -> None:
    found, _ = cases()
    mine = found.rules["algorithm"] == SLIDING
    assert (found.rules["window"][mine] * 60 >= found.period[mine]).all()
