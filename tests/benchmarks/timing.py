"""Measuring side by side: rounds take turns, medians; what came out is kept, so that it can be compared."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Clock = Callable[[], float]
CPU: Clock = time.process_time
"""Seconds of this process, all its threads together."""
WALL: Clock = time.perf_counter


@dataclass(frozen=True)
class Contestant:
    """Something to measure: ``prepare`` is not timed, and what it returns goes to ``run``."""

    name: str
    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Measured:
    """Median seconds of a contestant, and what its last run returned."""

    seconds: float
    result: Any


def seconds(work: Callable[[], Any], clock: Clock = CPU) -> tuple[float, Any]:
    """How long the work took, and what it returned. Garbage of others is collected before."""
    gc.collect()
    start = clock()
    result = work()
    return clock() - start, result


def side_by_side(contestants: Sequence[Contestant], rounds: int, clock: Clock = CPU) -> dict[str, Measured]:
    """Median of ``rounds`` of each. They take turns, so that what disturbs the machine disturbs all alike."""
    took: dict[str, list[float]] = {one.name: [] for one in contestants}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for one in contestants:
            given = one.prepare()
            spent, results[one.name] = seconds(lambda one=one, given=given: one.run(given), clock)
            took[one.name].append(spent)
    return {name: Measured(statistics.median(took[name]), results[name]) for name in took}
