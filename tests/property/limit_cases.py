"""Random limits of all kinds, and random traffic on them, as the tables that policy functions read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engine.world import request_dtype
from sim.policy.faults import KINDS
from sim.policy.limits import CONCURRENCY, FIXED_FIRST_USE, IN_FLIGHT, OUTPUT, REQUESTS, SLIDING, TOKEN_BUCKET
from sim.policy.tables import (
    BanMemory,
    CapMemory,
    CapRule,
    EffectMemory,
    EffectRule,
    KeyRule,
    LimitMemory,
    LimitRule,
    Memory,
    ModelRule,
    PriceRule,
    Provider,
    Rules,
)
from sim.policy.window import CELLS
from sim.units import DAY, HOUR, MAX_TIME, MINUTE, SECOND

I64 = NDArray[np.int64]
Draws = np.random.Generator

MOST_PER_MINUTE = 10_000_000
HORIZON = 30 * DAY
PERIODS = np.array([SECOND, MINUTE, HOUR, DAY])


@dataclass(frozen=True)
class Limiters:
    """``n`` limits: the rules, and in plain words what they should mean (``cap`` units, ``count`` a ``period``)."""

    rules: NDArray[Any]
    cap: I64
    count: I64
    period: I64

    def __len__(self) -> int:
        return len(self.rules)


def log_uniform(draws: Draws, low: float, high: Any, size: int) -> I64:
    """Whole numbers from ``low`` to ``high``, each order of magnitude as likely as the next."""
    span = np.log(np.maximum(np.asarray(high, float), low) + 1 - 1e-9) - np.log(low)
    return np.exp(np.log(low) + span * draws.random(size)).astype(np.int64)


def limiters(draws: Draws, algorithm: I64, dimension: I64, reserve: I64) -> Limiters:
    """Limits with random rates up to 10 M a minute and random capacities, as a scenario could have them."""
    size = len(algorithm)
    period = PERIODS[draws.integers(0, len(PERIODS), size)]
    count = log_uniform(draws, 1, MOST_PER_MINUTE / MINUTE * period, size)
    # Three in four are tight, so that most cases meet a refusal.
    count = np.where(draws.random(size) < 0.75, np.minimum(count, 1 + count % 50), count)
    divisor = np.gcd(count, period)
    rate, unit = count // divisor, period // divisor
    bucket = algorithm == TOKEN_BUCKET
    burst = np.minimum(log_uniform(draws, 1, 1000, size) * draws.integers(1, 2000, size), (MAX_TIME // 4 - 1) // unit)
    burst = np.where(draws.random(size) < 0.6, 1 + burst % 7, burst)
    cap = np.where(bucket, burst, np.where(algorithm == CONCURRENCY, draws.integers(1, 5, size), count))
    sliding = algorithm == SLIDING
    window = np.where(sliding, -(-period // CELLS), period)
    rules = np.zeros(size, request_dtype(LimitRule))
    columns = LimitRule(
        algorithm, np.where(algorithm == CONCURRENCY, IN_FLIGHT, dimension), np.where(bucket, rate, 0),
        np.where(bucket, unit, 1), cap * np.where(bucket, unit, 1), window,
        np.cumsum(sliding * (CELLS + 1)) - sliding * (CELLS + 1), np.zeros(size, np.int64),
        reserve, draws.integers(0, 2, size), np.ones(size, np.int64),
    )  # type: ignore[arg-type]  # fmt: skip
    for name, column in zip(LimitRule._fields, columns, strict=True):
        rules[name] = column
    return Limiters(rules, cap, count, period)


def memory_of(rules: NDArray[Any]) -> Memory:
    """Fresh memory of these limits, for compiled loops."""
    limits = np.zeros(len(rules), request_dtype(LimitMemory))
    limits["level"] = np.where(rules["algorithm"] == TOKEN_BUCKET, rules["cap"], 0)
    limits["stamp"] = np.where(rules["algorithm"] == FIXED_FIRST_USE, -(1 << 62), 0)
    cells = np.zeros(int((rules["algorithm"] == SLIDING).sum()) * (CELLS + 1), np.int64)
    caps, effects, bans = (np.zeros(0, request_dtype(one)) for one in (CapMemory, EffectMemory, BanMemory))
    return Memory(limits, cells, caps, effects, bans)


def records(table: NDArray[Any], record: Any) -> list[Any]:
    """A structured array as a list of records, for interpreted loops: Python's unbounded integers."""
    return [record(*row) for row in table.tolist()]


def interpreted(memory: Memory) -> Memory:
    """A copy of a memory for interpreted loops."""
    return Memory(records(memory.limits, LimitMemory), memory.cells.tolist(), [], [], [])


PER_CASE = 5
"""Limits of a case: one of key 0, one of key 1, one of their project, two of their account."""
ROWS_OF_KEY = ((0, 2, 3, 4), (1, 2, 3, 4))


def rules_of(found: Limiters) -> Rules:
    """The keys of all cases over their limits, PER_CASE in a row: key 2c and 2c + 1 are those of case c."""
    cases = len(found) // PER_CASE
    rows = (np.arange(cases)[:, None, None] * PER_CASE + np.array(ROWS_OF_KEY)[None]).reshape(-1)
    keys = np.zeros(2 * cases, request_dtype(KeyRule))
    keys["first_limit"] = 4 * np.arange(2 * cases)
    keys["last_limit"] = keys["first_limit"] + 4
    keys["allowed"] = 1
    nothing, provider = np.zeros(0, np.int64), Provider(0, 0, 400, 0, 0, 0, 0)
    empty = [np.zeros(0, request_dtype(record)) for record in (CapRule, EffectRule, ModelRule, PriceRule)]
    caps, effects, models, prices = empty
    kinds = np.zeros(KINDS + 1, np.int64)
    return Rules(found.rules, rows, caps, nothing, keys, effects, kinds, models, prices, provider)


def interpreted_rules(rules: Rules) -> Rules:
    """The same rules as lists of records."""
    return rules._replace(
        limits=records(rules.limits, LimitRule), keys=records(rules.keys, KeyRule), limit_rows=rules.limit_rows.tolist()
    )


def amounts(rules: Any, uncached: Any, total: Any, output: Any) -> Any:
    """What requests weigh in the limits' dimensions."""
    dimension = rules["dimension"]
    counted = np.where(rules["cached"] == 1, total, uncached)
    tokens = np.where(dimension == OUTPUT, output, counted + np.where(dimension == 1, 0, output))
    return np.where((dimension == REQUESTS) | (dimension == IN_FLIGHT), 1, tokens)
