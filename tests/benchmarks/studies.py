"""Many runs: threads, a Monte Carlo study, and what a command takes from the prompt to the report."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sim.engine.digest import combined, digest
from sim.engine.run import run_world
from sim.engine.tables import World
from sim.engine.world import Setting, build_world
from sim.results.columns import SUCCEEDED
from sim.scenario.loader import Loaded
from sim.scenario.plan import build_plan
from sim.study.pool import open_pool
from tests.benchmarks.pages import Section, Target
from tests.benchmarks.timing import WALL, Contestant, seconds, side_by_side
from tests.benchmarks.workload import plain_case, rebuilt, scenario_of, setting_of

WORLDS, WORLD_REQUESTS = 96, 100_000
REPLICATIONS, REQUESTS = 1000, 20_000


@dataclass(frozen=True)
class Share:
    """What one replication says: how many of its requests succeeded, and its identity."""

    succeeded: float
    digest: str


def _run(world: World) -> str:
    return digest(run_world("compiled", world._replace(rows=1)))


def _in_threads(workers: int, worlds: Sequence[World]) -> str:
    with open_pool("threads", workers) as pool:
        return combined(pool.map(_run, worlds))


def replicate(loaded: Loaded, setting: Setting, replication: int) -> Share:
    """Draw one replication and run it."""
    plan = build_plan(loaded.scenario, replication, loaded.traces)
    result = run_world("compiled", build_world(setting, plan)._replace(rows=1))
    return Share(float(np.mean(result.outcome == SUCCEEDED)), digest(result))


def _monte_carlo(workers: int, count: int, loaded: Loaded, setting: Setting) -> tuple[list[float], str]:
    with open_pool("threads", workers) as pool:
        shares = list(pool.map(partial(replicate, loaded, setting), range(count)))
    return [share.succeeded for share in shares], combined(share.digest for share in shares)


def threads(rounds: int) -> Section:
    """One thread against two: the engine alone, then whole replications with their plans."""
    world = rebuilt(plain_case(WORLD_REQUESTS))
    loaded = scenario_of(REQUESTS)
    setting, part = setting_of(loaded), REPLICATIONS // 20
    _run(world)
    engine = side_by_side([
        Contestant("1", lambda _: _in_threads(1, [world] * WORLDS)),
        Contestant("2", lambda _: _in_threads(2, [world] * WORLDS)),
    ], rounds, WALL)  # fmt: skip
    whole = side_by_side([
        Contestant("1", lambda _: _monte_carlo(1, part, loaded, setting)[1]),
        Contestant("2", lambda _: _monte_carlo(2, part, loaded, setting)[1]),
    ], rounds, WALL)  # fmt: skip
    took, (shares, _) = seconds(lambda: _monte_carlo(min(8, os.cpu_count() or 1), REPLICATIONS, loaded, setting), WALL)
    for pair in (engine, whole):
        if pair["1"].result != pair["2"].result:
            raise SystemExit("two threads found something else than one")
    rows = [
        (name, f"{pair['1'].seconds:.2f}", f"{pair['2'].seconds:.2f}", f"{pair['1'].seconds / pair['2'].seconds:.2f}")
        for name, pair in (
            (f"{WORLDS} runs of {WORLD_REQUESTS:,} requests", engine),
            (f"{part} replications of {REQUESTS:,} requests, plans drawn too", whole),
        )
    ]
    targets = [
        Target("engine, two threads to one", engine["1"].seconds / engine["2"].seconds, 1.7),
        Target(f"Monte Carlo, {REPLICATIONS:,} replications of {REQUESTS:,} requests", took, 30, "s", most=True),
    ]
    intro = (
        "Replications in threads of one process; digests do not depend on their number. Seconds on the clock, median "
        f"of {rounds}. The Monte Carlo study draws and runs {REPLICATIONS:,} replications: {np.mean(shares):.3%} of "
        f"the requests succeed, {min(shares):.2%} in the worst replication and {max(shares):.2%} in the best."
    )
    return Section("Threads", intro, ("", "1 thread, s", "2 threads, s", "ratio"), rows, targets)


@dataclass(frozen=True)
class Took:
    """One command: seconds on the clock, and of all processors together."""

    wall: float
    cpu: float


def command(*arguments: str, cache: Path | None = None, allowed: Sequence[int] = (0,)) -> Took:
    """Call keystorm as a user does. Raises RuntimeError when it fails."""
    environment = dict(os.environ) | ({} if cache is None else {"KEYSTORM_CACHE": str(cache)})
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sim", *arguments], capture_output=True, text=True, env=environment, check=False
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in allowed:
        raise RuntimeError(f"keystorm {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-400:]}")
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def study(name: str, *arguments: str, cold: bool = False) -> Took:
    """A study of a scenario of the library into a temporary folder; ``cold`` with an empty cache of machine code."""
    with tempfile.TemporaryDirectory() as folder:
        out, cache = Path(folder) / "out", Path(folder) / "cache"
        said = (name, *arguments, "--out", str(out), "--quiet")
        return command(*said, cache=cache if cold else None, allowed=(0, 99))


def _median(found: Sequence[Took]) -> Took:
    return Took(statistics.median(one.wall for one in found), statistics.median(one.cpu for one in found))


def commands(rounds: int) -> Section:
    """From the prompt to the report."""
    scenario = "noisy-neighbour"
    help_ = _median([command("--help") for _ in range(rounds)])
    cold = study("compare", scenario, cold=True)
    study("compare", scenario)
    warm = _median([study("compare", scenario) for _ in range(rounds)])
    arguments = ("tune", "forty-seven-services", "--dimensions", "rpm,burst", "--replications", "20")
    tune = study(*arguments)
    named = [
        ("keystorm --help", help_, 0.5),
        (f"keystorm compare {scenario}", warm, 8.0),
        (f"keystorm compare {scenario}, nothing compiled yet", cold, 25.0),
        (f"keystorm {' '.join(arguments)}", tune, 60.0),
    ]
    rows = [(f"`{name}`", f"{took.wall:.2f}", f"{took.cpu:.2f}") for name, took, _ in named]
    targets = [Target(name, took.wall, aim, "s", most=True) for name, took, aim in named]
    intro = (
        f"A process of its own each, median of {rounds} for help and the warm comparison, once for the others. The "
        "comparison has 3 configurations × 20 replications and ends with the whole report; the first of each is "
        "checked against SimPy. `tune` finds requests per minute and burst for ten teams."
    )
    return Section("Commands", intro, ("", "clock, s", "processors, s"), rows, targets)
