"""The compiled engine beside everything that could do its work: libraries, plain Python, C, and the other engines."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sim.engine.digest import digest
from sim.engine.run import run_world
from sim.engine.tables import RunResult, World
from tests.benchmarks import by_c, by_ciw, by_heapq, by_simpy
from tests.benchmarks.full import full_world
from tests.benchmarks.pages import Section, Target
from tests.benchmarks.timing import Contestant, Measured, side_by_side
from tests.benchmarks.workload import Outcome, Plain, plain, rebuilt

COMPILED = "keystorm, compiled"
WITH_LOG = "keystorm, compiled, with the log of attempts"
WITH_WORLD = "keystorm, compiled, tables built too"
LOOP = "keystorm, the same loop in Python"
OWN_SIMPY = "keystorm, SimPy engine"
SIMPY, HEAPQ, CIW = "SimPy, a process a request", "Python, a loop over heapq", "Ciw"
C_EVENTS, C_DIRECT = "C -O3, an event loop", "C -O3, answers without events"
AIMS = {SIMPY: 40.0, HEAPQ: 10.0, CIW: 300.0, C_EVENTS: 0.4}
FULL_AIM = 25.0


def engine(name: str, world: World, rows: int) -> Callable[[Any], RunResult]:
    """A run of one of keystorm's engines; ``rows`` 1: what became of every request, 2: the log of attempts too."""
    return lambda _: run_world(name, world._replace(rows=rows))


@contextmanager
def contestants(given: Plain) -> Iterator[tuple[list[Contestant], list[str]]]:
    """Everybody who is here, and why somebody is not."""
    found = [
        Contestant(COMPILED, engine("compiled", given.world, 1)),
        Contestant(WITH_LOG, engine("compiled", given.world, 2)),
        Contestant(WITH_WORLD, lambda _: run_world("compiled", rebuilt(given.case)._replace(rows=1))),
        Contestant(HEAPQ, by_heapq.run, lambda: by_heapq.Inputs.of(given)),
        Contestant(SIMPY, by_simpy.run, lambda: by_simpy.Requests(given)),
        Contestant(LOOP, engine("plain", given.world, 2)),
        Contestant(OWN_SIMPY, engine("simpy", given.world, 2)),
    ]
    absent = []
    if importlib.util.find_spec("ciw") is None:
        absent.append("Ciw is not installed (`pip install 'keystorm[bench]'`): left out.")
    else:
        found.append(Contestant(CIW, by_ciw.run, lambda: by_ciw.build(given)))
    with tempfile.TemporaryDirectory() as folder:
        if by_c.compiler() is None:
            absent.append("There is no C compiler (cc, gcc or $CC): C is left out.")
        else:
            library = by_c.build(Path(folder))
            for name, function in ((C_EVENTS, "plain_events"), (C_DIRECT, "plain_direct")):
                run = by_c.runner(library, function, given)
                found.append(Contestant(name, lambda _, run=run: run()))
        yield found, absent


def told(result: RunResult | Outcome) -> str:
    """The digest of what became of every request."""
    return result.digest() if isinstance(result, Outcome) else digest(result)


def same(measured: dict[str, Measured]) -> str:
    """The digest that all agree on. Raises SystemExit when somebody simulated something else."""
    found = {name: told(one.result) for name, one in measured.items()}
    if len(set(found.values())) != 1:
        raise SystemExit(f"outcomes differ, so speeds mean nothing: {found}")
    return next(iter(found.values()))


def _rows(measured: dict[str, Measured], count: int, base: str) -> list[tuple[str, ...]]:
    ordered = sorted(measured, key=lambda name: measured[name].seconds)
    return [
        (
            name,
            f"{1e9 * measured[name].seconds / count:,.0f}",
            f"{count / measured[name].seconds:,.0f}",
            f"{measured[base].seconds / measured[name].seconds:,.2f}",
        )
        for name in ordered
    ]


def compare(requests: int, rounds: int) -> Section:
    """The plain workload: one limiter, retries."""
    given = plain(requests)
    count = len(given.arrival)
    run_world("compiled", plain(2000).world)  # compile, or read the cache, before anything is timed
    with contestants(given) as (here, absent):
        measured = side_by_side(here, rounds)
    agreed = same(measured)
    attempts = float(np.mean(measured[COMPILED].result.attempts))
    targets = [
        Target(f"compiled to {name}", measured[name].seconds / measured[COMPILED].seconds, aim)
        for name, aim in AIMS.items()
        if name in measured
    ]
    intro = (
        f"{count:,} requests on one token bucket at its capacity, {attempts:.2f} attempts a request (at most 5, "
        "exponential backoff with full jitter), answers of varying length. Everybody gets keystorm's arrivals and "
        "draws, and the digests over (outcome, attempts, finish, cost) of every request are equal: "
        f"`{agreed[:16]}…`. Median CPU time of {rounds} rounds that take turns. Quoted is keystorm from its tables "
        "to what became of every request."
    )
    notes = [
        *absent,
        "Python, SimPy and Ciw get their random draws ready in lists; keystorm and C compute them as they run.",
        "The second C loop knows that nothing in this workload depends on when an answer comes. keystorm finds that "
        "out from the tables (`Request.heard`) and does without those events too.",
        "keystorm also asks for spend caps, faults, deadlines, retry budgets and slots, which the others don't know.",
    ]
    head = ("", "ns/request", "requests/s", f"× {SIMPY}")
    return Section("A limiter and retries", intro, head, _rows(measured, count, SIMPY), targets, notes)


def full(rounds: int) -> Section:
    """Everything on: the compiled engine beside the project's SimPy engine."""
    world = full_world()
    count = len(world.requests)
    engines = {COMPILED: "compiled", LOOP: "plain", OWN_SIMPY: "simpy"}
    measured = side_by_side([Contestant(name, engine(kind, world, 2)) for name, kind in engines.items()], rounds)
    agreed = same(measured)
    statuses = np.unique(measured[COMPILED].result.log[:, 4])
    answers = ", ".join(str(status) for status in statuses if status > 0)
    intro = (
        "`forty-seven-services` with limits of requests, tokens and concurrency, two levels of spend caps, two storms, "
        f"a runaway job, client queues and deadlines: {count:,} requests, answers of status {answers}. The log of "
        f"attempts is kept; digests are equal: `{agreed[:16]}…`."
    )
    ratio = measured[OWN_SIMPY].seconds / measured[COMPILED].seconds
    targets = [Target("compiled to keystorm's SimPy engine", ratio, FULL_AIM)]
    head = ("", "ns/request", "requests/s", f"× {OWN_SIMPY}")
    return Section("Everything on", intro, head, _rows(measured, count, OWN_SIMPY), targets)
