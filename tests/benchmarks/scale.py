"""What a request costs, and how much memory a run takes, from ten thousand requests to a hundred million.

Each size is measured in a process of its own, ``python -m tests.benchmarks.scale SIZE``, whose peak of
memory is then that run's. It streams as ``--rows none`` does: the plan chunk by chunk, tallies instead of rows.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sim.engine.stream import Nowhere, StreamRun
from sim.engine.tally_tables import fresh_tallies
from sim.scenario.plan_stream import PlanStream
from tests.benchmarks.pages import Section, Target
from tests.benchmarks.workload import scenario_of, setting_of

LOAD = 0.95
"""Below the limit's capacity, so that long runs are what short ones are: the same few retries."""
SMALLEST, AT_LEAST = 10_000, 2_000_000
"""Short runs are repeated until so many requests have gone through."""
LONG = 500_000
"""From here on memory should not grow."""
FLAT = 15.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds for making a run ready, its plan, tables of it, and the loop; the peak of memory in bytes."""

    requests: int
    start: float
    plan: float
    tables: float
    loop: float
    peak: int

    @property
    def together(self) -> float:
        """Seconds for everything."""
        return self.start + self.plan + self.tables + self.loop

    def each(self, seconds: float) -> float:
        """Nanoseconds a request."""
        return 1e9 * seconds / self.requests


class Timed(StreamRun):
    """A run that knows how long its loop took."""

    loop = 0.0

    def _advance(self, table: Any, until_ns: int, sink: Any) -> None:
        begun = time.process_time()
        super()._advance(table, until_ns, sink)
        self.loop += time.process_time() - begun


class Watch:
    """CPU seconds since it was last asked."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        before, self.last = self.last, time.process_time()
        return self.last - before


def stream_once(requests: int) -> Cost:
    """Stream one run from its plan to its digest."""
    loaded = scenario_of(requests, LOAD)
    scenario, setting = loaded.scenario, setting_of(loaded)
    watch, plan_s, run_s = Watch(), 0.0, 0.0
    plan, horizon = PlanStream(scenario, 0, loaded.traces), scenario.duration + scenario.drain
    run = Timed(setting, scenario.duration, horizon, 0, fresh_tallies(scenario, setting))
    start_s = watch.lap()
    for chunk in plan:
        plan_s += watch.lap()
        run.feed(chunk, plan.reached_ns, Nowhere())
        run_s += watch.lap()
    run.end(Nowhere())
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Cost(run.requests, start_s, plan_s, run_s + watch.lap() - run.loop, run.loop, peak)


def stream_cost(requests: int) -> Cost:
    """The cost of a run of this size: the median of several where it is short."""
    stream_once(1000)  # compiled, or read from the cache, before anything is timed
    return middle([stream_once(requests) for _ in range(max(1, min(41, AT_LEAST // requests)))])


def middle(found: list[Cost]) -> Cost:
    """The one that took the median time in all."""
    wanted = statistics.median_low([cost.together for cost in found])
    return next(cost for cost in found if cost.together == wanted)


def elsewhere(requests: int) -> Cost:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", str(requests)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Cost(**json.loads(told.splitlines()[-1]))


def sizes(largest: float) -> list[int]:
    """Powers of ten from the smallest on."""
    found = [SMALLEST]
    while found[-1] * 10 <= largest:
        found.append(found[-1] * 10)
    return found


def measured(wanted: Sequence[int], rounds: int) -> list[Cost]:
    """The median run of each size: all sizes in turn, again and again, as the machine's speed changes meanwhile."""
    found = [[elsewhere(size) for size in wanted] for _ in range(rounds)]
    return [middle(list(costs)) for costs in zip(*found, strict=True)]


def _growth(values: Sequence[float]) -> float:
    """By how many per cent the largest is above the smallest."""
    return 100 * (max(values) / min(values) - 1)


def _row(cost: Cost) -> tuple[str, ...]:
    parts = (cost.plan, cost.tables, cost.loop, cost.together)
    return f"{cost.requests:,}", *(f"{cost.each(part):.0f}" for part in parts), f"{cost.peak / 2**20:.0f}"


def _targets(costs: list[Cost]) -> list[Target]:
    loop = _growth([cost.each(cost.loop) for cost in costs])
    targets = [Target("cost of a request in the loop, all sizes", loop, FLAT, "%", most=True)]
    long = [cost for cost in costs if cost.requests > LONG]
    if len(long) > 1:
        together, peak = _growth([cost.each(cost.together) for cost in long]), _growth([cost.peak for cost in long])
        targets += [
            Target("cost of a request all together, from 1,000,000 on", together, FLAT, "%", most=True),
            Target("peak of memory, from 1,000,000 on", peak, FLAT, "%", most=True),
        ]
    return targets


def scale(largest: float, rounds: int) -> Section:
    """The table, and whether it is flat."""
    costs = measured(sizes(largest), rounds)
    intro = (
        f"The plain workload at {LOAD:.0%} of the limit's capacity, streamed as `--rows none` does: the plan is drawn "
        "in chunks, tallies are counted (latency histograms, series, contention), no row is kept. CPU nanoseconds a "
        f"request, each size in a process of its own, all sizes in turn, medians of {rounds}. A target is how far the "
        "largest value is above the smallest."
    )
    first = costs[0]
    notes = [
        f"A short run pays for its beginning: {1e3 * first.start:.1f} ms to make it ready, then the first chunk of the "
        f"plan and memory that is touched for the first time. {first.requests:,} requests take "
        f"{1e3 * first.together:.1f} ms in all."
    ]
    head = ("requests", "plan", "tables", "loop", "all together", "peak MiB")
    return Section("From ten thousand requests on", intro, head, [_row(cost) for cost in costs], _targets(costs), notes)


if __name__ == "__main__":
    print(json.dumps(asdict(stream_cost(int(sys.argv[1])))))
