"""Speed of the engines, side by side in one run: ``make bench``. Ratios, not promises about a machine.

The workload is the plain one: Poisson arrivals on one token bucket at about its capacity, three attempts with
exponential backoff. CPU time, median of several rounds that take turns, so that a noisy neighbour disturbs all alike.
The digests are compared too: a fast engine that does something else is not fast.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from sim.engine.digest import digest
from sim.engine.run import ENGINES, run_world
from sim.engine.tables import World
from sim.engine.world import build_setting, build_world
from sim.scenario.loader import load_text
from sim.scenario.plan import build_plan, expected_by_team
from sim.scenario.topology import build_topology

SCENARIO = """\
name: benchmark
duration: {minutes}m
teams:
  one:
    workload:
      - arrivals: {{poisson: {{rate: 6000/min}}}}
        model: claude-sonnet-4-5
        input_tokens: 1000
        output_tokens: 200
    client: {{retry: {{max_attempts: 3, base: 1s, cap: 20s, jitter: full}}}}
configurations:
  shared: {{isolation: shared, limits: {{requests: 6000/min, burst: 100}}}}
"""
RATE = 6000


def world(requests: int) -> World:
    """The workload with about this many requests."""
    text = SCENARIO.format(minutes=max(1, round(requests / RATE)))
    loaded = load_text(text, Path("benchmark.yaml"))
    expected = expected_by_team(loaded.scenario, loaded.traces)
    plan = build_plan(loaded.scenario, 0, loaded.traces)
    topology = build_topology("shared", loaded.scenario.configurations["shared"], expected)
    return build_world(build_setting(loaded.scenario, topology, plan.teams, plan.models), plan)


def seconds(engine: str, given: World) -> tuple[float, str]:
    """CPU seconds of one run, and its digest."""
    start = time.process_time()
    result = run_world(engine, given)
    return time.process_time() - start, digest(result)


def compare_engines(requests: int, rounds: int) -> None:
    """Print requests a second of each engine and the ratio to SimPy."""
    given = world(requests)
    count = len(given.requests["arrival"])
    run_world("compiled", world(RATE))  # compile, or read the cache, before anything is timed
    found = [(engine, *seconds(engine, given)) for _ in range(rounds) for engine in ENGINES]
    if len({told for _, _, told in found}) != 1:
        raise SystemExit("the engines disagree: their speed means nothing")
    cpu = {engine: statistics.median(took for name, took, _ in found if name == engine) for engine in ENGINES}
    print(f"\n{count:,} requests, median of {rounds} rounds, equal digests\n")
    print(f"  {'engine':<10}{'requests/s':>14}{'× SimPy':>10}")
    for engine in sorted(ENGINES, key=cpu.__getitem__):
        print(f"  {engine:<10}{count / cpu[engine]:>14,.0f}{cpu['simpy'] / cpu[engine]:>10.1f}")


def scale(largest: int) -> None:
    """Print the compiled engine's cost of a request from 10^4 requests on."""
    print("\nthe compiled engine's cost of a request\n")
    print(f"  {'requests':>12}{'ns/request':>12}")
    size = 10_000
    while size <= largest:
        given = world(size)
        took = min(seconds("compiled", given)[0] for _ in range(3))
        count = len(given.requests["arrival"])
        print(f"  {count:>12,}{1e9 * took / count:>12,.0f}")
        size *= 10


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--requests", type=int, default=60_000, help="for the comparison (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--largest", type=int, default=1_000_000, help="of the compiled engine (default: %(default)s)")
    args = parser.parse_args()
    compare_engines(args.requests, args.rounds)
    scale(args.largest)


if __name__ == "__main__":
    main()
