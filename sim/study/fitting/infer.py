"""The limit that a log's own refusals speak of, where nobody tells which one was in force.

A limiter is replayed over the log's rows for several algorithms and amounts: what it would have refused
is compared with what was refused. The best by Youden's J (share of the refused rows that it refuses
too, less the share of the admitted rows that it refuses) is taken. Without refusals, all that is known
is that the limit was not below the busiest minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.scenario.keys import Limits
from sim.study.fitting.log import Log
from sim.units import MINUTE
from sim.workload.rows import I64

Bool = NDArray[np.bool_]

ROWS = 20_000
"""Rows that are replayed for each guess, from the log's start on."""
FEWEST = 10
FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Rates of a token bucket, in parts of the most that was admitted in a minute."""
FINER = (0.5, 0.6, 2 / 3, 0.75, 0.85, 1.2, 1.35, 1.5, 1.75)
BURSTS = (0.1, 0.25, 0.5, 1.0)
"""Its bursts, in parts of a minute's requests."""


@dataclass(frozen=True)
class Inferred:
    """A limit, and in a sentence what it was inferred from. ``score`` is Youden's J, 1 where all rows agree."""

    limits: Limits
    how: str
    score: float


def infer(log: Log) -> Inferred:
    """The limit on requests of one key that fits the log best."""
    seen = log["cached"] != 1
    times, refused = log["start"][seen][:ROWS], (log["status"][seen] == 429)[:ROWS]
    busiest = max(1, _busiest(times[~refused]))
    if refused.sum() < FEWEST:
        how = f"no 429s speak of a limit; the busiest minute had {busiest:,} admitted requests, which it let pass"
        return Inferred(Limits.model_validate({"requests": f"{busiest}/min"}), how, 0.0)
    guesses = list(_guesses(log.origin_ns + times, refused, busiest))
    score, said = max(guesses, key=lambda each: each[0])
    if isinstance(said["requests"], dict):
        finer = list(_finer(log.origin_ns + times, refused, said["requests"]))
        guesses += finer
        score, said = max([(score, said), *finer], key=lambda each: each[0])
    how = f"of {len(guesses)} limiters replayed over the log’s rows this one agrees best with its 429s"
    return Inferred(Limits.model_validate(said), f"{how} (Youden’s J {score:.2f})", score)


def _busiest(times: I64) -> int:
    """The most in any minute."""
    return int((np.arange(len(times)) - np.searchsorted(times, times - MINUTE, side="right")).max(initial=0)) + 1


def _guesses(times: I64, refused: Bool, busiest: int) -> Iterator[tuple[float, dict[str, Any]]]:
    """(J, limits as a file has them), the plainest first."""
    minute = times // MINUTE
    for amount in _tops(np.unique(minute[~refused], return_counts=True)[1]):
        said: dict[str, Any] = {"requests": f"{amount}/min", "algorithm": "fixed_window"}
        yield _agreement(refused, _fixed(minute, amount)), said
    for amount in {busiest, *_tops(np.array([busiest]))}:
        said = {"requests": f"{amount}/min", "algorithm": "sliding_window"}
        yield _agreement(refused, _sliding(times, amount)), said
    for rate in sorted({max(1, round(factor * busiest)) for factor in (*FACTORS, *_rounds(busiest))}):
        for burst in sorted({max(1, round(part * rate)) for part in BURSTS}):
            said = {"requests": {"rate": f"{rate}/min", "burst": burst}}
            yield _agreement(refused, _bucket(times - times[0], rate, burst)), said


def _finer(times: I64, refused: Bool, best: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Other bursts around the best token bucket."""
    rate, burst = int(best["rate"].split("/")[0]), best["burst"]
    for other in sorted({max(1, round(burst * factor)) for factor in FINER}):
        said = {"requests": {"rate": f"{rate}/min", "burst": other}}
        yield _agreement(refused, _bucket(times - times[0], rate, other)), said


def _rounds(busiest: int) -> tuple[float, ...]:
    """Round rates below the busiest minute: limits are set to them."""
    steps = (10, 20, 30, 50, 60, 100, 120, 200, 300, 500, 600, 1000, 2000, 5000)
    return tuple(step / busiest for step in steps if 0.4 * busiest <= step <= busiest)


def _tops(counts: I64) -> list[int]:
    """The most that any window let pass, and what most busy windows did."""
    top = int(counts.max())
    busy = counts[counts >= 0.8 * top]
    return sorted({top, int(np.median(busy))})


def _agreement(refused: Bool, would: Bool) -> float:
    """Youden's J."""
    return float(would[refused].mean() - (would[~refused].mean() if (~refused).any() else 0.0))


def _fixed(minute: I64, amount: int) -> Bool:
    """What a calendar minute refuses: everything after its first ``amount``."""
    first = np.searchsorted(minute, minute, side="left")
    late: Bool = np.arange(len(minute)) - first >= amount
    return late


def _sliding(times: I64, amount: int) -> Bool:
    """What a window of the last minute refuses."""
    passed: list[int] = []
    refused = np.zeros(len(times), bool)
    for at, now in enumerate(times.tolist()):
        if len(passed) >= amount and passed[-amount] > now - MINUTE:
            refused[at] = True
        else:
            passed.append(now)
    return refused


def _bucket(times: I64, per_minute: int, burst: int) -> Bool:
    """What a token bucket refuses."""
    full, level, last = burst * MINUTE, burst * MINUTE, 0
    refused = np.zeros(len(times), bool)
    for at, now in enumerate(times.tolist()):
        level, last = min(full, level + (now - last) * per_minute), now
        if level >= MINUTE:
            level -= MINUTE
        else:
            refused[at] = True
    return refused
