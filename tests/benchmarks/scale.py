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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
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
YARD, CHUNKS = 50_000, 4
"""Requests of the yardstick's run, and chunks of a long run between two of them."""
BEGUN, LONG = 50_000, 500_000
"""From here on a request's share of a run's beginning should not be felt, and memory should not grow."""
FLAT = 15.0


Parts = tuple[float, ...]
"""CPU seconds for making a run ready, its plan, tables of it, and the loop."""


@dataclass(frozen=True)
class Cost:
    """What a run took, part by part, and the peak of memory in bytes.

    ``yard`` is what the yardstick's parts took in the same seconds: a machine's speed changes while others use it.
    """

    requests: int
    parts: Parts
    peak: int
    yard: Parts = ()

    def at_speed(self, yard: Parts) -> Cost:
        """The same where the yardstick's parts take so long."""
        parts = (part * wanted / seen for part, wanted, seen in zip(self.parts, yard, self.yard, strict=True))
        return replace(self, parts=tuple(parts), yard=yard)

    @property
    def together(self) -> float:
        """Seconds for everything."""
        return sum(self.parts)

    @property
    def loop(self) -> float:
        """Seconds in the loop."""
        return self.parts[-1]

    def each(self, seconds: float) -> float:
        """Nanoseconds a request."""
        return 1e9 * seconds / self.requests


def of_parts(pick: Callable[[list[float]], float], found: Iterable[Parts]) -> Parts:
    """One of each part, as ``pick`` says."""
    return tuple(pick(list(values)) for values in zip(*found, strict=True))


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


def stream_once(requests: int, between: Callable[[], None] = lambda: None) -> Cost:
    """Stream one run from its plan to its digest; ``between`` two chunks is not counted."""
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
        between()
        watch.lap()
    run.end(Nowhere())
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Cost(run.requests, (start_s, plan_s, run_s + watch.lap() - run.loop, run.loop), peak)


class Yardstick:
    """The same run again and again, beside whatever is measured: its time says how quick the machine is just then."""

    def __init__(self) -> None:
        self.seconds: list[Parts] = []
        self._chunks = 0

    def read(self) -> None:
        """Once more."""
        self.seconds.append(stream_once(YARD).parts)

    def between(self) -> None:
        """Once more after every so many chunks: it takes a fifth of the time."""
        self._chunks += 1
        if self._chunks % CHUNKS == 0:
            self.read()


def stream_cost(requests: int) -> Cost:
    """The cost of a run of this size, the median of several where it is short."""
    stream_once(1000)  # compiled, or read from the cache, before anything is timed
    found = [_beside_yardstick(requests) for _ in range(max(1, min(41, AT_LEAST // requests)))]
    yard = of_parts(statistics.median, (cost.yard for cost in found))
    return middle([cost.at_speed(yard) for cost in found])


def _beside_yardstick(requests: int) -> Cost:
    """One run, and what the yardstick took before it, meanwhile and afterwards, on average."""
    yardstick = Yardstick()
    yardstick.read()
    cost = stream_once(requests, yardstick.between)
    yardstick.read()
    return replace(cost, yard=of_parts(statistics.mean, yardstick.seconds))


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
    yard = of_parts(statistics.median, (cost.yard for costs in found for cost in costs))
    return [middle([cost.at_speed(yard) for cost in costs]) for costs in zip(*found, strict=True)]


def _growth(values: Sequence[float]) -> float:
    """By how many per cent the largest is above the smallest."""
    return 100 * (max(values) / min(values) - 1)


def _row(cost: Cost) -> tuple[str, ...]:
    parts = (*cost.parts[1:], cost.together)
    return f"{cost.requests:,}", *(f"{cost.each(part):.0f}" for part in parts), f"{cost.peak / 2**20:.0f}"


def _targets(costs: list[Cost]) -> list[Target]:
    loop = _growth([cost.each(cost.loop) for cost in costs])
    targets = [Target("cost of a request in the loop, all sizes", loop, FLAT, "%", most=True)]
    begun, long = ([cost for cost in costs if cost.requests > least] for least in (BEGUN, LONG))
    if len(begun) > 1:
        together = _growth([cost.each(cost.together) for cost in begun])
        targets.append(Target("cost of a request all together, from 100,000 on", together, FLAT, "%", most=True))
    if len(long) > 1:
        peak = _growth([cost.peak for cost in long])
        targets.append(Target("peak of memory, from 1,000,000 on", peak, FLAT, "%", most=True))
    return targets


def scale(largest: float, rounds: int) -> Section:
    """The table, and whether it is flat."""
    costs = measured(sizes(largest), rounds)
    intro = (
        f"The plain workload at {LOAD:.0%} of the limit's capacity, streamed as `--rows none` does: the plan is drawn "
        "in chunks, tallies are counted (latency histograms, series, contention), no row is kept. CPU nanoseconds a "
        f"request, each size in a process of its own, all sizes in turn, medians of {rounds}. The yardstick is a "
        f"run of {YARD:,} requests before, during and after each: each part is told at the speed at which the "
        "yardstick's takes its median, since a shared machine's speed changes within seconds. A target is how far the "
        "largest value is above the smallest."
    )
    first = costs[0]
    notes = [
        f"A short run pays for its beginning: {1e3 * first.parts[0]:.1f} ms to make it ready, then the first chunk of "
        f"the plan and memory that is touched for the first time. {first.requests:,} requests take "
        f"{1e3 * first.together:.1f} ms in all."
    ]
    head = ("requests", "plan", "tables", "loop", "all together", "peak MiB")
    return Section("From ten thousand requests on", intro, head, [_row(cost) for cost in costs], _targets(costs), notes)


if __name__ == "__main__":
    print(json.dumps(asdict(stream_cost(int(sys.argv[1])))))
